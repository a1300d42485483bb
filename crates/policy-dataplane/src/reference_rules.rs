//! What the reference Policer left in a network namespace: chains of its own in the tables `filter` of `iptables` and `ip6tables`,
//! jumps to them, and default rules in `INPUT`, `OUTPUT` and `FORWARD`. Finds them and takes them away, and leaves all else there as it is.
//! When that is right is not known here.
//!
//! A default rule is like a rule that anybody may write. It is taken for the reference's if it says exactly what that writes, one of
//! its chains is in the namespace, and it is younger than those of its table: that makes chains first, and writes no rule that is
//! there already. What `iptables-legacy` has made is not in `nf_tables`: only that it has a table is seen.

use std::{collections::BTreeSet, fs, io, os::fd::BorrowedFd};

use netlink_sys::protocols::NETLINK_NETFILTER;
use rustix::io::Errno;

use crate::{
    Batch, CommitError, Socket,
    attributes::Attributes,
    batch::Kind,
    channel::{Channel, until_whole},
    dump::{GET_CHAINS, GET_RULES},
    iptables_rule::{Family, IptablesRule, Part},
    message::{DUMP, Subsystem, TCP, question},
    namespace::within,
    walk::messages,
};

/// What is there of the reference's rules, as people are told of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ReferenceRules {
    /// Its chains, as `ip filter DANM_INGRESS_V4`.
    pub chains: BTreeSet<String>,
    /// What may be of it, and is not touched: a sentence each.
    pub suspicions: BTreeSet<String>,
}

/// Why it is not known what is there, or why it is there still.
#[derive(Debug, thiserror::Error)]
pub enum ReferenceError {
    /// The namespace could not be entered, or its rules not be read.
    #[error("failed to look for rules of the reference Policer")]
    Read(#[source] io::Error),
    /// A rule that is not the reference's leads to one of its chains.
    #[error(
        "a rule that is not the reference Policer's leads to its {chain}: delete that rule, then its own can be taken away"
    )]
    Used {
        /// The chain.
        chain: String,
    },
    /// The kernel does not take them away.
    #[error("failed to take the rules of the reference Policer away")]
    Commit(#[source] CommitError),
}

/// What was read of one namespace.
struct Reading {
    /// How often rules had been changed there, by anybody.
    generation: u32,
    tables: Vec<FilterTable>,
    /// Those that `iptables-legacy` has made.
    legacy: Vec<Family>,
}

/// The table `filter` of a family.
struct FilterTable {
    family: Family,
    /// The reference's chains in it, with their numbers: rules and chains are numbered together.
    chains: Vec<(String, u64)>,
    rules: Vec<IptablesRule>,
}

const TABLE: &str = "filter";

const INPUT: &str = "INPUT";
const OUTPUT: &str = "OUTPUT";
const FORWARD: &str = "FORWARD";

const UDP: u8 = 17;

/// Where names are asked for.
const DNS: u16 = 53;

/// States of conntrack.
const ESTABLISHED: u16 = 2;
const RELATED: u16 = 4;
const NEW: u16 = 8;

/// So many bytes are read of a kind. Of the reference's rules, one for each address of a peer, that are fifty thousand.
const LONGEST: usize = 16 << 20;

// === impl ReferenceRules ===

impl ReferenceRules {
    /// Looks into a namespace. Gives the socket, too, by which that was done: to close it waits for the kernel to have forgotten what was
    /// deleted there just now, by whomever, and whoever is in a hurry has somebody else do that.
    pub fn look(namespace: BorrowedFd<'_>) -> Result<(Self, Socket), ReferenceError> {
        let (socket, legacy) = enter(namespace).map_err(ReferenceError::Read)?;
        let reading = until_whole("the rules of iptables", || Reading::take(&socket, &legacy));
        let told = reading.map(|reading| reading.told()).map_err(ReferenceError::Read)?;
        Ok((told, socket))
    }

    /// Takes its rules away, in one batch, and gives what they were, and the socket. What is suspected alone stays.
    ///
    /// # Errors
    /// If they are there still: all of them.
    pub fn take_away(namespace: BorrowedFd<'_>) -> Result<(Self, Socket), ReferenceError> {
        let (socket, legacy) = enter(namespace).map_err(ReferenceError::Read)?;
        let taken = until_whole("the rules of iptables", || {
            let reading = Reading::take(&socket, &legacy)?;
            match socket.commit(&reading.removal()) {
                // Somebody has changed rules since they were read.
                Err(CommitError::Refused { source, .. })
                    if Errno::from_io_error(&source) == Some(Errno::RESTART) =>
                {
                    Err(io::ErrorKind::Interrupted.into())
                }
                result => Ok(result.map(|()| reading.told())),
            }
        });
        let told = taken.map_err(ReferenceError::Read)?.map_err(ReferenceError::of)?;
        Ok((told, socket))
    }
}

