//! Performs one network's part of a plan: the write that gives addresses back, then the deletes. It decides
//! nothing; what did not work is told, and judged again by the caller.

use danm_api::{Decoded, Network};
use futures::{StreamExt, stream};
use leak_judge::{EndpointPlan, NetworkId, NetworkPlan, Version};

use crate::{ApiError, ApiServer, Failure};

/// Deletes of one network under way at the same time.
const IN_FLIGHT: usize = 16;

/// What came of one network's plan.
#[derive(Debug)]
pub(crate) struct Outcome {
    /// The network.
    pub network: NetworkId,
    /// The version the plan was made for, if there was something to write.
    pub version: Option<Version>,
    /// The network as it is now, if it was written.
    pub written: Result<Option<Decoded<Network>>, ApiError>,
    /// What came of each endpoint. After a failed write none was tried.
    pub endpoints: Vec<(EndpointPlan, Result<(), ApiError>)>,
}

impl Outcome {
    /// Whether a request was not answered, so that asking on at once is of no use.
    pub(crate) fn is_unanswered(&self) -> bool {
        let failures = self.endpoints.iter().filter_map(|(_, result)| result.as_ref().err());
        failures.chain(self.written.as_ref().err()).any(|error| matches!(error.failure, Failure::Unknown(_)))
    }
}

/// Writes, then deletes. No endpoint is deleted before its addresses are settled: it is their only trace.
pub(crate) async fn release(api: &impl ApiServer, plan: NetworkPlan) -> Outcome {
    let NetworkPlan { network, write, endpoints } = plan;
    let version = write.as_ref().map(|write| write.version);
    let written = match &write {
        Some(write) => api.write_network(&network, write).await.map(Some),
        None => Ok(None),
    };
    let endpoints = match &written {
        Ok(_) => delete(api, endpoints).await,
        Err(error) => endpoints.into_iter().map(|endpoint| (endpoint, Err(error.clone()))).collect(),
    };
    Outcome { network, version, written, endpoints }
}

async fn delete(
    api: &impl ApiServer,
    endpoints: Vec<EndpointPlan>,
) -> Vec<(EndpointPlan, Result<(), ApiError>)> {
    let deletes = endpoints.into_iter().map(async |endpoint| {
        let result = match api.delete_endpoint(&endpoint.id, &endpoint.uid, endpoint.version).await {
            // Somebody else was faster, or our own delete before a lost answer.
            Err(ApiError { failure: Failure::NotFound, .. }) => Ok(()),
            result => result,
        };
        (endpoint, result)
    });
    stream::iter(deletes).buffer_unordered(IN_FLIGHT).collect().await
}
