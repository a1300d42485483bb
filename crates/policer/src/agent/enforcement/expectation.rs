//! What rules a Pod should have by what is written now, for whoever holds them against what its kernel has: decided as the agent decides
//! it. What the agent knows alone, its flags and addresses of nodes, is taken from what was found.

use std::sync::Arc;

use policy_dataplane::Excepted;
use policy_engine::{
    Engine, Key, NamespacedName,
    program::{LastFrame, Program, Surroundings},
};

use super::{
    intent::{Certainty, Ground, orders},
    order::Aim,
    surroundings::Common,
};
use crate::{agent::openings::Openings, opening::Word};

/// Rules that a Pod may have.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Expectation {
    /// As a program; empty if none.
    pub program: Program,
    /// What they were made with beside policies.
    pub surroundings: Surroundings,
}

/// The rules that a kernel of the Pod may have where this is excepted: one of them is right. Empty, if nobody knows which rules
/// the Pod should have. The engine keeps the Pod's ruleset. An annotation may open the Pod's namespace.
pub(crate) fn expected(
    engine: &Engine,
    pod: &NamespacedName,
    excepted: &Excepted,
    opens_namespace: bool,
) -> Vec<Expectation> {
    let mut openings = Openings::default();
    if opens_namespace {
        openings.hear(&Key::Namespace(Arc::clone(&pod.namespace)), &Arc::from(""), Some(Word::Open));
    }
    let ground = Ground { certainty: Certainty::Complete, openings: &openings };
    let orders = orders(engine, [pod], &Common::found(excepted), ground);
    let of_aim = |aim| match aim {
        Aim::Rules(rules) => {
            let with = |(dns, forward)| {
                let mut rules = rules.clone();
                (rules.surroundings.dns, rules.surroundings.forward) = (dns, forward);
                let program = rules.program(&LastFrame::default(), excepted.flows);
                Expectation { program, surroundings: rules.surroundings }
            };
            excepted.ways().into_iter().map(with).collect()
        }
        Aim::Open | Aim::Opened(_) => vec![Expectation::default()],
        Aim::Gone => Vec::new(),
    };
    orders.into_iter().flat_map(|order| of_aim(order.aim)).collect()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use policy_dataplane::{Snapshot, deviations};
    use policy_engine::program::{Flows, Forward};

    use super::*;
    use crate::{
        agent::enforcement::{
            fixture::{endpoint, engine, name, pod, policy},
            order::Rules,
            surroundings::Exceptions,
        },
        cli::{AllowNode, DnsAccess},
    };

    /// The rules that an agent with these flags puts into the Pod `db`.
    fn rules(engine: &Engine, exceptions: &Exceptions) -> Rules {
        let nodes = BTreeSet::from([[192, 0, 2, 1].into(), [10, 9, 9, 9].into()]);
        let common = Common::of(engine.world(), exceptions, &nodes);
        let ground = Ground { certainty: Certainty::Complete, openings: &Openings::default() };
        let mut orders = orders(engine, [&name("db")], &common, ground);
        match orders.remove(0).aim {
            Aim::Rules(rules) => rules,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn whatever_the_flags_of_an_agent_are_its_rules_are_among_those_that_are_expected() {
        let engine = engine(&[
            pod("db", "db-1", "10.0.0.1"),
            endpoint("db", "eth0", ["10.0.0.1/24", "none"]),
            endpoint("db", "net1", ["none", "none"]),
            policy("db", &["10.0.0.0/25"]),
        ]);
        let mut tried = 0;
        for allow_node in [AllowNode::Own, AllowNode::None] {
            for dns in [DnsAccess::None, DnsAccess::Cluster, DnsAccess::Any] {
                for forward in [Forward::Judge, Forward::Open, Forward::Closed] {
                    for flows in [Flows::Labelled(7), Flows::Kept, Flows::Unknown] {
                        let exceptions = Exceptions { allow_node, dns, dns_services: Vec::new(), forward };
                        let program = rules(&engine, &exceptions).program(&LastFrame::default(), flows);
                        let found = Snapshot::of(&program);
                        let expected = expected(&engine, &name("db"), &found.excepted(), false);
                        let right: Vec<_> = expected
                            .iter()
                            .filter(|one| deviations(&found, &one.program).is_empty())
                            .collect();
                        assert_eq!(right.len(), 1, "{allow_node:?} {dns:?} {forward:?} {flows:?}");
                        assert_eq!(right[0].surroundings, rules(&engine, &exceptions).surroundings);
                        tried += 1;
                    }
                }
            }
        }
        assert_eq!(tried, 54);
    }

    #[test]
    fn a_pod_that_no_policy_is_about_should_have_no_rules_and_of_one_without_endpoints_nobody_knows() {
        let engine = engine(&[
            pod("db", "db-1", "10.0.0.1"),
            endpoint("db", "eth0", ["10.0.0.1/24", "none"]),
            pod("x", "x-1", "10.0.0.2"),
        ]);
        let nothing = Snapshot::default().excepted();
        assert_eq!(expected(&engine, &name("db"), &nothing, false), [Expectation::default()]);
        assert_eq!(expected(&engine, &name("x"), &nothing, false), []);
    }

    #[test]
    fn a_pod_of_a_namespace_that_an_annotation_opens_should_have_no_rules() {
        let engine = engine(&[
            pod("db", "db-1", "10.0.0.1"),
            endpoint("db", "eth0", ["10.0.0.1/24", "none"]),
            policy("db", &[]),
        ]);
        let nothing = Snapshot::default().excepted();
        assert_eq!(expected(&engine, &name("db"), &nothing, true), [Expectation::default()]);
        assert_ne!(expected(&engine, &name("db"), &nothing, false), [Expectation::default()]);
    }
}
