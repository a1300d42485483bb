//! Who is there when a schedule begins: groups, networks, machines, workloads, and what earlier times have left.

use std::rc::Rc;

use danm_api::{ApiGroup, NetworkKind};
use danm_ipam::BitIndex;

use crate::{
    actors::{
        plugin::{Template, Want, Wish},
        workload::{Kind, Workload},
    },
    calico::{self, Assignee},
    chance::Chance,
    machine::Machine,
    store::{Endpoint, NAMESPACES, NetworkKey, NetworkSpec, NodeKey, Phase, Pod, Store},
    truth::{Address, Sandbox},
    world::World,
};

/// The networks of a schedule: of one dialect or of both.
pub fn networks(chance: &mut Chance) -> Vec<NetworkSpec> {
    let groups: &[ApiGroup] =
        [&[ApiGroup::DanmK8sIo][..], &[ApiGroup::DanmIo], &ApiGroup::ALL][chance.weigh(&[4, 3, 3])];
    let kinds = [NetworkKind::DanmNet, NetworkKind::ClusterNetwork, NetworkKind::TenantNetwork];
    let mut specs = Vec::new();
    for group in groups {
        let kind = kinds[usize::from(chance.pick(3))];
        let (size, is_dual) = (chance.pick(3), chance.happens(300));
        specs.push(NetworkSpec::new(specs.len(), *group, kind, size, is_dual));
    }
    specs
}

/// Puts machines, Nodes and networks in their places, and gives the workloads that will use them.
pub fn furnish(world: &mut World) -> Vec<Workload> {
    for number in 0..machine_count(&mut world.chance) {
        let is_odd = world.chance.happens(30);
        let machine = Machine::new(number, is_odd);
        world.store.put_node(machine.new_node());
        world.machines.push(machine);
    }
    for place in 0..world.store.specs.len() {
        let fresh = world.store.specs[place].fresh(NetworkKey(place), 0, 0);
        world.store.put_network(fresh);
    }
    let count = 2 + world.chance.pick(4);
    let has_calico = world.calico.is_some();
    let workloads: Vec<Workload> =
        (0..count).map(|number| workload(&mut world.chance, &world.store, has_calico, number)).collect();
    for number in 0..world.chance.pick(6) {
        leave_behind(world, number, &workloads[usize::from(number % count)]);
    }
    workloads
}

/// What an earlier Pod has left: an endpoint with its bit, one whose bit a DEL has cleared, or a bit alone.
fn leave_behind(world: &mut World, number: u16, workload: &Workload) {
    let key = world.store.new_pod_key();
    world.templates.push(Rc::clone(&workload.template));
    let node = NodeKey(usize::from(world.chance.pick(2)));
    let network = NetworkKey(usize::from(number) % world.store.specs.len());
    let name: Rc<str> = format!("old-{number}").into();
    let (namespace, phase) = (0, Phase::Pending);
    let pod = Pod {
        key,
        version: 0,
        namespace,
        name,
        node,
        phase,
        is_deleting: false,
        is_job: false,
        is_mirror: false,
    };
    let sandbox = world.truth.start(key, node);
    let host = Rc::clone(&world.machines[node.0].host);
    let how = world.chance.weigh(&[4, 4, 1]);
    let Some(mut object) = world.store.network(network).cloned() else { return };
    let mut bits = [None, None];
    let template = &workload.template;
    for (family, array) in object.bits.iter_mut().enumerate() {
        let Some(array) = array.as_mut().filter(|_| !template.calico[family]) else { continue };
        let bit = BitIndex(2 + u32::from(number) / 2);
        bits[family] = Some(bit);
        if how != 1 {
            array.set(bit);
            world.truth.allocated(Address { network, family, bit }, sandbox, |_| false);
        }
    }
    world.store.put_network(object);
    let calico = leave_in_calico(world, (network, sandbox), &pod, template.calico, how != 1);
    world.truth.stop(sandbox);
    if how != 2 {
        let key = world.store.new_endpoint_key();
        let endpoint = Endpoint::of(&pod, host, sandbox, (network, bits));
        let is_calico = template.calico.contains(&true);
        world.store.put_endpoint(Endpoint { key, is_calico, calico, ..endpoint });
    }
}

/// What an earlier sandbox had of Calico, and perhaps still has.
fn leave_in_calico(
    world: &mut World,
    (network, sandbox): (NetworkKey, Sandbox),
    pod: &Pod,
    families: [bool; 2],
    has_still: bool,
) -> [Option<BitIndex>; 2] {
    let mut bits = [None, None];
    let Some(calico) = &mut world.calico else { return bits };
    let to = Assignee {
        handle: calico::handle_of(network, sandbox),
        namespace: NAMESPACES[pod.namespace],
        pod: pod.name.to_string(),
        node: pod.node.name(),
    };
    for family in (0..2).filter(|family| families[*family]) {
        let terms = calico.terms(0);
        let Some((block, bit)) = calico::assigned(&calico.block(family).value, &to, &terms) else { continue };
        bits[family] = Some(bit);
        if has_still {
            let handle = calico.handle(&to.handle).map(|stored| stored.value.clone());
            calico.put_handle(to.handle.clone(), calico::counted(handle.as_ref(), &to.handle, &block));
            calico.put_block(family, block);
            let address = world.truth.of_calico(family, bit);
            world.truth.allocated(address, sandbox, |_| false);
        }
    }
    bits
}

/// How many machines there are.
pub fn machine_count(chance: &mut Chance) -> usize {
    2 + usize::from(chance.pick(2))
}

fn workload(chance: &mut Chance, store: &Store, has_calico: bool, number: u16) -> Workload {
    let kind = [Kind::Deployment, Kind::StatefulSet, Kind::Job][chance.weigh(&[4, 4, 2])];
    let is_static = kind == Kind::StatefulSet && chance.happens(350);
    let network = usize::from(chance.pick(u16::try_from(store.specs.len()).unwrap_or(1)));
    let mut wishes = vec![wish(store, network, is_static.then_some(number))];
    if chance.happens(150) {
        let other = (network + 1) % store.specs.len();
        wishes.push(wish(store, other, None));
    }
    let calico = if has_calico && chance.happens(400) {
        [[true, false], [true, true], [false, true]][chance.weigh(&[4, 3, 3])]
    } else {
        [false; 2]
    };
    let template = Template {
        wishes,
        writes_pod_uid: kind != Kind::Deployment || !chance.happens(60),
        calico,
        cleans_up: !chance.happens(230),
    };
    Workload {
        number,
        kind,
        namespace: usize::from(
            chance.happens(200) && store.specs.iter().all(|spec| !spec.kind.is_namespaced()),
        ),
        template: Rc::new(template),
        lives: 1 + chance.pick(3),
    }
}

/// Addresses of both families where there are. A static one is the same for all Pods of a workload.
fn wish(store: &Store, network: usize, fixed: Option<u16>) -> Wish {
    let pools = &store.specs[network].pools;
    let want = |family: usize| match (&pools[family], fixed) {
        (None, _) => Want::Nothing,
        (Some(_), None) => Want::Dynamic,
        // Behind the gateway, where the dynamic ones come late.
        (Some(pool), Some(number)) => Want::Static(BitIndex(pool.last_bit().0 - 1 - u32::from(number) % 4)),
    };
    Wish { network: NetworkKey(network), addresses: [want(0), want(1)] }
}
