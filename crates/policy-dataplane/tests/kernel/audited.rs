//! Policies that are audited for a while and then enforced: what anybody did meanwhile gains nothing.

use std::{
    net::{SocketAddr, TcpStream},
    thread::sleep,
    time::Duration,
};

use serde_json::{Value, json};

use crate::{
    star::{Star, Who},
    tcp::{connect, is_reset, pass},
};

/// What a policy says that lets nothing in, and is audited or not.
fn closed(directions: &[&str], enforcement: &str) -> Value {
    json!({"policyTypes": directions, "enforcement": enforcement})
}

/// Has the kernel forget an idle connection, so that it takes what the server says next for a beginning.
fn begin_anew(star: &Star, [client, server]: &[TcpStream; 2]) {
    star.pod.set("net/netfilter/nf_conntrack_tcp_timeout_established", "1");
    assert_eq!(pass(client, server, 1), Ok(()));
    let is_judged_anew = || {
        let chain = star.pod.run("nft", &["list", "chain", "inet", "danm_policer", "egress_eth0"], "");
        !chain.contains("packets 0 ")
    };
    for _ in 0..5 {
        // So long an idle connection is kept, and some more.
        sleep(Duration::from_millis(1_500));
        assert_eq!(pass(server, client, 1), Ok(()), "nothing is denied");
        if is_judged_anew() {
            return;
        }
    }
    panic!("the kernel never forgot the connection");
}

#[test]
fn a_connection_that_the_kernel_took_in_the_middle_while_it_was_audited_is_cut_once_that_is_enforced() {
    let Some(mut star) = Star::new() else { return };
    star.enforce(&[closed(&["Ingress", "Egress"], "audit")]);
    let to = SocketAddr::new(Who::Pod.address(0, true), 80);
    let (client, server, _listener) = connect(&star.peers[0], &star.pod, to);
    let ends = [client, server];
    begin_anew(&star, &ends);
    // It looks as if the Pod had opened it, which nothing forbids.
    star.enforce(&[closed(&["Ingress"], "enforce")]);
    let [client, server] = &ends;
    assert!(pass(server, client, 1).is_err() || is_reset(server).expect("it is told"));
    assert!(is_reset(server).expect("it is told"));
}

#[test]
fn a_connection_of_the_pods_own_goes_on_when_nobody_is_let_in_any_more() {
    let Some(mut star) = Star::new() else { return };
    star.enforce(&[closed(&["Ingress", "Egress"], "audit")]);
    let to = SocketAddr::new(Who::Friend.address(0, true), 80);
    let (client, server, _) = connect(&star.pod, &star.peers[0], to);
    star.enforce(&[closed(&["Ingress"], "enforce")]);
    assert_eq!(pass(&client, &server, 1), Ok(()));
    assert_eq!(pass(&server, &client, 1), Ok(()));
}
