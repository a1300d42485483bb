//! A cluster in memory: objects are built, changed and deleted as watches would tell, time is moved by hand,
//! and a round judges and plans as the Cleaner does.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use danm_api::{ApiGroup, Change, NetworkKind};
use danm_ipam::{AllocBits, BitIndex};
use leak_judge::{
    Action, AddressAction, AddressBook, Anomaly, Judgement, Mending, MendingRules, Moment, Observation, Plan,
    Reason, Remark, Reporter, Row, Rules, Sightings, Source, Suspects, Verdict, World, anomalies, judge,
    plan,
};
use serde_json::{Value, json};
use testkit::objects;

pub const GRACE: Duration = Duration::from_secs(5);
pub const WINDOW: Duration = Duration::from_secs(60);

/// The group most tests use.
pub const GROUP: ApiGroup = ApiGroup::DanmK8sIo;

/// A cluster with one Ready Node, `node-a`, in which everything has been listed.
pub struct Cluster {
    pub world: World,
    suspects: Suspects,
    sightings: Sightings,
    pub rules: Rules,
    now: Moment,
    version: u64,
}

/// What a round decided.
pub struct Round {
    rows: BTreeMap<String, Row>,
    pub plan: Plan,
}

impl Cluster {
    pub fn new() -> Self {
        let mut cluster = Self::unsynced();
        for source in sources() {
            cluster.list_nothing(source);
        }
        cluster.observe(Observation::Nodes(Change::Reset(vec![read(objects::node("node-a", "True"))])));
        cluster
    }

    /// Nothing was listed yet.
    pub fn unsynced() -> Self {
        Self {
            world: World::expecting(sources()),
            suspects: Suspects::default(),
            sightings: Sightings::default(),
            rules: Rules { grace: GRACE, ownership_window: WINDOW, ..Rules::default() },
            now: Moment::START + Duration::from_secs(1000),
            version: 1000,
        }
    }

    pub fn observe(&mut self, observation: Observation) {
        self.world.observe(observation, self.now);
    }

    pub fn list_nothing(&mut self, source: Source) {
        let observation = match source {
            Source::Pods => Observation::Pods(Change::Reset(vec![])),
            Source::Nodes => Observation::Nodes(Change::Reset(vec![])),
            Source::Namespaces => Observation::Namespaces(Change::Reset(vec![])),
            source @ Source::Danm(_) if source == Source::reservations() => {
                Observation::Reservations(Change::Reset(vec![]))
            }
            source @ Source::Danm(_) => ApiGroup::ALL
                .into_iter()
                .find_map(|group| {
                    if source == Source::endpoints(group) {
                        return Some(Observation::Endpoints(group, Change::Reset(vec![])));
                    }
                    let mut kinds = NetworkKind::ALL.into_iter();
                    let kind = kinds.find(|&kind| source == Source::networks(group, kind))?;
                    Some(Observation::Networks(group, kind, Change::Reset(vec![])))
                })
                .expect("a source of DANM"),
        };
        self.observe(observation);
    }

    /// Adds or changes an object, as a watch tells it.
    pub fn apply(&mut self, object: Value) {
        let object = self.versioned(object);
        self.observe(observation(object, Told::Applied));
    }

    pub fn delete(&mut self, object: Value) {
        let object = self.versioned(object);
        self.observe(observation(object, Told::Deleted));
    }

    /// Adds objects of one kind as a first list tells them: what happened to them before is unknown.
    pub fn list(&mut self, all: Vec<Value>) {
        let all: Vec<Value> = all.into_iter().map(|object| self.versioned(object)).collect();
        let listed =
            all.into_iter().map(|object| observation(object, Told::Applied)).reduce(|all, one| {
                match (all, one) {
                    (
                        Observation::Endpoints(group, Change::Apply(first)),
                        Observation::Endpoints(_, Change::Apply(one)),
                    ) => Observation::Endpoints(group, Change::Reset(vec![first, one])),
                    (
                        Observation::Endpoints(group, Change::Reset(mut all)),
                        Observation::Endpoints(_, Change::Apply(one)),
                    ) => {
                        all.push(one);
                        Observation::Endpoints(group, Change::Reset(all))
                    }
                    _ => panic!("list endpoints, or one object"),
                }
            });
        self.observe(match listed.expect("something to list") {
            Observation::Endpoints(group, Change::Apply(one)) => {
                Observation::Endpoints(group, Change::Reset(vec![one]))
            }
            Observation::Networks(group, kind, Change::Apply(one)) => {
                Observation::Networks(group, kind, Change::Reset(vec![one]))
            }
            Observation::Pods(Change::Apply(one)) => Observation::Pods(Change::Reset(vec![one])),
            Observation::Nodes(Change::Apply(one)) => Observation::Nodes(Change::Reset(vec![one])),
            listed => listed,
        });
    }

