//! What is tried: a protocol and a port, or ICMP, which has none. Whether it gets through is not known here.

use std::{fmt, str::FromStr};

use danm_api::Protocol;
use policy_engine::Traffic;

/// What is tried.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Probe {
    /// A port.
    Port(Protocol, u16),
    /// Something without ports.
    Icmp,
}

// === impl Probe ===

impl Probe {
    /// What a packet of it carries.
    pub(crate) const fn traffic(self) -> Traffic {
        match self {
            Self::Port(protocol, number) => Traffic::to(protocol, number),
            Self::Icmp => Traffic::Portless,
        }
    }
}

impl FromStr for Probe {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let wrong = |what: &str| {
            format!("{what}: expected PROTOCOL/PORT, such as TCP/80, UDP/53 or SCTP/36412, or ICMP")
        };
        let upper = text.to_ascii_uppercase();
        if upper == "ICMP" {
            return Ok(Self::Icmp);
        }
        let Some((name, number)) = upper.split_once('/') else {
            return Err(wrong(&format!("{text:?} names no protocol and port")));
        };
        let protocol = Protocol::named(name)
            .ok_or_else(|| wrong(&format!("{text:?} is of no protocol that has ports")))?;
        let is_number = number.bytes().all(|byte| byte.is_ascii_digit());
        let number = number.parse().ok().filter(|number| *number > 0 && is_number);
        number
            .map(|number| Self::Port(protocol, number))
            .ok_or_else(|| wrong(&format!("{text:?} has no port between 1 and 65535")))
    }
}

impl fmt::Display for Probe {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Port(protocol, number) => write!(f, "{}/{number}", protocol.name()),
            Self::Icmp => f.write_str("ICMP"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn probes_are_read_in_any_case_and_printed_in_one() {
        let cases =
            [("tcp/80", "TCP/80"), ("Udp/53", "UDP/53"), ("SCTP/36412", "SCTP/36412"), ("icmp", "ICMP")];
        for (typed, printed) in cases {
            assert_eq!(typed.parse::<Probe>().map(|probe| probe.to_string()), Ok(printed.to_owned()));
        }
    }

    #[test]
    fn what_is_no_probe_is_refused_with_what_is_one() {
        for text in [
            "",
            "80",
            "TCP",
            "TCP/",
            "TCP/0",
            "TCP/65536",
            "TCP/+80",
            "TCP/http",
            "ICMP/8",
            "GRE/1",
            "TCP/80/81",
        ] {
            let error = text.parse::<Probe>().expect_err(text);
            assert!(error.contains("expected PROTOCOL/PORT"), "{text}: {error}");
        }
    }
}
