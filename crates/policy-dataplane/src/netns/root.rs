//! Where the path of an endpoint may lead: to one plain name in a folder of network namespaces, or to that of a process. Any
//! other path is a tenant's idea. Only texts here; what is at a path is for the node to see.

use std::{path::PathBuf, str::FromStr};

/// A folder of network namespaces. It may be mounted elsewhere in the agent's container than endpoints say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Root {
    /// As endpoints write it, without a slash at its end.
    written: String,
    /// Where it is here.
    pub(super) here: PathBuf,
}

/// A text that tells of no such folder.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "{0:?} is no folder of network namespaces: write /FOLDER, or /FOLDER=/WHERE/IT/IS/MOUNTED, without . and .."
)]
pub struct RootError(String);

/// Where a path leads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Location<'a> {
    /// To a name in a folder.
    Named(&'a Root, &'a str),
    /// To the network namespace of a process.
    OfProcess(u32),
}

/// The longest name of a file.
const LONGEST_NAME: usize = 255;

// === impl Root ===

impl Root {
    /// Where programs keep network namespaces: the same folder by both of its names.
    pub fn usual() -> Vec<Self> {
        let root = |path: &str| Self { written: path.to_owned(), here: path.into() };
        ["/var/run/netns", "/run/netns"].map(root).into()
    }

    /// The name of a file in this folder, if the path leads to one.
    fn name_in<'a>(&self, path: &'a str) -> Option<&'a str> {
        let name = path.strip_prefix(&self.written)?.strip_prefix('/')?;
        let is_plain = !name.is_empty()
            && name.len() <= LONGEST_NAME
            && ![".", ".."].contains(&name)
            && !name.contains(['/', '\0']);
        is_plain.then_some(name)
    }
}

impl FromStr for Root {
    type Err = RootError;

    fn from_str(text: &str) -> Result<Self, RootError> {
        let (written, here) = text.split_once('=').unwrap_or((text, text));
        let folder = |path| folder(path).ok_or_else(|| RootError(text.to_owned()));
        Ok(Self { written: folder(written)?.to_owned(), here: folder(here)?.into() })
    }
}

/// The path of a folder, without a slash at its end.
fn folder(path: &str) -> Option<&str> {
    let path = path.strip_suffix('/').unwrap_or(path);
    let is_plain = |part: &str| !part.is_empty() && ![".", ".."].contains(&part) && !part.contains('\0');
    path.strip_prefix('/')?.split('/').all(is_plain).then_some(path)
}

// === impl Location ===

impl<'a> Location<'a> {
    /// Where this path leads, if an endpoint may name such a place.
    pub fn of(path: &'a str, roots: &'a [Root]) -> Option<Self> {
        let named = roots.iter().find_map(|root| Some(Self::Named(root, root.name_in(path)?)));
        named.or_else(|| process_in(path).map(Self::OfProcess))
    }
}

/// The process whose network namespace a path is. `self` is a process, too: oneself.
fn process_in(path: &str) -> Option<u32> {
    let digits = path.strip_prefix("/proc/")?.strip_suffix("/ns/net")?;
    let is_number = digits.bytes().all(|byte| byte.is_ascii_digit()) && !digits.starts_with('0');
    digits.parse().ok().filter(|_| is_number)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_is_where_it_is_written_or_mounted_elsewhere() {
        let root = |text: &str| text.parse::<Root>().map(|root| (root.written, root.here));
        assert_eq!(root("/run/netns"), Ok(("/run/netns".to_owned(), "/run/netns".into())));
        assert_eq!(root("/run/netns/"), root("/run/netns"));
        assert_eq!(
            root("/var/run/netns=/host/run/netns"),
            Ok(("/var/run/netns".to_owned(), "/host/run/netns".into()))
        );
        for wrong in [
            "",
            "/",
            "//",
            "run/netns",
            "/run/../etc",
            "/run/./netns",
            "/a=",
            "/a=b",
            "=/a",
            "/a=/b/..",
            "/a//b",
        ] {
            assert_eq!(root(wrong), Err(RootError(wrong.to_owned())), "{wrong}");
        }
    }

    #[test]
    fn a_path_leads_to_one_plain_name_in_a_folder_or_to_a_process() {
        let roots = Root::usual();
        let of = |path| Location::of(path, &roots);
        assert_eq!(of("/var/run/netns/cni-1"), Some(Location::Named(&roots[0], "cni-1")));
        assert_eq!(of("/run/netns/..."), Some(Location::Named(&roots[1], "...")));
        assert_eq!(of("/proc/4294967295/ns/net"), Some(Location::OfProcess(u32::MAX)));
    }

    #[test]
    fn a_path_leads_nowhere_else() {
        let roots = Root::usual();
        let long = format!("/run/netns/{}", "a".repeat(LONGEST_NAME + 1));
        for path in [
            "",
            "/",
            "cni-1",
            "run/netns/cni-1",
            "/run/netns",
            "/run/netns/",
            "/run/netns/.",
            "/run/netns/..",
            "/run/netns//x",
            "/run/netns/x/",
            "/run/netns/x/y",
            "/run/netns/../../proc/1/ns/net",
            "/run/netns/x\0y",
            "/run/netnsx",
            "/run//netns/x",
            " /run/netns/x",
            "/proc/self/ns/net",
            "/proc/thread-self/ns/net",
            "/proc/0/ns/net",
            "/proc/01/ns/net",
            "/proc/+1/ns/net",
            "/proc//ns/net",
            "/proc/4294967296/ns/net",
            "/proc/1/ns/mnt",
            "/proc/1/root/run/netns/x",
            "/proc/1/task/1/ns/net",
            "/proc/1/ns/net/",
            &long,
        ] {
            assert_eq!(Location::of(path, &roots), None, "{path:?}");
        }
    }
}