/// A socket in a namespace, and the tables that `iptables-legacy` has there.
fn enter(namespace: BorrowedFd<'_>) -> io::Result<(Socket, Vec<Family>)> {
    within(namespace, || {
        let legacy = Family::ALL.into_iter().filter(|family| has_legacy_table(*family)).collect();
        Ok((Socket::from(Channel::open(NETLINK_NETFILTER)?), legacy))
    })
}

/// Whether the thread's namespace has one. Only root of the namespace may read that: of who cannot, nothing is said.
fn has_legacy_table(family: Family) -> bool {
    let names = match family {
        Family::V4 => "ip_tables_names",
        Family::V6 => "ip6_tables_names",
    };
    let names = fs::read_to_string(format!("/proc/thread-self/net/{names}"));
    names.is_ok_and(|names| names.lines().any(|name| name == TABLE))
}

// === impl ReferenceError ===

impl ReferenceError {
    fn of(error: CommitError) -> Self {
        match error {
            CommitError::Refused { about, source } if Errno::from_io_error(&source) == Some(Errno::BUSY) => {
                Self::Used { chain: about }
            }
            error => Self::Commit(error),
        }
    }
}

// === impl Reading ===

impl Reading {
    fn take(socket: &Socket, legacy: &[Family]) -> io::Result<Self> {
        let generation = socket.generation()?;
        // What is being committed is listed in parts.
        socket.commit(&Batch::pause()).map_err(io::Error::other)?;
        let tables = Family::ALL.map(|family| FilterTable::read(socket, family));
        let tables = tables.into_iter().collect::<io::Result<_>>()?;
        if generation != socket.generation()? {
            return Err(io::ErrorKind::Interrupted.into());
        }
        Ok(Self { generation, tables, legacy: legacy.to_vec() })
    }

    fn is_there(&self) -> bool {
        self.tables.iter().any(|table| !table.chains.is_empty())
    }

    fn told(&self) -> ReferenceRules {
        let chains = self.tables.iter().flat_map(FilterTable::names).collect();
        let mut suspicions = BTreeSet::new();
        if !self.is_there() {
            let alike = self.tables.iter().filter(|table| table.has_all_defaults());
            suspicions.extend(alike.map(|table| {
                format!(
                    "table {} {TABLE} has the default rules of the reference Policer, without its chains",
                    table.family.word()
                )
            }));
        }
        suspicions.extend(self.legacy.iter().map(|family| {
            let save = match family {
                Family::V4 => "iptables-legacy-save",
                Family::V6 => "ip6tables-legacy-save",
            };
            format!("iptables-legacy has a table {TABLE} there, in which the agent cannot look: see what {save} says")
        }));
        ReferenceRules { chains, suspicions }
    }

    /// What takes its rules away. Nothing, if none of its chains is there.
    fn removal(&self) -> Batch {
        if !self.is_there() {
            return Batch::default();
        }
        let mut batch = Batch::begun_at(self.generation);
        self.tables.iter().for_each(|table| table.remove(&mut batch));
        batch.ended()
    }
}

// === impl FilterTable ===

impl FilterTable {
    fn read(socket: &Socket, family: Family) -> io::Result<Self> {
        let chains = list(socket, family, GET_CHAINS)?;
        let mut table = Self { family, chains: Vec::new(), rules: Vec::new() };
        let mut is_there = false;
        for chain in messages(&chains).filter(|chain| chain.text(1) == TABLE) {
            is_there = true;
            let (name, handle) = (chain.text(3), chain.attribute(2).and_then(|it| it.try_into().ok()));
            if let Some(handle) = handle.filter(|_| own_chains(family).iter().any(|(own, _)| *own == name)) {
                table.chains.push((name, u64::from_be_bytes(handle)));
            }
        }
        if is_there {
            let rules = list(socket, family, GET_RULES)?;
            let rules = messages(&rules).filter(|rule| rule.text(1) == TABLE);
            table.rules.extend(rules.filter_map(|rule| IptablesRule::read(family, &rule)));
        }
        Ok(table)
    }

