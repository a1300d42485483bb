//! Takes in what was last known, before anything is listed. A list that comes takes its place: what it does not name is gone.

use danm_api::{ApiType, DanmKind};
use policy_engine::Object;

use super::Knowledge;
use crate::agent::{openings::Kept, pod_scope::PodScope, roster::Sighting, source::Source};

/// The version of a Pod that was known before: every other is later.
const BEFORE: u64 = 0;

/// What was last known.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Remembered {
    /// The Pods of this node.
    pub(crate) local: Vec<Object>,
    /// All else.
    pub(crate) world: Vec<Object>,
    /// What annotations opened.
    pub(crate) openings: Vec<Kept>,
}

// === impl Knowledge ===

impl Knowledge {
    /// Begins with what was last known.
    pub(crate) fn restore(&mut self, remembered: Remembered) {
        self.openings.restore(remembered.openings);
        for (objects, is_local) in [(remembered.world, false), (remembered.local, true)] {
            objects.into_iter().for_each(|object| self.restore_object(object, is_local));
        }
    }

    fn restore_object(&mut self, object: Object, is_local: bool) {
        let source = source_of(&object, is_local);
        self.stocks.entry(source.clone()).or_default().known.insert(object.key());
        match object {
            Object::Pod(name, pod) => self.see_pod(&source, &name, Sighting { version: BEFORE, pod }),
            Object::Policy(key, spec) => {
                self.engine.apply(Object::Policy(key.clone(), spec));
                self.note_policy(&key);
            }
            other => self.apply_to_engine(other),
        }
    }

    /// What is known now.
    pub(crate) fn remembered(&self) -> Remembered {
        let mut remembered = Remembered { openings: self.openings.kept(), ..Remembered::default() };
        for object in self.world().objects() {
            let is_local = matches!(&object, Object::Pod(name, _) if self.pods.is_local(name));
            if is_local { remembered.local.push(object) } else { remembered.world.push(object) }
        }
        remembered
    }
}

/// The watch that would tell of an object.
fn source_of(object: &Object, is_local: bool) -> Source {
    let of_danm = |group, kind| Source::Danm(ApiType { group, kind });
    match object {
        Object::Namespace(..) => Source::Namespaces,
        Object::Pod(..) if is_local => Source::Pods(PodScope::Local),
        Object::Pod(..) => Source::Pods(PodScope::Others),
        Object::Endpoint(key, _) => of_danm(key.group, DanmKind::DanmEp),
        Object::Network(group, network) => of_danm(*group, DanmKind::Network(network.kind)),
        Object::Policy(key, _) => of_danm(key.group, DanmKind::NetworkPolicy),
        Object::Service(..) => Source::Services,
        Object::Slice(..) => Source::EndpointSlices,
    }
}
