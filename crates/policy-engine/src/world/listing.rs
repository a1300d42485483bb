//! All that a world is made of, so that somebody can keep it and make the same world again. How it is kept is not known here.

use std::sync::Arc;

use danm_api::PolicySpec;

use super::{Object, Policy, World};
use crate::PolicyKey;

impl World {
    /// Objects that make an equal world, if one that is empty takes them in, in this order.
    pub fn objects(&self) -> impl Iterator<Item = Object> {
        let namespaces = &self.namespaces;
        let namespaces =
            namespaces.iter().map(|(name, labels)| Object::Namespace(Arc::clone(name), Arc::clone(labels)));
        let pods = self.pods.iter().map(|(name, pod)| Object::Pod(name.clone(), pod.clone()));
        let endpoints = self.endpoints.iter();
        let endpoints = endpoints.map(|(key, endpoint)| Object::Endpoint(key.clone(), endpoint.clone()));
        let networks = self.networks.iter().flat_map(|(network, groups)| {
            groups.iter().map(|group| Object::Network(*group, network.clone()))
        });
        let policies = self.policies.iter().flat_map(|(key, policy)| versions(key, policy));
        let services = self.services.iter();
        let services = services.map(|(name, service)| Object::Service(name.clone(), service.clone()));
        let slices = self.slices.iter().map(|(name, slice)| Object::Slice(name.clone(), slice.clone()));
        namespaces.chain(pods).chain(endpoints).chain(networks).chain(policies).chain(services).chain(slices)
    }
}

/// What is in force of a policy; then, where that is an earlier version, what is known of the present one: its problems, and whether it is
/// audited as well.
fn versions(key: &PolicyKey, policy: &Policy) -> impl Iterator<Item = Object> {
    let present = policy.is_earlier_version.then(|| {
        let (problems, enforcement) = (policy.problems.clone(), policy.spec.enforcement);
        let spec = PolicySpec { problems, enforcement, ..PolicySpec::default() };
        Object::Policy(key.clone(), Arc::new(spec))
    });
    [Object::Policy(key.clone(), Arc::clone(&policy.spec))].into_iter().chain(present)
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;
    use serde_json::{Value, json};

    use super::*;
    use crate::Endpoint;

    fn policy(spec: &Value) -> Object {
        let object = json!({"apiVersion": "danm.k8s.io/v1", "kind": "DanmNetworkPolicy",
                            "metadata": {"namespace": "x", "name": "p"}, "spec": spec});
        Object::read(&object).expect("an object").expect("a policy")
    }

    #[test]
    fn an_earlier_version_that_is_in_force_is_kept_with_the_problems_of_the_present_one() {
        let mut world = World::default();
        world.apply(policy(
            &json!({"podSelector": {"matchLabels": {"app": "1"}}, "ingress": [{"from": [{}]}]}),
        ));
        world.apply(policy(&json!({"podSelector": {"matchLabels": []}})));
        let (_, kept) = world.policies().next().expect("a policy");
        assert!(kept.is_earlier_version && kept.problems != kept.spec.problems, "{kept:?}");
        let mut again = World::default();
        world.objects().for_each(|object| again.apply(object));
        assert_eq!(again, world);
        // A version that can be understood takes its place as it would have done.
        for world in [&mut world, &mut again] {
            world.apply(policy(&json!({"podSelector": {}})));
            assert!(!world.policies().next().expect("a policy").1.is_earlier_version);
        }
        assert_eq!(again, world);
    }

    #[test]
    fn an_earlier_version_that_is_audited_is_kept_as_audited() {
        let mut world = World::default();
        for selector in [json!({}), json!({"matchLabels": []})] {
            world.apply(policy(&json!({"podSelector": selector, "enforcement": "audit"})));
        }
        let mut again = World::default();
        world.objects().for_each(|object| again.apply(object));
        assert_eq!(again, world);
        assert!(world.policies().all(|(_, policy)| policy.is_earlier_version && policy.spec.is_audited()));
    }

    #[test]
    fn a_network_is_kept_in_each_group_that_has_it() {
        let mut world = World::default();
        for version in ["danm.k8s.io/v1", "danm.io/v1"] {
            let network =
                json!({"apiVersion": version, "kind": "ClusterNetwork", "metadata": {"name": "lan1"}});
            world.apply(Object::read(&network).expect("an object").expect("a network"));
        }
        let mut again = World::default();
        world.objects().for_each(|object| again.apply(object));
        assert_eq!(again, world);
        assert_eq!(world.objects().count(), 2);
    }

    #[test]
    fn what_no_interface_can_be_called_is_not_read_as_the_name_of_one() {
        let endpoint = |name: &str| json!({"pod": "a", "pod_uid": null, "network": null, "interface": name, "addresses": []});
        assert!(Endpoint::deserialize(endpoint("net1")).is_ok());
        assert!(Endpoint::deserialize(endpoint("eth*")).is_err());
    }
}
