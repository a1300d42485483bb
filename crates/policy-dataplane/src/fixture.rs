//! Rules of a Pod for tests without a kernel: `shop/db` lets some peers in at eth0, on some ports, and everything out.

use std::sync::Arc;

use danm_api::{ApiGroup, LabelSelector, Protocol};
use policy_engine::{
    InterfaceName, NamespacedName, PolicyKey, Ruleset,
    ruleset::{Chain, Gates, PolicyRules, Ports, Remote, Rule, Set},
    set::{Members, NamespaceScope, PeerGroup, PeerView, SetDefinition},
};

/// Who is let in, on TCP 80, 90 and 100 to 110.
pub const PEERS: [[u8; 4]; 3] = [[10, 0, 0, 2], [10, 0, 0, 3], [10, 0, 0, 5]];

/// Who is let in on any port.
pub const BLOCK: &str = "192.0.2.0/25";

pub fn interface() -> InterfaceName {
    InterfaceName::new("eth0").expect("a name")
}

pub fn ruleset() -> Ruleset {
    let group = PeerGroup {
        namespaces: NamespaceScope::One("shop".into()),
        pods: Arc::new(LabelSelector::default()),
    };
    let view = PeerView { group, networks: None, met_on: None, hidden: [].into() };
    let pods = SetDefinition::Pods(view);
    let block = danm_api::IpBlock { cidr: BLOCK.parse().expect("a block"), except: Vec::new() };
    let blocks = SetDefinition::Blocks([block].into());
    let members = Members::Addresses(PEERS.map(Into::into).into(), Vec::new());
    let numbers = [(Protocol::Tcp, vec![(80, 80), (90, 90), (100, 110)])].into();
    let rule = |index, set: &SetDefinition, ports| Rule {
        index: Some(index),
        remote: Remote::In(set.name()),
        ports,
    };
    let rules = vec![rule(0, &pods, Ports::Numbers(numbers)), rule(1, &blocks, Ports::Any)];
    let key = PolicyKey { name: NamespacedName::new("shop", "db"), group: ApiGroup::DanmK8sIo };
    let chain = Chain { policies: vec![PolicyRules { policy: key, rules }], ..Chain::default() };
    let gates = Gates { ingress: Some(Arc::new(chain)), egress: None };
    let sets = [(pods, members), (blocks.clone(), blocks.nobody())];
    let sets = sets.map(|(definition, members)| {
        (definition.name(), Set { definition: Arc::new(definition), members: Arc::new(members) })
    });
    Ruleset { interfaces: [(interface(), gates)].into(), others: Gates::default(), sets: sets.into() }
}
