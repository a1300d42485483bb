//! The agent without a cluster, for benchmarks: whoever tells it of objects does what watches do, and waits until the rules that
//! follow are in the kernels. All that is between is the agent's own; nothing is shown, written or kept.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Instant,
};

use anyhow::{Context, bail};
use clap::Parser;
use danm_api::{ApiGroup, ApiType, Change, DanmKind};
use jiff::Timestamp;
use policy_engine::Object;
use serde_json::Value;
use tokio::sync::mpsc;

use super::{
    enforce,
    enforcement::{
        Enforcement,
        intent::Certainty,
        status::{News, State},
    },
    knowledge::Knowledge,
    order,
    pod_scope::PodScope,
    source::{CORE, Seen, Source},
    told::{Record, Told},
};
use crate::cli::{Cli, Command};

/// An agent that is told of objects by hand.
pub struct Rehearsal {
    node: String,
    knowledge: Knowledge,
    enforcement: Enforcement,
    told: mpsc::UnboundedReceiver<News>,
}

/// What a watch tells.
pub struct Event(Seen);

/// Which kinds are served, beside those that every cluster has.
const SERVED: [DanmKind; 2] = [DanmKind::DanmEp, DanmKind::NetworkPolicy];

// === impl Rehearsal ===

impl Rehearsal {
    /// An agent with these arguments, as they are typed. It knows nothing of the time before.
    pub fn start(arguments: &[&str]) -> anyhow::Result<Self> {
        let cli = Cli::try_parse_from(["danm-policer", "agent"].iter().chain(arguments))?;
        let Command::Agent(args) = &cli.command else { bail!("it is no agent") };
        let (news, told) = mpsc::unbounded_channel();
        let enforcement = enforce(args, Certainty::Remembered, news)?;
        Ok(Self { node: args.node_name.clone(), knowledge: Knowledge::default(), enforcement, told })
    }

    /// Takes in all that there is, as the first lists tell it.
    pub fn list(&mut self, objects: &[Value]) -> anyhow::Result<()> {
        let served = SERVED.map(|kind| Source::Danm(ApiType { group: ApiGroup::DanmIo, kind }));
        let mut lists: BTreeMap<Source, Vec<Box<Told>>> =
            CORE.into_iter().chain(served.clone()).map(|source| (source, Vec::new())).collect();
        for object in objects {
            let (source, told) = told(object, &self.node)?;
            lists.entry(source).or_default().push(Box::new(told));
        }
        self.knowledge.take(Seen::Discovered(Ok(())));
        served.into_iter().for_each(|source| self.knowledge.take(Seen::Served(source)));
        for (source, list) in lists {
            self.knowledge.take(Seen::Changed(source, Change::Reset(list)));
        }
        let orders = self.knowledge.deepen(Instant::now());
        anyhow::ensure!(orders.is_empty(), "there are Pods without endpoints, which nobody watches here");
        Ok(())
    }

    /// What a watch tells when there is this object, or when it is like this now.
    pub fn applied(&self, object: &Value) -> anyhow::Result<Event> {
        let (source, told) = told(object, &self.node)?;
        Ok(Event(Seen::Changed(source, Change::Apply(Box::new(told)))))
    }

    /// What a watch tells when this object is gone.
    pub fn deleted(&self, object: &Value) -> anyhow::Result<Event> {
        let (source, told) = told(object, &self.node)?;
        Ok(Event(Seen::Changed(source, Change::Delete(Box::new(told)))))
    }

    /// Takes in what a watch tells.
    pub fn take(&mut self, event: Event) {
        self.knowledge.take(event.0);
    }

    /// Has rules put into Pods, as it is necessary by now, and waits for it. Gives about how many Pods there was something to do.
    pub fn enforce(&mut self) -> usize {
        if !order(&mut self.knowledge, &mut self.enforcement, &BTreeSet::new()) {
            return 0;
        }
        loop {
            match self.told.blocking_recv() {
                Some(News::Pod(status)) => drop(self.enforcement.note(status, Timestamp::now())),
                Some(News::Isolated(_) | News::Counted(..) | News::Denied(..)) => {}
                Some(News::Done { pods, .. }) => return pods,
                None => return 0,
            }
        }
    }

    /// How many Pods have the rules that they are to have.
    pub fn enforced(&self) -> usize {
        self.enforcement.statuses().filter(|(status, _)| status.state == State::Enforced).count()
    }

    /// Ends, and waits until it has let go of all namespaces. Rules stay.
    pub fn stop(self) {
        let Self { enforcement, mut told, .. } = self;
        drop(enforcement);
        while told.blocking_recv().is_some() {}
    }
}

/// An object as the watch of its source tells of it.
fn told(object: &Value, node: &str) -> anyhow::Result<(Source, Told)> {
    if object["kind"] == "Pod" {
        let is_local = object["spec"]["nodeName"] == node;
        let scope = if is_local { PodScope::Local } else { PodScope::Others };
        let pod = serde_json::from_value(object.clone()).context("a Pod")?;
        return Ok((Source::Pods(scope), Told::pod(&pod)));
    }
    let read = Object::read(object)?.context("policies are not about it")?;
    let of_danm = |group, kind| Source::Danm(ApiType { group, kind });
    Ok(match &read {
        Object::Policy(key, _) => {
            let source = of_danm(key.group, DanmKind::NetworkPolicy);
            (source, Told::policy(read, Record::default()))
        }
        Object::Endpoint(key, _) => (of_danm(key.group, DanmKind::DanmEp), Told::object(read)),
        Object::Namespace(..) => (Source::Namespaces, Told::object(read)),
        Object::Pod(..) | Object::Network(..) | Object::Service(..) | Object::Slice(..) => {
            bail!("no benchmark is about such an object")
        }
    })
}
