//! What is true of every program, whatever policies it is made of.

use std::collections::{BTreeMap, BTreeSet};

use danm_api::{ApiGroup, Enforcement};

use super::*;
use crate::{
    NamespacedName,
    ruleset::{Chain, Gates, PolicyRules, Ports, Remote, Rule},
};

fn chain(enforcement: Enforcement) -> Arc<Chain> {
    let policy = PolicyKey { name: NamespacedName::new("x", "p"), group: ApiGroup::DanmIo };
    let rule = Rule { index: Some(0), remote: Remote::Anyone, ports: Ports::Any };
    Arc::new(Chain { enforcement, policies: vec![PolicyRules { policy, rules: vec![rule] }] })
}

/// Every way in which an interface can be isolated: for each direction not at all, or so.
fn every_gates() -> Vec<Gates> {
    let ways = || [None, Some(Enforcement::Audit), Some(Enforcement::Enforce)].into_iter();
    let chain = |way: Option<Enforcement>| way.map(chain);
    ways()
        .flat_map(|ingress| {
            ways().map(move |egress| Gates { ingress: chain(ingress), egress: chain(egress) })
        })
        .collect()
}

/// The chains that packets may come to.
fn reached(program: &Program) -> BTreeSet<&str> {
    let by_name: BTreeMap<&str, &ProgramChain> =
        program.chains().map(|chain| (&*chain.name, chain)).collect();
    let mut next: Vec<&ProgramChain> =
        program.chains().filter(|chain| matches!(chain.entry, Entry::Hook(_))).collect();
    let mut reached = BTreeSet::new();
    while let Some(chain) = next.pop() {
        if reached.insert(&*chain.name) {
            next.extend(chain.rules.iter().filter_map(|rule| match &rule.action {
                Action::Jump(to) | Action::Goto(to) => Some(by_name[&**to]),
                _ => None,
            }));
        }
    }
    reached
}

/// Whether a packet may meet a rule after which it does not pass.
fn denies(program: &Program) -> bool {
    let reached = reached(program);
    let rules =
        program.chains().filter(|chain| reached.contains(&*chain.name)).flat_map(|chain| &chain.rules);
    rules.into_iter().any(|rule| matches!(rule.action, Action::Drop | Action::ResetTcp | Action::Prohibit))
}

#[test]
fn a_program_denies_something_exactly_if_a_gate_is_enforced() {
    let eth0 = InterfaceName::new("eth0").expect("a name");
    let own = [(IpAddr::from([10, 0, 0, 1]), eth0.clone())].into();
    for (named, others) in every_gates()
        .into_iter()
        .flat_map(|named| every_gates().into_iter().map(move |others| (named.clone(), others)))
    {
        let ruleset = Ruleset { interfaces: [(eth0.clone(), named)].into(), others, ..Ruleset::default() };
        for forward in [Forward::Judge, Forward::Open, Forward::Closed] {
            let surroundings =
                Surroundings { forward, addresses: Some(BTreeMap::clone(&own)), ..Surroundings::default() };
            let program =
                Program::around(Arc::new(gates(&ruleset)), &ruleset, &surroundings, Flows::default());
            assert_eq!(denies(&program), !ruleset.is_open(), "{forward:?} {ruleset:?}");
            assert_eq!(program.is_empty(), ruleset.is_empty(), "{ruleset:?}");
        }
    }
}

#[test]
fn what_is_enforced_after_it_was_audited_is_judged_again() {
    for at in [0, 1] {
        let ruleset = |enforcement| {
            let gates = Gates { ingress: Some(chain(enforcement)), egress: None };
            let eth0 = InterfaceName::new("eth0").expect("a name");
            if at == 0 {
                Ruleset { interfaces: [(eth0, gates)].into(), ..Ruleset::default() }
            } else {
                Ruleset { others: gates, ..Ruleset::default() }
            }
        };
        let [audited, enforced] = [Enforcement::Audit, Enforcement::Enforce].map(ruleset);
        assert!(Program::of(&enforced).is_stricter_than(&Program::of(&audited)));
        assert!(gates(&enforced).are_stricter_than(&gates(&audited)), "whatever the frame is like");
    }
}
