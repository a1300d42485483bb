//! `networks`: how full every network is.

use serde_json::{Value, json};
use testkit::Cluster;

use crate::{
    program::{Run, ask, ask_all, json},
    snapshot::{compare, steady_json},
};

pub mod tests {
    in_town!(
        every_family_of_every_network_has_a_row,
        a_network_without_addresses_is_there_and_one_that_is_unreadable_says_why,
        a_namespace_shows_its_networks_and_those_of_the_cluster,
        labels_select_networks,
        one_family_can_be_asked_for,
        numbers_sort_with_the_largest_first_and_names_as_they_are_read,
        the_names_of_the_columns_can_be_left_out,
        a_name_stands_once_however_many_families_it_has,
        yaml_says_what_json_says,
    );
}

async fn every_family_of_every_network_has_a_row(town: &Cluster) {
    compare("networks", &ask(town, "networks -A").await.clean());
    compare("networks_wide", &ask(town, "networks -A -o wide").await.clean());
    compare("networks_ascii", &ask(town, "networks -A --ascii").await.clean());
    compare("networks_json", &ask(town, "networks -A -o json").await.clean());
}

async fn a_network_without_addresses_is_there_and_one_that_is_unreadable_says_why(town: &Cluster) {
    let items = items(&ask(town, "networks -A -o json").await.clean());
    let item = |name: &str| items.iter().find(|item| item["network"]["name"] == name).expect("it is there");
    let network =
        |name: &str| json!({"group": "danm.k8s.io", "kind": "DanmNet", "namespace": "ran", "name": name});
    assert_eq!(*item("layer-2"), json!({"network": network("layer-2")}));
    let problem =
        "IPv4: the bit array has 3 bytes, its subnet of 256 addresses needs 32: was the subnet edited?";
    assert_eq!(*item("broken"), json!({"network": network("broken"), "problem": problem}));
    assert_eq!(
        *item("overlap"),
        json!({
            "network": network("overlap"),
            "family": "IPv4",
            "cidr": "10.0.0.0/24",
            "size": 256,
            "used": 1,
            "free": 253,
            "leaked": 0,
            "utilisation": 1.0 / 254.0,
            "counts": {
                "network-address": 1, "broadcast": 1, "gateway": 0, "outside-pool": 0, "free": 253,
                "allocated": 1, "leaked": 0, "conflict": 0, "missing-bit": 0,
            },
        })
    );
}

async fn a_namespace_shows_its_networks_and_those_of_the_cluster(town: &Cluster) {
    let of_core = ["clusternetwork.danm.k8s.io/backbone", "danmnet.danm.k8s.io/archive"];
    assert_eq!(names(&ask(town, "networks -n core -o name").await), of_core);
    let of_default = ["clusternetwork.danm.k8s.io/backbone"];
    assert_eq!(names(&ask(town, "networks -o name").await), of_default, "the namespace of the context");
    let of_ran = names(&ask(town, "networks --namespace=ran -o name").await);
    assert!(!of_ran.iter().any(|name| name.ends_with("/archive")), "{of_ran:?}");
    assert_eq!(of_ran.len(), 7, "{of_ran:?}");
}

async fn labels_select_networks(town: &Cluster) {
    let selected = names(&ask(town, "networks -A -l tier=user -o name").await);
    assert_eq!(selected, ["danmnet.danm.k8s.io/internal"]);
    let others = names(&ask(town, "networks -n ran --selector tier!=user -o name").await);
    assert!(!others.contains(&selected[0]) && others.len() == 6, "{others:?}");
    let none = ask(town, "networks -A -l tier=control").await.clean();
    assert_eq!(none, "no networks in any namespace\n");
}

async fn one_family_can_be_asked_for(town: &Cluster) {
    let of = |text: &str| -> Vec<Value> {
        items(text).iter().map(|item| item["family"].clone()).filter(|family| !family.is_null()).collect()
    };
    let ipv6 = of(&ask(town, "networks -A -6 -o json").await.clean());
    assert_eq!(ipv6, ["IPv6"]);
    let ipv4 = of(&ask(town, "networks -A -4 -o json").await.clean());
    assert_eq!(ipv4, ["IPv4"; 6]);
}

