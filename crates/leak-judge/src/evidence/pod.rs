//! What the Pod objects say. A Pod that is there is alive, unless it has ended for good or its Node is gone; that one
//! is not there proves nothing yet.

use super::{Case, Evidence};
use crate::{
    Finding, HostState, Reason, Verdict,
    world::{Life, PodRecord},
};

/// Presence of the Pod. Its uid decides: another Pod of the same name is another Pod.
pub struct PodEvidence;

impl Evidence for PodEvidence {
    fn weigh(&self, case: Case<'_>) -> Option<Finding> {
        if let Some(life) = case.life {
            if lost_node(case).is_some() {
                return Some(Finding::new(Verdict::Dangling, Reason::PodOrphaned));
            }
            return match life {
                // What its machine says decides.
                Life::Finishing | Life::Finished if !is_mirror(case) => None,
                Life::Ended | Life::Finishing | Life::Finished => {
                    Some(Finding::new(Verdict::Unknown, Reason::PodFinished))
                }
                Life::Lives => Some(Finding::new(Verdict::Live, Reason::PodExists)),
                Life::Terminating => Some(Finding::new(Verdict::Live, Reason::PodTerminating)),
            };
        }
        if case.endpoint.pod_uid.is_empty() {
            return pod_of_that_name(case).map(|_| Finding::new(Verdict::Live, Reason::SameNamePod));
        }
        is_mirror(case).then_some(Finding::new(Verdict::Live, Reason::MirrorPod))
    }

    fn describe(&self, case: Case<'_>) -> Option<String> {
        let endpoint = case.endpoint;
        let name = format!("Pod {}/{}", endpoint.id.namespace, endpoint.pod);
        let how = how_it_fares(case);
        Some(match pod_of_that_name(case) {
            Some(pod) if pod.uid == endpoint.pod_uid => format!("{name} with uid {} {how}", pod.uid),
            _ if case.life.is_some() => {
                format!("a Pod with uid {} exists under another name than {name}", endpoint.pod_uid)
            }
            Some(pod) if endpoint.pod_uid.is_empty() => {
                format!("{name} exists (uid {}); the endpoint names no uid", pod.uid)
            }
            Some(pod) if pod.is_mirror => {
                format!("{name} is the mirror of a static Pod, now with uid {}", pod.uid)
            }
            Some(pod) => {
                format!("{name} has uid {}, not {}: the endpoint's Pod is gone", pod.uid, endpoint.pod_uid)
            }
            None if endpoint.pod_uid.is_empty() => format!("no {name} exists; the endpoint names no uid"),
            None => format!("no {name} with uid {} exists", endpoint.pod_uid),
        })
    }
}

fn pod_of_that_name(case: Case<'_>) -> Option<&PodRecord> {
    case.world.pods().get(&case.endpoint.id.namespace, &case.endpoint.pod)
}

fn is_mirror(case: Case<'_>) -> bool {
    case.world.pods().mirror(&case.endpoint.id.namespace, &case.endpoint.pod).is_some()
}

/// The Node that the endpoint's Pod was bound to, if there is no such Node and the host is none either. A Pod is bound
/// once: whatever made the endpoint ran there. Nearly every host is a Node, which is asked first.
fn lost_node(case: Case<'_>) -> Option<&str> {
    if case.host.and_then(HostState::node).is_some() {
        return None;
    }
    let pod = pod_of_that_name(case).filter(|pod| pod.uid == case.endpoint.pod_uid)?;
    let is_lost = !pod.node.is_empty() && case.world.nodes().get(&pod.node).is_none();
    is_lost.then_some(&*pod.node)
}

fn how_it_fares(case: Case<'_>) -> String {
    match case.life {
        Some(Life::Ended) => "has ended, but may be started again".to_owned(),
        Some(Life::Finishing) => {
            "has ended for good; not all its containers are known to have stopped".to_owned()
        }
        Some(Life::Finished) => "has ended for good".to_owned(),
        _ => lost_node(case)
            .map_or_else(|| "exists".to_owned(), |node| format!("exists, but its Node {node} does not")),
    }
}
