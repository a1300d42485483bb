//! What the Pod objects say. A Pod that is there is alive; that one is not there proves nothing yet.

use super::{Case, Evidence};
use crate::{Finding, Life, Reason, Verdict};

/// Presence of the Pod. Its uid decides: another Pod of the same name is another Pod.
pub struct PodEvidence;

impl Evidence for PodEvidence {
    fn weigh(&self, case: Case<'_>) -> Option<Finding> {
        let Case { endpoint, world, .. } = case;
        if !endpoint.pod_uid.is_empty()
            && let Some(life) = world.pods().life(&endpoint.pod_uid)
        {
            return Some(match life {
                Life::Lives => Finding::new(Verdict::Live, Reason::PodExists),
                Life::Terminating => Finding::new(Verdict::Live, Reason::PodTerminating),
                Life::Finished => Finding::new(Verdict::Unknown, Reason::PodFinished),
            });
        }
        let same_name = world.pods().get(&endpoint.id.namespace, &endpoint.pod)?;
        if endpoint.pod_uid.is_empty() {
            return Some(Finding::new(Verdict::Live, Reason::SameNamePod));
        }
        same_name.is_mirror.then_some(Finding::new(Verdict::Live, Reason::MirrorPod))
    }

    fn describe(&self, case: Case<'_>) -> Option<String> {
        let endpoint = case.endpoint;
        let name = format!("Pod {}/{}", endpoint.id.namespace, endpoint.pod);
        let is_there = !endpoint.pod_uid.is_empty() && case.world.pods().has_uid(&endpoint.pod_uid);
        Some(match case.world.pods().get(&endpoint.id.namespace, &endpoint.pod) {
            Some(pod) if pod.uid == endpoint.pod_uid => format!("{name} with uid {} exists", pod.uid),
            _ if is_there => {
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