    /// A look now, and time passes.
    pub fn look_and_wait(&mut self, time: Duration) {
        self.audit();
        self.now = self.now + time;
    }

    pub const fn now(&self) -> Moment {
        self.now
    }

    pub fn wait(&mut self, time: Duration) {
        self.now = self.now + time;
    }

    /// What does not agree, remembered for the next look.
    pub fn inspect(&mut self) -> Vec<Anomaly> {
        let audit = self.audit();
        let found = anomalies(&self.world, &audit.judgements);
        self.sightings.update(&found, &self.world, self.now);
        found
    }

    /// What may be mended in the `DanmNet` `n` now, of what was found at the last look.
    pub fn mending(&self, rules: &MendingRules) -> Mending {
        self.mending_in("n", rules)
    }

    pub fn mending_in(&self, name: &str, rules: &MendingRules) -> Mending {
        let mut networks = self.world.networks().iter();
        let (id, _) = networks.find(|(id, _)| &*id.network.name == name).expect("it is there");
        let book = AddressBook::of(&self.world, id);
        book.map_or_else(Mending::default, |book| Mending::of(book, &self.sightings, rules, self.now))
    }

    /// The bits of a /24 that are set once that was written, besides its ends; `None` if nothing is.
    pub fn mended(&self, rules: &MendingRules) -> Option<Vec<u32>> {
        let mut networks = self.world.networks().iter();
        let (_, record) = networks.find(|(id, _)| &*id.network.name == "n").expect("it is there");
        let write = self.mending(rules).write(record)?;
        assert_eq!((write.version, write.released), (record.version, None));
        Some(objects::set_bits(&write.alloc.expect("IPv4")))
    }

    fn audit(&mut self) -> leak_judge::Audit {
        let audit = judge(&self.world, &self.suspects, &self.rules, self.now);
        self.suspects.update(&audit.judgements, &self.world, self.now);
        if audit.judgements.iter().any(|judgement| judgement.is_unasked) {
            self.answer(&audit.judgements);
            return self.audit();
        }
        audit
    }

    /// Whoever is not in the index is asked for, and not there.
    pub fn answer(&mut self, judgements: &[Judgement]) {
        for judgement in judgements.iter().filter(|judgement| judgement.is_unasked) {
            let endpoint = self.world.endpoints().get(judgement.slot).expect("it is judged");
            let absent = Observation::PodAbsent(endpoint.pod_uid.clone());
            self.observe(absent);
        }
    }

    /// What is found about one endpoint now.
    pub fn judgement(&self, endpoint: &str) -> Judgement {
        let audit = judge(&self.world, &self.suspects, &self.rules, self.now);
        let is_it = |judgement: &&Judgement| {
            self.world.endpoints().get(judgement.slot).is_some_and(|one| one.id.name.to_string() == endpoint)
        };
        *audit.judgements.iter().find(is_it).expect("it is judged")
    }

    /// Judges and plans once, with what was seen so far.
    pub fn round(&mut self) -> Round {
        let audit = self.audit();
        let dangling: Vec<Judgement> = audit.dangling().copied().collect();
        let plan = plan(&self.world, &dangling, &BTreeSet::new(), &self.rules, self.now);
        let reporter = Reporter::new(&self.world, &audit.hosts, &self.rules, self.now);
        let remarks: Vec<Remark> =
            anomalies(&self.world, &audit.judgements).into_iter().map(Remark::of).collect();
        let mut rows: BTreeMap<String, Row> =
            reporter.rows(&audit, &plan.held, &remarks).map(|row| (row.name.clone(), row)).collect();
        for endpoint in plan.networks.iter().flat_map(|network| &network.endpoints) {
            let row =
                reporter.acted(endpoint.slot, endpoint.finding, &endpoint.addresses, Action::WouldRelease);
            let row = row.expect("the endpoint is there");
            rows.insert(row.name.clone(), row);
        }
        Round { rows, plan }
    }

    /// The plan for one dead endpoint, while the turn of the others has not come.
    pub fn plan_only(&mut self, endpoint: &str) -> Plan {
        let audit = self.audit();
        let is_it = |judgement: &&Judgement| {
            self.world.endpoints().get(judgement.slot).is_some_and(|one| one.id.name.to_string() == endpoint)
        };
        let (it, others): (Vec<&Judgement>, Vec<&Judgement>) = audit.dangling().partition(is_it);
        let it: Vec<Judgement> = it.into_iter().copied().collect();
        let others = others.into_iter().map(|judgement| judgement.slot).collect();
        plan(&self.world, &it, &others, &self.rules, self.now)
    }

    /// Two observations with everything proved that time alone can prove.
    pub fn settle(&mut self) -> Round {
        self.look_and_wait(GRACE + WINDOW);
        self.round()
    }

    fn versioned(&mut self, mut object: Value) -> Value {
        self.version += 1;
        object["metadata"]["resourceVersion"] = json!(self.version.to_string());
        object
    }
}

