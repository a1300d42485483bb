//! What the Pod objects say. A Pod that is there is alive; that one is not there proves nothing yet.

use super::{Case, Evidence};
use crate::{Finding, Reason, Verdict};

/// Presence of the Pod. Its uid decides: another Pod of the same name is another Pod.
pub struct PodEvidence;

impl Evidence for PodEvidence {
    fn weigh(&self, case: Case<'_>) -> Option<Finding> {
        let endpoint = case.endpoint;
        let same_name = case.world.pods().get(&endpoint.id.namespace, &endpoint.pod);
        if let Some(pod) = same_name.filter(|pod| pod.uid == endpoint.pod_uid) {
            let finding = if pod.is_finished {
                Finding::new(Verdict::Unknown, Reason::PodFinished)
            } else if pod.is_terminating {
                Finding::new(Verdict::Live, Reason::PodTerminating)
            } else {
                Finding::new(Verdict::Live, Reason::PodExists)
            };
            return Some(finding);
        }
        if endpoint.pod_uid.is_empty() {
            return same_name.map(|_| Finding::new(Verdict::Live, Reason::SameNamePod));
        }
        if case.world.pods().has_uid(&endpoint.pod_uid) {
            return Some(Finding::new(Verdict::Live, Reason::PodExists));
        }
        same_name.filter(|pod| pod.is_mirror).map(|_| Finding::new(Verdict::Live, Reason::MirrorPod))
    }

    fn describe(&self, case: Case<'_>) -> Option<String> {
        let endpoint = case.endpoint;
        let name = format!("Pod {}/{}", endpoint.id.namespace, endpoint.pod);
        Some(match case.world.pods().get(&endpoint.id.namespace, &endpoint.pod) {
            Some(pod) if pod.uid == endpoint.pod_uid => format!("{name} with uid {} exists", pod.uid),
            Some(pod) if endpoint.pod_uid.is_empty() => {
                format!("{name} exists (uid {}); the endpoint names no uid", pod.uid)
            }
            Some(pod) if pod.is_mirror => {
                format!("{name} is the mirror of a static Pod, now with uid {}", pod.uid)
            }
            Some(pod) => {
                format!("{name} has uid {}, not {}: the endpoint's Pod is gone", pod.uid, endpoint.pod_uid)
            }
            None if case.world.pods().has_uid(&endpoint.pod_uid) => {
                format!("a Pod with uid {} exists under another name than {name}", endpoint.pod_uid)
            }
            None if endpoint.pod_uid.is_empty() => format!("no {name} exists; the endpoint names no uid"),
            None => format!("no {name} with uid {} exists", endpoint.pod_uid),
        })
    }
}
