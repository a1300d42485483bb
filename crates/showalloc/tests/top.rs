//! What `top` shows and how it obeys, without a terminal: looks and keys come in, the screen is ratatui's own for tests.

#![expect(clippy::expect_used, reason = "a test fails so")]

use std::collections::BTreeMap;

use danm_ipam::{Family, State};
use ratatui::{Terminal, backend::TestBackend, buffer::Cell};
use showalloc::{
    document::{API_VERSION, AddressRange, AllocationMap, EndpointRow, NetworkName, Run},
    live::{Live, Wanted},
    overview::{Addresses, NetworkOverview, Order, Overview},
    view::{screen::Screen, top::draw},
};

const ASCII: Screen = Screen { width: None, is_ascii: true, is_coloured: false };

fn name(name: &str) -> NetworkName {
    let [group, kind, namespace, name] = ["danm.io", "DanmNet", "ran", name].map(str::to_owned);
    NetworkName { group, kind, namespace, name }
}

fn endpoint(pod: &str) -> EndpointRow {
    let [namespace, name, uid, pod, interface, host] =
        ["ran", pod, pod, pod, "eth1", "node-a"].map(str::to_owned);
    EndpointRow { namespace, name, uid, pod, interface, host, created: 0 }
}

/// A /28 of which these addresses are held by these Pods; all others are free.
fn map(network: &str, held: &[(u8, &str)]) -> AllocationMap {
    let address = |bit: u8| [10, 0, 0, bit].into();
    let runs = (0..16).map(|bit| {
        let holder = held.iter().find(|(held, _)| *held == bit).map(|(_, pod)| endpoint(pod));
        let state = if holder.is_some() { State::Allocated } else { State::Free };
        let endpoints = holder.into_iter().collect();
        Run { start: address(bit), end: address(bit), count: 1, state, endpoints, problem: None }
    });
    let taken = held.len() as u64;
    let mut counts: BTreeMap<State, u64> = State::ALL.into_iter().map(|state| (state, 0)).collect();
    counts.extend([(State::Allocated, taken), (State::Free, 16 - taken)]);
    AllocationMap {
        api_version: API_VERSION,
        kind: "AllocationMap",
        network: name(network),
        family: Family::Ipv4,
        cidr: "10.0.0.0/28".parse().expect("a subnet"),
        pool: AddressRange { start: address(1), end: address(14) },
        size: 16,
        counts,
        runs: runs.collect(),
    }
}

fn in_short(map: &AllocationMap) -> NetworkOverview {
    let addresses = Addresses {
        family: map.family,
        cidr: map.cidr,
        size: map.size,
        used: map.taken(),
        free: map.count(State::Free),
        leaked: map.count(State::Leaked),
        utilisation: map.utilisation(),
        counts: map.counts.clone(),
    };
    NetworkOverview { network: map.network.clone(), overview: Overview::Addresses(addresses) }
}

fn live(networks: &[AllocationMap]) -> Live {
    let mut live = Live::default();
    live.see(networks.iter().map(in_short).collect());
    live
}

fn drawn(live: &Live, (width, height): (u16, u16), screen: &Screen) -> String {
    let mut terminal = Terminal::new(TestBackend::new(width, height)).expect("a terminal");
    terminal.draw(|frame| draw(frame, live, screen)).expect("drawn");
    let buffer = terminal.backend().buffer().clone();
    let lines = buffer.content().chunks(usize::from(width));
    lines.map(|line| line.iter().map(Cell::symbol).collect::<String>() + "\n").collect()
}

#[test]
fn the_fullest_network_comes_first_and_the_selection_stays_on_its_network() {
    let (empty, full) = (map("empty", &[]), map("full", &[(1, "a"), (2, "b")]));
    let mut live = live(&[empty.clone(), full]);
    assert_eq!(live.selection().map(|one| one.network.name.as_str()), Some("full"));
    live.obey(Wanted::Down);
    assert_eq!(live.selection().map(|one| one.network.name.as_str()), Some("empty"));
    let fuller = map("empty", &[(1, "a"), (2, "b"), (3, "c")]);
    live.see([&fuller, &map("full", &[(1, "a")])].map(in_short).to_vec());
    assert_eq!(live.selected, 0, "it has moved up");
    assert_eq!(live.selection().map(|one| one.network.name.as_str()), Some("empty"));
    live.see(vec![in_short(&map("full", &[]))]);
    assert_eq!(live.selected, 0, "its network is gone");
    live.see(Vec::new());
    assert_eq!(live.selection(), None);
    live.obey(Wanted::Down);
    live.obey(Wanted::Up);
}

