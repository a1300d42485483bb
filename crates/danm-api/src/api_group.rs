//! The two API groups DANM's kinds live in. Knows their names; not which of them a cluster serves.

use std::fmt;

use serde::{Deserialize, Serialize};

/// The one version both groups serve.
pub const VERSION: &str = "v1";

/// An API group of DANM. The same network may exist in both, with different bit arrays: nothing converts
/// between them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum ApiGroup {
    /// `danm.k8s.io`, of DANM 4.3 and before: the bit of a gateway is set when its network is created.
    DanmK8sIo,
    /// `danm.io`, of DANM 4.4: a gateway has no bit of its own, dynamic allocation skips its address.
    DanmIo,
}

impl ApiGroup {
    /// Both groups.
    pub const ALL: [Self; 2] = [Self::DanmK8sIo, Self::DanmIo];

    /// The name in `apiVersion`, before the slash.
    pub const fn name(self) -> &'static str {
        match self {
            Self::DanmK8sIo => "danm.k8s.io",
            Self::DanmIo => "danm.io",
        }
    }

    /// Whether the webhook of this group's DANM sets the bits of a network's gateways when it creates the
    /// bit array.
    pub const fn sets_gateway_bits(self) -> bool {
        matches!(self, Self::DanmK8sIo)
    }
}

impl fmt::Display for ApiGroup {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
