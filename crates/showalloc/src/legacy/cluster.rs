//! What is read of a cluster: one network, and the endpoints that may be on it. Says in the reference's words what cannot
//! be read. Who holds what is not its business.

use std::fmt;

use danm_api::{ApiGroup, ApiType, DanmKind, Decoded, EndpointView, Network, NetworkKind, NetworkOptions};
use kube::{Api, Client, api::ListParams};
use operator_runtime::{ConnectArgs, ConnectError, Throttle, connect, describe, served_kinds};

use super::options::Options;

/// Objects in a page of a list: a few megabytes.
const PAGE: u32 = 2_000;

/// How often a busy server is asked, and how often a list is begun that takes too long for the server to go on with.
const ATTEMPTS: usize = 5;

/// A cluster.
pub struct Cluster {
    client: Client,
    throttle: Throttle,
    served: Vec<ApiType>,
}

/// A network as it is asked for.
#[derive(Clone, Copy, Debug)]
pub struct Wanted<'a> {
    /// Its kind.
    pub kind: NetworkKind,
    /// Its name.
    pub name: &'a str,
    /// Its namespace, unless it is cluster-wide.
    pub namespace: &'a str,
}

/// A network that was found.
#[derive(Debug)]
pub struct Found {
    /// The group it is in.
    pub group: ApiGroup,
    /// What it says of addresses.
    pub options: NetworkOptions,
    /// What else has to be known, in a sentence.
    pub note: Option<String>,
}

/// What was read of endpoints.
#[derive(Debug)]
pub struct Sightings<T> {
    /// What was made of them.
    pub all: Vec<T>,
    /// What cannot be seen, in sentences.
    pub limits: Vec<String>,
}

/// What an API server says of a network.
enum Answer {
    There(Box<Network>),
    NotThere(String),
    Forbidden(String),
}

// === impl Wanted ===

impl fmt::Display for Wanted<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { kind, name, namespace } = self;
        write!(f, "{kind} `{name}`")?;
        if kind.is_namespaced() { write!(f, " in namespace `{namespace}`") } else { Ok(()) }
    }
}

// === impl Cluster ===

impl Cluster {
    /// Finds the API server. Nothing is sent yet.
    pub async fn connect(options: &Options) -> Result<Self, String> {
        let args = ConnectArgs { kubeconfig: options.kubeconfig.clone(), context: options.context.clone() };
        let client = connect(&args).await.map_err(|error| match error {
            ConnectError::Client { .. } => {
                format!("ERROR: cannot build DANM REST client because: {}", describe(&error))
            }
            ConnectError::Kubeconfig { .. } | ConnectError::NotFound(_) | ConnectError::Server { .. } => {
                format!(
                    "ERROR: cannot build cluster config for K8s REST client because: {}",
                    describe(&error)
                )
            }
        })?;
        Ok(Self { client, throttle: Throttle::default(), served: Vec::new() })
    }

    /// Reads a network, from the group of the reference if it is in both.
    pub async fn network(&mut self, wanted: &Wanted<'_>) -> Result<Found, String> {
        self.find(wanted).await.map_err(|reason| format!("ERROR: missing {wanted}: {reason}"))
    }

    /// Reads the endpoints that may be on a network of a group, and makes something of each.
    pub async fn endpoints<T>(
        &self,
        wanted: &Wanted<'_>,
        group: ApiGroup,
        read: impl Fn(&Decoded<EndpointView>) -> Option<T>,
    ) -> Result<Sightings<T>, String> {
        let mut sightings = Sightings { all: Vec::new(), limits: Vec::new() };
        let others = ApiGroup::ALL.into_iter().filter(|other| *other != group);
        let others = others.filter(|other| self.serves(*other, DanmKind::DanmEp));
        for of in std::iter::once(group).chain(others) {
            match self.endpoints_of(of, wanted, &read, &mut sightings).await {
                Ok(()) => {}
                Err((_, error)) if of != group && is(&error, &[404]) => {}
                // Whoever may see only the group of the network sees what the reference would show.
                Err((_, error)) if of != group && is(&error, &[403]) => sightings.limits.push(format!(
                    "note: the DanmEps of {of} cannot be listed ({}), so addresses that only they hold are shown as \
                     unknown",
                    reason(&error)
                )),
                Err((place, error)) => {
                    return Err(format!("ERROR: unable to list DanmEps in {place}: {}", reason(&error)));
                }
            }
        }
        Ok(sightings)
    }

