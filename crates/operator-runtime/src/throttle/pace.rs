//! How long a server that refuses is left alone. Nothing here waits: times come in and go out as values.

use std::time::{Duration, Instant};

/// The longest that a server's wish is believed. A wish for an hour would be an outage of ours.
const LONGEST_WISH: Duration = Duration::from_secs(30);

/// The pause after the first refusal without a wish. Each further one doubles it.
const SHORTEST: Duration = Duration::from_millis(200);

/// The longest pause without a wish.
const LONGEST: Duration = Duration::from_secs(10);

/// What an answer says about the server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Answer {
    /// It has dealt with the request.
    Heard,
    /// It has too much to do, and perhaps says for how long.
    Refused(Option<Duration>),
    /// None came: that says nothing about its load.
    None,
}

/// When the next request may be sent.
#[derive(Debug, Default)]
pub(crate) struct Pace {
    until: Option<Instant>,
    /// When the latest pause was made. Answers to what was sent before are old news.
    paused_at: Option<Instant>,
    /// Refusals in a row, those of requests sent together counted as one.
    refusals: u32,
}

// === impl Pace ===

impl Pace {
    /// Until when to wait, if at all.
    pub(crate) fn paused_until(&self, now: Instant) -> Option<Instant> {
        self.until.filter(|until| now < *until)
    }

    /// Pauses, or goes on to pause. Never for less than before.
    pub(crate) fn pause_until(&mut self, until: Instant, now: Instant) {
        self.until = self.until.max(Some(until));
        self.paused_at = Some(now);
    }

    /// Takes in the answer to a request, with when it was sent and when answered. `jitter` is between 0 and 1,
    /// and keeps those who were refused together from coming back together.
    pub(crate) fn heed(&mut self, answer: Answer, (sent, now): (Instant, Instant), jitter: f64) {
        let is_news = self.paused_at.is_none_or(|paused_at| sent > paused_at);
        match answer {
            Answer::Heard if is_news => self.refusals = 0,
            Answer::Refused(Some(wish)) => self.pause_until(now + wish.min(LONGEST_WISH), now),
            Answer::Refused(None) if is_news => {
                let pause = SHORTEST.saturating_mul(2_u32.saturating_pow(self.refusals)).min(LONGEST);
                self.refusals = self.refusals.saturating_add(1);
                self.pause_until(now + pause.mul_f64(0.5 + jitter / 2.0), now);
            }
            Answer::Heard | Answer::Refused(None) | Answer::None => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A pace, its clock, and whole pauses.
    struct Scene {
        pace: Pace,
        now: Instant,
    }

    impl Scene {
        fn new() -> Self {
            Self { pace: Pace::default(), now: Instant::now() }
        }

        /// Sends a request as soon as it may be, and gives the pause after its answer.
        fn request(&mut self, answer: Answer) -> Duration {
            let sent = self.pace.paused_until(self.now).unwrap_or(self.now) + Duration::from_millis(1);
            self.now = sent;
            self.pace.heed(answer, (sent, self.now), 1.0);
            self.pause()
        }

        fn pause(&self) -> Duration {
            self.pace.paused_until(self.now).map_or(Duration::ZERO, |until| until - self.now)
        }
    }

    const WISH: fn(u64) -> Answer = |seconds| Answer::Refused(Some(Duration::from_secs(seconds)));

    #[test]
    fn pauses_double_up_to_a_limit_and_begin_anew_after_a_success() {
        let mut scene = Scene::new();
        let mut pauses = Vec::new();
        pauses.extend((0..8).map(|_| scene.request(Answer::Refused(None)).as_millis()));
        assert_eq!(pauses, [200, 400, 800, 1600, 3200, 6400, 10_000, 10_000]);
        assert_eq!(scene.request(Answer::Heard), Duration::ZERO);
        assert_eq!(scene.request(Answer::Refused(None)).as_millis(), 200);
    }

    #[test]
    fn a_thousand_refusals_overflow_nothing() {
        let mut scene = Scene::new();
        let last = (0..1000).map(|_| scene.request(Answer::Refused(None))).last();
        assert_eq!(last, Some(LONGEST));
    }

    #[test]
    fn jitter_takes_off_half_at_most() {
        let now = Instant::now();
        let mut pace = Pace::default();
        pace.heed(Answer::Refused(None), (now, now), 0.0);
        assert_eq!(pace.paused_until(now), Some(now + SHORTEST / 2));
    }

    #[test]
    fn what_the_server_wishes_is_done_up_to_thirty_seconds() {
        assert_eq!(Scene::new().request(WISH(7)), Duration::from_secs(7));
        assert_eq!(Scene::new().request(WISH(3600)), Duration::from_secs(30));
    }

    #[test]
    fn requests_sent_together_are_refused_once() {
        let mut scene = Scene::new();
        let sent = scene.now;
        for late in 1..16 {
            let answered = sent + Duration::from_millis(10 * late);
            scene.pace.heed(Answer::Refused(None), (sent, answered), 1.0);
        }
        scene.now = sent + Duration::from_millis(10);
        assert_eq!(scene.pause(), SHORTEST);
        assert_eq!(scene.request(Answer::Refused(None)), SHORTEST * 2);
    }

    #[test]
    fn a_success_from_before_a_pause_does_not_end_it() {
        let mut scene = Scene::new();
        let before = scene.now;
        scene.request(Answer::Refused(None));
        scene.request(Answer::Refused(None));
        scene.pace.heed(Answer::Heard, (before, scene.now), 1.0);
        assert_eq!(scene.pause(), SHORTEST * 2);
        assert_eq!(scene.request(Answer::Refused(None)), SHORTEST * 4);
    }

    #[test]
    fn the_longest_of_several_wishes_counts() {
        let mut scene = Scene::new();
        for seconds in [3, 9, 1] {
            scene.pace.heed(WISH(seconds), (scene.now, scene.now), 1.0);
        }
        assert_eq!(scene.pause(), Duration::from_secs(9));
    }

    #[test]
    fn no_answer_says_nothing() {
        let mut scene = Scene::new();
        scene.request(Answer::Refused(None));
        assert_eq!(scene.request(Answer::None), Duration::ZERO);
        assert_eq!(scene.request(Answer::Refused(None)), SHORTEST * 2);
    }
}
