//! Under which group Calico's objects are in the Kubernetes API. It decides as Calico itself does.

use std::fmt;

/// A group, and what is different in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flavour {
    /// `crd.projectcalico.org/v1`: nearly everywhere.
    CrdV1,
    /// `projectcalico.org/v3` as definitions of its own, since Calico 3.32.
    ProjectV3,
}

impl fmt::Display for Flavour {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.path().trim_start_matches("/apis/"))
    }
}

impl Flavour {
    /// The flavour for what the environment variable `CALICO_API_GROUP` says and for the groups that are served. Where both
    /// are, `projectcalico.org` is the work of Calico's own API server, and the truth is in the other.
    pub fn choose<'a>(asked_for: Option<&str>, mut served: impl Iterator<Item = &'a str>) -> Self {
        if let Some(asked_for) = asked_for.filter(|group| !group.is_empty()) {
            let is_v3 = asked_for.eq_ignore_ascii_case("projectcalico.org/v3");
            return if is_v3 { Self::ProjectV3 } else { Self::CrdV1 };
        }
        let (mut has_v1, mut has_v3) = (false, false);
        served.by_ref().for_each(|group| {
            has_v1 |= group == "crd.projectcalico.org";
            has_v3 |= group == "projectcalico.org";
        });
        if has_v3 && !has_v1 { Self::ProjectV3 } else { Self::CrdV1 }
    }

    /// The same, or what is missing and what to do.
    pub(crate) fn find(asked_for: Option<&str>, served: &[&str]) -> Result<Self, String> {
        let flavour = Self::choose(asked_for, served.iter().copied());
        let group = flavour.group();
        if served.contains(&group) {
            Ok(flavour)
        } else if asked_for.is_some_and(|group| !group.is_empty()) {
            Err(format!("the API server does not serve {group}, which CALICO_API_GROUP asks for"))
        } else {
            Err("the API server serves no group of Calico's: is its datastore an etcd (ETCD_ENDPOINTS)?"
                .to_owned())
        }
    }

    /// The group, without its version.
    const fn group(self) -> &'static str {
        match self {
            Self::CrdV1 => "crd.projectcalico.org",
            Self::ProjectV3 => "projectcalico.org",
        }
    }

    pub(crate) const fn path(self) -> &'static str {
        match self {
            Self::CrdV1 => "/apis/crd.projectcalico.org/v1",
            Self::ProjectV3 => "/apis/projectcalico.org/v3",
        }
    }

    /// The plural of the kind that holds the configuration.
    pub(crate) const fn configs(self) -> &'static str {
        match self {
            Self::CrdV1 => "ipamconfigs",
            Self::ProjectV3 => "ipamconfigurations",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_group_is_chosen_as_calico_does() {
        let (v1, v3) = ("crd.projectcalico.org", "projectcalico.org");
        let chosen = |asked_for, served: &[&'static str]| Flavour::choose(asked_for, served.iter().copied());
        assert_eq!(chosen(None, &["apps", v1]), Flavour::CrdV1);
        assert_eq!(chosen(None, &["apps", v3]), Flavour::ProjectV3);
        assert_eq!(chosen(None, &[v3, v1]), Flavour::CrdV1);
        assert_eq!(chosen(None, &[]), Flavour::CrdV1);
        assert_eq!(chosen(Some(""), &[v3]), Flavour::ProjectV3);
        assert_eq!(chosen(Some("ProjectCalico.org/v3"), &[v1]), Flavour::ProjectV3);
        assert_eq!(chosen(Some("crd.projectcalico.org/v1"), &[v3]), Flavour::CrdV1);
    }

    #[test]
    fn a_group_that_is_not_served_is_told() {
        let (v1, v3) = ("crd.projectcalico.org", "projectcalico.org");
        assert_eq!(Flavour::find(None, &["apps", v1]), Ok(Flavour::CrdV1));
        assert_eq!(Flavour::find(Some("projectcalico.org/v3"), &[v3]), Ok(Flavour::ProjectV3));
        let nothing = Flavour::find(None, &["apps"]).expect_err("it is not served");
        assert!(nothing.contains("no group of Calico's"), "{nothing}");
        let other = Flavour::find(Some("projectcalico.org/v3"), &["apps", v1]).expect_err("it is not served");
        assert!(other.contains("does not serve projectcalico.org,"), "{other}");
    }
}
