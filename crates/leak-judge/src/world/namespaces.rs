//! What namespaces say about the endpoints in them. Of those that say nothing, nothing is kept.

use std::sync::Arc;

use hashbrown::{HashMap, HashSet};

use danm_api::{Change, Namespace};

use crate::{Treatment, interner::Interner};

/// The namespaces that say how their endpoints are treated.
#[derive(Debug, Default)]
pub struct Namespaces {
    treatments: HashMap<Arc<str>, Treatment>,
    /// While they are being listed anew, those not seen again yet.
    stale: HashSet<Arc<str>>,
}

impl Namespaces {
    /// Whether none says anything.
    pub fn are_silent(&self) -> bool {
        self.treatments.is_empty()
    }

    /// What a namespace says, if it does.
    pub fn treatment(&self, name: &str) -> Option<Treatment> {
        self.treatments.get(name).copied()
    }

    pub(super) fn observe(&mut self, change: Change<Namespace>, names: &mut Interner) {
        match change {
            Change::Apply(namespace) | Change::Listed(namespace) => self.apply(&namespace, names),
            Change::Delete(namespace) => {
                self.treatments.remove(name_of(&namespace));
            }
            Change::Read(some) => some.iter().for_each(|namespace| self.apply(namespace, names)),
            Change::ListBegins => self.stale = self.treatments.keys().cloned().collect(),
            Change::ListEnds => {
                let stale = std::mem::take(&mut self.stale);
                self.treatments.retain(|name, _| !stale.contains(name));
            }
            Change::Reset(all) => {
                self.treatments.clear();
                all.iter().for_each(|namespace| self.apply(namespace, names));
            }
        }
    }

    fn apply(&mut self, namespace: &Namespace, names: &mut Interner) {
        let name = name_of(namespace);
        self.stale.remove(name);
        match Treatment::read(namespace.metadata.annotations.as_ref()) {
            Some(treatment) => self.treatments.insert(names.get(name), treatment),
            None => self.treatments.remove(name),
        };
    }
}

fn name_of(namespace: &Namespace) -> &str {
    namespace.metadata.name.as_deref().unwrap_or_default()
}