    async fn find(&mut self, wanted: &Wanted<'_>) -> Result<Found, String> {
        check_name(wanted.name)?;
        if wanted.kind.is_namespaced() {
            check_name(wanted.namespace)?;
        }
        self.served = match served_kinds(&self.client).await {
            Ok(served) => served,
            // The reference does not ask either.
            Err(error) if is(&error, &[403]) => everything(),
            Err(error) => return Err(reason(&error)),
        };
        let kind = DanmKind::Network(wanted.kind);
        let mut answers = Vec::new();
        for group in ApiGroup::ALL.into_iter().filter(|group| self.serves(*group, kind)) {
            answers.push((group, self.ask(group, wanted).await?));
        }
        choose(wanted, answers)
    }

    async fn ask(&self, group: ApiGroup, wanted: &Wanted<'_>) -> Result<Answer, String> {
        let api = ApiType { group, kind: DanmKind::Network(wanted.kind) };
        let api: Api<Decoded<Network>> = if wanted.kind.is_namespaced() {
            Api::namespaced_with(self.client.clone(), wanted.namespace, &api)
        } else {
            Api::all_with(self.client.clone(), &api)
        };
        match self.patiently(async || api.get(wanted.name).await).await {
            Ok(Decoded::Readable(network)) => Ok(Answer::There(network)),
            Ok(Decoded::Unreadable(network)) => Err(format!("it cannot be read ({})", network.problem)),
            Err(error) if is(&error, &[404]) => Ok(Answer::NotThere(reason(&error))),
            Err(error) if is(&error, &[403]) => Ok(Answer::Forbidden(reason(&error))),
            Err(error) => Err(reason(&error)),
        }
    }

    /// Reads the endpoints of a group: for a cluster-wide network those of all namespaces, as far as possible. An error
    /// tells where they are that cannot be listed.
    async fn endpoints_of<T>(
        &self,
        group: ApiGroup,
        wanted: &Wanted<'_>,
        read: impl Fn(&Decoded<EndpointView>) -> Option<T>,
        sightings: &mut Sightings<T>,
    ) -> Result<(), (String, kube::Error)> {
        let namespace = wanted.namespace;
        let api = ApiType { group, kind: DanmKind::DanmEp };
        let of_all = || Api::all_with(self.client.clone(), &api);
        let of_one = || Api::namespaced_with(self.client.clone(), namespace, &api);
        let here = |error| (format!("namespace `{namespace}`"), error);
        let seen = if wanted.kind.is_namespaced() {
            self.list(of_one(), &read).await.map_err(here)?
        } else {
            match self.list(of_all(), &read).await {
                Err(error) if is(&error, &[403]) && check_name(namespace).is_ok() => {
                    let seen = self.list(of_one(), &read).await.map_err(here)?;
                    sightings.limits.push(format!(
                        "note: only the DanmEps of namespace {namespace} can be listed ({}), so addresses of Pods of \
                         other namespaces are shown as unknown",
                        reason(&error)
                    ));
                    seen
                }
                answer => answer.map_err(|error| ("all namespaces".to_owned(), error))?,
            }
        };
        sightings.all.extend(seen);
        Ok(())
    }

    /// Reads a list page by page. Of each page only what is made of it stays.
    async fn list<T>(
        &self,
        api: Api<Decoded<EndpointView>>,
        read: impl Fn(&Decoded<EndpointView>) -> Option<T>,
    ) -> Result<Vec<T>, kube::Error> {
        let (mut seen, mut begun) = (Vec::new(), 1);
        let first = ListParams::default().limit(PAGE);
        let mut params = first.clone();
        loop {
            let list = match self.patiently(async || api.list(&params).await).await {
                Ok(list) => list,
                // The server does not remember what it told before.
                Err(error) if is(&error, &[410]) && begun < ATTEMPTS => {
                    seen.clear();
                    begun += 1;
                    params = first.clone();
                    continue;
                }
                Err(error) => return Err(error),
            };
            seen.extend(list.items.iter().filter_map(&read));
            match list.metadata.continue_.filter(|token| !token.is_empty()) {
                Some(token) => params = first.clone().continue_token(&token),
                None => return Ok(seen),
            }
        }
    }

    /// Sends a request again that a busy server refuses, as the client of the reference does.
    async fn patiently<T>(
        &self,
        request: impl AsyncFn() -> Result<T, kube::Error>,
    ) -> Result<T, kube::Error> {
        for _ in 1..ATTEMPTS {
            match self.throttle.run(request()).await {
                Err(error) if is(&error, &[429]) => {}
                answer => return answer,
            }
        }
        self.throttle.run(request()).await
    }

    fn serves(&self, group: ApiGroup, kind: DanmKind) -> bool {
        self.served.contains(&ApiType { group, kind })
    }
}

