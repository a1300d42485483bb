//! Who this process is, among others that do the same: in Leases and in Events.

use std::fs;

use crate::random::random;

/// Where Linux tells the name of the host. In a Pod that is the Pod's.
const HOST_NAME: &str = "/proc/sys/kernel/hostname";

/// The name of the Pod or the host, and something random: whoever is started again on the same host is not
/// who was there before.
pub fn identity() -> String {
    let host = fs::read_to_string(HOST_NAME).unwrap_or_default();
    let host = match host.trim() {
        "" => "unknown",
        host => host,
    };
    format!("{host}_{:016x}", random())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_processes_on_a_host_are_not_the_same() {
        assert_ne!(identity(), identity());
        let name = identity();
        assert!(name.split_once('_').is_some_and(|(host, random)| !host.is_empty() && random.len() == 16));
    }
}
