//! The texts in the address fields of an endpoint. Says what they mean, not whose the address is.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use thiserror::Error;

/// A text that is neither an address nor one of the words DANM writes instead.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error(
    "{0:?} is no address: expected an IP address with an optional prefix length, \"\", \"none\" or \"dynamic\""
)]
pub struct UnreadableAddress(pub String);

/// Reads `spec.Interface.Address` or `AddressIPv6`: `None` where the endpoint has no address of that family
/// (`""`, `none`, and `dynamic`, which a static delegate that gave no address leaves behind).
///
/// The address is canonical: case and zeros of the text do not matter, an IPv4 address in IPv6 notation is
/// the IPv4 address. Leading zeros are decimal, as they are to the Go releases the reference is built with.
pub fn parse_interface_address(text: &str) -> Result<Option<IpAddr>, UnreadableAddress> {
    match text {
        "" | "none" | "dynamic" => Ok(None),
        text => parse_with_prefix(text).map(Some).ok_or_else(|| UnreadableAddress(text.to_owned())),
    }
}

fn parse_with_prefix(text: &str) -> Option<IpAddr> {
    let (address, prefix) = match text.split_once('/') {
        Some((address, prefix)) => (address, Some(prefix)),
        None => (text, None),
    };
    let (parsed, longest) = if address.contains(':') {
        (IpAddr::V6(address.parse::<Ipv6Addr>().ok()?), 128)
    } else {
        (IpAddr::V4(parse_ipv4(address)?), 32)
    };
    let prefix_is_sound = prefix.is_none_or(|prefix| prefix.parse::<u8>().is_ok_and(|bits| bits <= longest));
    prefix_is_sound.then(|| parsed.to_canonical())
}

/// Like the standard library's, which refuses leading zeros.
fn parse_ipv4(text: &str) -> Option<Ipv4Addr> {
    let mut octets = [0; 4];
    let mut parts = text.split('.');
    for octet in &mut octets {
        let part = parts.next()?;
        let is_number = !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
        *octet = is_number.then(|| part.parse().ok())??;
    }
    parts.next().is_none().then(|| Ipv4Addr::from(octets))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Option<IpAddr> {
        parse_interface_address(text).expect(text)
    }

    #[test]
    fn words_that_danm_writes_instead_of_an_address_mean_no_address() {
        for word in ["", "none", "dynamic"] {
            assert_eq!(read(word), None, "{word:?}");
        }
    }

    #[test]
    fn one_address_has_many_spellings_and_one_value() {
        let spellings = [
            ("10.1.0.5/24", "10.1.0.5"),
            ("10.1.0.5", "10.1.0.5"),
            ("010.001.000.005/24", "10.1.0.5"),
            ("::ffff:10.1.0.5", "10.1.0.5"),
            ("::FFFF:0A01:0005/96", "10.1.0.5"),
            ("2001:DB8::0001/64", "2001:db8::1"),
            ("2001:0db8:0000:0000:0000:0000:0000:0001", "2001:db8::1"),
        ];
        for (spelling, canonical) in spellings {
            assert_eq!(read(spelling), Some(canonical.parse().unwrap()), "{spelling:?}");
        }
    }

    #[test]
    fn what_is_no_address_is_an_error_that_quotes_it() {
        let hostile = [
            "10.1.0",
            "10.1.0.5.6",
            "10.1.0.256",
            "10.1.0.5/33",
            "10.1.0.5/",
            "10.1.0.5/x",
            "+1.2.3.4",
            "1.2..4",
            "2001:db8::1/129",
            "fe80::1%eth0",
            "None",
            "10.1.0.5 ",
            "\u{661}.1.1.1",
            "/",
        ];
        for text in hostile {
            assert_eq!(parse_interface_address(text), Err(UnreadableAddress(text.to_owned())));
        }
    }
}
