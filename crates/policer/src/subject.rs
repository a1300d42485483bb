//! Whom people name: a Pod, one of its interfaces, or an address. Whether there is one is not known here.

use std::{fmt, net::IpAddr, str::FromStr};

/// An end of a connection as it was typed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Subject {
    /// A Pod.
    Pod {
        /// Its namespace, if that was said.
        namespace: Option<String>,
        /// Its name.
        name: String,
        /// One of its interfaces, if that was said.
        interface: Option<String>,
    },
    /// An address.
    Address(IpAddr),
}

/// An object as it was typed, with its namespace.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ObjectName {
    /// Its namespace.
    pub namespace: String,
    /// Its name.
    pub name: String,
}

// === impl Subject ===

impl FromStr for Subject {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if let Ok(address) = text.parse::<IpAddr>() {
            return Ok(Self::Address(address.to_canonical()));
        }
        let wrong = || format!("{text:?} is neither NAMESPACE/POD[@INTERFACE] nor an address");
        let (pod, interface) = match text.split_once('@') {
            Some((pod, interface)) => (pod, Some(interface)),
            None => (text, None),
        };
        let (namespace, name) = match pod.split_once('/') {
            Some((namespace, name)) => (Some(namespace), name),
            None => (None, pod),
        };
        let is_interface = interface.is_none_or(|interface| !interface.is_empty());
        if !is_name(name) || !namespace.is_none_or(is_label) || !is_interface {
            return Err(wrong());
        }
        Ok(Self::Pod {
            namespace: namespace.map(str::to_owned),
            name: name.to_owned(),
            interface: interface.map(str::to_owned),
        })
    }
}

impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Address(address) => address.fmt(f),
            Self::Pod { namespace, name, interface } => {
                if let Some(namespace) = namespace {
                    write!(f, "{namespace}/")?;
                }
                f.write_str(name)?;
                interface.as_ref().map_or(Ok(()), |interface| write!(f, "@{interface}"))
            }
        }
    }
}

// === impl ObjectName ===

impl FromStr for ObjectName {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text.split_once('/') {
            Some((namespace, name)) if is_label(namespace) && is_name(name) => {
                Ok(Self { namespace: namespace.to_owned(), name: name.to_owned() })
            }
            _ => Err(format!("{text:?} is not NAMESPACE/NAME")),
        }
    }
}

/// What Kubernetes lets namespaces be called.
fn is_label(text: &str) -> bool {
    text.len() <= 63 && !text.contains('.') && is_name(text)
}

/// What Kubernetes lets objects be called.
fn is_name(text: &str) -> bool {
    let is_allowed = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"-.".contains(&byte);
    (1..=253).contains(&text.len()) && text.bytes().all(is_allowed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn subjects_are_printed_as_they_were_typed() {
        for text in ["x/a", "x/a@eth0", "a", "a@net1", "10.0.0.5", "2001:db8::1"] {
            assert_eq!(text.parse::<Subject>().map(|subject| subject.to_string()), Ok(text.to_owned()));
        }
        assert_eq!("::ffff:10.0.0.5".parse(), Ok(Subject::Address([10, 0, 0, 5].into())));
    }

    #[test]
    fn what_names_nobody_is_refused() {
        for text in ["", "x/", "/a", "x/a/b", "x/a@", "X/a", "a b", "10.0.0.256/32", "x/\u{1b}"] {
            assert!(text.parse::<Subject>().is_err(), "{text:?}");
        }
    }
}
