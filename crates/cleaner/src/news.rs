//! What comes back from the work that the loop has under way.

use danm_api::{ApiGroup, Decoded, Network};
use leak_judge::{EndpointPlan, Moment, NetworkId, Observation, Version};

use crate::{
    ApiError, Deletion, StoredBoots, confirm::Answers, mend::Mended, pulse::Pulse, recheck::Rechecked,
    returns::Returned,
};

/// What came of a piece of work.
#[derive(Debug)]
pub(crate) enum News {
    /// Endpoints of a group were read, by a list that began at a moment: some of them, or that these were all.
    Endpoints(ApiGroup, Box<Observation>, Moment),
    /// The endpoints of a group could not be read.
    Unread(ApiGroup, ApiError),
    /// Questions were asked and answered.
    Answered(Answers),
    /// Addresses were given back to Calico, or not.
    Returned(Returned),
    /// A network was written, or not, or needed no write. No endpoint of it was deleted before.
    Written(Written),
    /// An endpoint was deleted, or not. Told to none whose network could not be written.
    Deleted(EndpointPlan, Result<Deletion, ApiError>),
    /// What is known of boots was read or stored, or not.
    Boots(Result<StoredBoots, ApiError>),
    /// It was asked, from a moment on, whether endpoints live whose bits are missing.
    Rechecked(Vec<Rechecked>, Moment),
    /// The address book of a network was mended, or not.
    Mended(Mended),
    /// Kubelets were listened to, by reads that began at a moment.
    Heard(Vec<Pulse>, Moment),
    /// A network's part of a plan is done.
    Done(Round),
}

/// What came of the write to a network.
#[derive(Debug)]
pub(crate) struct Written {
    pub(crate) network: NetworkId,
    /// The version the write was made for; `None` if there was nothing to write.
    pub(crate) version: Option<Version>,
    /// The network as it is now, if it was written.
    pub(crate) result: Result<Option<Decoded<Network>>, ApiError>,
    /// The endpoints that stay because it was not.
    pub(crate) left: Vec<EndpointPlan>,
}

/// What one network's part of a plan came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Round {
    /// The network.
    pub network: NetworkId,
    /// Its uid, if it was written.
    pub uid: Option<String>,
    /// Addresses given back.
    pub freed: usize,
    /// Endpoints deleted.
    pub deleted: usize,
    /// What went wrong first, if anything.
    pub error: Option<ApiError>,
}
