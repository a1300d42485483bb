//! Each state once, by hand, and the whole map against an address-by-address oracle.

use danm_api::{AllocationPool, ApiGroup, NetworkOptions};
use proptest::prelude::*;

use super::*;
use crate::Family;

/// 10.0.0.0/27 with a dynamic range of .8 to .19 and the gateway .1.
fn pool() -> Pool {
    let text = |text: &str| Some(text.to_owned());
    let range =
        AllocationPool { start: text("10.0.0.8"), end: text("10.0.0.19"), ..AllocationPool::default() };
    let options = NetworkOptions {
        cidr: text("10.0.0.0/27"),
        allocation_pool: Some(range),
        routes: Some([("0.0.0.0/0".to_owned(), "10.0.0.1".to_owned())].into()),
        ..NetworkOptions::default()
    };
    Pool::new(Family::Ipv4, &options).unwrap().unwrap()
}

fn claim(bit: u32, alive: bool, holder: &'static str) -> Claim<&'static str> {
    Claim { bit: BitIndex(bit), alive, holder }
}

fn lines(map: &AllocationMap<&'static str>) -> Vec<String> {
    let line =
        |run: &Run<&str>| format!("{}-{} {:?} {}", run.first.0, run.last.0, run.state, run.holders.join("+"));
    map.runs.iter().map(|run| line(run).trim_end().to_owned()).collect()
}

#[test]
fn every_address_has_its_state_and_equal_neighbours_are_one_run() {
    let pool = pool();
    let mut bits = pool.fresh_bits(ApiGroup::DanmK8sIo);
    for set in [8, 9, 10, 11, 25, 26] {
        bits.set(BitIndex(set));
    }
    let claims = vec![
        claim(8, true, "a"),
        claim(9, false, "gone"),
        claim(10, true, "b"),
        claim(10, true, "c"),
        claim(12, true, "d"),
        claim(99, true, "elsewhere"),
    ];
    let map = AllocationMap::build(&pool, &bits, claims, &[BitIndex(26)]);
    let expected = [
        "0-0 NetworkAddress",
        "1-1 Gateway",
        "2-7 OutsidePool",
        "8-8 Allocated a",
        "9-9 Leaked gone",
        "10-10 Conflict b+c",
        "11-11 Leaked",
        "12-12 MissingBit d",
        "13-19 Free",
        "20-24 OutsidePool",
        "25-25 Leaked",
        "26-26 Allocated",
        "27-30 OutsidePool",
        "31-31 Broadcast",
    ];
    assert_eq!(lines(&map), expected);
    assert_eq!(map.count(State::Free), 7);
}

#[test]
fn a_set_bit_outside_the_dynamic_range_is_reported_not_hidden() {
    let pool = pool();
    let mut bits = pool.fresh_bits(ApiGroup::DanmIo);
    bits.set(BitIndex(30));
    let map = AllocationMap::<&str>::build(&pool, &bits, Vec::new(), &[]);
    assert_eq!(map.count(State::Leaked), 1);
}

#[test]
fn the_last_address_of_an_ipv6_pool_is_no_broadcast() {
    let pool6 = danm_api::AllocationPoolV6 { cidr: Some("2001:db8::/120".to_owned()), ..Default::default() };
    let options = NetworkOptions { allocation_pool_v6: Some(pool6), ..NetworkOptions::default() };
    let pool = Pool::new(Family::Ipv6, &options).unwrap().unwrap();
    let bits = pool.fresh_bits(ApiGroup::DanmIo);
    let map = AllocationMap::<&str>::build(&pool, &bits, Vec::new(), &[]);
    assert_eq!((map.count(State::Broadcast), map.count(State::OutsidePool)), (0, 1));
}

#[test]
fn the_largest_map_has_few_runs() {
    let options = NetworkOptions { cidr: Some("10.0.0.0/9".to_owned()), ..NetworkOptions::default() };
    let pool = Pool::new(Family::Ipv4, &options).unwrap().unwrap();
    let map = AllocationMap::build(&pool, &pool.fresh_bits(ApiGroup::DanmIo), vec![claim(5, true, "a")], &[]);
    assert_eq!(map.runs.len(), 5);
}

proptest! {
    #[test]
    fn the_runs_cover_every_address_once_with_the_state_a_naive_reading_gives(
        set in prop::collection::btree_set(0u32..32, 0..20),
        claims in prop::collection::vec((0u32..32, any::<bool>()), 0..12),
    ) {
        let pool = pool();
        let mut bits = AllocBits::clear(32);
        set.iter().for_each(|&bit| bits.set(BitIndex(bit)));
        let map = AllocationMap::build(&pool, &bits, claims.iter().map(|&(bit, alive)| claim(bit, alive, "x")).collect(), &[]);

        let covered: Vec<(u32, State, usize)> = map
            .runs
            .iter()
            .flat_map(|run| (run.first.0..=run.last.0).map(|bit| (bit, run.state, run.holders.len())))
            .collect();
        let naive: Vec<(u32, State, usize)> = (0..32u32)
            .map(|bit| {
                let here: Vec<bool> = claims.iter().filter(|claim| claim.0 == bit).map(|claim| claim.1).collect();
                let alive = here.iter().filter(|&&alive| alive).count();
                let clear = if (8..=19).contains(&bit) { State::Free } else { State::OutsidePool };
                let state = match bit {
                    0 => State::NetworkAddress,
                    31 => State::Broadcast,
                    1 if here.is_empty() => State::Gateway,
                    _ if alive > 1 => State::Conflict,
                    _ if alive == 1 => if set.contains(&bit) { State::Allocated } else { State::MissingBit },
                    _ => if set.contains(&bit) { State::Leaked } else { clear },
                };
                (bit, state, here.len())
            })
            .collect();
        prop_assert_eq!(covered, naive);
    }
}
