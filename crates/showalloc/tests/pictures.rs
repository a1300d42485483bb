//! The pictures of Showalloc as users see them: every state, size, character set and width. Snapshots are looked at
//! before they are accepted.

#![expect(clippy::expect_used, reason = "a test that has not what it needs has failed")]

#[path = "fixtures/map_builder.rs"]
mod map_builder;
#[path = "fixtures/xml.rs"]
mod xml;

use std::time::{Duration, Instant};

use danm_ipam::State;
use insta::assert_snapshot;
use map_builder::MapBuilder;
use showalloc::{
    document::AllocationMap,
    view::{
        cells::{Cells, cells},
        grid::grid,
        line::{self, Line},
        order::Order,
        screen::Screen,
        svg::svg,
    },
};
use xml::assert_well_formed;

const TERMINAL: Screen = Screen { width: Some(80), is_ascii: false, is_coloured: false };
const FILE: Screen = Screen { width: None, ..TERMINAL };
const ORDERS: [Order; 2] = [Order::Rows, Order::Hilbert];

// === Maps ===

/// Every state that addresses of that family can be in.
fn every_state(cidr: &str) -> AllocationMap {
    let map = MapBuilder::new("DanmNet", "ran", "internal", cidr).with_ends();
    let map = map.put(1..=1, State::Gateway).put(2..=9, State::OutsidePool);
    let map = (10..=20).fold(map, |map, offset| map.held(offset, State::Allocated, &["cu-0"]));
    let map = map.held(21, State::Leaked, &["du-gone"]).put(40..=42, State::Leaked);
    map.held(30, State::Conflict, &["du-0", "du-1"]).held(31, State::MissingBit, &["du-2"]).build()
}

/// A network whose first cells are full, whose next are ever emptier, and that has a problem of each kind.
fn large(cidr: &str) -> AllocationMap {
    let map = MapBuilder::new("ClusterNetwork", "", "core", cidr).with_ends();
    let cell = map.size() / 256;
    let map = map.put(1..=3 * cell - 1, State::Allocated);
    let map = (0..10).fold(map, |map, tenths| {
        let first = (3 + tenths) * cell;
        map.put(first..=first + cell * (10 - tenths) / 11, State::Allocated)
    });
    let map = map.put(20 * cell..=20 * cell, State::Leaked).held(40 * cell + 1, State::Conflict, &["a", "b"]);
    map.held(60 * cell + 1, State::MissingBit, &["c"])
        .put(240 * cell..=256 * cell - 2, State::OutsidePool)
        .build()
}

fn small(cidr: &str) -> AllocationMap {
    let map = MapBuilder::new("TenantNetwork", "tenant-a", "link", cidr).with_ends();
    let middle = map.size() / 2;
    if middle > 1 { map.held(middle, State::Allocated, &["router-0"]).build() } else { map.build() }
}

fn part<'a>(map: &'a AllocationMap, part: &str) -> Cells<'a> {
    cells(map, Some(part.parse().expect("a subnet"))).expect("a part of the map")
}

fn whole(map: &AllocationMap) -> Cells<'_> {
    cells(map, None).expect("a map is a part of itself")
}

fn picture(cells: &Cells<'_>, order: Order, screen: &Screen) -> String {
    line::text(&grid(cells, order, screen), screen)
}

// === Text ===

#[test]
fn every_state_is_told_apart_in_both_families_and_character_sets_at_every_width() {
    for (family, cidr) in [("ipv4", "10.100.100.0/24"), ("ipv6", "2001:db8:100::a00/120")] {
        let map = every_state(cidr);
        for (characters, is_ascii) in [("ascii", true), ("utf8", false)] {
            for width in [80, 120, 200] {
                let screen = Screen { width: Some(width), is_ascii, is_coloured: false };
                let name = format!("every_state_of_{family}_in_{characters}_at_{width}_columns");
                assert_snapshot!(name, picture(&whole(&map), Order::Rows, &screen));
            }
        }
    }
}

