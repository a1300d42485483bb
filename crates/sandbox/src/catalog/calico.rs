//! The definitions of Calico's kinds that our programs read. Their objects are taken as they come.

use serde_json::{Value, json};

const GROUP: &str = "crd.projectcalico.org";

const KINDS: [(&str, &str); 6] = [
    ("ipamblocks", "IPAMBlock"),
    ("ipamhandles", "IPAMHandle"),
    ("blockaffinities", "BlockAffinity"),
    ("ippools", "IPPool"),
    ("ipamconfigs", "IPAMConfig"),
    ("clusterinformations", "ClusterInformation"),
];

/// The definitions, all of cluster scope.
pub(crate) fn definitions() -> Vec<Value> {
    KINDS.into_iter().map(|(plural, kind)| definition(plural, kind)).collect()
}

fn definition(plural: &str, kind: &str) -> Value {
    json!({
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": format!("{plural}.{GROUP}")},
        "spec": {
            "group": GROUP,
            "scope": "Cluster",
            "names": {
                "kind": kind,
                "listKind": format!("{kind}List"),
                "plural": plural,
                "singular": kind.to_lowercase(),
            },
            "versions": [{
                "name": "v1",
                "served": true,
                "storage": true,
                "schema": {
                    "openAPIV3Schema": {"type": "object", "x-kubernetes-preserve-unknown-fields": true},
                },
            }],
        },
    })
}
