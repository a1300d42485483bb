//! `show`: who holds which address of a network.

use std::net::IpAddr;

use serde_json::{Value, json};
use testkit::Cluster;

use crate::{
    program::{ask, ask_all, json},
    snapshot::{compare, steady_json},
};

pub mod tests {
    in_town!(
        every_run_of_a_network_has_a_row_and_every_holder_its_own,
        a_map_has_exactly_the_members_that_scripts_read,
        several_maps_are_a_list_and_one_is_none,
        the_runs_of_every_map_are_in_order_without_a_gap_and_counted,
        an_address_has_a_line_of_its_own_where_all_are_wanted,
        a_part_is_shown_with_its_own_counts,
        one_family_of_a_network_can_be_asked_for,
        a_network_is_found_by_every_spelling_of_its_kind,
        networks_of_one_name_in_both_groups_are_two_with_holders_of_their_own,
        a_reserved_address_is_no_leak_and_its_neighbour_is_one,
        an_address_belongs_to_a_pod_of_the_same_network_only,
        labels_select_what_is_shown,
        a_picture_has_a_title_and_every_address,
        without_names_of_columns_the_rows_are_the_same,
    );
}

async fn every_run_of_a_network_has_a_row_and_every_holder_its_own(town: &Cluster) {
    compare("show", &ask(town, "show internal -n ran").await.clean());
    compare("show_wide", &ask(town, "show internal backbone -n ran -o wide --ascii").await.clean());
    compare("show_json", &ask(town, "show clusternetwork/backbone -6 -o json").await.clean());
    compare("show_list_json", &ask(town, "show internal -n ran --cidr 10.0.0.0/27 -o json").await.clean());
    compare("show_yaml", &ask(town, "show backbone -6 -o yaml").await.clean());
}

async fn a_map_has_exactly_the_members_that_scripts_read(town: &Cluster) {
    let shown = steady_json(&ask(town, "show vip -n ran -o json --cidr 10.1.0.4/31").await.clean());
    let uid = "uuuuuuuu-uuuu-uuuu-uuuu-uuuuuuuuuuuu";
    let expected = json!({
        "apiVersion": "showalloc.danm.io/v1",
        "kind": "AllocationMap",
        "network": {"group": "danm.io", "kind": "TenantNetwork", "namespace": "ran", "name": "vip"},
        "family": "IPv4",
        "cidr": "10.1.0.0/24",
        "pool": {"start": "10.1.0.1", "end": "10.1.0.254"},
        "size": 2,
        "counts": {
            "network-address": 0, "broadcast": 0, "gateway": 0, "outside-pool": 0, "free": 1, "allocated": 1,
            "leaked": 0, "conflict": 0, "missing-bit": 0,
        },
        "runs": [
            {"start": "10.1.0.4", "end": "10.1.0.4", "count": 1, "state": "free", "endpoints": []},
            {"start": "10.1.0.5", "end": "10.1.0.5", "count": 1, "state": "allocated", "endpoints": [
                {"namespace": "ran", "name": "new-0-vip", "uid": uid, "pod": "new-0", "interface": "eth1",
                 "host": "node-a"},
            ]},
        ],
    });
    assert_eq!(shown, expected);
}

async fn several_maps_are_a_list_and_one_is_none(town: &Cluster) {
    let both = json(&ask(town, "show backbone -o json").await.clean());
    let ipv4 = json(&ask(town, "show backbone -4 -o json").await.clean());
    let ipv6 = json(&ask(town, "show backbone -6 -o json").await.clean());
    let list =
        json!({"apiVersion": "showalloc.danm.io/v1", "kind": "AllocationMapList", "items": [ipv4, ipv6]});
    assert_eq!(both, list);
    let all = json(&ask(town, "show -n core -o json").await.clean());
    let kinds: Vec<&Value> = items(&all).iter().map(|map| &map["network"]["kind"]).collect();
    assert_eq!(kinds, ["DanmNet", "ClusterNetwork", "ClusterNetwork"]);
}

