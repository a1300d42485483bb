//! What passes whatever policies say: nodes by the Pod's first interface, questions for names, and for addresses.

use std::{
    collections::BTreeSet,
    net::{IpAddr, Ipv6Addr, SocketAddr, SocketAddrV6},
    sync::Arc,
    time::Instant,
};

use policy_dataplane::Memory;
use policy_engine::{
    InterfaceName,
    program::{Dns, Family, NodeAccess},
    set::Members,
};

use crate::{
    lab::PATIENCE,
    namespace::Namespace,
    port,
    probe::{connection, datagram, datagram_between},
    star::{DEVICES, Star, Who, nothing},
};

const DNS_PORT: u16 = 53;

/// All who give addresses of IPv6 on a link.
const DHCP_SERVERS: Ipv6Addr = Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 1, 2);

fn interface(device: usize) -> InterfaceName {
    InterfaceName::new(DEVICES[device]).expect("a name")
}

/// An address of IPv4 and one of IPv6.
fn addresses(who: Who, device: usize) -> Vec<IpAddr> {
    [true, false].map(|is_v4| who.address(device, is_v4)).into()
}

fn members(addresses: Vec<IpAddr>) -> Arc<Members> {
    let (mut v4, mut v6) = (Vec::new(), Vec::new());
    for address in addresses {
        match address {
            IpAddr::V4(address) => v4.push(address),
            IpAddr::V6(address) => v6.push(address),
        }
    }
    v4.sort_unstable();
    v6.sort_unstable();
    Arc::new(Members::Addresses(v4, v6))
}

fn servers(addresses: Vec<IpAddr>) -> Arc<Members> {
    use danm_api::Protocol::{Tcp, Udp};
    let (mut v4, mut v6) = (Vec::new(), Vec::new());
    for (address, protocol) in addresses.into_iter().flat_map(|it| [Tcp, Udp].map(|protocol| (it, protocol)))
    {
        match address {
            IpAddr::V4(address) => v4.push((address, protocol, DNS_PORT)),
            IpAddr::V6(address) => v6.push((address, protocol, DNS_PORT)),
        }
    }
    Arc::new(Members::Ports(v4, v6))
}

/// Whether somebody on a cable of the Pod speaks to it, or is spoken to, by TCP and UDP alike.
fn speaks(star: &Star, (device, who): (usize, Who), is_inwards: bool, is_v4: bool, port: u16) -> bool {
    let address = |who: Who, port| SocketAddr::new(who.address(device, is_v4), port);
    let (peer, pod) = (&star.peers[device], &star.pod);
    let (from, to): ((&Namespace, _), (&Namespace, _)) = if is_inwards {
        ((peer, address(who, 0)), (pod, address(Who::Pod, port)))
    } else {
        ((pod, address(Who::Pod, 0)), (peer, address(who, port)))
    };
    let by_tcp = connection(from, to);
    assert_eq!(datagram(from, to), by_tcp, "TCP and UDP from {} to {}", from.1, to.1);
    by_tcp
}

/// Kernels without labels look at replies, too.
fn stars() -> impl Iterator<Item = Star> {
    [Memory::Labels, Memory::Nothing].into_iter().filter_map(Star::with)
}

#[test]
fn nodes_reach_a_closed_pod_by_its_first_interface_and_by_no_other_and_nobody_else_does() {
    stars().for_each(nodes_reach);
}

fn nodes_reach(mut star: Star) {
    let nodes = DEVICES.iter().enumerate().flat_map(|(device, _)| addresses(Who::Friend, device));
    star.enforcement.surroundings.nodes =
        Some(NodeAccess { interface: interface(0), addresses: members(nodes.collect()) });
    star.enforce(&[nothing()]);
    for (device, is_v4) in [(0, true), (0, false), (1, true), (1, false)] {
        for who in [Who::Friend, Who::Stranger] {
            let expected = device == 0 && who == Who::Friend;
            assert_eq!(speaks(&star, (device, who), true, is_v4, 80), expected, "{device} {who:?} {is_v4}");
            assert!(!speaks(&star, (device, who), false, is_v4, 80), "{device} {who:?} {is_v4}");
        }
    }
}

#[test]
fn a_closed_pod_asks_the_servers_for_names_and_nobody_else_and_them_for_nothing_else() {
    stars().for_each(asks_for_names);
}

