//! Reading a cluster: everything that a command needs, as far as this user may see it, and then what changes.
//!
//! Networks are read first; who is on them decides how much else has to be read. What may not be read in all namespaces
//! is read in one, and what may not be read at all is told, once, in words.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Instant,
};

use anyhow::{Context, bail, ensure};
use cluster_feed::{Scope, Watches, sources};
use danm_api::{ApiGroup, ApiType, DanmKind, Decoded, Network};
use kube::{Api, Client, api::ListParams};
use leak_judge::{Moment, Observation, Source, Suspects, World};
use operator_runtime::{describe, served_kinds};

use crate::{
    look::{Look, Sight},
    target::Target,
};

/// What is wanted.
#[derive(Clone, Debug, Default)]
pub struct Wish {
    /// The namespace, if not all.
    pub namespace: Option<String>,
    /// The networks; all of the namespace if none is named.
    pub targets: Vec<Target>,
    /// Labels that the networks have to have.
    pub labels: Option<String>,
    /// Whether everything is wanted whoever is on the networks.
    pub is_about_everything: bool,
}

/// A cluster that is being read.
pub struct Reading {
    client: Client,
    world: World,
    watches: Watches,
    /// What is watched, and how much of it.
    scopes: BTreeMap<Source, Scope>,
    sight: Sight,
    suspects: Suspects,
    begun: Instant,
    /// The namespace to which a user is sent back who may not see all.
    fallback: String,
    /// The namespace whose networks were asked for, if not those of all.
    namespace: Option<String>,
    /// What cannot be read, and why.
    unread: BTreeMap<Source, String>,
    /// What was read of one namespace only.
    narrowed: BTreeSet<Source>,
    /// Whether watches were refused that go on asking.
    is_disturbed: bool,
}

// === impl Reading ===

impl Reading {
    /// Reads a cluster.
    pub async fn begin(client: Client, wish: &Wish, fallback: &str) -> anyhow::Result<Self> {
        // It becomes part of paths.
        ensure!(is_label(fallback), "{fallback:?} is no name of a namespace");
        let served = served_kinds(&client).await.map_err(|error| {
            anyhow::anyhow!("cannot ask the API server what it serves: {}", said(&describe(&error)))
        })?;
        ensure!(
            served.iter().any(|api| api.kind == DanmKind::DanmEp),
            "the API server serves DanmEps neither in {} nor in {}: DANM is not installed here, or this is another cluster",
            ApiGroup::DanmIo,
            ApiGroup::DanmK8sIo,
        );
        ensure_selection(&client, &served, wish).await?;
        let all: Vec<Source> = sources(&served).collect();
        let mut reading = Self {
            world: World::expecting(all.iter().copied()),
            watches: Watches::new(client.clone()),
            client,
            scopes: BTreeMap::new(),
            sight: Sight::default(),
            suspects: Suspects::default(),
            begun: Instant::now(),
            fallback: fallback.to_owned(),
            namespace: wish.namespace.clone(),
            unread: BTreeMap::new(),
            narrowed: BTreeSet::new(),
            is_disturbed: false,
        };
        let (networks, others): (Vec<Source>, Vec<Source>) =
            all.into_iter().partition(|source| is_of_networks(*source));
        reading.read(&networks, &wish.scope_of_networks()).await?;
        if !wish.is_about_everything {
            reading.fail_without(&networks)?;
        }
        let scope = reading.scope_of_others(wish);
        reading.note_scope(&scope);
        reading.read(&others, &scope).await?;
        // Without endpoints there is nothing to show that would be true.
        let endpoints: Vec<Source> = others.into_iter().filter(|source| is_of_endpoints(*source)).collect();
        endpoints.iter().try_for_each(|source| reading.fail_without(&[*source]))?;
        reading.quieten();
        Ok(reading)
    }

    /// Everything that is known.
    pub fn world(&self) -> &World {
        &self.world
    }

