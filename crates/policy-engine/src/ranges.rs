//! Addresses and ports as ranges that neither touch nor overlap: a kernel refuses sets in which they do. `except`s are
//! subtracted here, from their own block alone, so that they deny nothing to anybody else.

use std::net::{Ipv4Addr, Ipv6Addr};

use danm_api::IpBlock;
use ipnet::IpNet;

/// First and last of a range.
pub type Range<T> = (T, T);

/// Something that can be counted up and down.
pub trait Countable: Copy + Ord {
    /// The one after it.
    fn next(self) -> Option<Self>;
    /// The one before it.
    fn previous(self) -> Option<Self>;
}

/// The addresses of blocks, by family.
pub fn addresses(blocks: &[IpBlock]) -> (Vec<Range<Ipv4Addr>>, Vec<Range<Ipv6Addr>>) {
    let (mut v4, mut v6) = (Vec::new(), Vec::new());
    for block in blocks {
        match block.cidr {
            IpNet::V4(cidr) => {
                let except = block.except.iter().filter_map(|one| match one {
                    IpNet::V4(one) => Some((one.network(), one.broadcast())),
                    IpNet::V6(_) => None,
                });
                v4.extend(without((cidr.network(), cidr.broadcast()), except.collect()));
            }
            IpNet::V6(cidr) => {
                let except = block.except.iter().filter_map(|one| match one {
                    IpNet::V6(one) => Some((one.network(), one.broadcast())),
                    IpNet::V4(_) => None,
                });
                v6.extend(without((cidr.network(), cidr.broadcast()), except.collect()));
            }
        }
    }
    (merged(v4), merged(v6))
}

/// The same as few ranges as possible, in order.
pub fn merged<T: Countable>(mut ranges: Vec<Range<T>>) -> Vec<Range<T>> {
    ranges.sort_unstable();
    let mut merged: Vec<Range<T>> = Vec::with_capacity(ranges.len());
    for (first, last) in ranges {
        match merged.last_mut() {
            Some(before) if before.1.next().is_none_or(|next| first <= next) => {
                before.1 = before.1.max(last);
            }
            _ => merged.push((first, last)),
        }
    }
    merged
}

/// What is left of a range.
fn without<T: Countable>(whole: Range<T>, except: Vec<Range<T>>) -> Vec<Range<T>> {
    let mut left = Vec::new();
    let mut rest = Some(whole);
    for (first, last) in merged(except) {
        let Some((start, end)) = rest else { break };
        if last < start || first > end {
            continue;
        }
        if let Some(before) = first.previous().filter(|before| *before >= start) {
            left.push((start, before));
        }
        rest = last.next().filter(|after| *after <= end).map(|after| (after, end));
    }
    left.extend(rest);
    left
}

/// Whether one is in one of the ranges, which are in order.
pub fn contains<T: Ord + Copy>(ranges: &[Range<T>], one: T) -> bool {
    let after = ranges.partition_point(|(first, _)| *first <= one);
    after.checked_sub(1).and_then(|index| ranges.get(index)).is_some_and(|(_, last)| one <= *last)
}

impl Countable for Ipv4Addr {
    fn next(self) -> Option<Self> {
        u32::from(self).checked_add(1).map(Self::from)
    }

    fn previous(self) -> Option<Self> {
        u32::from(self).checked_sub(1).map(Self::from)
    }
}

impl Countable for Ipv6Addr {
    fn next(self) -> Option<Self> {
        u128::from(self).checked_add(1).map(Self::from)
    }

    fn previous(self) -> Option<Self> {
        u128::from(self).checked_sub(1).map(Self::from)
    }
}

impl Countable for u16 {
    fn next(self) -> Option<Self> {
        self.checked_add(1)
    }

    fn previous(self) -> Option<Self> {
        self.checked_sub(1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn block(cidr: &str, except: &[&str]) -> IpBlock {
        let net = |text: &str| text.parse::<IpNet>().expect("a subnet").trunc();
        IpBlock { cidr: net(cidr), except: except.iter().map(|one| net(one)).collect() }
    }

    fn v4(blocks: &[IpBlock]) -> Vec<String> {
        addresses(blocks).0.iter().map(|(first, last)| format!("{first}-{last}")).collect()
    }

    #[test]
    fn what_is_excepted_from_one_block_is_not_taken_from_another() {
        assert_eq!(v4(&[block("10.0.0.0/30", &["10.0.0.1/32"])]), ["10.0.0.0-10.0.0.0", "10.0.0.2-10.0.0.3"]);
        let both = [block("10.0.0.0/30", &["10.0.0.1/32"]), block("10.0.0.0/31", &[])];
        assert_eq!(v4(&both), ["10.0.0.0-10.0.0.3"]);
    }

    #[test]
    fn exceptions_outside_of_a_block_or_as_large_as_it_are_no_trouble() {
        assert_eq!(v4(&[block("10.0.0.0/31", &["10.0.1.0/24"])]), ["10.0.0.0-10.0.0.1"]);
        assert_eq!(v4(&[block("10.0.0.0/31", &["10.0.0.0/24"])]), Vec::<String>::new());
        assert_eq!(
            v4(&[block("0.0.0.0/0", &["0.0.0.0/1", "255.255.255.255/32"])]),
            ["128.0.0.0-255.255.255.254"]
        );
        assert_eq!(v4(&[block("0.0.0.0/0", &["::/0"])]), ["0.0.0.0-255.255.255.255"]);
    }

    #[test]
    fn ranges_that_touch_become_one() {
        assert_eq!(
            merged(vec![(80_u16, 90), (91, 95), (10, 12), (85, 85), (65535, 65535)]),
            [(10, 12), (80, 95), (65535, 65535)]
        );
        assert_eq!(merged(vec![(0_u16, 65535), (3, 4)]), [(0, 65535)]);
    }

    #[test]
    fn both_ends_of_a_range_are_in_it() {
        let ranges = [(10_u16, 12), (80, 80)];
        let inside: Vec<u16> = (0..100).filter(|port| contains(&ranges, *port)).collect();
        assert_eq!(inside, [10, 11, 12, 80]);
    }
}