#[test]
fn a_subnet_of_any_size_is_drawn() {
    let large_ones = ["10.0.0.0/9", "10.1.0.0/16", "10.1.2.0/20", "fd00::/105", "fd00::/106"];
    let small_ones =
        ["10.0.0.16/28", "10.0.0.4/30", "10.0.0.4/31", "10.0.0.5/32", "fd00::40/122", "fd00::1/128"];
    let maps = large_ones.iter().map(|cidr| (cidr, large(cidr)));
    for (cidr, map) in maps.chain(small_ones.iter().map(|cidr| (cidr, small(cidr)))) {
        for (characters, is_ascii) in [("ascii", true), ("utf8", false)] {
            let screen = Screen { is_ascii, ..TERMINAL };
            let name = format!("a_subnet_{}_in_{characters}", cidr.replace(['/', ':'], "_"));
            assert_snapshot!(name, picture(&whole(&map), Order::Rows, &screen));
        }
    }
}

#[test]
fn a_narrow_terminal_shows_every_cell() {
    let maps = [
        ("slash_24", every_state("10.100.100.0/24")),
        ("slash_16", large("10.1.0.0/16")),
        ("ipv6", large("2001:db8:1:2:3:4:5:0/112")),
    ];
    for (name, map) in &maps {
        for width in [20, 40] {
            let screen = Screen { width: Some(width), ..TERMINAL };
            assert_snapshot!(
                format!("{name}_at_{width}_columns"),
                picture(&whole(map), Order::Rows, &screen)
            );
        }
    }
}

#[test]
fn colours_are_written_where_they_can_be_seen() {
    let screen = Screen { is_coloured: true, ..TERMINAL };
    assert_snapshot!("coloured", picture(&whole(&every_state("10.100.100.0/24")), Order::Rows, &screen));
}

#[test]
fn a_curve_makes_every_subnet_one_shape() {
    for cidr in ["10.1.0.0/16", "10.1.2.0/25", "10.1.2.0/26"] {
        let map = if cidr.ends_with("16") { large(cidr) } else { every_state(cidr) };
        let name = format!("along_a_curve_{}", cidr.replace('/', "_"));
        assert_snapshot!(name, picture(&whole(&map), Order::Hilbert, &TERMINAL));
    }
}

#[test]
fn a_part_is_drawn_as_if_it_were_a_network() {
    let map = large("10.1.0.0/16");
    assert_snapshot!("a_part_of_a_network", picture(&part(&map, "10.1.20.0/24"), Order::Rows, &TERMINAL));
}

#[test]
fn no_line_is_wider_than_the_screen_and_no_cell_is_left_out() {
    let maps = ["10.100.100.0/24", "2001:db8:1:2:3:4:5:100/120"].map(every_state);
    let maps = maps.into_iter().chain(["10.0.0.0/9", "2001:db8:1:2:3:4:5:0/112"].map(large));
    for map in maps.chain(["10.0.0.4/30", "fd00::1/128"].map(small)) {
        let cells = whole(&map);
        for width in 1..100 {
            for (order, is_ascii) in ORDERS.into_iter().flat_map(|order| [(order, true), (order, false)]) {
                let lines = grid(&cells, order, &Screen { width: Some(width), is_ascii, is_coloured: false });
                assert!(lines.iter().all(|line| line.width() <= width), "{} at {width}", map.cidr);
                let drawn = lines.iter().take_while(|line| !line.is_empty()).flat_map(Line::spans);
                let is_label = |character: &char| character.is_ascii_hexdigit() || ".: ".contains(*character);
                let blocks =
                    drawn.flat_map(|span| span.text.chars()).filter(|glyph| !is_label(glyph)).count();
                let expected =
                    cells.list.iter().filter(|cell| !is_label(&cell.shade.glyph(is_ascii))).count();
                assert_eq!(blocks, expected, "{} at {width}", map.cidr);
            }
        }
    }
}

#[test]
fn no_escape_sequence_is_written_without_colours_and_only_ascii_in_ascii() {
    let map = every_state("10.100.100.0/24");
    for is_ascii in [true, false] {
        let drawn = picture(&whole(&map), Order::Rows, &Screen { is_ascii, ..TERMINAL });
        assert!(drawn.chars().all(|character| !character.is_control() || character == '\n'));
        assert!(!is_ascii || drawn.is_ascii());
    }
}

