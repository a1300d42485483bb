//! Performs one network's part of a plan: the write that gives addresses back, then the deletes. It decides
//! nothing; what did not work is told, and judged again by the caller.

use std::{cell::RefCell, collections::BTreeSet, rc::Rc};

use futures::{
    FutureExt, StreamExt,
    future::ready,
    stream::{self, LocalBoxStream},
};
use kube::Resource;
use leak_judge::{AddressAction, EndpointPlan, NetworkPlan, Owner};

use crate::{
    ApiError, ApiServer, Deletion, Failure,
    news::{News, Round, Written},
};

/// Deletes of one network under way at the same time. What all networks may have under way is bounded where
/// requests are made.
const IN_FLIGHT: usize = 32;

/// Writes, then deletes. No endpoint is deleted before its addresses are settled: it is their only trace.
pub(crate) fn release<A: ApiServer + Clone + 'static>(
    api: A,
    plan: NetworkPlan,
) -> LocalBoxStream<'static, News> {
    let to_free = addresses_to_free(&plan, Owner::Danm);
    let round = Round {
        network: plan.network.clone(),
        uid: None,
        // Calico was asked before, and has them back.
        freed: addresses_to_free(&plan, Owner::Calico),
        deleted: 0,
        error: None,
    };
    let round = Rc::new(RefCell::new(round));
    let count = Rc::clone(&round);
    let news = write(api.clone(), plan).map(move |(written, endpoints)| {
        let deletes = endpoints.into_iter().map(move |endpoint| delete(api.clone(), endpoint));
        stream::once(ready(written)).chain(stream::iter(deletes).buffer_unordered(IN_FLIGHT))
    });
    let news = news.flatten_stream().inspect(move |news| count.borrow_mut().count(news, to_free));
    let done = stream::once(async move { News::Done(round.borrow().clone()) });
    news.chain(done).boxed_local()
}

/// Writes what there is to write. Gives the endpoints that may be deleted then.
async fn write(api: impl ApiServer, plan: NetworkPlan) -> (News, Vec<EndpointPlan>) {
    let NetworkPlan { network, write, endpoints } = plan;
    let version = write.as_ref().map(|write| write.version);
    let result = match &write {
        Some(write) => api.write_network(&network, write).await.map(Some),
        None => Ok(None),
    };
    let (go, left) = if result.is_ok() { (endpoints, Vec::new()) } else { (Vec::new(), endpoints) };
    (News::Written(Written { network, version, result, left }), go)
}

async fn delete(api: impl ApiServer, endpoint: EndpointPlan) -> News {
    let result = match api.delete_endpoint(&endpoint.id, &endpoint.uid, endpoint.version).await {
        // Somebody else was faster, or our own delete before a lost answer.
        Err(ApiError { failure: Failure::NotFound, .. }) => Ok(Deletion::Done),
        result => result,
    };
    News::Deleted(endpoint, result)
}

impl Round {
    fn count(&mut self, news: &News, to_free: usize) {
        let error = match news {
            News::Written(Written { result: Ok(Some(network)), .. }) => {
                self.uid.clone_from(&network.meta().uid);
                self.freed += to_free;
                return;
            }
            News::Deleted(_, Ok(Deletion::Done)) => {
                self.deleted += 1;
                return;
            }
            News::Written(Written { result: Err(error), .. }) | News::Deleted(_, Err(error)) => error,
            _ => return,
        };
        self.error.get_or_insert_with(|| error.clone());
    }
}

/// Several endpoints may hold one.
fn addresses_to_free(plan: &NetworkPlan, owner: Owner) -> usize {
    let all = plan.endpoints.iter().flat_map(|endpoint| &endpoint.addresses);
    let free = all.filter(|plan| plan.owner == owner && plan.action == AddressAction::Free);
    let free = free.map(|plan| plan.address);
    free.collect::<BTreeSet<_>>().len()
}
