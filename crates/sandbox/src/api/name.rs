//! Names of objects: what they may be made of.

use crate::{catalog::Resource, failure::Cause};

const SUBDOMAIN: &str = "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', \
    and must start and end with an alphanumeric character (e.g. 'example.com', regex used for validation is \
    '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')";

/// What is wrong with a name, if something is.
pub(crate) fn check(resource: &Resource, name: &str) -> Option<Cause> {
    // Names of roles are only parts of a path: `system:node` is one.
    let is_free = resource.group == "rbac.authorization.k8s.io";
    let is_sound = if is_free { is_path_part(name) } else { is_subdomain(name) };
    (!is_sound).then(|| Cause::invalid("metadata.name", format!("\"{name}\": {SUBDOMAIN}")))
}

fn is_path_part(name: &str) -> bool {
    !name.contains(['/', '%']) && name != "." && name != ".."
}

fn is_subdomain(name: &str) -> bool {
    let is_label = |label: &str| {
        let is_inner = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
        !label.is_empty() && !label.starts_with('-') && !label.ends_with('-') && label.chars().all(is_inner)
    };
    name.len() <= 253 && name.split('.').all(is_label)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_subdomains() {
        for name in ["a", "a-b", "0.b", "vlan.100"] {
            assert!(is_subdomain(name), "{name}");
        }
        for name in ["", "A", "a_b", "-a", "a-", "a..b", "a/b"] {
            assert!(!is_subdomain(name), "{name}");
        }
    }
}