#[test]
fn what_is_no_part_is_refused_in_a_sentence() {
    let map = large("10.1.0.0/16");
    let refused =
        |part: &str| cells(&map, Some(part.parse().expect("a subnet"))).expect_err("not a part").to_string();
    assert_eq!(refused("10.2.0.0/24"), "10.2.0.0/24 is not a part of the network's subnet 10.1.0.0/16");
    assert_eq!(refused("10.0.0.0/8"), "10.0.0.0/8 is not a part of the network's subnet 10.1.0.0/16");
    assert_eq!(refused("fd00::/120"), "fd00::/120 is IPv6, but the network's subnet 10.1.0.0/16 is IPv4");
}

#[test]
fn a_part_may_be_named_by_any_of_its_addresses() {
    let map = large("10.1.0.0/16");
    assert_eq!(part(&map, "10.1.2.77/24").subnet, "10.1.2.0/24".parse().expect("a subnet"));
}

#[test]
fn cells_count_every_address_once() {
    for map in [large("10.0.0.0/9"), large("fd00::/105"), every_state("10.1.2.0/24"), small("10.0.0.4/31")] {
        let counts = whole(&map).counts();
        for state in State::ALL {
            assert_eq!(counts.of(state), map.count(state), "{state} in {}", map.cidr);
        }
    }
}

#[test]
fn the_largest_network_is_drawn_at_once_however_broken_up_it_is() {
    let map = MapBuilder::new("ClusterNetwork", "", "core", "10.0.0.0/9");
    let broken_up =
        (0..100_000).fold(map, |map, index| map.put(index * 80..=index * 80 + 9, State::Allocated));
    for map in [large("10.0.0.0/9"), large("fd00::/105"), broken_up.build()] {
        let begin = Instant::now();
        let cells = whole(&map);
        let drawn = picture(&cells, Order::Rows, &FILE);
        let file = svg(&[cells], Order::Hilbert);
        assert!(drawn.len() > 256 && file.len() > 256);
        assert!(begin.elapsed() < Duration::from_secs(1), "{:?}", begin.elapsed());
    }
}

// === SVG ===

#[test]
fn a_picture_for_a_ticket_is_drawn_for_every_kind() {
    let maps = [
        ("danm_net", every_state("10.100.100.0/24")),
        ("cluster_network", large("10.1.0.0/16")),
        ("tenant_network", small("fd00::40/122")),
    ];
    for (name, map) in &maps {
        let file = svg(&[whole(map)], Order::Rows);
        assert_well_formed(&file);
        assert_snapshot!(format!("svg_of_a_{name}"), file);
    }
    assert_snapshot!("svg_along_a_curve", svg(&[part(&maps[1].1, "10.1.0.0/18")], Order::Hilbert));
    let all: Vec<Cells<'_>> = maps.iter().map(|(_, map)| whole(map)).collect();
    for (cells, order) in ORDERS.into_iter().flat_map(|order| [(&all[..], order), (&[][..], order)]) {
        assert_well_formed(&svg(cells, order));
    }
}

#[test]
fn whatever_tenants_write_the_picture_is_well_formed_and_runs_nothing() {
    let hostile = [
        "</title><script>alert(1)</script>",
        "\" onload=\"alert(1)",
        "' & &amp; ]]> <!-- <![CDATA[",
        "\u{0}\u{1}\u{8}\u{b}\u{1b}[2J\u{7f}\u{9b}",
        "\u{202e}txt.exe\u{2066}",
        "\u{fffe}\u{ffff}",
        "\r\n\t",
        &"<".repeat(10_000),
    ];
    for text in hostile {
        let map = MapBuilder::new(text, text, text, "10.0.0.0/24").held(7, State::Conflict, &[text; 20]);
        let mut map = map.build();
        for run in &mut map.runs {
            run.problem = Some(text.to_owned());
            for row in &mut run.endpoints {
                let fields = [&mut row.namespace, &mut row.interface, &mut row.host];
                fields.into_iter().for_each(|field| text.clone_into(field));
            }
        }
        for order in ORDERS {
            let file = svg(&[whole(&map)], order);
            assert_well_formed(&file);
            assert!(file.len() < 1_000_000, "{} bytes", file.len());
            assert!(file.chars().all(|character| !character.is_control() || character == '\n'));
        }
    }
}
