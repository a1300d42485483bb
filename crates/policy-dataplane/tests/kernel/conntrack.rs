//! What the kernel remembers of connections: bits that a real rule has set in labels are found by their number, cleared, and set
//! again, wherever the entry lies.

use std::net::UdpSocket;

use crate::pair::{Pair, V4, V6};

const RULES: &str = "table inet test {
    chain output { type filter hook output priority 0; ct label set 5; ct label set 70; }
}";

/// Sends one packet each from so many ports of the Pod: nobody hears them, and each is a connection.
fn talk(pair: &Pair, ports: u16) {
    pair.pod.within(|| {
        for addresses in [V4, V6] {
            for port in 10_000..10_000 + ports {
                let socket = UdpSocket::bind((addresses[0], port)).expect("a port");
                socket.send_to(b"x", (addresses[1], 9)).expect("it is sent");
            }
        }
    });
}

#[test]
fn a_bit_of_a_label_is_cleared_by_the_number_by_which_a_rule_sets_it_and_others_stay() {
    let Some(pair) = Pair::new() else { return };
    let socket = pair.socket();
    assert_eq!(socket.tracked().expect("it is told"), 0);
    assert_eq!(socket.clear_labels(u128::MAX).expect("there is nothing to do"), 0);
    pair.rules(RULES);
    talk(&pair, 100);
    assert!(socket.tracked().expect("it is told") >= 200);
    let clear = |mask: u128| socket.clear_labels(mask).expect("it may");
    for bit in (0..128).filter(|bit| ![5, 70].contains(bit)) {
        assert_eq!(clear(1 << bit), 0, "bit {bit}");
    }
    assert_eq!(clear(1 << 5), 200);
    assert_eq!(clear(1 << 5), 0);
    assert_eq!(clear(u128::MAX), 200, "the other bit is there");
    assert_eq!(clear(u128::MAX), 0);
    // The rules set them again.
    talk(&pair, 100);
    assert_eq!(clear((1 << 70) | (1 << 71)), 200);
    assert_eq!(clear(1 << 5), 200);
}

#[test]
fn labels_are_cleared_in_every_zone() {
    for zone in ["ct zone set 7", "ct original zone set 7"] {
        let Some(pair) = Pair::new() else { return };
        let socket = pair.socket();
        pair.rules(RULES);
        let zones = "table inet zones {\n chain output {\n type filter hook output priority -300\n";
        pair.rules(&format!("{zones} {zone}\n }}\n }}\n"));
        talk(&pair, 3);
        assert_eq!(socket.clear_labels(1 << 5).expect("it may"), 6, "{zone}");
        assert_eq!(socket.clear_labels(1 << 5).expect("it may"), 0, "{zone}");
    }
}

#[test]
fn labels_of_other_namespaces_are_left_alone() {
    let (Some(one), Some(other)) = (Pair::new(), Pair::new()) else { return };
    for pair in [&one, &other] {
        pair.rules(RULES);
        talk(pair, 3);
    }
    assert_eq!(one.socket().clear_labels(1 << 5).expect("it may"), 6);
    assert_eq!(other.socket().clear_labels(1 << 5).expect("it may"), 6);
}
