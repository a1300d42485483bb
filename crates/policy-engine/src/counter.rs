//! What a counter of a table counts, by the chain of its rule and by what stands beside it: the way back from what `program.rs` and
//! `nft.rs` write. How counters are read is not known here.

use std::fmt;

use crate::{Direction, program::gate_in};

/// What is counted.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Counter {
    /// Of connections of which direction; of either, if it is none.
    pub direction: Option<Direction>,
    /// At which interface, if that is known.
    pub interface: CountedAt,
    /// Which packets.
    pub counted: Counted,
}

/// Where packets are counted.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum CountedAt {
    /// At the interface of this name.
    Interface(String),
    /// At all that no endpoint names.
    Others,
    /// At any.
    Any,
}

/// Which packets are counted.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Counted {
    /// Those that this rule of a policy allows: its namespace and name, and which of its rules.
    Policy(String, String),
    /// Those that nothing allows.
    Denied,
    /// Those that nothing allows, and that pass: policies are audited.
    WouldBeDenied,
    /// Those of no connection.
    Invalid,
    /// Those of connections that were not opened before our eyes.
    Unopened,
    /// Those that pass whatever policies say: of nodes, for names, for addresses.
    Exception(&'static str),
}

// === impl Counter ===

impl Counter {
    /// What the counter of a rule counts that is in this chain, with this comment; nothing, if it is none of ours.
    pub fn read(chain: &str, comment: &str) -> Option<Self> {
        let counted = Counted::read(comment)?;
        let (direction, interface) = match gate_in(chain) {
            Some((direction, Some(name))) => (Some(direction), CountedAt::Interface(name)),
            Some((direction, None)) => (Some(direction), CountedAt::Others),
            None => (direction_of(chain), CountedAt::Any),
        };
        Some(Self { direction, interface, counted })
    }
}

// === impl CountedAt ===

/// As people and metrics call it: no interface can be called `*` or nothing.
impl fmt::Display for CountedAt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Interface(name) => f.write_str(name),
            Self::Others => f.write_str("*"),
            Self::Any => Ok(()),
        }
    }
}

// === impl Counted ===

impl Counted {
    /// Whether a gate has denied them, or would have.
    pub const fn is_denied(&self) -> bool {
        matches!(self, Self::Denied | Self::WouldBeDenied)
    }

    fn read(comment: &str) -> Option<Self> {
        Some(match comment {
            "denied" => Self::Denied,
            "would be denied" => Self::WouldBeDenied,
            "of no connection" => Self::Invalid,
            "opened by nobody" => Self::Unopened,
            "nodes" => Self::Exception("nodes"),
            "names" => Self::Exception("names"),
            "addresses" => Self::Exception("addresses"),
            _ => Self::of_policy(comment)?,
        })
    }

    /// Names of policies have no spaces, but the group may stand beside one.
    fn of_policy(comment: &str) -> Option<Self> {
        let beginnings = Direction::ALL.map(|direction| format!(" {direction}"));
        let at = beginnings.iter().filter_map(|beginning| comment.rfind(beginning)).max()?;
        let (policy, rule) = comment.split_at(at);
        Some(Self::Policy(policy.to_owned(), rule.trim_start().to_owned()))
    }
}

/// A chain that leads to gates is about connections of one direction.
fn direction_of(chain: &str) -> Option<Direction> {
    let rest = chain.strip_prefix("judge_")?;
    Direction::ALL.into_iter().find(|direction| rest.starts_with(&direction.to_string()))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use danm_api::ApiGroup;

    use super::*;
    use crate::{
        InterfaceName, NamespacedName, PolicyKey, Ruleset,
        nft::comment_of,
        program::{Dns, Flows, Forward, Program, Purpose, Surroundings, gates},
    };

    #[test]
    fn what_every_counter_of_a_program_counts_is_known() {
        let names = ["eth0", "eth0.100", "a-b@c", "a+b", "others", "judge_ingress"];
        let closed = Ruleset::closed();
        let interface = |name: &str| (InterfaceName::new(name).expect("a name"), closed.others.clone());
        let ruleset = Ruleset { interfaces: names.map(interface).into(), ..closed.clone() };
        let surroundings =
            Surroundings { dns: Dns::Any, forward: Forward::Closed, ..Surroundings::default() };
        let program = Program::around(Arc::new(gates(&ruleset)), &ruleset, &surroundings, Flows::Kept);
        let mut denied = Vec::new();
        for chain in program.chains() {
            for purpose in chain.rules.iter().filter_map(|rule| rule.purpose.as_ref()) {
                let counter =
                    Counter::read(&chain.name, &comment_of(purpose, chain.direction)).expect("ours");
                match (purpose, &counter.counted) {
                    (Purpose::Denied, Counted::Denied) => {
                        denied.push((counter.direction, counter.interface.to_string()));
                    }
                    (Purpose::Invalid, Counted::Invalid) | (Purpose::Unopened, Counted::Unopened) => {
                        assert_eq!((counter.direction, counter.interface), (None, CountedAt::Any));
                    }
                    (Purpose::Dns, Counted::Exception("names")) => {
                        assert_eq!(counter.direction, Some(Direction::Egress));
                    }
                    other => panic!("{other:?}"),
                }
            }
        }
        let at = |name: &str| Direction::ALL.map(|direction| (Some(direction), name.to_owned()));
        let mut expected: Vec<_> = names.into_iter().chain(["*"]).flat_map(at).collect();
        // What the Pod would pass on is denied as a whole.
        expected.push((None, String::new()));
        expected.sort();
        denied.sort();
        assert_eq!(denied, expected);
    }

    #[test]
    fn a_rule_of_a_policy_is_told_from_its_name() {
        for name in ["db", "ingress", "x-ingress"] {
            let name = NamespacedName::new("egress", name);
            for group in [ApiGroup::DanmK8sIo, ApiGroup::DanmIo] {
                let key = PolicyKey { name: name.clone(), group };
                for (index, rule) in [(Some(3), "ingress[3]"), (None, "ingress to Services")] {
                    let comment = comment_of(&Purpose::Policy(key.clone(), index), Direction::Ingress);
                    let counter = Counter::read("ingress_eth0", &comment).expect("ours");
                    assert_eq!(counter.counted, Counted::Policy(key.to_string(), rule.to_owned()));
                }
            }
        }
        assert_eq!(Counter::read("ingress_eth0", "somebody's own"), None);
    }
}
