//! The words of a verdict. Which of them applies is decided in `evidence` and `owner`.

use std::fmt;

use serde::Serialize;

/// Whether the holder of an allocation lives.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    /// It lives, or must be taken to.
    Live,
    /// It is proved dead.
    Dangling,
    /// Nobody can tell: treated as living.
    Unknown,
}

/// A verdict with its reason.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Finding {
    /// The verdict.
    pub verdict: Verdict,
    /// Why.
    pub reason: Reason,
}

macro_rules! reasons {
    ($($(#[$doc:meta])* $name:ident = $code:literal,)*) => {
        /// Why a verdict is what it is, or why a proved release waits. The code is part of the report's format.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
        pub enum Reason {
            $($(#[$doc])* #[serde(rename = $code)] $name,)*
        }

        impl Reason {
            /// All there are.
            pub const ALL: &[Self] = &[$(Self::$name),*];

            /// Its code.
            pub const fn code(self) -> &'static str {
                match self {
                    $(Self::$name => $code,)*
                }
            }
        }
    };
}

reasons! {
    /// Live: its Pod is there.
    PodExists = "pod-exists",
    /// Live: its Pod is being deleted, and may run until it is gone.
    PodTerminating = "pod-terminating",
    /// Live: the mirror of a static Pod came back under another uid; its sandbox is the same.
    MirrorPod = "mirror-pod",
    /// Live: it names no uid, and a Pod of that name is there.
    SameNamePod = "same-name-pod",
    /// Dangling: its Pod is gone, and the kubelet of its Node answers.
    PodGone = "pod-gone",
    /// Dangling: its Pod has ended for good, and the kubelet of its Node answers. Unknown: it has ended, but may be
    /// started again.
    PodFinished = "pod-finished",
    /// Dangling: its Pod is gone, and its Node has been started anew since.
    NodeRebooted = "node-rebooted",
    /// Dangling: its Pod has another sandbox now, and its Node has been started anew since.
    SandboxReplaced = "sandbox-replaced",
    /// Dangling: its Pod is left of a Node that is gone.
    PodOrphaned = "pod-orphaned",
    /// Dangling: its Pod and its Node are gone.
    NodeGone = "node-gone",
    /// Dangling: its Pod is gone, and an operator has said that its Node is shut down.
    NodeOutOfService = "node-out-of-service",
    /// Dangling: its Pod is gone, and its Node has not answered for as long as the operator said.
    NodeUnreachable = "node-unreachable",
    /// Unknown: the name of its Pod is that of a static Pod of its Node, which runs without the API server.
    StaticPod = "static-pod",
    /// Unknown: its Pod is gone, but its Node does not answer and may still run it.
    NodeNotReady = "node-not-ready",
    /// Unknown: its Pod is gone, and its host cannot be told from a Node that does not answer.
    HostUnknown = "host-unknown",
    /// Unknown: seen dead once; a second observation has to confirm it.
    FirstObservation = "first-observation",
    /// Unknown: the object is malformed.
    UnreadableEndpoint = "unreadable-endpoint",
    /// Unknown: an address of it is malformed.
    UnreadableAddress = "unreadable-address",
    /// Held: its network is malformed, or cannot be read.
    NetworkUnreadable = "network-unreadable",
    /// Held: the address was not seen allocated for long enough to be surely its own.
    OwnershipWindow = "ownership-window",
    /// Held: too many at once to be believed.
    Brake = "brake",
    /// Kept: Calico gave the address, and that it is given back there is switched off, or Calico was not found.
    CalicoAddress = "calico-address",
    /// Held: Calico's datastore is locked.
    CalicoLocked = "calico-locked",
    /// Held: its own Pod, which lives, says to have the address.
    PodHasAddress = "pod-has-address",
    /// Held: the operator wants such allocations reported, not released.
    ReportOnly = "report-only",
    /// Unknown: the operator wants such allocations left alone.
    SwitchedOff = "switched-off",
    /// Held: the network was written by somebody else meanwhile.
    Conflict = "conflict",
    /// Held: the kubelet of its Node has not been heard since its Pod was gone.
    KubeletNotHeard = "kubelet-not-heard",
    /// Held: another dead endpoint claims its address too, and they have to go together.
    DeadRival = "dead-rival",
    /// Held: its addresses are settled and it was deleted, but somebody's finalizer keeps it.
    Finalizer = "finalizer",
    /// Unknown, or dangling once it was seen so for long enough: a set bit that no endpoint claims.
    NoEndpoint = "no-endpoint",
    /// Live: its bit is clear, and DANM may give its address to somebody else.
    MissingBit = "missing-bit",
    /// Live: a living endpoint of another Pod holds its address too.
    DuplicateAddress = "duplicate-address",
    /// Live: its address is in no subnet of its network.
    OutsideNetwork = "outside-network",
}

impl Reason {
    /// All that prove death.
    pub const PROOFS: [Self; 8] = [
        Self::PodGone,
        Self::PodFinished,
        Self::NodeRebooted,
        Self::SandboxReplaced,
        Self::PodOrphaned,
        Self::NodeGone,
        Self::NodeOutOfService,
        Self::NodeUnreachable,
    ];
}

impl Finding {
    /// A finding.
    pub const fn new(verdict: Verdict, reason: Reason) -> Self {
        Self { verdict, reason }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}
