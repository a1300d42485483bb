//! GET of a collection with `watch`: what is there, then what happens. The form of the events is the business
//! of `render/event.rs`.

use std::{
    io,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use tokio::{
    sync::watch::Receiver,
    time::{Instant, sleep_until},
};

use super::{Answer, Context, list::forbidden};
use crate::{
    catalog::Resource,
    failure::Failure,
    fault::Interference,
    log::{Ended, Event, Log},
    object::Object,
    query::Query,
    recorder::Recorded,
    selector::Selector,
    state::State,
};

/// As the real server, we end watches that set no end themselves after half an hour or more.
const USUAL_LIFE: Duration = Duration::from_secs(1800);

/// A watch under way.
#[derive(Debug)]
pub(crate) struct Watch {
    pub(crate) resource: Arc<Resource>,
    state: Arc<State>,
    request: Recorded,
    selector: Selector,
    log: Arc<Log>,
    published: Arc<AtomicU64>,
    /// What was there at the beginning, in chunks.
    initial: Vec<Arc<Object>>,
    stage: Stage,
    /// Up to this revision, everything has been told.
    cursor: u64,
    has_bookmarks: bool,
    /// Whether a bookmark tells the end of what was there.
    marks_initial: bool,
    end: Instant,
    next_bookmark: Instant,
    alarms: Alarms,
}

/// What wakes a watch.
#[derive(Debug)]
struct Alarms {
    changed: Receiver<u64>,
    faults: Receiver<u64>,
    ending: Receiver<bool>,
    /// How many changes to the faults had been made when it began.
    began: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    Initial,
    Following,
    Ended,
}

/// What a watch tells next.
#[derive(Debug)]
pub(crate) enum News {
    Events(Vec<Notice>),
    Bookmark { revision: u64, ends_initial: bool },
    Error(Failure),
}

/// An event as a watch with a selector sees it.
#[derive(Debug)]
pub(crate) struct Notice {
    pub(crate) verb: &'static str,
    pub(crate) object: Arc<Object>,
}

pub(super) fn watch(
    context: &mut Context<'_>,
    state: &Arc<State>,
    request: &Recorded,
) -> Result<Answer, Failure> {
    let query = &context.call.query;
    let options = Options::read(query)?;
    let selector = context.selector()?;
    let (now, published) = (context.store.revision(), context.store.published());
    let collection = context.store.collection(&context.resource);
    let initial: Vec<Arc<Object>> = if options.starts_with_objects() {
        let mut objects = collection.list(selector.namespace.as_deref());
        objects.retain(|object| selector.matches(object));
        objects
    } else {
        Vec::new()
    };
    let log = collection.log.clone();
    let faults = state.faults.subscribe();
    let began = *faults.borrow();
    let alarms = Alarms { changed: log.subscribe(), faults, ending: state.ending.subscribe(), began };
    Ok(Answer::Watch(Box::new(Watch {
        resource: context.resource.clone(),
        state: state.clone(),
        request: request.clone(),
        selector,
        log,
        published,
        initial,
        stage: Stage::Initial,
        cursor: if options.starts_with_objects() { now } else { options.revision.unwrap_or(now) },
        has_bookmarks: options.has_bookmarks,
        marks_initial: options.marks_initial(),
        end: Instant::now() + options.life,
        next_bookmark: Instant::now() + state.options.bookmarks,
        alarms,
    })))
}

// === impl Watch ===

impl Watch {
    /// What there is to tell next; nothing when it is over, and an error when it breaks off.
    pub(crate) async fn next(&mut self) -> Option<io::Result<News>> {
        loop {
            match self.state.faults.interference(&self.request, self.alarms.began) {
                Interference::Break => return Some(Err(io::ErrorKind::ConnectionReset.into())),
                Interference::HalfOpen => {
                    if !self.wait_for_healing().await {
                        return None;
                    }
                    continue;
                }
                Interference::None => {}
            }
            if *self.alarms.ending.borrow() {
                return None;
            }
            if let Some(news) = self.ready() {
                return Some(Ok(news));
            }
            if self.stage == Stage::Ended {
                return None;
            }
            self.wait().await;
        }
    }

    /// What there is to tell now.
    fn ready(&mut self) -> Option<News> {
        match self.stage {
            Stage::Initial => {
                self.stage = Stage::Following;
                let objects = std::mem::take(&mut self.initial);
                if self.marks_initial {
                    self.next_bookmark = Instant::now();
                }
                let added = |object| Notice { verb: "ADDED", object };
                let notices: Vec<Notice> = objects.into_iter().map(added).collect();
                if notices.is_empty() { self.ready() } else { Some(News::Events(notices)) }
            }
            Stage::Following => self.follow(),
            Stage::Ended => None,
        }
    }

    fn follow(&mut self) -> Option<News> {
        if self.marks_initial {
            self.marks_initial = false;
            return Some(self.bookmark(true));
        }
        // Read before the log: up to here the log is complete.
        let complete = self.published.load(Ordering::Acquire);
        match self.log.after(self.cursor) {
            Err(Ended::Forgotten) => {
                self.stage = Stage::Ended;
                let (known, oldest) = (self.cursor, self.log.forgotten());
                return Some(News::Error(Failure::expired(format!(
                    "too old resource version: {known} ({oldest})"
                ))));
            }
            Err(Ended::Withdrawn) => {
                self.stage = Stage::Ended;
                return None;
            }
            Ok(events) => {
                let last = events.last().map_or(0, |event| event.object.revision);
                self.cursor = self.cursor.max(complete).max(last);
                let notices: Vec<Notice> = events.iter().filter_map(|event| self.notice(event)).collect();
                if !notices.is_empty() {
                    return Some(News::Events(notices));
                }
            }
        }
        let now = Instant::now();
        if now >= self.end {
            self.stage = Stage::Ended;
            return self.has_bookmarks.then(|| self.bookmark(false));
        }
        (self.has_bookmarks && now >= self.next_bookmark).then(|| self.bookmark(false))
    }

    fn bookmark(&mut self, ends_initial: bool) -> News {
        self.next_bookmark = Instant::now() + self.state.options.bookmarks;
        News::Bookmark { revision: self.cursor, ends_initial }
    }

    /// What an event is for those who see only what they selected.
    fn notice(&self, event: &Event) -> Option<Notice> {
        let matched = event.before.as_ref().filter(|before| self.selector.matches(before));
        let matches = !event.is_removal && self.selector.matches(&event.object);
        let object = event.object.clone();
        match (matched, matches) {
            (None, false) => None,
            (None, true) => Some(Notice { verb: "ADDED", object }),
            (Some(_), true) => Some(Notice { verb: "MODIFIED", object }),
            (Some(_), false) if event.is_removal => Some(Notice { verb: "DELETED", object }),
            // It is told as it last was among the selected, at the revision at which it left.
            (Some(before), false) => {
                let object = before.at(&self.resource, event.object.revision);
                Some(Notice { verb: "DELETED", object })
            }
        }
    }

    async fn wait(&mut self) {
        let until = if self.has_bookmarks { self.end.min(self.next_bookmark) } else { self.end };
        // A closed channel is an ended server: the caller sees it.
        tokio::select! {
            _ = self.alarms.changed.changed() => {}
            _ = self.alarms.faults.changed() => {}
            _ = self.alarms.ending.changed() => {}
            () = sleep_until(until) => {}
        }
    }

    /// Neither events nor an end come through a connection that is half open.
    async fn wait_for_healing(&mut self) -> bool {
        tokio::select! {
            changed = self.alarms.faults.changed() => changed.is_ok(),
            _ = self.alarms.ending.changed() => false,
        }
    }
}

/// What is asked of a watch besides its selector.
struct Options {
    revision: Option<u64>,
    sends_initial: Option<bool>,
    has_bookmarks: bool,
    life: Duration,
}

impl Options {
    fn read(query: &Query) -> Result<Self, Failure> {
        let revision = match query.get("resourceVersion") {
            None => None,
            Some(text) => Some(text.parse().map_err(|_| {
                Failure::internal(format!(
                    "resourceVersion: Invalid value: \"{text}\": strconv.ParseUint: parsing \"{text}\": invalid syntax"
                ))
            })?),
        };
        let sends_initial = query.bool("sendInitialEvents");
        check_match(query.get("resourceVersionMatch"), sends_initial)?;
        let seconds = query.number("timeoutSeconds")?.and_then(|seconds| u64::try_from(seconds).ok());
        let life = seconds.filter(|&seconds| seconds > 0).map_or(USUAL_LIFE, Duration::from_secs);
        Ok(Self { revision, sends_initial, has_bookmarks: query.flag("allowWatchBookmarks"), life })
    }

    fn starts_with_objects(&self) -> bool {
        match self.sends_initial {
            Some(sends) => sends,
            None => self.revision.is_none_or(|revision| revision == 0),
        }
    }

    /// The real server marks the end for those who name no version, too.
    fn marks_initial(&self) -> bool {
        self.has_bookmarks && self.sends_initial != Some(false) && self.starts_with_objects()
    }
}

fn check_match(rule: Option<&str>, sends_initial: Option<bool>) -> Result<(), Failure> {
    let field = "resourceVersionMatch";
    match (rule, sends_initial) {
        (Some(_), None) => Err(forbidden(
            field,
            "resourceVersionMatch is forbidden for watch unless sendInitialEvents is provided",
        )),
        (None | Some("Exact"), Some(_)) => {
            Err(forbidden(field, "sendInitialEvents requires setting resourceVersionMatch to NotOlderThan"))
        }
        _ => Ok(()),
    }
}