    /// Looks at it.
    pub fn look(&self) -> Look<'_> {
        Look::at(&self.world, &self.sight, &self.suspects, self.now())
    }

    /// Looks at it, and remembers who looked dead.
    pub fn look_and_remember<T>(&mut self, show: impl FnOnce(&Look<'_>) -> T) -> T {
        let now = self.now();
        let look = Look::at(&self.world, &self.sight, &self.suspects, now);
        let shown = show(&look);
        let judgements = look.judgements().to_vec();
        self.suspects.update(&judgements, &self.world, now);
        shown
    }

    /// Waits for something to change. Gives what cannot be watched any more, if it is that: it may be listed anew after a
    /// while, but until then it is not known.
    pub async fn changed(&mut self) -> anyhow::Result<Option<String>> {
        let Some(observation) = self.watches.next().await else { bail!("nothing is being watched") };
        let lost = match &observation {
            Observation::Unavailable(source, reason) if !self.unread.contains_key(source) => {
                Some(format!("{source}: {}", said(reason)))
            }
            _ => None,
        };
        let now = self.now();
        self.world.observe(observation, now);
        Ok(lost)
    }

    /// What this user may not see, or does not see any more, in one sentence.
    pub fn limits(&self) -> Option<String> {
        let mut limits = Vec::new();
        if !self.narrowed.is_empty() {
            let kinds: Vec<String> = self.narrowed.iter().map(Source::to_string).collect();
            limits.push(format!(
                "of other namespaces than {} you may not see {}",
                self.fallback,
                kinds.join(", ")
            ));
        }
        if let Some((_, reason)) = self.unread.first_key_value() {
            let kinds: Vec<String> = self.unread.keys().map(Source::to_string).collect();
            limits.push(format!("{} cannot be read ({reason})", kinds.join(", ")));
        }
        limits.extend(lost(&self.world, &self.unread));
        if !self.world.coverage().allows_verdicts() {
            limits.push("so it is not known who lives, and nobody is suspected".to_owned());
        }
        (!limits.is_empty()).then(|| format!("note: {}", limits.join("; ")))
    }

    /// Where networks were looked for, in words.
    pub fn place(&self) -> String {
        match &self.namespace {
            Some(namespace) => format!("in namespace {namespace}"),
            None => "in any namespace".to_owned(),
        }
    }

    /// The namespace whose networks were asked for, if not those of all.
    pub fn namespace(&self) -> Option<&str> {
        self.namespace.as_deref()
    }

    /// Why networks of a kind could not be read, if they could not.
    pub fn unread_networks(&self) -> impl Iterator<Item = (ApiType, &str)> {
        self.unread.iter().filter_map(|(source, reason)| match source {
            Source::Danm(api) if is_of_networks(*source) => Some((*api, reason.as_str())),
            _ => None,
        })
    }

    /// Reads some kinds; what cannot be read in all namespaces, in one.
    async fn read(&mut self, sources: &[Source], scope: &Scope) -> anyhow::Result<()> {
        sources.iter().for_each(|source| self.watch(*source, scope.clone()));
        let mut open = sources.to_vec();
        while !open.is_empty() {
            let observation = self.watches.next().await.context("the watches ended")?;
            match &observation {
                Observation::Unavailable(source, _)
                    if !open.contains(source) && !self.unread.contains_key(source) =>
                {
                    // It was listed, which is enough to look at it once.
                    self.is_disturbed = true;
                    continue;
                }
                Observation::Unavailable(source, reason) if open.contains(source) => {
                    let is_narrowed = self.narrowed.contains(source);
                    if !is_narrowed && scope.namespace.is_none() && is_namespaced(*source) {
                        self.narrow(*source, scope);
                    } else {
                        self.narrowed.remove(source);
                        self.unread.insert(*source, said(reason).to_owned());
                        open.retain(|one| one != source);
                    }
                }
                observation => {
                    if let Some(listed) = Source::listed_by(observation) {
                        open.retain(|source| *source != listed);
                    }
                }
            }
            let now = self.now();
            self.world.observe(observation, now);
        }
        Ok(())
    }

    fn watch(&mut self, source: Source, scope: Scope) {
        self.scopes.insert(source, scope.clone());
        self.watches.begin_within(source, scope);
    }

    fn narrow(&mut self, source: Source, scope: &Scope) {
        self.narrowed.insert(source);
        self.is_disturbed = true;
        let scope = Scope { namespace: Some(self.fallback.clone()), ..scope.clone() };
        self.note(source, &self.fallback.clone());
        self.watch(source, scope);
    }

    /// A watch that is refused asks again and again. Where it was replaced by one of a namespace, or where only lists are
    /// allowed, what it tells is not news; so all begin anew, each within what can be read.
    fn quieten(&mut self) {
        if self.is_disturbed {
            self.watches = Watches::new(self.client.clone());
            let scopes = self.scopes.iter();
            scopes.for_each(|(source, scope)| self.watches.begin_within(*source, scope.clone()));
        }
    }

    fn note_scope(&mut self, scope: &Scope) {
        if let Some(namespace) = &scope.namespace {
            [&mut self.sight.pods_of, &mut self.sight.endpoints_of, &mut self.sight.reservations_of]
                .into_iter()
                .for_each(|seen| *seen = Some(namespace.clone()));
        }
    }

    fn note(&mut self, source: Source, namespace: &str) {
        let seen = match source {
            Source::Pods => &mut self.sight.pods_of,
            Source::Danm(ApiType { kind: DanmKind::DanmEp, .. }) => &mut self.sight.endpoints_of,
            Source::Danm(ApiType { kind: DanmKind::ReservedIp, .. }) => &mut self.sight.reservations_of,
            Source::Danm(ApiType { kind: DanmKind::Network(_), .. }) => &mut self.sight.networks_of,
            Source::Danm(_) | Source::Nodes | Source::Namespaces => return,
        };
        *seen = Some(namespace.to_owned());
    }

    /// Everybody who may be on the networks that were found: those of one namespace only where all of these are of it.
    fn scope_of_others(&self, wish: &Wish) -> Scope {
        let Some(namespace) = &wish.namespace else { return Scope::default() };
        let is_inside = self.world.networks().iter().all(|(id, _)| id.network.kind.is_namespaced());
        if is_inside && !wish.is_about_everything { Scope::of_namespace(namespace) } else { Scope::default() }
    }

    /// Fails where none of some sources could be read.
    fn fail_without(&self, sources: &[Source]) -> anyhow::Result<()> {
        let mut unread = sources.iter().map(|source| Some((source, self.unread.get(source)?)));
        match unread.next() {
            Some(Some((source, reason))) if unread.all(|one| one.is_some()) => {
                bail!("cannot read {source}: {reason}")
            }
            _ => Ok(()),
        }
    }

    fn now(&self) -> Moment {
        Moment::START + self.begun.elapsed()
    }
}