    fn names(&self) -> impl Iterator<Item = String> {
        self.chains.iter().map(|(name, _)| format!("{} {TABLE} {name}", self.family.word()))
    }

    /// Whether all its default rules are there: then they are hardly anybody else's.
    fn has_all_defaults(&self) -> bool {
        let is_there = |(chain, parts): &(&str, Vec<Part>)| {
            self.rules.iter().any(|rule| rule.chain == *chain && rule.parts == *parts)
        };
        defaults(self.family).iter().all(is_there)
    }

    /// Its rules in the chains that are everybody's, where one of its chains is in the namespace. It writes none that is there already,
    /// so each is there once: a kernel takes long to find very many, and what is there again is somebody else's.
    fn rules_in_common_chains(&self) -> impl Iterator<Item = &IptablesRule> {
        let oldest = self.chains.iter().map(|(_, handle)| *handle).min().unwrap_or_default();
        let mut own = defaults(self.family);
        own.extend(own_chains(self.family).map(|(name, from)| (from, vec![Part::Jump(name.to_owned())])));
        own.into_iter().filter_map(move |(chain, parts)| {
            let is_it =
                |rule: &&IptablesRule| rule.handle > oldest && rule.chain == chain && rule.parts == parts;
            self.rules.iter().find(is_it)
        })
    }

    fn remove(&self, batch: &mut Batch) {
        let family = self.family;
        for rule in self.rules_in_common_chains() {
            let mut message = Attributes::default();
            message.text(1, TABLE);
            message.text(2, &rule.chain);
            message.u64(3, rule.handle);
            let about = format!("rule {} of chain {} {TABLE} {}", rule.handle, family.word(), rule.chain);
            batch.message_in(family.number(), Kind::DeleteRule, &message, &about);
        }
        for (chain, _) in &self.chains {
            let about = format!("chain {} {TABLE} {chain}", family.word());
            for (kind, name) in [(Kind::DeleteRule, 2), (Kind::DeleteChain, 3)] {
                let mut message = Attributes::default();
                message.text(1, TABLE);
                message.text(name, chain);
                batch.message_in(family.number(), kind, &message, &about);
            }
        }
    }
}

/// The reference's chains, and the chains that lead to them.
const fn own_chains(family: Family) -> [(&'static str, &'static str); 2] {
    match family {
        Family::V4 => [("DANM_INGRESS_V4", INPUT), ("DANM_EGRESS_V4", OUTPUT)],
        Family::V6 => [("DANM_INGRESS_V6", INPUT), ("DANM_EGRESS_V6", OUTPUT)],
    }
}

/// The rules that it writes into chains that are everybody's, whatever policies say.
fn defaults(family: Family) -> Vec<(&'static str, Vec<Part>)> {
    // "Port unreachable", as each family's extension numbers it.
    let reject = || {
        vec![Part::Reject(match family {
            Family::V4 => 3,
            Family::V6 => 4,
        })]
    };
    let established = || vec![Part::States(ESTABLISHED | RELATED), Part::Accept];
    let dns = |protocol| {
        vec![Part::Protocol(protocol), Part::Port(DNS), Part::States(NEW | ESTABLISHED), Part::Accept]
    };
    vec![
        (INPUT, vec![Part::ByLoopback, Part::Accept]),
        (INPUT, established()),
        (INPUT, reject()),
        (OUTPUT, vec![Part::ToLoopback, Part::Accept]),
        (OUTPUT, established()),
        (OUTPUT, dns(TCP)),
        (OUTPUT, dns(UDP)),
        (OUTPUT, reject()),
        (FORWARD, reject()),
    ]
}

/// All of a kind in the table of a family.
fn list(socket: &Socket, family: Family, kind: u16) -> io::Result<Vec<u8>> {
    let mut of_table = Attributes::default();
    of_table.text(1, TABLE);
    let (mut bytes, mut is_too_long) = (Vec::new(), false);
    let question = question(Subsystem::NfTables, kind, DUMP, family.number(), &of_table);
    let listed = socket.channel().dump(&question, |piece| {
        is_too_long |= bytes.len() + piece.len() > LONGEST;
        if !is_too_long {
            bytes.extend(piece);
        }
    });
    match listed {
        _ if is_too_long => Err(io::Error::other(format!(
            "there is more in table {} {TABLE} than the reference Policer puts there",
            family.word()
        ))),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
        Err(error) => Err(error),
        Ok(()) => Ok(bytes),
    }
}
