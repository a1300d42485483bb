//! What an audit finds: each kind by itself, and nothing where all is well.

#![expect(clippy::expect_used, reason = "a test that has not what it needs has failed")]

use std::collections::{BTreeMap, BTreeSet, HashMap};

use calico_ipam::{
    Block, Books, Finding, FindingKind, Handle, HandleId, Holding, Part, PodName, PodState, Pool, Pools,
    Unreadable, Users, Witness, audit,
};
use serde_json::{Value, json};

/// A cluster in which all is well, until a test changes it.
struct Cluster {
    pools: Pools,
    blocks: Vec<Block>,
    handles: BTreeMap<HandleId, Handle>,
    unreadable: BTreeSet<Unreadable>,
    pods: HashMap<PodName, PodState>,
    holdings: Vec<Holding>,
}

const OLD: &str = "00000000000000000000000000000000000000000000000000000000000000aa";
const NEW: &str = "00000000000000000000000000000000000000000000000000000000000000bb";

impl Cluster {
    /// Pod `ran/du-0` has 10.0.0.1, with the handle of its container. All else is free.
    fn in_order() -> Self {
        let mut cluster = Self::without_blocks();
        cluster.block("10.0.0.0/29", &[(1, held_by_du(OLD))]);
        cluster.handle(&format!("net.{OLD}"), &json!({"10.0.0.0/29": 1}));
        cluster.pod("du-0").endpoint("du-0", "10.0.0.1", OLD);
        cluster
    }

