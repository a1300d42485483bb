//! A large cluster in which something happens all the time: looking costs what has changed, and memory what is there.

use std::{net::Ipv4Addr, ops::Range, time::Duration};

use danm_api::{Change, Decoded, EndpointView, Pod};
use kube_core::Resource;
use leak_judge::{Lookout, Observation, Uid};
use testkit::objects::with;

use crate::cluster::{Cluster, GRACE, GROUP, ep, net, pod, read};

/// Endpoints that are there at any time.
const ENDPOINTS: u32 = 100_000;

/// Those that come, and those whose Pods go, each second.
const CHURN: u32 = 1_000;

/// Objects as they come, all after one pattern: a hundred thousand of them are not made from JSON.
struct Patterns {
    pod: Pod,
    endpoint: EndpointView,
}

impl Patterns {
    fn pod(&self, number: u32) -> Pod {
        let mut pod = self.pod.clone();
        pod.metadata.name = Some(format!("pod-{number}"));
        pod.metadata.uid = Some(uid("aaaaaaaa", number));
        pod
    }

    /// An endpoint with an address of the network 10.0.0.0/9.
    fn endpoint(&self, number: u32) -> Decoded<EndpointView> {
        let mut endpoint = self.endpoint.clone();
        endpoint.meta_mut().name = Some(format!("ep-{number}"));
        endpoint.meta_mut().uid = Some(uid("eeeeeeee", number));
        endpoint.spec.pod = Some(format!("pod-{number}"));
        endpoint.spec.pod_uid = Some(uid("aaaaaaaa", number));
        if let Some(interface) = &mut endpoint.spec.interface {
            interface.address = Some(format!("{}/9", Ipv4Addr::from_bits(0x0a00_0001 + number)));
        }
        Decoded::Readable(Box::new(endpoint))
    }

    fn come(&self, cluster: &mut Cluster, numbers: Range<u32>) {
        for number in numbers {
            cluster.observe(Observation::Pods(Change::Apply(self.pod(number))));
            cluster.observe(Observation::Endpoints(GROUP, Change::Apply(self.endpoint(number))));
        }
    }
}

fn uid(kind: &str, number: u32) -> String {
    format!("{kind}-0000-4000-8000-{number:012x}")
}

/// Scenario 61.
#[test]
fn a_hundred_thousand_endpoints_and_a_thousand_more_each_second_cost_what_changes() {
    let mut cluster = Cluster::new();
    let rules = cluster.rules;
    let mut lookout = Lookout::default();
    cluster.apply(with(net("n", &[]), "/spec/Options/cidr", "10.0.0.0/9"));
    let patterns = Patterns { pod: read(pod("p")), endpoint: read(ep("e", "p", "")) };
    patterns.come(&mut cluster, 0..ENDPOINTS);
    let now = cluster.now();
    assert_eq!(lookout.audit(&mut cluster.world, &rules, now).judgements.len(), ENDPOINTS as usize);

    let grace = u32::try_from(GRACE.as_secs()).expect("seconds");
    for second in 0..3 * grace {
        let gone = second * CHURN..(second + 1) * CHURN;
        patterns.come(&mut cluster, ENDPOINTS + gone.start..ENDPOINTS + gone.end);
        gone.for_each(|number| cluster.observe(Observation::Pods(Change::Delete(patterns.pod(number)))));
        cluster.wait(Duration::from_secs(1));
        let now = cluster.now();
        lookout.look(&mut cluster.world, &rules, now);

        let looked_at = lookout.doubtful().judgements.len();
        assert!(looked_at <= (CHURN * (grace + 1)) as usize, "{looked_at} at second {second}");
        let dead: Vec<_> = lookout.doubtful().dangling().map(|judgement| judgement.slot).collect();
        let is_due = second >= grace;
        assert_eq!(dead.len(), if is_due { CHURN as usize } else { 0 }, "each on its second, at {second}");
        for slot in dead {
            let dead = cluster.world.endpoints().get(slot).expect("it is there");
            let gone = Observation::EndpointDeleted(dead.id.clone(), Uid::clone(&dead.uid));
            cluster.observe(gone);
        }
    }
    let kept = cluster.world.endpoints().len();
    assert_eq!(kept, (ENDPOINTS + grace * CHURN) as usize, "nothing but the living and those not due yet");
    let late = patterns.endpoint(0);
    cluster.observe(Observation::Endpoints(GROUP, Change::Read(vec![late])));
    assert_eq!(
        cluster.world.endpoints().len(),
        kept,
        "who was seen to go does not come back with an old read"
    );
}
