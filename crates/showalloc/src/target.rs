//! The names by which people ask for networks: `internal`, `danmnet/internal`, `cn/management`.

use std::{fmt, str::FromStr};

use danm_api::{DanmKind, NetworkKind};
use leak_judge::NetworkId;

/// A network as it was asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    /// Its kind, if that was said.
    pub kind: Option<NetworkKind>,
    /// Its name.
    pub name: String,
}

impl Target {
    /// Whether a network is meant.
    pub fn means(&self, id: &NetworkId) -> bool {
        self.kind.is_none_or(|kind| kind == id.network.kind) && self.name == *id.network.name
    }
}

impl FromStr for Target {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (kind, name) = match text.split_once('/') {
            Some((kind, name)) => (Some(kind_of(kind)?), name),
            None => (None, text),
        };
        let is_name = |character: char| character.is_ascii_alphanumeric() || "-.".contains(character);
        if name.is_empty() || !name.chars().all(is_name) {
            return Err(format!("{name:?} is no name of a network: expected [KIND/]NAME"));
        }
        Ok(Self { kind, name: name.to_owned() })
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.kind {
            Some(kind) => write!(f, "{kind} {}", self.name),
            None => f.write_str(&self.name),
        }
    }
}

/// A kind by its name, its plural or one of its short names, with or without the group.
fn kind_of(text: &str) -> Result<NetworkKind, String> {
    let lower = text.to_ascii_lowercase();
    let word = lower.split('.').next().unwrap_or_default();
    let is_meant = |kind: &NetworkKind| {
        let short: &[&str] = match kind {
            NetworkKind::DanmNet => &["dn", "dnet"],
            NetworkKind::TenantNetwork => &["tn", "tnet"],
            NetworkKind::ClusterNetwork => &["cn", "cnet"],
        };
        let long = [kind.name().to_ascii_lowercase(), DanmKind::Network(*kind).plural().to_owned()];
        short.contains(&word) || long.iter().any(|name| name == word)
    };
    NetworkKind::ALL.into_iter().find(is_meant).ok_or_else(|| {
        format!("{text:?} is no kind of network: say danmnet, tenantnetwork or clusternetwork (dn, tn, cn)")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_kind_may_be_spelt_as_kubectl_lets_people_spell_it() {
        for spelling in ["danmnet", "DanmNet", "danmnets", "dn", "dnet", "danmnets.danm.io"] {
            let target: Target = format!("{spelling}/internal").parse().expect(spelling);
            assert_eq!(target.kind, Some(NetworkKind::DanmNet), "{spelling}");
            assert_eq!(target.name, "internal");
        }
        assert_eq!("internal".parse::<Target>().expect("a name").kind, None);
    }

    #[test]
    fn what_is_no_name_is_refused_with_words() {
        for text in ["", "pod/internal", "dn/", "dn/a/b", "a b", "--", "\u{1b}[2J"] {
            let refused = text.parse::<Target>();
            assert_eq!(refused.is_err(), text != "--", "{text:?}: {refused:?}");
        }
    }
}
