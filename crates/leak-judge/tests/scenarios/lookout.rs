//! Looking at what has changed finds nobody dead whom looking at everything would not.

use std::collections::BTreeMap;

use danm_api::Change;
use leak_judge::{Finding, Lookout, Moment, Observation, Reason, Rules, Slot, Verdict};
use proptest::{collection::vec, prelude::*};
use testkit::objects;

use crate::cluster::{Cluster, GRACE, GROUP, WINDOW, ep, net, read};

/// Something that happens in a cluster of few Pods, Nodes and endpoints, so that they meet often.
#[derive(Clone, Debug)]
enum Happening {
    PodComes(u8, u8),
    PodEnds(u8, u8),
    PodGoes(u8, u8),
    PodsAreListed(Vec<(u8, u8)>),
    EndpointComes(u8, u8, u8),
    EndpointGoes(u8),
    EndpointsAreListed(Vec<(u8, u8, u8)>),
    NodeIs(u8, bool, u8),
    NodeGoes(u8),
    TimePasses(u8),
}

fn happening() -> impl Strategy<Value = Happening> {
    let (few, life, host) = (0..4u8, 0..2u8, 0..4u8);
    let endpoint = (0..6u8, 0..4u8, host);
    prop_oneof![
        (few.clone(), life.clone()).prop_map(|(pod, life)| Happening::PodComes(pod, life)),
        (few.clone(), life.clone()).prop_map(|(pod, life)| Happening::PodEnds(pod, life)),
        (few.clone(), life.clone()).prop_map(|(pod, life)| Happening::PodGoes(pod, life)),
        vec((few.clone(), life), 0..3).prop_map(Happening::PodsAreListed),
        endpoint.clone().prop_map(|(name, pod, host)| Happening::EndpointComes(name, pod, host)),
        (0..6u8).prop_map(Happening::EndpointGoes),
        vec(endpoint, 0..4).prop_map(Happening::EndpointsAreListed),
        (few.clone(), any::<bool>(), 0..3u8)
            .prop_map(|(node, ready, boot)| Happening::NodeIs(node, ready, boot)),
        few.prop_map(Happening::NodeGoes),
        (0..8u8).prop_map(Happening::TimePasses),
    ]
}

/// A Pod of one of two lives: the same name, another uid.
fn pod(pod: u8, life: u8) -> serde_json::Value {
    let object = objects::pod("ran", &format!("pod-{pod}"), "node-0");
    objects::with(object, "/metadata/uid", objects::uid(&format!("pod-{pod}-{life}")))
}

/// An endpoint of a Pod's first life, in one of two sandboxes, on a host that may be a Node, a Node's full name, or
/// nobody's.
fn endpoint(name: u8, pod: u8, host: u8) -> serde_json::Value {
    let object = ep(&format!("ep-{name}"), &format!("pod-{pod}"), &format!("10.0.0.{name}/24"));
    let object = objects::with(object, "/spec/PodUID", objects::uid(&format!("pod-{pod}-0")));
    let host = ["node-0", "node-1", "node-1.example.net", "lost"][usize::from(host)];
    let sandbox = format!("sandbox-{}", name % 2);
    objects::with(objects::with(object, "/spec/Host", host), "/spec/CID", sandbox)
}

fn happen(cluster: &mut Cluster, happening: &Happening) {
    let node = |number: u8, ready| objects::node(&format!("node-{number}"), ready);
    match happening {
        Happening::PodComes(number, life) => cluster.apply(pod(*number, *life)),
        Happening::PodEnds(number, life) => {
            let ended = objects::with(pod(*number, *life), "/status/phase", "Succeeded");
            cluster.apply(objects::with(ended, "/spec/restartPolicy", "Never"));
        }
        Happening::PodGoes(number, life) => cluster.delete(pod(*number, *life)),
        Happening::PodsAreListed(pods) => {
            let pods = pods.iter().map(|(number, life)| read(pod(*number, *life))).collect();
            cluster.observe(Observation::Pods(Change::Reset(pods)));
        }
        Happening::EndpointComes(name, pod, host) => cluster.apply(endpoint(*name, *pod, *host)),
        Happening::EndpointGoes(name) => cluster.delete(endpoint(*name, 0, 0)),
        Happening::EndpointsAreListed(all) => {
            let all = all.iter().map(|(name, pod, host)| read(endpoint(*name, *pod, *host))).collect();
            cluster.observe(Observation::Endpoints(GROUP, Change::Reset(all)));
        }
        Happening::NodeIs(number, ready, boot) => {
            let node = node(*number, if *ready { "True" } else { "Unknown" });
            cluster.apply(objects::booted(node, &format!("boot-{boot}"), 0));
        }
        Happening::NodeGoes(number) => cluster.delete(node(*number, "True")),
        Happening::TimePasses(seconds) => cluster.wait(std::time::Duration::from_secs((*seconds).into())),
    }
}

/// What was found about all that were not found alive.
fn findings(lookout: &Lookout) -> BTreeMap<Slot, Finding> {
    lookout.doubtful().judgements.iter().map(|judgement| (judgement.slot, judgement.finding)).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 500, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_look_finds_nobody_dead_whom_an_audit_would_not(happenings in vec(happening(), 1..40)) {
        let rules = Rules { grace: GRACE, ownership_window: WINDOW, ..Rules::default() };
        let (mut looked, mut audited) = (Cluster::new(), Cluster::new());
        let (mut lookout, mut auditor) = (Lookout::default(), Lookout::default());
        looked.apply(net("n", &[1, 2, 3]));
        audited.apply(net("n", &[1, 2, 3]));
        for happening in &happenings {
            happen(&mut looked, happening);
            happen(&mut audited, happening);
            let now: Moment = looked.now();
            lookout.look(&mut looked.world, &rules, now);
            auditor.audit(&mut audited.world, &rules, now);
            looked.answer(&lookout.doubtful().judgements);
            audited.answer(&auditor.doubtful().judgements);
            let (by_look, by_audit) = (findings(&lookout), findings(&auditor));
            prop_assert!(by_look.keys().eq(by_audit.keys()), "the same live, after {:?}", happening);
            for (slot, finding) in by_look {
                let dead = [finding, by_audit[&slot]].map(|finding| finding.verdict == Verdict::Dangling);
                prop_assert!(!dead[0] || dead[1], "{:?} is found dead after {:?}", slot, happening);
                // A host that is not told from a silent machine any more may wait for the next audit.
                let is_late = finding.reason == Reason::HostUnknown || finding.reason == Reason::FirstObservation;
                prop_assert!(dead[0] == dead[1] || is_late, "{:?} is missed after {:?}", slot, happening);
            }
        }
    }
}
