//! Connections between the Pods: what each comes to in the kernel, what `danm-policer` says of it, and whether both agree. How
//! that is shown is in `connection/table.rs`.

pub(super) mod table;

use std::{
    collections::BTreeMap,
    fmt::{self, Display, Formatter},
    io,
    net::{SocketAddr, TcpStream},
    time::Duration,
};

use anyhow::bail;

use super::town::{PORT, Place, Town};

/// How long a connection may take that nobody rejects. Rules tell at once.
const PATIENCE: Duration = Duration::from_secs(3);

/// Who opens one, and to whom: two Pods, each by its interface on the same network.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Connection {
    pub from: Place,
    pub to: Place,
}

/// What became of one in the kernel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    Open,
    Refused,
    /// Neither: nobody answered, or something else went wrong.
    Failed(String),
}

/// What is said of one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    Allowed,
    NotOut,
    NotIn,
    Neither,
}

/// What became of each.
pub(super) type Outcomes = BTreeMap<Connection, Outcome>;

/// What is said of each.
pub(super) type Verdicts = BTreeMap<Connection, Verdict>;

/// How many there were of a kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Count {
    pub open: usize,
    pub denied: usize,
}

// === impl Connection ===

impl Connection {
    /// All that there can be.
    pub(super) fn all() -> impl Iterator<Item = Self> {
        let from = |from: Place| {
            let others = Place::all().filter(move |to| to.pod != from.pod && to.lan == from.lan);
            others.map(move |to| Self { from, to })
        };
        Place::all().flat_map(from)
    }

    /// Opens it.
    pub(super) fn open(self, town: &Town) -> anyhow::Result<io::Result<TcpStream>> {
        let to = SocketAddr::from((self.to.address(), PORT));
        town.namespace(self.from).within(|| TcpStream::connect_timeout(&to, PATIENCE))
    }
}

impl Display for Connection {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "{} to {}", self.from, self.to)
    }
}

// === impl Outcome ===

impl From<io::Result<TcpStream>> for Outcome {
    fn from(opened: io::Result<TcpStream>) -> Self {
        match opened {
            Ok(_) => Self::Open,
            Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => Self::Refused,
            Err(error) => Self::Failed(error.to_string()),
        }
    }
}

impl Display for Outcome {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Open => f.write_str("came about"),
            Self::Refused => f.write_str("was refused"),
            Self::Failed(why) => write!(f, "failed ({why})"),
        }
    }
}

// === impl Verdict ===

impl Verdict {
    /// By whether it is let out, and let in.
    pub(super) const fn of(egress: bool, ingress: bool) -> Self {
        match (egress, ingress) {
            (true, true) => Self::Allowed,
            (false, true) => Self::NotOut,
            (true, false) => Self::NotIn,
            (false, false) => Self::Neither,
        }
    }

    /// What a kernel has to make of it.
    const fn outcome(self) -> Outcome {
        match self {
            Self::Allowed => Outcome::Open,
            Self::NotOut | Self::NotIn | Self::Neither => Outcome::Refused,
        }
    }
}

impl Display for Verdict {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Allowed => "allowed",
            Self::NotOut => "not let out",
            Self::NotIn => "not let in",
            Self::Neither => "neither let out nor in",
        })
    }
}

/// Opens each of them.
pub(super) fn measure(town: &Town) -> anyhow::Result<Outcomes> {
    Connection::all().map(|connection| Ok((connection, connection.open(town)?.into()))).collect()
}

/// Compares what became of each with what is said of it.
///
/// # Errors
/// If they do not agree: with each connection of which that is so.
pub(super) fn compare(outcomes: &Outcomes, verdicts: &Verdicts) -> anyhow::Result<Count> {
    let mut count = Count { open: 0, denied: 0 };
    let mut differences = Vec::new();
    for connection in Connection::all() {
        match (outcomes.get(&connection), verdicts.get(&connection)) {
            (Some(Outcome::Open), Some(Verdict::Allowed)) => count.open += 1,
            (Some(outcome), Some(verdict)) if *outcome == verdict.outcome() => count.denied += 1,
            (outcome, verdict) => {
                let outcome = outcome.map_or_else(|| "was not tried".to_owned(), ToString::to_string);
                let verdict = verdict.map_or_else(|| "unknown".to_owned(), ToString::to_string);
                differences
                    .push(format!("{connection} {outcome}, and is {verdict} by `danm-policer evaluate`"));
            }
        }
    }
    if !differences.is_empty() {
        bail!("what connections come to is not what was said of them: {}", differences.join("; "));
    }
    Ok(count)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// All are open, and allowed.
    fn open() -> (Outcomes, Verdicts) {
        let outcomes = Connection::all().map(|connection| (connection, Outcome::Open)).collect();
        let verdicts = Connection::all().map(|connection| (connection, Verdict::Allowed)).collect();
        (outcomes, verdicts)
    }

    #[test]
    fn each_connection_that_is_not_what_was_said_is_named() {
        let (mut outcomes, mut verdicts) = open();
        let first = Connection::all().next().expect("there are some");
        let last = Connection::all().last().expect("there are some");
        assert_eq!(compare(&outcomes, &verdicts).expect("they agree"), Count { open: 18, denied: 0 });

        verdicts.insert(first, Verdict::NotIn);
        let told = compare(&outcomes, &verdicts).expect_err("it is open").to_string();
        assert!(told.contains("shop/db@eth0 to shop/web@eth0 came about, and is not let in by"), "{told}");
        assert!(!told.contains(&last.to_string()), "{told}");
        outcomes.insert(first, Outcome::Refused);
        assert_eq!(compare(&outcomes, &verdicts).expect("they agree"), Count { open: 17, denied: 1 });

        outcomes.insert(last, Outcome::Refused);
        let told = compare(&outcomes, &verdicts).expect_err("it is refused").to_string();
        assert!(told.contains(&format!("{last} was refused, and is allowed by")), "{told}");
        verdicts.remove(&last);
        assert!(compare(&outcomes, &verdicts).is_err(), "nothing is said of it");
    }

    #[test]
    fn who_gets_no_answer_was_not_denied() {
        let (mut outcomes, mut verdicts) = open();
        let first = Connection::all().next().expect("there are some");
        outcomes.insert(first, Outcome::Failed("timed out".to_owned()));
        verdicts.insert(first, Verdict::NotOut);
        let told = compare(&outcomes, &verdicts).expect_err("rules tell").to_string();
        assert!(told.contains("failed (timed out), and is not let out"), "{told}");
    }
}
