//! The tables of Showalloc as users see them: every state, in both families and character sets, at every width. Snapshots
//! are looked at before they are accepted.

#![expect(clippy::expect_used, reason = "a test that has not what it needs has failed")]

#[path = "fixtures/map_builder.rs"]
mod map_builder;

use danm_ipam::State;
use insta::assert_snapshot;
use map_builder::{MapBuilder, NOW, network};
use showalloc::{
    document::AllocationMap,
    overview::{Addresses, NetworkOverview, Overview},
    view::{
        self,
        line::{Line, text},
        screen::Screen,
        show::{Detail, show},
    },
};

const FAMILIES: [(&str, &str); 2] = [("ipv4", "10.100.100.0/24"), ("ipv6", "2001:db8:100::a00/120")];
const CHARACTERS: [(&str, bool); 2] = [("ascii", true), ("utf8", false)];
const DETAIL: Detail = Detail { is_every_address: false, is_wide: false, has_headers: true, now: NOW };

fn screen(width: usize, is_ascii: bool) -> Screen {
    Screen { width: Some(width), is_ascii, is_coloured: false }
}

/// Every state that addresses of a family can be in.
fn every_state(cidr: &str) -> AllocationMap {
    let map = MapBuilder::new("DanmNet", "ran", "internal", cidr).with_ends();
    let map = map.put(1..=1, State::Gateway).put(2..=9, State::OutsidePool);
    let map = (10..=12).fold(map, |map, offset| map.held(offset, State::Allocated, &["cu-0"]));
    let map =
        map.held(21, State::Leaked, &["du-gone"]).put(40..=42, State::Leaked).put(50..=50, State::Allocated);
    map.held(30, State::Conflict, &["du-0", "du-1"]).held(31, State::MissingBit, &["du-2"]).build()
}

/// Networks in short: with every problem and with none, full and empty, without addresses and unreadable.
fn overviews() -> Vec<NetworkOverview> {
    let full = MapBuilder::new("ClusterNetwork", "", "full", "10.2.0.0/24").with_ends();
    let maps = [
        every_state("10.100.100.0/24"),
        every_state("2001:db8:100::a00/120"),
        full.put(1..=254, State::Allocated).build(),
        MapBuilder::new("TenantNetwork", "tenant-with-a-long-name", "empty", "10.3.0.0/16")
            .with_ends()
            .build(),
    ];
    let others = [
        ("layer-2", Overview::None),
        ("broken", Overview::Unreadable { problem: "IPv4: the bit array is missing".to_owned() }),
    ];
    let others = others
        .into_iter()
        .map(|(name, overview)| NetworkOverview { network: network("DanmNet", "ran", name), overview });
    maps.iter().map(in_short).chain(others).collect()
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

#[test]
fn every_state_is_told_in_both_families_and_character_sets_at_every_width() {
    for (family, cidr) in FAMILIES {
        let map = every_state(cidr);
        for (characters, is_ascii) in CHARACTERS {
            for width in [20, 80, 120, 200] {
                let screen = screen(width, is_ascii);
                let name = format!("states_of_{family}_in_{characters}_at_{width}_columns");
                assert_snapshot!(name, text(&show(&map, DETAIL, &screen), &screen));
            }
        }
    }
}

#[test]
fn all_networks_are_told_in_both_character_sets_at_every_width() {
    for (characters, is_ascii) in CHARACTERS {
        for width in [20, 80, 120, 200] {
            let screen = screen(width, is_ascii);
            let name = format!("networks_in_{characters}_at_{width}_columns");
            assert_snapshot!(name, text(&view::overview::table(&overviews(), false, true, &screen), &screen));
        }
    }
    let file = Screen { width: None, is_ascii: false, is_coloured: false };
    assert_snapshot!("networks_wide", text(&view::overview::table(&overviews(), true, true, &file), &file));
}

#[test]
fn every_state_has_a_row_with_its_word_and_the_ends_of_its_run() {
    for (family, cidr) in FAMILIES {
        let map = every_state(cidr);
        let screen = Screen { width: None, is_ascii: true, is_coloured: false };
        let shown = text(&show(&map, DETAIL, &screen), &screen);
        for run in &map.runs {
            let addresses =
                if run.count == 1 { run.start.to_string() } else { format!("{} - {}", run.start, run.end) };
            let row = shown.lines().find(|row| row.starts_with(&format!("{addresses} "))).expect("a row");
            let state = row[addresses.len()..].trim_start();
            assert!(state.starts_with(run.state.code()), "{row}");
        }
        let states = State::ALL.into_iter().filter(|state| map.count(*state) > 0).count();
        assert_eq!(states, if family == "ipv4" { 9 } else { 8 }, "IPv6 has no broadcast");
    }
}

#[test]
fn colours_are_written_where_they_can_be_seen_and_nowhere_else() {
    let map = every_state("10.100.100.0/24");
    let coloured = Screen { is_coloured: true, ..screen(120, false) };
    assert_snapshot!("coloured", text(&show(&map, DETAIL, &coloured), &coloured));
    for is_ascii in [true, false] {
        let screen = screen(120, is_ascii);
        let shown = text(&show(&map, DETAIL, &screen), &screen);
        assert!(shown.chars().all(|character| !character.is_control() || character == '\n'));
        assert!(!is_ascii || shown.is_ascii(), "{shown}");
    }
}

#[test]
fn no_line_is_wider_than_the_screen() {
    let details = [true, false].map(|flag| Detail {
        is_wide: flag,
        is_every_address: flag,
        has_headers: flag,
        now: NOW,
    });
    let fits = |lines: &[Line], width: usize| lines.iter().all(|line| line.width() <= width);
    for width in 1..=210 {
        for (_, is_ascii) in CHARACTERS {
            let screen = screen(width, is_ascii);
            for (_, cidr) in FAMILIES {
                let map = every_state(cidr);
                for detail in details {
                    assert!(fits(&show(&map, detail, &screen), width), "{cidr} at {width}");
                }
            }
            for is_wide in [true, false] {
                let lines = view::overview::table(&overviews(), is_wide, true, &screen);
                assert!(fits(&lines, width), "networks at {width}");
                assert_eq!(lines.len(), overviews().len() + 1, "every network keeps its row at {width}");
            }
        }
    }
}

#[test]
fn where_every_address_is_wanted_each_has_a_row() {
    let map = MapBuilder::new("TenantNetwork", "ran", "small", "10.0.0.0/28").with_ends();
    let map = map.held(3, State::Conflict, &["a", "b"]).put(5..=7, State::Leaked).build();
    let screen = screen(120, true);
    let shown = show(&map, Detail { is_every_address: true, is_wide: true, ..DETAIL }, &screen);
    assert_snapshot!("every_address", text(&shown, &screen));
}
