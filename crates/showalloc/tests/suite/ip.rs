//! `ip`: who holds an address, and which addresses a Pod holds.

use serde_json::{Value, json};
use testkit::Cluster;

use crate::{
    program::{ask, json},
    snapshot::{compare, steady_json},
};

pub mod tests {
    in_town!(
        an_address_of_two_networks_has_a_row_for_each,
        a_pod_has_a_row_for_each_of_its_addresses,
        an_address_is_found_however_it_is_written,
        an_address_in_trouble_says_which,
        an_endpoint_beside_every_network_says_why,
        a_bit_that_nobody_claims_is_a_place_without_an_endpoint,
        names_are_those_of_the_endpoints,
    );
}

async fn an_address_of_two_networks_has_a_row_for_each(town: &Cluster) {
    compare("ip_address", &ask(town, "ip 10.0.0.5").await.clean());
    compare("ip_address_json", &ask(town, "ip 10.0.0.5 -o json").await.clean());
    let found = places(town, "10.0.0.5").await;
    let holders: Vec<(&Value, &Value)> =
        found.iter().map(|place| (&place["network"]["name"], &place["endpoint"]["pod"])).collect();
    assert_eq!(holders, [(&json!("internal"), &json!("web-0")), (&json!("overlap"), &json!("web-5"))]);
}

async fn a_pod_has_a_row_for_each_of_its_addresses(town: &Cluster) {
    compare("ip_pod_wide", &ask(town, "ip ran/web-0 -o wide").await.clean());
    let addresses = async |pod: &str| -> Vec<Value> {
        places(town, pod).await.iter().map(|place| place["address"].clone()).collect()
    };
    assert_eq!(addresses("ran/web-0").await, ["10.2.0.5", "2001:db8::5", "10.0.0.5"]);
    assert_eq!(addresses("core/db-0").await, ["10.2.0.6"]);
    assert_eq!(addresses("ran/db-0").await, [json!(null); 0], "a Pod of another namespace is another Pod");
    assert_eq!(addresses("ran/gone").await, [json!("10.0.0.6"), json!(null)], "and one has no address");
}

async fn an_address_is_found_however_it_is_written(town: &Cluster) {
    for spelling in ["2001:db8::5", "2001:DB8:0:0:0::5", "2001:0db8:0000:0000:0000:0000:0000:0005"] {
        let found = places(town, spelling).await;
        assert_eq!(found.len(), 1, "{spelling}");
        assert_eq!(found[0]["endpoint"]["name"], "web-0-core", "{spelling}");
    }
    assert_eq!(places(town, "::ffff:10.2.0.6").await[0]["endpoint"]["name"], "db-0-core");
}

async fn an_address_in_trouble_says_which(town: &Cluster) {
    let cases = [
        ("10.0.0.6", "leaked", 2, "no Pod ran/gone with uid"),
        ("10.0.0.10", "missing-bit", 2, "Pod ran/web-1 with uid"),
        ("10.0.0.11", "conflict", 3, "Pod ran/web-2 with uid"),
        ("10.1.0.5", "allocated", 1, "Pod ran/new-0 with uid"),
    ];
    for (address, state, count, evidence) in cases {
        let found = places(town, address).await;
        assert_eq!((&found[0]["state"], found.len()), (&json!(state), count), "{address}");
        let first = found[0]["evidence"][0].as_str().unwrap_or_default();
        assert!(first.starts_with(evidence), "{address}: {first}");
    }
}

async fn an_endpoint_beside_every_network_says_why(town: &Cluster) {
    let last = async |address: &str| -> Value {
        let found = places(town, address).await;
        let place = found.last().expect("a place");
        assert_eq!(place["state"], json!(null), "{place:#}");
        place["evidence"].as_array().and_then(|all| all.last()).cloned().unwrap_or_default()
    };
    assert_eq!(last("192.168.7.7").await, "192.168.7.7 is in no subnet of DanmNet ran/internal");
    assert_eq!(last("10.7.0.5").await, "there is no DanmNet ran/nowhere");
}

async fn a_bit_that_nobody_claims_is_a_place_without_an_endpoint(town: &Cluster) {
    let found = places(town, "10.0.0.8").await;
    assert_eq!(
        found[0],
        json!({
            "network": {"group": "danm.k8s.io", "kind": "DanmNet", "namespace": "ran", "name": "internal"},
            "address": "10.0.0.8",
            "state": "leaked",
            "endpoint": null,
            "evidence": [],
        })
    );
    assert_eq!(found[1]["state"], "free", "on the other network");
}

async fn names_are_those_of_the_endpoints(town: &Cluster) {
    let names = ask(town, "ip 10.0.0.11 -o name").await.clean();
    assert_eq!(names, "danmep.danm.k8s.io/web-2-internal\ndanmep.danm.k8s.io/web-3-internal\n");
    assert_eq!(
        ask(town, "ip ran/new-0 -o name --no-headers").await.clean(),
        "danmep.danm.io/new-0-internal\ndanmep.danm.io/new-0-vip\n"
    );
    let rows = ask(town, "ip core/db-0 --no-headers").await.clean();
    assert!(rows.starts_with("10.2.0.6   backbone   ClusterNetwork   "), "{rows}");
}

async fn places(town: &Cluster, subject: &str) -> Vec<Value> {
    let found = ask(town, &format!("ip {subject} -o json")).await.clean();
    assert_eq!(steady_json(&found)["kind"], "AddressLookup");
    json(&found)["items"].as_array().expect("items").clone()
}