async fn numbers_sort_with_the_largest_first_and_names_as_they_are_read(town: &Cluster) {
    let cases = [
        ("name", "backbone archive broken internal"),
        ("used", "internal vip backbone"),
        ("free", "archive"),
        ("leaked", "internal vip"),
        ("util", "internal vip backbone"),
        ("size", "backbone archive"),
    ];
    for (column, expected) in cases {
        let rows = ask(town, &format!("networks -A --no-headers --sort-by {column}")).await.clean();
        let mut names: Vec<&str> = rows.lines().filter_map(|row| row.split(' ').next()).collect();
        names.dedup();
        assert!(names.join(" ").starts_with(expected), "{column}: {rows}");
        let last = names.last().copied();
        assert!(column == "name" || last == Some("layer-2"), "what has no number comes last: {rows}");
    }
}

async fn the_names_of_the_columns_can_be_left_out(town: &Cluster) {
    let all = ask(town, "networks -n core").await.clean();
    let rows = ask(town, "networks -n core --no-headers").await.clean();
    assert!(all.starts_with("NETWORK "), "{all}");
    let squeeze = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
    let (_, without_first) = all.split_once('\n').expect("lines");
    assert_eq!(squeeze(&rows), squeeze(without_first));
}

async fn a_name_stands_once_however_many_families_it_has(town: &Cluster) {
    for order in ["name", "used", "free", "util"] {
        let names = names(&ask(town, &format!("networks -A -o name --sort-by {order}")).await);
        let backbone = names.iter().filter(|name| name.ends_with("/backbone")).count();
        assert_eq!((backbone, names.len()), (1, 8), "{order}: {names:?}");
    }
}

async fn yaml_says_what_json_says(town: &Cluster) {
    for command in [
        "networks -A",
        "show -n ran internal",
        "check -A",
        "ip 10.0.0.5",
        "show dn/overlap -n ran",
        "map backbone",
    ] {
        let commands = ["yaml", "json"].map(|format| format!("{command} -o {format}"));
        let shown: Vec<String> = ask_all(town, &commands).await.into_iter().map(Run::clean).collect();
        let [yaml, json] = <[String; 2]>::try_from(shown).expect("two");
        let yaml: Value = serde_saphyr::from_str(&crate::snapshot::steady(&yaml)).expect("YAML");
        assert_eq!(yaml, steady_json(&json), "{command}");
    }
}

/// What a cluster is asked for that has nothing of it.
#[tokio::test]
async fn where_there_is_nothing_a_sentence_says_so_and_a_document_is_empty() {
    let Ok(cluster) = crate::cluster().await else { return };
    let cases = [
        ("networks", "no networks in namespace default\n"),
        ("networks -A", "no networks in any namespace\n"),
        ("show -n ran", "no addresses to show in namespace ran\n"),
        ("ip 10.0.0.1", "10.0.0.1 is on no network, and no endpoint names it\n"),
        ("ip ran/web-0", "ran/web-0 is on no network, and no endpoint names it\n"),
    ];
    for (arguments, expected) in cases {
        let commands = ["table", "name", "json"].map(|format| format!("{arguments} -o {format}"));
        let shown: Vec<String> = ask_all(&cluster, &commands).await.into_iter().map(Run::clean).collect();
        assert_eq!((&*shown[0], &*shown[1]), (expected, ""), "{arguments}");
        assert_eq!(json(&shown[2])["items"], json!([]), "{arguments}");
    }
}

fn items(text: &str) -> Vec<Value> {
    let list = json(text);
    assert_eq!((&list["apiVersion"], &list["kind"]), (&json!("showalloc.danm.io/v1"), &json!("NetworkList")));
    list["items"].as_array().expect("items").clone()
}

fn names(run: &Run) -> Vec<String> {
    assert_eq!((run.code, &*run.err), (Some(0), ""), "{run:#?}");
    run.out.lines().map(str::to_owned).collect()
}