// === impl Wish ===

impl Wish {
    /// One network is asked for by name. Of several all are read: a server selects one name or none.
    fn scope_of_networks(&self) -> Scope {
        let name = match &self.targets[..] {
            [target] => Some(target.name.clone()),
            _ => None,
        };
        Scope { namespace: self.namespace.clone(), name, labels: self.labels.clone() }
    }
}

/// Fails for labels that are no selector. A watch would not know that asking again is of no use.
async fn ensure_selection(client: &Client, served: &[ApiType], wish: &Wish) -> anyhow::Result<()> {
    let Some(labels) = &wish.labels else { return Ok(()) };
    let is_of_networks = |api: &&ApiType| matches!(api.kind, DanmKind::Network(_));
    let Some(api) = served.iter().find(is_of_networks) else { return Ok(()) };
    let networks: Api<Decoded<Network>> = match &wish.namespace {
        Some(namespace) => Api::namespaced_with(client.clone(), namespace, api),
        None => Api::all_with(client.clone(), api),
    };
    match networks.list_metadata(&ListParams::default().labels(labels).limit(1)).await {
        Err(kube::Error::Api(status)) if status.code == 400 => {
            bail!("{labels:?} is no label selector: {}", status.message)
        }
        // Whatever else is wrong is told by whoever reads them.
        _ => Ok(()),
    }
}

fn is_label(text: &str) -> bool {
    let is_allowed = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    (1..=63).contains(&text.len()) && text.bytes().all(is_allowed)
}

/// What a server said, without what kube puts around it.
fn said(reason: &str) -> &str {
    let text = reason.split_once(" (Status {").map_or(reason, |(text, _)| text);
    text.strip_prefix("ApiError: ").unwrap_or(text)
}

fn is_of_endpoints(source: Source) -> bool {
    matches!(source, Source::Danm(ApiType { kind: DanmKind::DanmEp, .. }))
}

fn is_of_networks(source: Source) -> bool {
    matches!(source, Source::Danm(ApiType { kind: DanmKind::Network(_), .. }))
}

fn is_namespaced(source: Source) -> bool {
    match source {
        Source::Pods => true,
        Source::Nodes | Source::Namespaces => false,
        Source::Danm(api) => match api.kind {
            DanmKind::Network(kind) => kind.is_namespaced(),
            DanmKind::DanmEp | DanmKind::ReservedIp | DanmKind::NetworkPolicy => true,
            DanmKind::TenantConfig => false,
        },
    }
}

/// What was seen once and is not being watched now, in words: it may have changed since. Mostly it is one, or all.
fn lost(world: &World, never_read: &BTreeMap<Source, String>) -> Option<String> {
    let mut lost = world.coverage().unreadable().filter(|(source, _)| !never_read.contains_key(source));
    let (first, reason) = lost.next()?;
    let more = match lost.count() {
        0 => String::new(),
        1 => " and 1 more kind".to_owned(),
        more => format!(" and {more} more kinds"),
    };
    Some(format!("what is shown may be old, {first}{more} cannot be watched now ({})", said(reason)))
}

#[cfg(test)]
mod tests {
    use danm_api::Change;

    use super::*;

    #[test]
    fn a_watch_that_is_lost_is_told_until_it_is_back() {
        let mut world = World::expecting([Source::Pods, Source::Nodes]);
        let never_read = BTreeMap::from([(Source::Nodes, "forbidden".to_owned())]);
        world.observe(Observation::Unavailable(Source::Nodes, "forbidden".to_owned()), Moment::START);
        world.observe(Observation::Pods(Change::Reset(Vec::new())), Moment::START);
        assert_eq!(lost(&world, &never_read), None);
        world.observe(Observation::Unavailable(Source::Pods, "connection refused".to_owned()), Moment::START);
        let told = lost(&world, &never_read).expect("it is told");
        assert_eq!(told, "what is shown may be old, pods cannot be watched now (connection refused)");
        world
            .observe(Observation::Unavailable(Source::Nodes, "connection refused".to_owned()), Moment::START);
        let told = lost(&world, &BTreeMap::new()).expect("it is told");
        assert_eq!(
            told,
            "what is shown may be old, pods and 1 more kind cannot be watched now (connection refused)"
        );
        world.observe(Observation::Pods(Change::Reset(Vec::new())), Moment::START);
        assert_eq!(lost(&world, &never_read), None);
    }
}
