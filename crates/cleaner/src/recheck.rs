//! The second look before a bit is set: the endpoint that misses it and its Pod are read anew, past every cache. What
//! the reads show goes into the index like any observation, and everything is judged again.

use danm_api::Change;
use futures::{
    FutureExt, StreamExt,
    stream::{self, LocalBoxStream},
};
use leak_judge::{Holder, Moment, Observation, Version};

use crate::{ApiError, ApiServer, Failure, news::News};

/// Endpoints asked about at the same time.
const IN_FLIGHT: usize = 16;

/// What came of the question whether an endpoint and its Pod are there.
#[derive(Debug)]
pub(crate) struct Rechecked {
    pub(crate) holder: Holder,
    pub(crate) seen: Vec<Observation>,
    /// The version of the endpoint that was asked about, if all was answered.
    pub(crate) result: Result<Version, ApiError>,
}

/// Asks about some endpoints.
pub(crate) fn recheck<A: ApiServer + Clone + 'static>(
    api: A,
    holders: Vec<Holder>,
    asked_at: Moment,
) -> LocalBoxStream<'static, News> {
    let all = async move {
        let asked = stream::iter(holders).map(|holder| recheck_one(&api, holder));
        News::Rechecked(asked.buffer_unordered(IN_FLIGHT).collect().await, asked_at)
    };
    stream::once(all.boxed_local()).boxed_local()
}

async fn recheck_one(api: &impl ApiServer, holder: Holder) -> Rechecked {
    let mut seen = Vec::new();
    let result = look(api, &holder, &mut seen).await;
    Rechecked { result: result.map(|()| holder.version), holder, seen }
}

async fn look(api: &impl ApiServer, holder: &Holder, seen: &mut Vec<Observation>) -> Result<(), ApiError> {
    let Holder { id, uid, pod, .. } = holder;
    let Some(endpoint) = api.endpoint(id).await? else {
        seen.push(Observation::EndpointDeleted(id.clone(), uid.clone()));
        return Ok(());
    };
    seen.push(Observation::Endpoints(id.group, Change::Read(vec![endpoint])));
    let Some(pod) = api.pod(&id.namespace, pod).await? else {
        let failure = Failure::Unknown("it is gone, and how has not been seen".to_owned());
        return Err(ApiError { request: format!("find pod {}/{pod}", id.namespace), failure });
    };
    seen.push(Observation::Pods(Change::Apply(pod)));
    Ok(())
}
