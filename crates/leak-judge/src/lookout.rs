//! Looks again and again at a world that changes, and at no more of it than has changed.
//!
//! A verdict on a living endpoint can change only with its Pod or with itself, and both are news; so are
//! Pods whose Node is gone, and those that have left an earlier sandbox behind are looked at each time. Whoever was not
//! found alive is looked at each time. A complete audit looks at everything all the same, now and then: memory of what
//! need not be looked at is not to be trusted for ever.

use crate::{
    Audit, Hosts, Judgement, Moment, Reason, Rules, Slot, Suspects, Verdict, World,
    judge::{judge, judge_some},
    world::News,
};

/// What was found so far.
#[derive(Debug, Default)]
pub struct Lookout {
    suspects: Suspects,
    /// Those that were not found alive.
    doubtful: Audit,
    /// Whether everything has been looked at once.
    has_audited: bool,
}

impl Lookout {
    /// Looks at every endpoint.
    pub fn audit(&mut self, world: &mut World, rules: &Rules, now: Moment) -> Audit {
        world.take_news();
        let audit = judge(world, &self.suspects, rules, now);
        self.suspects.update(&audit.judgements, world, now);
        self.has_audited = world.coverage().allows_verdicts();
        let doubtful = audit.judgements.iter().copied().filter(is_doubtful).collect();
        self.doubtful = Audit { judgements: doubtful, hosts: audit.hosts.clone() };
        audit
    }

    /// Looks at the endpoints whose verdicts may have changed.
    pub fn look(&mut self, world: &mut World, rules: &Rules, now: Moment) {
        if !self.has_audited || !world.coverage().allows_verdicts() {
            self.audit(world, rules, now);
            return;
        }
        let news = world.take_news();
        let hosts = std::mem::take(&mut self.doubtful.hosts);
        let hosts = if self.must_survey(&hosts, world, &news) { Hosts::survey(world) } else { hosts };
        let mut slots: Vec<Slot> = self.doubtful.judgements.iter().map(|judgement| judgement.slot).collect();
        slots.extend(news.endpoints);
        slots.extend(world.endpoints().followed());
        slots.sort_unstable();
        slots.dedup();
        let mut judgements = judge_some(world, &hosts, slots.into_iter(), &self.suspects, (rules, now));
        self.suspects.update(&judgements, world, now);
        judgements.retain(is_doubtful);
        self.doubtful = Audit { judgements, hosts };
    }

    /// The findings about all endpoints that were not found alive.
    pub const fn doubtful(&self) -> &Audit {
        &self.doubtful
    }

    /// The states of machines rest on Nodes, and for hosts that name none on everything that is said to be there.
    fn must_survey(&self, hosts: &Hosts, world: &World, news: &News) -> bool {
        let mut found = self.doubtful.judgements.iter();
        let endpoints = news.endpoints.iter().filter_map(|slot| world.endpoints().get(*slot));
        news.nodes
            || found.any(|judgement| judgement.proof.reason == Reason::NodeGone)
            || endpoints.into_iter().any(|endpoint| !hosts.is_linked(&endpoint.host))
    }
}

fn is_doubtful(judgement: &Judgement) -> bool {
    judgement.finding.verdict != Verdict::Live
}