async fn the_runs_of_every_map_are_in_order_without_a_gap_and_counted(town: &Cluster) {
    let run = ask(town, "show -A -o json").await;
    assert_eq!(run.code, Some(0));
    let all = json(&run.out);
    assert_eq!(items(&all).len(), 7);
    for map in items(&all) {
        let mut next = number(
            &map["cidr"].as_str().expect("a subnet").split('/').next().map_or(json!(null), |it| json!(it)),
        );
        let mut counts = json!({});
        let states = map["counts"].as_object().expect("counts").keys();
        states.for_each(|state| counts[state.as_str()] = json!(0));
        for run in map["runs"].as_array().expect("runs") {
            let count = run["count"].as_u64().expect("a number");
            assert_eq!(number(&run["start"]), next, "{run:#}");
            next = number(&run["end"]) + 1;
            assert_eq!(next - number(&run["start"]), u128::from(count), "{run:#}");
            let holders = run["endpoints"].as_array().expect("endpoints").len();
            assert!(holders == 0 || count == 1, "whoever holds something holds one address: {run:#}");
            let state = run["state"].as_str().expect("a state");
            counts[state] = json!(counts[state].as_u64().expect("a known state") + count);
        }
        assert_eq!(counts, map["counts"], "{}", map["network"]);
        assert_eq!(map["size"], 256, "{}", map["network"]);
    }
}

async fn an_address_has_a_line_of_its_own_where_all_are_wanted(town: &Cluster) {
    let rows = ask(town, "show internal -n ran -a --no-headers").await.clean();
    let addresses: Vec<&str> = rows.lines().filter_map(|row| row.split(' ').next()).collect();
    for address in (0..=255).map(|last| format!("10.0.0.{last}")) {
        let times = addresses.iter().filter(|shown| **shown == address).count();
        assert_eq!(times, if address == "10.0.0.11" { 2 } else { 1 }, "{address}");
    }
}

async fn a_part_is_shown_with_its_own_counts(town: &Cluster) {
    let part = ask(town, "show danmnet/internal -n ran --cidr 10.0.0.4/30 --ascii").await.clean();
    compare("show_part", &part);
    let named_by_any_address =
        ask(town, "show danmnet/internal -n ran --cidr 10.0.0.6/30 --ascii").await.clean();
    assert_eq!(crate::snapshot::steady(&named_by_any_address), crate::snapshot::steady(&part));
}

async fn one_family_of_a_network_can_be_asked_for(town: &Cluster) {
    let families = async |flags: &str| -> Vec<Value> {
        let shown = json(&ask(town, &format!("show backbone overlap -n ran -o json {flags}")).await.out);
        let maps = shown["items"].as_array().cloned().unwrap_or_else(|| vec![shown]);
        maps.iter().map(|map| map["family"].clone()).collect()
    };
    assert_eq!(families("").await, ["IPv4", "IPv4", "IPv6"]);
    assert_eq!(families("-4").await, ["IPv4", "IPv4"]);
    assert_eq!(families("-6").await, ["IPv6"]);
    let run = ask(town, "show backbone overlap -n ran -6").await;
    assert_eq!(run.sentence(0), "note: DanmNet ran/overlap has no addresses of that family");
}

async fn a_network_is_found_by_every_spelling_of_its_kind(town: &Cluster) {
    let cases = [
        ("danmnet.danm.k8s.io/overlap\n", ["DanmNet/overlap", "dn/overlap", "danmnets.danm.k8s.io/overlap"]),
        ("tenantnetwork.danm.io/vip\n", ["tenantnetworks/vip", "tnet/vip", "tenantnetwork.danm.io/vip"]),
        ("clusternetwork.danm.k8s.io/backbone\n", ["clusternetwork/backbone", "CN/backbone", "backbone"]),
    ];
    for (name, spellings) in cases {
        let commands = spellings.map(|spelling| format!("show {spelling} -n ran -o name"));
        for run in ask_all(town, &commands).await {
            assert_eq!(run.clean(), name);
        }
    }
    let other_kind = ask(town, "show cn/overlap -n ran").await;
    assert!(other_kind.error().starts_with("there is no network ClusterNetwork overlap"), "{other_kind:?}");
}