    fn without_blocks() -> Self {
        let pool = Pool::read("p", r#"{"cidr":"10.0.0.0/16","blockSize":29}"#).expect("a pool");
        Self {
            pools: Pools::new(vec![pool]),
            blocks: Vec::new(),
            handles: BTreeMap::new(),
            unreadable: BTreeSet::new(),
            pods: HashMap::new(),
            holdings: Vec::new(),
        }
    }

    /// A block of eight addresses, of which these are held.
    fn block(&mut self, cidr: &str, held: &[(usize, Value)]) -> &mut Self {
        self.block_with(cidr, held, &json!({}))
    }

    fn block_with(&mut self, cidr: &str, held: &[(usize, Value)], more: &Value) -> &mut Self {
        let mut allocations = vec![Value::Null; 8];
        held.iter().enumerate().for_each(|(index, (place, _))| allocations[*place] = json!(index));
        let free: Vec<usize> = (0..8).filter(|place| allocations[*place].is_null()).collect();
        let attributes: Vec<&Value> = held.iter().map(|(_, attribute)| attribute).collect();
        let mut block = json!({
            "cidr": cidr, "allocations": allocations, "unallocated": free, "attributes": attributes,
        });
        let more = more.as_object().expect("members").clone();
        block.as_object_mut().expect("an object").extend(more);
        let block = Block::read(&block.to_string()).expect("a block");
        self.blocks.retain(|other| other.cidr() != block.cidr());
        self.blocks.push(block);
        self
    }

    fn handle(&mut self, id: &str, blocks: &Value) -> &mut Self {
        let handle = Handle::read(&json!({"block": blocks}).to_string()).expect("a handle");
        self.handles.insert(HandleId::new(id), handle);
        self
    }

    fn pod(&mut self, name: &str) -> &mut Self {
        let state =
            PodState { uid: format!("uid-{name}"), node: Some("node-a".to_owned()), is_finished: false };
        self.pods.insert(PodName::new("ran", name), state);
        self
    }

    fn endpoint(&mut self, pod: &str, address: &str, container: &str) -> &mut Self {
        let witness = Witness::Endpoint { name: format!("ep-{pod}"), container: container.to_owned() };
        self.holding(pod, address, witness)
    }

    fn status(&mut self, pod: &str, address: &str) -> &mut Self {
        self.holding(pod, address, Witness::Pod)
    }

    fn holding(&mut self, pod: &str, address: &str, witness: Witness) -> &mut Self {
        self.holdings.push(Holding {
            address: address.parse().expect("an address"),
            pod: PodName::new("ran", pod),
            pod_uid: format!("uid-{pod}"),
            witness,
            is_calicos: true,
        });
        self
    }

    fn state(&mut self, pod: &str) -> &mut PodState {
        self.pods.get_mut(&PodName::new("ran", pod)).expect("a Pod")
    }

    fn unreadable(&mut self, part: Part, name: &str) -> &mut Self {
        let problem = "its arrays disagree".to_owned();
        self.unreadable.insert(Unreadable { part, name: name.to_owned(), problem });
        self
    }

    fn findings(&self) -> Vec<Finding> {
        let users = Users::new(self.pods.clone(), self.holdings.iter().cloned());
        let now = "2026-08-01T00:00:00Z".parse().expect("a time");
        let books = Books {
            pools: &self.pools,
            blocks: &self.blocks,
            handles: &self.handles,
            unreadable: &self.unreadable,
            users: &users,
            now,
        };
        audit(books).into_iter().collect()
    }

    /// In a line each: the kind, what it is about, the Pods, and why.
    fn told(&self) -> Vec<String> {
        let line = |finding: Finding| {
            let address = finding.address.map(|it| it.to_string());
            let block = finding.block.map(|it| it.to_string());
            let about = address.or(block).or_else(|| finding.handle.map(|it| it.to_string()));
            let pods: Vec<String> = finding.pods.iter().map(ToString::to_string).collect();
            let words = [
                finding.kind.to_string(),
                about.unwrap_or_default().replace(OLD, "OLD"),
                pods.join(","),
                finding.detail.replace(OLD, "OLD"),
            ];
            words.join(" | ")
        };
        self.findings().into_iter().map(line).collect()
    }
}

fn held_by_du(container: &str) -> Value {
    held_by("du-0", &format!("net.{container}"))
}

fn held_by(pod: &str, handle: &str) -> Value {
    json!({"handle_id": handle, "secondary": {"namespace": "ran", "pod": pod, "node": "node-a"}})
}

/// Asserts that a change of a cluster in order is told like this.
fn finds(change: impl FnOnce(&mut Cluster), told: &[&str]) {
    let mut cluster = Cluster::in_order();
    change(&mut cluster);
    assert_eq!(cluster.told(), told);
}

#[test]
fn nothing_is_found_where_all_is_well() {
    finds(|_| (), &[]);
    finds(
        |it| {
            it.status("du-0", "10.0.0.1");
        },
        &[],
    );
    finds(|it| it.holdings.iter_mut().for_each(|one| one.witness = Witness::Pod), &[]);
}

#[test]
fn an_address_is_leaked_if_its_pod_or_its_container_is_gone() {
    let leaked = |why: &str| format!("leaked | 10.0.0.1 | ran/du-0 | {why}");
    finds(
        |it| {
            it.pods.clear();
            it.holdings.clear();
        },
        &[&leaked("Pod ran/du-0 is gone")],
    );
    finds(|it| it.pods.clear(), &[&leaked("Pod ran/du-0 is gone; still named by endpoint ran/ep-du-0")]);
    finds(
        |it| {
            it.holdings.clear();
            it.endpoint("du-0", "192.168.0.9", NEW).holdings[0].is_calicos = false;
        },
        &[&leaked("Pod ran/du-0 has another container by now")],
    );
    finds(
        |it| {
            it.holdings.clear();
            it.status("du-0", "192.168.0.9").holdings[0].is_calicos = false;
            it.state("du-0").node = Some("node-b".to_owned());
        },
        &[&leaked("Pod ran/du-0 is on node node-b by now; it was given on node-a")],
    );
}

/// A `StatefulSet` gives the same names again and again.
#[test]
fn an_endpoint_of_a_pod_s_predecessor_uses_nothing() {
    finds(
        |it| {
            it.state("du-0").uid = "another".to_owned();
            it.status("du-0", "192.168.0.9");
            it.holdings[1].pod_uid = "another".to_owned();
            it.holdings[1].is_calicos = false;
        },
        &[
            "suspect | 10.0.0.1 | ran/du-0 | Pod ran/du-0 is there, but does not say to have it; still named by \
           endpoint ran/ep-du-0",
        ],
    );
    finds(|it| it.state("du-0").uid = String::new(), &[]);
}

#[test]
fn what_cannot_be_told_is_suspect_and_who_is_on_his_way_is_not() {
    finds(
        |it| it.state("du-0").is_finished = true,
        &[
            "suspect | 10.0.0.1 | ran/du-0 | Pod ran/du-0 has ended and has not given it back; still named by \
           endpoint ran/ep-du-0",
        ],
    );
    finds(
        |it| {
            it.holdings.clear();
            it.status("du-0", "192.168.0.9").holdings[0].is_calicos = false;
        },
        &["suspect | 10.0.0.1 | ran/du-0 | Pod ran/du-0 is there, but does not say to have it"],
    );
    finds(|it| it.holdings.clear(), &[]);
    finds(
        |it| {
            it.block("10.0.0.8/29", &[(0, json!({"handle_id": "by-hand"}))]);
            it.handle("by-hand", &json!({"10.0.0.8/29": 1}));
        },
        &["suspect | 10.0.0.8 |  | no Pod is named for it, and none says to use it"],
    );
}

#[test]
fn what_no_pod_has_to_tell_of_is_nobodys_leak() {
    let attributes = [
        json!({"releasedAt": "2026-07-31T23:59:59Z"}),
        json!({"handle_id": "vxlan-tunnel-addr-node-a", "secondary": {"node": "node-a", "type": "vxlanTunnelAddress"}}),
        json!({"handle_id": "x", "secondary": {"node": "node-a", "type": "ipipTunnelAddress"}}),
        json!({"handle_id": "lb-0123", "secondary": {"service": "web", "namespace": "ran", "type": "LoadBalancer"}}),
        json!({"handle_id": "windows-reserved-ipam-handle", "secondary": {"note": "windows host rsvd"}}),
        json!({"handle_id": "net.vmi.ran.vm-1", "secondary": {"namespace": "ran", "pod": "virt-launcher-1"}}),
        json!({"handle_id": "y", "secondary": {"namespace": "ran", "pod": "gone", "vmi-name": "vm-1"}}),
        json!({"handle_id": "z", "alternateOwnerAttrs": {"pod": "b"}, "secondary": {"namespace": "ran", "pod": "a"}}),
    ];
    for attribute in attributes {
        finds(
            |it| {
                it.block("10.0.0.8/29", &[(0, attribute.clone())]);
                if let Some(handle) = attribute["handle_id"].as_str() {
                    it.handle(handle, &json!({"10.0.0.8/29": 1}));
                }
            },
            &[],
        );
    }
}

#[test]
fn an_address_in_use_has_to_be_allocated_and_in_a_pool() {
    finds(
        |it| {
            it.pod("du-1").status("du-1", "10.0.0.2");
        },
        &["not-allocated | 10.0.0.2 | ran/du-1 | Pod ran/du-1 has it, but it is free in block 10.0.0.0/29"],
    );
    finds(
        |it| {
            it.pod("du-1").status("du-1", "10.0.7.2");
        },
        &["not-allocated | 10.0.7.2 | ran/du-1 | Pod ran/du-1 has it, but no block has it"],
    );
    let cooling = json!({"releasedAt": "2026-07-31T23:59:59Z"});
    finds(
        |it| {
            it.block("10.0.0.8/29", &[(0, cooling)]);
            it.pod("du-1").status("du-1", "10.0.0.8");
        },
        &["not-allocated | 10.0.0.8 | ran/du-1 | Pod ran/du-1 has it, but it was given back at \
           2026-07-31T23:59:59Z and is cooling down"],
    );
    finds(
        |it| {
            it.pod("du-1").status("du-1", "172.16.0.1");
        },
        &["outside-pools | 172.16.0.1 | ran/du-1 | Pod ran/du-1 has it, but no pool has it"],
    );
    finds(
        |it| {
            it.pod("du-1").status("du-1", "172.16.0.1");
            it.holdings[1].is_calicos = false;
        },
        &[],
    );
    finds(
        |it| {
            it.status("gone", "10.0.0.2");
        },
        &[],
    );
}

#[test]
fn an_address_has_one_user_and_that_is_the_one_the_block_says() {
    finds(
        |it| {
            it.pods.clear();
            it.holdings.clear();
            it.pod("du-1").status("du-1", "10.0.0.1");
        },
        &[
            "owner-mismatch | 10.0.0.1 | ran/du-0,ran/du-1 | the block says Pod ran/du-0, but it is used by Pod \
           ran/du-1",
        ],
    );
    finds(
        |it| {
            it.pod("du-1").status("du-1", "10.0.0.1");
        },
        &["several-users | 10.0.0.1 | ran/du-0,ran/du-1 | it is used by Pod ran/du-0 and Pod ran/du-1"],
    );
    finds(
        |it| {
            it.holdings.clear();
            it.endpoint("du-0", "10.0.0.1", NEW);
        },
        &["owner-mismatch | 10.0.0.1 | ran/du-0 | handle net.OLD is not that of the container of endpoint \
           ran/ep-du-0"],
    );
    let foreign = |it: &mut Cluster| {
        it.pod("du-1").status("du-1", "172.16.0.1");
        it.pod("du-2").status("du-2", "172.16.0.1");
        it.holdings.iter_mut().for_each(|one| one.is_calicos = false);
    };
    finds(foreign, &[]);
}

#[test]
fn a_handle_counts_what_blocks_say() {
    finds(
        |it| {
            it.handle("net.x", &json!({"10.0.0.0/29": 2}));
        },
        &["empty-handle | net.x |  | it counts 2 in 10.0.0.0/29, and no block names it"],
    );
    finds(
        |it| {
            it.handle("net.x", &json!({}));
        },
        &["empty-handle | net.x |  | it counts no address, and no block names it"],
    );
    finds(
        |it| {
            it.handle(&format!("net.{OLD}"), &json!({"10.0.0.0/29": 2, "10.0.0.8/29": 1}));
        },
        &[
            "handle-count | 10.0.0.0/29 |  | it counts 2 addresses in the block, which says 1",
            "handle-count | 10.0.0.8/29 |  | it counts 1 addresses in the block, which says 0",
        ],
    );
    finds(
        |it| {
            it.handle(&format!("net.{OLD}"), &json!({}));
        },
        &["handle-count | 10.0.0.0/29 |  | it counts 0 addresses in the block, which says 1"],
    );
    finds(
        |it| it.handles.clear(),
        &["missing-handle | 10.0.0.1 | ran/du-0 | its attribute names a handle that is not there"],
    );
    let unnamed = json!({"secondary": {"namespace": "ran", "pod": "du-0", "node": "node-a"}});
    finds(
        |it| {
            it.handles.clear();
            it.block("10.0.0.0/29", &[(1, unnamed)]);
        },
        &["no-handle | 10.0.0.1 | ran/du-0 | its attribute names no handle"],
    );
}

#[test]
fn blocks_agree_with_themselves_with_each_other_and_with_pools() {
    let spare = json!({"handle_id": "spare"});
    let attributes = json!([held_by_du(OLD), spare]);
    finds(
        |it| {
            it.block_with("10.0.0.0/29", &[(1, json!({}))], &json!({"attributes": attributes}));
        },
        &["invalid-block | 10.0.0.0/29 |  | its attribute 1 is that of no address"],
    );
    finds(
        |it| {
            it.block("10.0.0.8/29", &[(3, json!({"releasedAt": "2026-08-01T00:00:01Z"}))]);
        },
        &[
            "invalid-block | 10.0.0.8/29 |  | 10.0.0.11 was given back at 2026-08-01T00:00:01Z, which is yet to come",
        ],
    );
    let small = json!({"allocations": [null, null], "unallocated": [0, 1]});
    finds(
        |it| {
            it.block_with("10.0.0.4/31", &[], &small);
        },
        &["overlapping-blocks | 10.0.0.4/31 |  | all its addresses are in block 10.0.0.0/29, too"],
    );
    finds(
        |it| {
            it.block("10.9.0.0/29", &[]).block("10.1.0.0/29", &[]);
        },
        &[
            "block-outside-pools | 10.1.0.0/29 |  | it is in no pool: Calico gives nothing of it any more",
            "block-outside-pools | 10.9.0.0/29 |  | it is in no pool: Calico gives nothing of it any more",
        ],
    );
    finds(
        |it| {
            it.block("10.0.0.8/29", &[]).block("10.0.0.16/29", &[]);
        },
        &[],
    );
}

#[test]
fn nothing_is_concluded_from_what_could_not_be_read() {
    let of_block = "invalid-block |  |  | IPAMBlock 10-0-0-0-29: its arrays disagree";
    finds(
        |it| {
            it.blocks.clear();
            it.unreadable(Part::Block, "IPAMBlock 10-0-0-0-29");
        },
        &[of_block],
    );
    let key = "/calico/ipam/v2/assignment/ipv4/block/10.0.0.0-29";
    finds(
        |it| {
            it.blocks.clear();
            it.unreadable(Part::Block, key);
        },
        &[&of_block.replace("IPAMBlock 10-0-0-0-29", key)],
    );
    finds(
        |it| {
            it.handles.clear();
            it.unreadable(Part::Handle, &format!("IPAMHandle net.{OLD}"));
        },
        &["unreadable |  |  | IPAMHandle net.OLD: its arrays disagree"],
    );
    finds(
        |it| {
            it.block("10.1.0.0/29", &[]).unreadable(Part::Pool, "p2");
        },
        &["unreadable |  |  | p2: its arrays disagree"],
    );
}

#[test]
fn every_kind_has_a_code_of_its_own() {
    let codes: BTreeSet<&str> = FindingKind::ALL.iter().map(|kind| kind.code()).collect();
    assert_eq!(codes.len(), FindingKind::ALL.len());
}