/// The network of the first group that has it, and what has to be said of the other.
fn choose(wanted: &Wanted<'_>, answers: Vec<(ApiGroup, Answer)>) -> Result<Found, String> {
    let mut found: Option<Found> = None;
    let mut reasons = Vec::new();
    for (group, answer) in answers {
        match (answer, &mut found) {
            (Answer::There(network), None) => {
                let note = hidden(&reasons).map(|reason| {
                    format!("note: this is {wanted} of {group}; whether there is another one cannot be seen ({reason})")
                });
                found = Some(Found { group, options: network.spec.options.unwrap_or_default(), note });
            }
            (Answer::There(_), Some(found)) => {
                found.note = Some(format!(
                    "note: there is a {wanted} in {group}, too, with a bit array of its own; this is that of {}",
                    found.group
                ));
            }
            (Answer::NotThere(reason), _) => reasons.push((false, reason)),
            (Answer::Forbidden(reason), _) => reasons.push((true, reason)),
        }
    }
    found.ok_or_else(|| {
        let first = hidden(&reasons).or_else(|| reasons.first().map(|(_, reason)| reason.as_str()));
        first.map_or_else(|| not_served(wanted.kind), str::to_owned)
    })
}

/// Why it is not known whether a group has the network, if so.
fn hidden(reasons: &[(bool, String)]) -> Option<&str> {
    reasons.iter().find(|(is_forbidden, _)| *is_forbidden).map(|(_, reason)| reason.as_str())
}

fn not_served(kind: NetworkKind) -> String {
    let [one, other] = ApiGroup::ALL;
    let plural = DanmKind::Network(kind).plural();
    format!("the API server serves {plural} neither in {one} nor in {other}")
}

fn everything() -> Vec<ApiType> {
    let types = |kind: DanmKind| kind.groups().iter().map(move |group| ApiType { group: *group, kind });
    DanmKind::ALL.into_iter().flat_map(types).collect()
}

/// Names become parts of a path, and nothing else may.
fn check_name(name: &str) -> Result<(), String> {
    let is_sound = |byte: u8| byte.is_ascii_alphanumeric() || b"-.".contains(&byte);
    if name.is_empty() || !name.bytes().all(is_sound) || name.starts_with('.') {
        return Err(format!("{name:?} cannot be the name of an object"));
    }
    Ok(())
}

fn is(error: &kube::Error, codes: &[u16]) -> bool {
    matches!(error, kube::Error::Api(status) if codes.contains(&status.code))
}

/// What a server says, as the reference's client prints it, or why it says nothing.
fn reason(error: &kube::Error) -> String {
    match error {
        kube::Error::Api(status) if !status.message.is_empty() => status.message.clone(),
        error => describe(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WANTED: Wanted<'_> = Wanted { kind: NetworkKind::ClusterNetwork, name: "core", namespace: "" };

    fn there() -> Answer {
        Answer::There(Box::default())
    }

    fn chosen(answers: [Answer; 2]) -> Result<(ApiGroup, Option<String>), String> {
        let answers = ApiGroup::ALL.into_iter().zip(answers).collect();
        choose(&WANTED, answers).map(|found| (found.group, found.note))
    }

    #[test]
    fn the_group_that_has_a_network_is_taken_and_where_one_could_be_hidden_that_is_told() {
        let absent = || Answer::NotThere("not found".to_owned());
        let hidden = || Answer::Forbidden("no right to look".to_owned());
        assert_eq!(chosen([there(), absent()]), Ok((ApiGroup::DanmK8sIo, None)));
        assert_eq!(chosen([absent(), there()]), Ok((ApiGroup::DanmIo, None)));
        assert_eq!(chosen([there(), hidden()]), Ok((ApiGroup::DanmK8sIo, None)));
        let note = "note: this is ClusterNetwork `core` of danm.io; whether there is another one cannot be seen (no \
                    right to look)";
        assert_eq!(chosen([hidden(), there()]), Ok((ApiGroup::DanmIo, Some(note.to_owned()))));
    }

    #[test]
    fn of_a_network_that_is_nowhere_to_be_seen_the_best_reason_is_told() {
        let absent = |reason: &str| Answer::NotThere(reason.to_owned());
        assert_eq!(chosen([absent("one"), absent("other")]), Err("one".to_owned()));
        assert_eq!(chosen([absent("one"), Answer::Forbidden("hidden".to_owned())]), Err("hidden".to_owned()));
    }

    #[test]
    fn names_are_no_paths() {
        for name in ["", "a/b", "../danmeps", "..", ".", "a?watch=1", "a b", "a%2f", "ä"] {
            assert!(check_name(name).is_err(), "{name:?}");
        }
        for name in ["core", "net.example", "a-1", "Upper"] {
            assert_eq!(check_name(name), Ok(()), "{name:?}");
        }
    }
}