async fn networks_of_one_name_in_both_groups_are_two_with_holders_of_their_own(town: &Cluster) {
    let all = json(&ask(town, "show internal -n ran -o json").await.clean());
    let maps: Vec<(&Value, Vec<&str>)> =
        items(&all).iter().map(|map| (&map["network"]["group"], pods(map))).collect();
    let old = vec!["web-0", "gone", "web-1", "web-2", "web-3"];
    assert_eq!(maps, [(&json!("danm.k8s.io"), old), (&json!("danm.io"), vec!["new-0"])]);
    let names = ask(town, "show internal -n ran -o name").await.clean();
    assert_eq!(names, "danmnet.danm.io/internal\ndanmnet.danm.k8s.io/internal\n");
}

async fn a_reserved_address_is_no_leak_and_its_neighbour_is_one(town: &Cluster) {
    let rows = ask(town, "show vip -n ran --no-headers").await.clean();
    let row = |address: &str| rows.lines().find(|row| row.starts_with(address)).expect("a row");
    assert_eq!(row("10.1.0.100 ").split_whitespace().collect::<Vec<_>>(), ["10.1.0.100", "allocated"]);
    assert!(row("10.1.0.101 ").contains(" leaked ") && row("10.1.0.101 ").ends_with("no endpoint claims it"));
}

async fn an_address_belongs_to_a_pod_of_the_same_network_only(town: &Cluster) {
    let holder = async |network: &str| -> Value {
        let map =
            json(&ask(town, &format!("show {network} -n ran --cidr 10.0.0.5/32 -o json")).await.clean());
        json!(pods(&map))
    };
    assert_eq!(holder("internal").await, json!(["web-0"]));
    assert_eq!(holder("overlap").await, json!(["web-5"]));
}

async fn labels_select_what_is_shown(town: &Cluster) {
    let shown = json(&ask(town, "show -A -l tier=user -o json").await.clean());
    assert_eq!((&shown["kind"], &shown["network"]["name"]), (&json!("AllocationMap"), &json!("internal")));
    assert_eq!(shown["network"]["group"], "danm.k8s.io");
}

async fn a_picture_has_a_title_and_every_address(town: &Cluster) {
    let picture = ask(town, "show overlap -n ran -o svg").await.clean();
    assert!(picture.starts_with("<svg ") && picture.ends_with("</svg>\n"), "{picture}");
    assert!(picture.contains("<title>10.0.0.5 allocated\nran/web-5 eth1 on node-a</title>"), "{picture}");
    assert_eq!(picture.matches("<title>10.0.0.").count(), 256, "{picture}");
    let part = ask(town, "show overlap -n ran -o svg --cidr 10.0.0.4/30").await.clean();
    assert_eq!(part.matches("<title>10.0.0.").count(), 4, "{part}");
}

async fn without_names_of_columns_the_rows_are_the_same(town: &Cluster) {
    let squeezed = async |flag: &str| -> Vec<String> {
        let text = ask(town, &format!("show overlap -n ran {flag}")).await.clean();
        let words = |line: &str| line.split_whitespace().collect::<Vec<_>>().join(" ");
        crate::snapshot::steady(&text).lines().map(words).collect()
    };
    let mut all = squeezed("").await;
    assert_eq!(all.remove(2), "ADDRESS STATE POD INTERFACE HOST AGE");
    assert_eq!(squeezed("--no-headers").await, all);
}

fn items(list: &Value) -> &Vec<Value> {
    list["items"].as_array().unwrap_or_else(|| panic!("no list: {list:#}"))
}

fn pods(map: &Value) -> Vec<&str> {
    let runs = map["runs"].as_array().into_iter().flatten();
    let endpoints = runs.flat_map(|run| run["endpoints"].as_array().into_iter().flatten());
    endpoints.filter_map(|endpoint| endpoint["pod"].as_str()).collect()
}

fn number(address: &Value) -> u128 {
    match address.as_str().expect("text").parse().expect("an address") {
        IpAddr::V4(address) => u32::from(address).into(),
        IpAddr::V6(address) => address.into(),
    }
}