#[test]
fn a_key_goes_through_all_orders_and_back_to_the_first() {
    let mut live = live(&[map("one", &[])]);
    let mut seen = vec![live.order];
    for _ in 0..6 {
        live.obey(Wanted::Sort);
        seen.push(live.order);
    }
    assert_eq!(seen.first(), seen.last());
    for order in [Order::Name, Order::Size, Order::Used, Order::Free, Order::Leaked, Order::Utilisation] {
        assert!(seen.contains(&order), "{order:?}");
    }
}

#[test]
fn changes_are_told_as_they_happen_and_forgotten_with_another_selection() {
    let mut live = live(&[map("one", &[(1, "a")]), map("other", &[])]);
    live.see_map(Some(map("one", &[(1, "a")])), "08:00:00");
    assert!(live.changes.is_empty(), "nothing has changed yet");
    live.see_map(Some(map("one", &[(2, "b")])), "08:00:01");
    let told: Vec<(bool, String)> =
        live.changes.iter().map(|change| (change.is_new, change.run.start.to_string())).collect();
    assert_eq!(told, [(true, "10.0.0.2".to_owned()), (false, "10.0.0.1".to_owned())]);
    live.see_map(Some(map("other", &[])), "08:00:02");
    assert!(live.changes.is_empty());
}

#[test]
fn a_closer_look_is_not_closer_than_an_address() {
    let mut live = live(&[map("one", &[])]);
    live.see_map(Some(map("one", &[])), "08:00:00");
    live.obey(Wanted::Closer);
    assert!(live.zoom.is_empty(), "each cell is an address already");
    live.obey(Wanted::Back);
}

#[test]
fn everything_is_on_the_screen() {
    let (one, other) = (map("one", &[(1, "a"), (2, "b")]), map("other", &[]));
    let mut live = live(&[one.clone(), other]);
    live.see_map(Some(map("one", &[(1, "a")])), "08:00:00");
    live.see_map(Some(one), "08:00:01");
    insta::assert_snapshot!("top_in_ascii_at_100_columns", drawn(&live, (100, 24), &ASCII));
    let utf8 = Screen { is_ascii: false, ..ASCII };
    insta::assert_snapshot!("top_in_utf_8_at_60_columns", drawn(&live, (60, 24), &utf8));
}

/// On a narrow terminal it had stood behind the keys, where there was no room for it.
#[test]
fn what_is_not_seen_is_told_whatever_room_there_is() {
    let mut live = live(&[map("one", &[(1, "a")])]);
    live.limits = Some("note: what is shown may be old, pods cannot be watched now (no route)".to_owned());
    for width in [40, 60, 120] {
        let text = drawn(&live, (width, 24), &ASCII);
        let words: Vec<&str> = text.split_whitespace().collect();
        for part in ["note:", "watched", "old,", "route)"] {
            assert!(words.contains(&part), "{part} at {width} columns:\n{text}");
        }
    }
}

#[test]
fn no_terminal_is_too_small() {
    let mut live = live(&[map("one", &[(1, "a")])]);
    live.see_map(Some(map("one", &[(1, "a")])), "08:00:00");
    for size in [(1, 1), (5, 3), (20, 5), (20, 24), (80, 2), (300, 100)] {
        drawn(&live, size, &ASCII);
    }
}

#[test]
fn a_hostile_name_does_not_reach_the_terminal() {
    let mut network = map("one", &[(1, "a\u{1b}[2J")]);
    network.network.name = "\u{1b}]0;mine\u{7}".to_owned();
    let mut live = Live { limits: Some("\u{1b}[31mlimits".to_owned()), ..Live::default() };
    live.see(vec![in_short(&network)]);
    live.see_map(Some(network), "08:00:00");
    let text = drawn(&live, (120, 30), &ASCII);
    assert!(!text.contains('\u{1b}') && !text.contains('\u{7}'), "{text}");
    assert!(operator_runtime::printable("\u{1b}", true) == "?");
}
