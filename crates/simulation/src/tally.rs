//! What happened in schedules, counted.

use std::{collections::BTreeMap, ops::AddAssign};

use leak_judge::Reason;

macro_rules! kinds {
    ($(#[$doc_of_all:meta])* $all:ident: $($(#[$doc:meta])* $name:ident = $text:literal,)*) => {
        $(#[$doc_of_all])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
        pub enum $all {
            $($(#[$doc])* $name,)*
        }

        impl $all {
            /// All of them.
            pub const ALL: &[Self] = &[$(Self::$name,)*];

            /// In words.
            pub const fn text(self) -> &'static str {
                match self {
                    $(Self::$name => $text,)*
                }
            }
        }
    };
}

kinds! {
    /// Everything that goes wrong in a schedule.
    Fault:
    /// A request never reaches the API server.
    RequestLost = "request lost",
    /// A request takes effect, and nobody hears of it.
    AnswerLost = "answer lost",
    /// The API server fails before it does anything.
    ErrorWithoutEffect = "error 500 without effect",
    /// The API server fails after it has done it.
    ErrorWithEffect = "error 500 with effect",
    /// The API server is too busy.
    Busy = "429 too many requests",
    /// The API server does not have it.
    Refused = "request refused",
    /// Somebody else was faster.
    Conflict = "409 conflict",
    /// A request or an answer takes seconds.
    Slow = "slow request or answer",
    /// A CNI process dies in the middle.
    PluginKilled = "CNI process killed",
    /// A sandbox goes without a DEL.
    DeleteSkipped = "CNI DEL never called",
    /// A second DEL for the same sandbox, late.
    DeleteRepeated = "CNI DEL called again",
    /// A CNI process returns an address that it has not written.
    StaleCompare = "address taken without a write",
    /// A sandbox is replaced under a living Pod.
    SandboxRestarted = "sandbox restarted",
    /// A Pod is forgotten while it runs.
    ForceDeleted = "Pod force-deleted",
    /// A machine loses its power.
    MachineDied = "machine died",
    /// A machine is not reached, and goes on working.
    MachineCutOff = "machine cut off",
    /// A Node object goes.
    NodeRemoved = "Node removed",
    /// An operator says that a machine is shut down.
    TaintedOutOfService = "Node out of service",
    /// A watch has to list again.
    WatchBroken = "watch broken",
    /// A watch shows nothing for a long while.
    WatchStalled = "watch half open",
    /// A kind cannot be read for a while.
    SourceUnavailable = "kind unreadable",
    /// A list fails.
    ListFailed = "list failed",
    /// A Cleaner dies and begins anew.
    CleanerCrashed = "Cleaner crashed",
    /// A Cleaner stands still.
    CleanerPaused = "Cleaner paused",
    /// Both Cleaners lead.
    TwoLeaders = "two leaders",
    /// No Cleaner leads.
    NoLeader = "no leader",
    /// A tenant spoils an endpoint.
    EndpointSpoilt = "endpoint spoilt",
    /// Somebody spoils a network.
    NetworkSpoilt = "network spoilt",
    /// Somebody puts a finalizer on an endpoint.
    FinalizerAdded = "finalizer on an endpoint",
    /// A network is deleted and made anew.
    NetworkMadeAnew = "network made anew",
    /// An operator wants the Cleaner to keep off a network.
    SwitchedOff = "Cleaner switched off for a network",
    /// The mirror of a static Pod goes, and comes again under another uid.
    MirrorMadeAnew = "mirror Pod made anew",
    /// Calico's datastore is not to be changed for a while, or for ever.
    CalicoLocked = "Calico's datastore locked",
    /// Calico's datastore is not found for a while, or for ever.
    CalicoAbsent = "Calico's datastore absent",
    /// Neither ends before the schedule does.
    CalicoStaysShut = "Calico's datastore out of use to the end",
}

kinds! {
    /// What becomes of Calico's addresses.
    Dealing:
    /// A CNI plugin gets one.
    Assigned = "given to a sandbox",
    /// A CNI plugin gets one that a Cleaner gave back.
    GivenAgain = "given again after a Cleaner gave it back",
    /// Calico's own garbage collector gives some back.
    Collected = "collected by Calico itself",
    /// A Cleaner gives one back.
    GivenBack = "given back by a Cleaner",
    /// A Cleaner finds that somebody was faster.
    AlreadyFree = "found free by a Cleaner",
    /// A Cleaner finds that it is somebody else's.
    Refused = "refused by a Cleaner",
    /// A Cleaner cannot give one back, or not be sure of it.
    Failed = "failed to be given back",
    /// A Cleaner finds the datastore locked.
    HeldLocked = "held up by a locked datastore",
    /// A Cleaner finds no datastore.
    HeldAbsent = "held up by an absent datastore",
    /// A Cleaner has deleted an endpoint with an address of DANM's and one of Calico's.
    MixedDeleted = "settled together with one of DANM's",
}

/// What happened.
#[derive(Clone, Debug, Default)]
pub struct Tally {
    /// Schedules.
    pub schedules: u64,
    /// Requests to the API server.
    pub calls: u64,
    /// Faults by kind.
    pub faults: Vec<u64>,
    /// Schedules in which a reason was given for a verdict, or for waiting.
    pub reasons: BTreeMap<Reason, u64>,
    /// Addresses given back by Cleaners.
    pub freed: u64,
    /// Endpoints deleted by Cleaners.
    pub deleted: u64,
    /// What became of Calico's addresses, by kind.
    pub dealings: Vec<u64>,
    /// Addresses that CNI plugins gave to two sandboxes.
    pub contested: u64,
}

impl Tally {
    /// A fault occurs.
    pub fn count(&mut self, fault: Fault) {
        self.faults.resize(Fault::ALL.len(), 0);
        self.faults[fault as usize] += 1;
    }

    /// How often a fault occurred.
    pub fn of(&self, fault: Fault) -> u64 {
        self.faults.get(fault as usize).copied().unwrap_or_default()
    }

    /// Something becomes of an address of Calico's.
    pub fn deals(&mut self, dealing: Dealing) {
        self.dealings.resize(Dealing::ALL.len(), 0);
        self.dealings[dealing as usize] += 1;
    }

    /// How often it did.
    pub fn of_calico(&self, dealing: Dealing) -> u64 {
        self.dealings.get(dealing as usize).copied().unwrap_or_default()
    }

    /// All faults; what is a part of any day is none.
    pub fn all_faults(&self) -> u64 {
        let daily = self.of(Fault::Conflict) + self.of(Fault::Slow);
        self.faults.iter().sum::<u64>() - daily
    }
}

impl AddAssign<&Self> for Tally {
    fn add_assign(&mut self, other: &Self) {
        self.schedules += other.schedules;
        self.calls += other.calls;
        self.freed += other.freed;
        self.deleted += other.deleted;
        self.contested += other.contested;
        self.faults.resize(Fault::ALL.len(), 0);
        self.faults.iter_mut().zip(&other.faults).for_each(|(all, one)| *all += one);
        self.dealings.resize(Dealing::ALL.len(), 0);
        self.dealings.iter_mut().zip(&other.dealings).for_each(|(all, one)| *all += one);
        for (reason, count) in &other.reasons {
            *self.reasons.entry(*reason).or_default() += count;
        }
    }
}
