//! Reading an object and writing it back loses nothing, in any dialect.

use danm_api::{
    DanmEp, Decoded, EndpointView, EndpointViewSpec, InterfaceView, Network, ReservedIp, TenantConfig,
};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::{Value, json};
use testkit::{objects::with, samples};

const NETWORKS: [&str; 3] = ["DanmNet", "TenantNetwork", "ClusterNetwork"];

fn assert_kept<T: DeserializeOwned + Serialize>(object: &Value) {
    let read: Result<T, _> = serde_json::from_value(object.clone());
    let written = read.and_then(serde_json::to_value);
    assert_eq!(written.as_ref().ok(), Some(object), "{:?}", written.as_ref().err());
}

#[test]
fn objects_of_real_clusters_are_written_back_as_they_were() {
    let networks = samples::of_kinds(&NETWORKS);
    let endpoints = samples::of_kinds(&["DanmEp"]);
    let configs = samples::of_kinds(&["TenantConfig"]);
    assert!(networks.len() >= 10 && endpoints.len() >= 15 && configs.len() == 1);
    networks.iter().for_each(assert_kept::<Network>);
    endpoints.iter().for_each(assert_kept::<DanmEp>);
    configs.iter().for_each(assert_kept::<TenantConfig>);
}

/// A field in every place where somebody may add one.
#[test]
fn fields_nobody_knows_are_kept_at_every_level() {
    let network = &samples::of_kinds(&["DanmNet"])[0];
    for place in [
        "",
        "/metadata",
        "/spec",
        "/spec/Options",
        "/spec/Options/allocation_pool",
        "/spec/Options/allocation_pool_v6",
    ] {
        assert_kept::<Network>(&with(
            network.clone(),
            &format!("{place}/unheardOf"),
            json!({"a": [1, null]}),
        ));
    }
    let endpoint = &samples::of_kinds(&["DanmEp"])[0];
    for place in ["", "/metadata", "/spec", "/spec/Interface"] {
        assert_kept::<DanmEp>(&with(endpoint.clone(), &format!("{place}/unheardOf"), json!(1.5)));
    }
    let config = &samples::of_kinds(&["TenantConfig"])[0];
    for place in ["", "/metadata"] {
        assert_kept::<TenantConfig>(&with(
            config.clone(),
            &format!("{place}/allowedClusterNetworks"),
            json!([]),
        ));
    }
}

#[test]
fn fields_of_the_newer_dialect_are_kept() {
    let network = with(samples::of_kinds(&["ClusterNetwork"])[0].clone(), "/spec/Options/mtu", 9000);
    let network = with(network, "/status/reservedIPs", json!([{"namespace": "ran", "objects": ["vip"]}]));
    assert_kept::<Network>(&with(network, "/apiVersion", "danm.io/v1"));
    assert_kept::<ReservedIp>(&json!({
        "apiVersion": "danm.io/v1",
        "kind": "ReservedIP",
        "metadata": {"name": "vip-cu", "namespace": "ran"},
        "spec": {
            "description": "floating address of the CU pair",
            "network": {"name": "f1-user", "type": "ClusterNetwork"},
            "ips": [{"address": "10.60.0.100", "shareable": true}],
        },
        "status": {"reservations": [{"address": "10.60.0.100", "users": []}]},
    }));
}

#[test]
fn absent_null_and_empty_are_told_apart_where_the_reference_does() {
    let endpoint = samples::of_kinds(&["DanmEp"])[0].clone();
    assert_kept::<DanmEp>(&with(endpoint.clone(), "/spec/Interface/proutes", json!(null)));
    assert_kept::<DanmEp>(&with(endpoint.clone(), "/spec/Interface/proutes", json!({})));
    assert_kept::<DanmEp>(&with(endpoint.clone(), "/spec/Interface/Address", ""));
    let mut bare = endpoint;
    bare["spec"]["Interface"].as_object_mut().unwrap().retain(|member, _| member == "Name");
    assert_kept::<DanmEp>(&bare);
}

#[test]
fn a_malformed_object_keeps_its_name_and_tells_what_is_wrong() {
    let object = with(samples::of_kinds(&["DanmEp"])[0].clone(), "/spec/Pod", 5);
    match serde_json::from_value::<Decoded<DanmEp>>(object.clone()).unwrap() {
        Decoded::Unreadable(unreadable) => {
            assert_eq!(unreadable.metadata.name.as_deref(), object["metadata"]["name"].as_str());
            assert!(unreadable.problem.contains("expected a string"), "{}", unreadable.problem);
        }
        Decoded::Readable(endpoint) => panic!("read as {endpoint:?}"),
    }
    let nameless = json!({"metadata": {"name": 5}});
    assert!(matches!(serde_json::from_value::<Decoded<DanmEp>>(nameless), Ok(Decoded::Unreadable(_))));
}

#[test]
fn what_is_read_of_an_endpoint_is_what_is_in_it() {
    for sample in samples::of_kinds(&["DanmEp"]) {
        let whole: DanmEp = serde_json::from_value(sample.clone()).unwrap();
        let view: EndpointView = serde_json::from_value(sample).unwrap();
        let interface = whole.spec.interface.map(|interface| InterfaceView {
            name: interface.name,
            address: interface.address,
            address_ipv6: interface.address_ipv6,
        });
        let spec = EndpointViewSpec {
            network_name: whole.spec.network_name,
            network_type: whole.spec.network_type,
            interface,
            host: whole.spec.host,
            pod: whole.spec.pod,
            pod_uid: whole.spec.pod_uid,
            cid: whole.spec.cid,
            netns: whole.spec.netns,
            api_type: whole.spec.api_type,
        };
        assert_eq!(view, EndpointView { metadata: whole.metadata.known, spec });
    }
}

#[test]
fn a_list_is_not_taken_for_the_object_whose_place_it_is_in() {
    let endpoint = samples::of_kinds(&["DanmEp"])[0].clone();
    let read = |pointer: &str, value: Value| {
        serde_json::from_value::<Decoded<EndpointView>>(with(endpoint.clone(), pointer, value)).unwrap()
    };
    for (pointer, fields) in [("/spec", json!(["management"])), ("/spec/Interface", json!(["eth0"]))] {
        let Decoded::Unreadable(unreadable) = read(pointer, fields) else { panic!("{pointer} was read") };
        assert!(unreadable.problem.contains("expected an object"), "{}", unreadable.problem);
    }
    assert!(matches!(read("/spec/Interface", json!(null)), Decoded::Readable(_)));
}
