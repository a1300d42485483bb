//! The IPv6 pool that DANM gives a network whose author named none. Its IPv4 counterpart is the whole `cidr`.

use ipnet::{IpNet, Ipv4Net, Ipv6Net};

use crate::MAX_BITS;

/// The shortest prefix an IPv6 pool may have: 2^23 addresses.
const SHORTEST: u8 = 105;

/// The default `allocation_pool_v6.cidr` of a network with this `net6` and, if any, this `cidr`; `None` where
/// the IPv4 array alone fills the object, as that of a /9 does.
///
/// Both arrays live in one object, so together they stay below 2^23 bits.
pub fn default_ipv6_pool(net6: Ipv6Net, cidr: Option<Ipv4Net>) -> Option<IpNet> {
    let shortest = match cidr {
        None => SHORTEST,
        Some(cidr) => {
            let taken = 1u64 << (32 - cidr.prefix_len());
            let left = u64::from(MAX_BITS).checked_sub(taken)?;
            (SHORTEST..128).find(|&prefix| 1u64 << (128 - prefix) < left)?
        }
    };
    let prefix = net6.prefix_len().max(shortest);
    Ipv6Net::new(net6.network(), prefix).ok().map(IpNet::V6)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn default_pools_are_as_large_as_the_ipv4_array_leaves_room() {
        let cases = [
            (None, Some("2001:db8::/105")),
            (Some("10.0.0.0/24"), Some("2001:db8::/106")),
            (Some("10.0.0.0/11"), Some("2001:db8::/106")),
            (Some("10.0.0.0/10"), Some("2001:db8::/107")),
            (Some("10.0.0.0/9"), None),
        ];
        for (cidr, pool) in cases {
            let got =
                default_ipv6_pool("2001:db8::/64".parse().unwrap(), cidr.map(|text| text.parse().unwrap()));
            assert_eq!(got, pool.map(|text| text.parse().unwrap()), "{cidr:?}");
        }
    }

    #[test]
    fn a_net6_smaller_than_the_largest_pool_is_its_own_pool() {
        let got = default_ipv6_pool("2001:db8::/120".parse().unwrap(), None);
        assert_eq!(got, Some("2001:db8::/120".parse().unwrap()));
    }
}