fn asks_for_names(mut star: Star) {
    for (dns, of_others) in [(Dns::Servers(servers(addresses(Who::Friend, 0))), false), (Dns::Any, true)] {
        star.enforcement.surroundings.dns = dns;
        star.enforce(&[nothing()]);
        for is_v4 in [true, false] {
            assert!(speaks(&star, (0, Who::Friend), false, is_v4, DNS_PORT));
            assert_eq!(speaks(&star, (0, Who::Stranger), false, is_v4, DNS_PORT), of_others);
            assert_eq!(speaks(&star, (1, Who::Friend), false, is_v4, DNS_PORT), of_others);
            assert!(!speaks(&star, (0, Who::Friend), false, is_v4, DNS_PORT + 1));
            assert!(!speaks(&star, (0, Who::Friend), true, is_v4, DNS_PORT));
        }
    }
    star.enforcement.surroundings.dns = Dns::Closed;
    star.enforce(&[nothing()]);
    assert!(!speaks(&star, (0, Who::Friend), false, true, DNS_PORT));
}

/// Whether an interface of the Pod asks for an address, and whether it is given one, by ports of these numbers.
fn dhcp(star: &Star, device: usize, is_v4: bool, client: u16, server: u16) -> [bool; 2] {
    let bound = |namespace: &Namespace, who: Who, number| {
        let address = SocketAddr::new(who.address(device, is_v4), number);
        (port::udp(namespace, address), address)
    };
    let pod = bound(&star.pod, Who::Pod, client);
    let [asked, answers] = [Who::Friend, Who::Stranger].map(|who| bound(&star.peers[device], who, server));
    // A server may answer from another address than it was asked at.
    let is_given = datagram_between(&answers.0, &pod.0, pod.1, 1);
    [datagram_between(&pod.0, &asked.0, asked.1, 1), is_given]
}

/// The same of IPv6 as clients and servers do it: to all who give addresses on the link, and from an address of the link.
fn dhcp_on_link(star: &Star, device: usize, client: u16, server: u16) -> [bool; 2] {
    let ends = [(&star.pod, DEVICES[device]), (&star.peers[device], "eth0")];
    let [(address, pod_link), (_, peer_link)] = ends.map(|(namespace, name)| link_local(namespace, name));
    let pod_at = |link| SocketAddr::from(SocketAddrV6::new(address, client, 0, link));
    let sockets = || {
        let gives = port::udp(&star.peers[device], (Ipv6Addr::UNSPECIFIED, server).into());
        gives.join_multicast_v6(&DHCP_SERVERS, peer_link).expect("it is a group");
        (port::udp(&star.pod, pod_at(pod_link)), gives)
    };
    let servers = SocketAddrV6::new(DHCP_SERVERS, server, 0, pod_link);
    let (asks, gives) = sockets();
    let asked = datagram_between(&asks, &gives, servers.into(), 1);
    drop((asks, gives));
    let (asks, gives) = sockets();
    [asked, datagram_between(&gives, &asks, pod_at(peer_link), 1)]
}

/// The address of an interface that means something on its link alone, and the number of the interface.
fn link_local(namespace: &Namespace, name: &str) -> (Ipv6Addr, u32) {
    let show = || namespace.run("ip", &["-o", "-6", "addr", "show", "dev", name, "scope", "link"], "");
    let begun = Instant::now();
    // A kernel takes up to a second to be sure of one.
    let is_sure = |text: &String| !text.is_empty() && !text.contains("tentative");
    let text = std::iter::repeat_with(show).find(|text| is_sure(text) || begun.elapsed() > PATIENCE);
    let text = text.expect("it goes on for ever");
    let (number, rest) = text.split_once(':').expect("an interface");
    let address = rest.split_whitespace().nth(2).and_then(|it| it.split('/').next()).expect("an address");
    (address.parse().expect("an address"), number.parse().expect("a number"))
}

#[test]
fn a_closed_interface_asks_for_its_address_and_is_given_one_where_it_is_to_and_by_these_ports_alone() {
    stars().for_each(asks_for_an_address);
}

fn asks_for_an_address(mut star: Star) {
    star.enforcement.surroundings.dhcp =
        BTreeSet::from([(interface(0), Family::V4), (interface(1), Family::V6)]);
    star.enforce(&[nothing()]);
    for (device, is_v4) in [(0, true), (0, false), (1, true), (1, false)] {
        let (client, server) = if is_v4 { (68, 67) } else { (546, 547) };
        let asks = |client, server| {
            if is_v4 {
                dhcp(&star, device, is_v4, client, server)
            } else {
                dhcp_on_link(&star, device, client, server)
            }
        };
        let expected = [is_v4 == (device == 0); 2];
        assert_eq!(asks(client, server), expected, "{device} {is_v4}");
        for (client, server) in [(server, client), (client, 53), (1068, server)] {
            assert_eq!(asks(client, server), [false; 2], "{device} {client} {server}");
        }
    }
    // Regression: the ports of one family were open over the other, and those of IPv6 to anybody anywhere.
    for (device, is_v4, client, server) in [(0, false, 68, 67), (1, true, 546, 547), (1, false, 546, 547)] {
        let passes = dhcp(&star, device, is_v4, client, server);
        assert_eq!(passes, [false; 2], "{device} {is_v4} {client} {server}");
    }
}
