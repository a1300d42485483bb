//! Which endpoints hold an address of a network, and under which name their Pods are shown.

use danm_api::{ApiGroup, NetworkOptions};
use serde_json::{Value, json};
use testkit::objects::{self, with};

use super::*;

const V4: &str = "/spec/Interface/Address";
const V6: &str = "/spec/Interface/AddressIPv6";

fn pool(family: Family) -> Pool {
    let options: NetworkOptions = serde_json::from_value(
        json!({"cidr": "10.0.0.0/24", "allocation_pool_v6": {"cidr": "2001:db8::/120"}}),
    )
    .expect("options");
    Pool::new(family, &options).expect("sound").expect("there is one")
}

fn subject(kind: NetworkKind) -> Subject<'static> {
    Subject { kind, name: "net", namespace: "ran" }
}

/// An endpoint of the Pod `m1` on a network `net` of its namespace, with the address .7.
fn endpoint(namespace: &str, kind: &str) -> Value {
    let endpoint = objects::endpoint(ApiGroup::DanmIo, namespace, "ep", "m1", "net");
    with(with(endpoint, V4, "10.0.0.7/24"), "/spec/apiType", kind)
}

/// The last octet and the Pod, as they are shown.
fn seen(subject: Subject<'_>, family: Family, endpoint: Value) -> Option<String> {
    let endpoint = serde_json::from_value(endpoint).expect("JSON");
    subject.sighting(&pool(family), &endpoint).map(|sighting| match sighting {
        Sighting::Holds(Claim { bit, holder, .. }) => format!("{} {holder}", bit.0),
        Sighting::Unreadable(what) => what,
    })
}

#[test]
fn a_pod_holds_an_address_of_the_network_it_is_on_and_of_no_other_with_the_same_subnet() {
    let on = |kind, endpoint| seen(subject(kind), Family::Ipv4, endpoint);
    for kind in NetworkKind::ALL {
        for other in NetworkKind::ALL {
            let expected = (kind == other).then_some("7 m1");
            assert_eq!(on(kind, endpoint("ran", other.name())).as_deref(), expected, "{other} on {kind}");
        }
    }
    let elsewhere = with(endpoint("ran", "DanmNet"), "/spec/NetworkName", "net2");
    assert_eq!(on(NetworkKind::DanmNet, elsewhere), None);
    assert_eq!(on(NetworkKind::DanmNet, endpoint("other", "DanmNet")), None);
    assert_eq!(on(NetworkKind::DanmNet, endpoint("ran", "Quux")), None);
}

#[test]
fn an_endpoint_that_names_no_kind_is_on_a_danm_net() {
    for kindless in [endpoint("ran", ""), with(endpoint("ran", ""), "/spec/apiType", Value::Null)] {
        assert_eq!(
            seen(subject(NetworkKind::DanmNet), Family::Ipv4, kindless.clone()).as_deref(),
            Some("7 m1")
        );
        assert_eq!(seen(subject(NetworkKind::TenantNetwork), Family::Ipv4, kindless), None);
    }
}

#[test]
fn a_pod_of_another_namespace_is_shown_with_its_namespace() {
    let on = |namespace| Subject { namespace, ..subject(NetworkKind::ClusterNetwork) };
    let shown = |namespace| seen(on(namespace), Family::Ipv4, endpoint("other", "ClusterNetwork"));
    assert_eq!(shown("ran").as_deref(), Some("7 other/m1"));
    assert_eq!(shown("other").as_deref(), Some("7 m1"));
    assert_eq!(shown("").as_deref(), Some("7 m1"), "no namespace is all of them, as to the reference");
}

#[test]
fn addresses_are_compared_as_addresses_and_not_as_texts() {
    let v6 = |text: &str| {
        let endpoint = with(endpoint("ran", "DanmNet"), V6, text);
        seen(subject(NetworkKind::DanmNet), Family::Ipv6, endpoint)
    };
    assert_eq!(v6("2001:DB8:0:0::000a/64").as_deref(), Some("10 m1"));
    assert_eq!(v6("2001:db8::a").as_deref(), Some("10 m1"));
    assert_eq!(v6("2001:db8::1:0/64"), None, "outside the pool there is no bit");
    let v4 = with(endpoint("ran", "DanmNet"), V4, "10.0.0.9/16");
    assert_eq!(seen(subject(NetworkKind::DanmNet), Family::Ipv4, v4).as_deref(), Some("9 m1"));
}

#[test]
fn whoever_has_no_address_holds_none() {
    for word in ["", "none", "dynamic"] {
        let endpoint = with(endpoint("ran", "DanmNet"), V4, word);
        assert_eq!(seen(subject(NetworkKind::DanmNet), Family::Ipv4, endpoint), None, "{word:?}");
    }
    let bare = with(endpoint("ran", "DanmNet"), "/spec/Interface", Value::Null);
    assert_eq!(seen(subject(NetworkKind::DanmNet), Family::Ipv4, bare), None);
}

#[test]
fn what_cannot_be_read_is_named_where_it_may_matter() {
    let bad = with(endpoint("ran", "DanmNet"), V4, "10.0.0.256/24");
    let told = seen(subject(NetworkKind::DanmNet), Family::Ipv4, bad.clone()).expect("it is told");
    assert!(told.starts_with("ran/ep (\"10.0.0.256/24\" is no address"), "{told}");
    assert_eq!(
        seen(subject(NetworkKind::DanmNet), Family::Ipv6, bad.clone()),
        None,
        "the other field is sound"
    );
    assert_eq!(
        seen(subject(NetworkKind::TenantNetwork), Family::Ipv4, bad),
        None,
        "it is on another network"
    );

    let broken = with(endpoint("ran", "DanmNet"), "/spec/NetworkName", 5);
    let told =
        seen(subject(NetworkKind::TenantNetwork), Family::Ipv4, broken).expect("it may be on any network");
    assert!(told.starts_with("ran/ep (invalid type: integer `5`"), "{told}");
}