impl Round {
    pub fn row(&self, endpoint: &str) -> &Row {
        self.rows.get(endpoint).unwrap_or_else(|| panic!("no row of {endpoint:?} in {:?}", self.rows.keys()))
    }

    pub fn rows(&self) -> impl Iterator<Item = &Row> {
        self.rows.values()
    }

    /// Asserts that an endpoint is released, with these actions on its addresses.
    pub fn releases(&self, endpoint: &str, addresses: &[(&str, AddressAction)]) {
        let row = self.row(endpoint);
        assert_eq!((row.verdict, row.action), (Verdict::Dangling, Action::WouldRelease), "{row:#?}");
        let got: Vec<(String, AddressAction)> =
            row.addresses.iter().map(|address| (address.address.to_string(), address.action)).collect();
        let expected: Vec<(String, AddressAction)> =
            addresses.iter().map(|(address, action)| ((*address).to_owned(), *action)).collect();
        assert_eq!(got, expected, "{row:#?}");
    }

    /// Asserts that an endpoint is not touched, for this reason.
    pub fn spares(&self, endpoint: &str, verdict: Verdict, reason: Reason) {
        let row = self.row(endpoint);
        assert_eq!((row.verdict, row.reason), (verdict, reason), "{row:#?}");
        assert!(matches!(row.action, Action::Held | Action::Kept), "{row:#?}");
        assert!(row.addresses.iter().all(|address| address.action == AddressAction::Keep), "{row:#?}");
        self.deletes_not(endpoint);
    }

    /// The same, where it is expected at all.
    pub fn deletes_not_if(&self, is_expected: bool, endpoint: &str) {
        if is_expected {
            self.deletes_not(endpoint);
        }
    }

    pub fn deletes_not(&self, endpoint: &str) {
        let mut planned = self.plan.networks.iter().flat_map(|network| &network.endpoints);
        assert!(planned.all(|plan| plan.id.name.to_string() != endpoint), "{endpoint} would be deleted");
    }

    /// The bits that are set after the round's write to a /24 network, or `None` if it is not written.
    pub fn set_bits(&self, network: &str) -> Option<Vec<u32>> {
        let plan = self.plan.networks.iter().find(|plan| &*plan.network.network.name == network)?;
        let alloc = plan.write.as_ref()?.alloc.as_ref()?;
        let bits = AllocBits::decode(alloc, 256).expect("a /24");
        Some((0..256).filter(|&bit| bits.is_set(BitIndex(bit))).collect())
    }
}

/// A network 10.0.0.0/24 of kind `DanmNet` in namespace `ran` with these bits set besides its ends.
pub fn net(name: &str, set: &[u32]) -> Value {
    objects::with_bits(objects::network(GROUP, NetworkKind::DanmNet, "ran", name), set)
}

/// An endpoint of namespace `ran` on the network `n` with an IPv4 address.
pub fn ep(name: &str, pod: &str, address: &str) -> Value {
    objects::with(objects::endpoint(GROUP, "ran", name, pod, "n"), "/spec/Interface/Address", address)
}

/// A Pod of namespace `ran` on `node-a`.
pub fn pod(name: &str) -> Value {
    objects::pod("ran", name, "node-a")
}

fn sources() -> Vec<Source> {
    let of_group = |group| {
        let networks = NetworkKind::ALL.map(|kind| Source::networks(group, kind));
        networks.into_iter().chain([Source::endpoints(group)])
    };
    let core = [Source::Pods, Source::Nodes, Source::Namespaces, Source::reservations()];
    core.into_iter().chain(ApiGroup::ALL.into_iter().flat_map(of_group)).collect()
}

#[derive(Clone, Copy)]
enum Told {
    Applied,
    Deleted,
}

fn observation(object: Value, told: Told) -> Observation {
    fn change<T: serde::de::DeserializeOwned>(object: Value, told: Told) -> Change<T> {
        match told {
            Told::Applied => Change::Apply(read(object)),
            Told::Deleted => Change::Delete(read(object)),
        }
    }
    let api_version = object["apiVersion"].as_str().unwrap_or_default().to_owned();
    let group = if api_version == "danm.io/v1" { ApiGroup::DanmIo } else { ApiGroup::DanmK8sIo };
    match object["kind"].as_str().unwrap_or_default() {
        "Pod" => Observation::Pods(change(object, told)),
        "Node" => Observation::Nodes(change(object, told)),
        "Namespace" => Observation::Namespaces(change(object, told)),
        "DanmEp" => Observation::Endpoints(group, change(object, told)),
        "ReservedIP" => Observation::Reservations(change(object, told)),
        kind => Observation::Networks(group, kind.parse().expect("a kind of network"), change(object, told)),
    }
}

pub fn read<T: serde::de::DeserializeOwned>(object: Value) -> T {
    serde_json::from_value(object).expect("the builders make readable objects")
}
