//! What rules a Pod is to have, as the state page shows it: for each interface and direction which policies isolate it. In what state they
//! are is told beside.

use policy_engine::{
    Direction, Ruleset,
    ruleset::{Chain, Gates},
};
use serde_json::{Value, json};

/// Policies that are named at one place: people read no more.
const SHOWN: usize = 20;

/// The gates of a ruleset, a row each. The interface `*` are all that no endpoint names.
pub(super) fn gates(ruleset: &Ruleset) -> Vec<Value> {
    let named = ruleset.interfaces.iter().map(|(name, gates)| (name.as_str(), gates));
    named.chain([("*", &ruleset.others)]).flat_map(|(interface, gates)| rows(interface, gates)).collect()
}

fn rows(interface: &str, gates: &Gates) -> Vec<Value> {
    let row = |direction: Direction| Some(row(interface, direction, gates.chain(direction)?));
    Direction::ALL.into_iter().filter_map(row).collect()
}

fn row(interface: &str, direction: Direction, chain: &Chain) -> Value {
    let policies: Vec<String> =
        chain.policies.iter().take(SHOWN).map(|policy| policy.policy.to_string()).collect();
    json!({
        "interface": interface,
        "direction": direction.name(),
        "enforcement": chain.enforcement.name(),
        "policies": policies,
        "policiesNotShown": chain.policies.len().saturating_sub(SHOWN),
        "rules": chain.policies.iter().map(|policy| policy.rules.len()).sum::<usize>(),
    })
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use danm_api::{ApiGroup, Enforcement};
    use policy_engine::{
        InterfaceName, NamespacedName, PolicyKey,
        ruleset::{PolicyRules, Ports, Remote, Rule},
    };

    use super::*;

    #[test]
    fn each_interface_and_direction_that_policies_isolate_is_shown_with_them() {
        let policy = |number: usize| PolicyRules {
            policy: PolicyKey {
                name: NamespacedName::new("shop", &format!("p{number}")),
                group: ApiGroup::DanmK8sIo,
            },
            rules: vec![Rule { index: Some(0), remote: Remote::Anyone, ports: Ports::Any }],
        };
        let chain = |enforcement, count| {
            Some(Arc::new(Chain { enforcement, policies: (0..count).map(policy).collect() }))
        };
        let eth0 = InterfaceName::new("eth0").expect("a name");
        let ruleset = Ruleset {
            interfaces: [(eth0, Gates { ingress: chain(Enforcement::Enforce, 1), egress: None })].into(),
            others: Gates { ingress: None, egress: chain(Enforcement::Audit, SHOWN + 2) },
            ..Ruleset::default()
        };
        let rows = gates(&ruleset);
        let expected = json!({
            "interface": "eth0", "direction": "ingress", "enforcement": "enforce", "policies": ["shop/p0"],
            "policiesNotShown": 0, "rules": 1,
        });
        assert_eq!((rows.len(), &rows[0]), (2, &expected));
        assert_eq!(
            (&rows[1]["interface"], &rows[1]["enforcement"], &rows[1]["policiesNotShown"], &rows[1]["rules"]),
            (&json!("*"), &json!("audit"), &json!(2), &json!(SHOWN + 2))
        );
    }
}
