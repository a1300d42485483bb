//! The schema of policies for their CRD: what the fields are, for `kubectl explain`, and what the API server refuses because it
//! can never be right. Whoever makes such a mistake hears of it at once, not from a closed port. What a policy means is not
//! decided here: the reader takes each object as it is, also one that was there before this schema, or that a server let pass.
//!
//! Nothing is filled in and nothing is taken away: `null`, empty and absent stay apart, as the reader tells them apart.
//!
//! `protocol` and `type` may be `null`, which an `enum` never lets pass: their words are in rules of CEL.
//!
//! A server estimates beforehand what a rule of CEL may cost at most: the cost of its expression, times the longest lists
//! around it. The limits of the lists below are as generous as that lets them be. Whoever needs more makes two rules of one, or
//! two policies: they add up. `isCIDR` and `cidr` need Kubernetes 1.31; an older server refuses the CRD.

use serde_json::{Value, json};

use super::{Enforcement, Protocol, reading::LONGEST_PORT_NAME};
use crate::NetworkKind;

/// Rules of a direction.
const MOST_RULES: usize = 64;
/// Peers of a rule.
const MOST_PEERS: usize = 300;
/// Ports of a rule.
const MOST_PORTS: usize = 512;
/// Exceptions of a block.
const MOST_EXCEPTIONS: usize = 16;
/// Expressions of a selector.
const MOST_EXPRESSIONS: usize = 16;
/// Values of an expression. No rule of CEL looks at each of them.
const MOST_VALUES: usize = 512;
/// Networks of a selector.
const MOST_NETWORKS: usize = 32;

/// An IPv6 subnet of which every digit is written.
const LONGEST_SUBNET: usize = 43;
/// A word of which a rule knows all.
const LONGEST_WORD: usize = 32;
/// The value of a label, and the part of its key after the slash.
const LONGEST_LABEL: usize = 63;
/// The name of an object, and the part of a label's key before the slash.
const LONGEST_NAME: usize = 253;
/// The name of a condition's reason, as Kubernetes limits it.
const LONGEST_REASON: usize = 1024;

/// Letters, digits and single hyphens between them, a letter among them: as the reader takes the names of ports.
const PORT_NAME: &str = "^([a-z0-9]+-)*[0-9]*[a-z][a-z0-9]*(-[a-z0-9]+)*$";

/// How a field of a port is spelled, as Kubernetes does and as the reference does.
const PROTOCOL: [&str; 2] = ["protocol", "Protocol"];
const PORT: [&str; 2] = ["port", "Port"];
const END_PORT: [&str; 2] = ["endPort", "EndPort"];

/// The schema of `spec`.
pub fn spec() -> Value {
    let networks = ruled(
        networks("Only the interfaces on these networks. All interfaces of the Pods if it is absent."),
        [rule(
            "size(self) > 0",
            "an empty list names no network: leave networkSelector out to mean all interfaces, or name a network",
        )],
    );
    let enforcement = ruled(
        json!({
            "description": "enforce: what no rule allows is denied. audit: nothing is denied by this policy, and what would be is counted. enforce if it is absent.",
            "type": "string",
            "maxLength": LONGEST_WORD,
        }),
        [rule(
            &one_of(Enforcement::ALL.map(Enforcement::name)),
            "no word that is known: use enforce or audit, or leave enforcement out to mean enforce",
        )],
    );
    object(
        "Which Pods the policy is about, and who may talk to them.",
        json!({
            "enforcement": nullable(enforcement),
            "podSelector": selector("The Pods that the policy is about, in its own namespace. All of them if it is empty or absent."),
            "networkSelector": networks,
            "policyTypes": {
                "description": "Which directions the policy is about. If it is absent or empty: Ingress, and Egress if there are egress rules.",
                "type": "array",
                "nullable": true,
                "items": {"type": "string", "enum": ["Ingress", "Egress"]},
            },
            "ingress": rules("What may come in; a connection needs one rule that allows it. Nothing may if there is no rule.", "from"),
            "egress": rules("What may go out; a connection needs one rule that allows it. Nothing may if there is no rule.", "to"),
        }),
    )
}

/// The schema of `status`.
pub fn status() -> Value {
    object(
        "What became of the policy. Written by the program that enforces it.",
        json!({
            "conditions": {
                "description": "Accepted: whether all of the policy is understood. ResolvedRefs: whether all that it names is there.",
                "type": "array",
                "nullable": true,
                "items": requiring(condition(), &["type", "status", "lastTransitionTime", "reason", "message"]),
                "x-kubernetes-list-type": "map",
                "x-kubernetes-list-map-keys": ["type"],
            },
        }),
    )
}

fn condition() -> Value {
    object(
        "One thing that is so, or is not.",
        json!({
            "type": {"description": "What the condition is about: Accepted or ResolvedRefs.", "type": "string", "minLength": 1, "maxLength": LONGEST_NAME + 1 + LONGEST_LABEL},
            "status": {"description": "Whether it is so.", "type": "string", "enum": ["True", "False", "Unknown"]},
            "reason": {"description": "Why, in one word for programs.", "type": "string", "minLength": 1, "maxLength": LONGEST_REASON},
            "message": {"description": "Why, in words for people.", "type": "string"},
            "lastTransitionTime": {"description": "Since when the status is what it is.", "type": "string", "format": "date-time"},
            "observedGeneration": {"description": "The metadata.generation that was judged.", "type": "integer", "format": "int64", "minimum": 0},
        }),
    )
}

/// The rules of a direction, whose peers have this name.
fn rules(description: &str, peers: &str) -> Value {
    let rule = object(
        "Connections with one of the peers, to one of the ports.",
        json!({
            peers: list("The other side. Everybody if it is empty or absent.", MOST_PEERS, peer()),
            "ports": list("The ports. All ports of all protocols if it is empty or absent.", MOST_PORTS, port()),
        }),
    );
    list(description, MOST_RULES, rule)
}

fn peer() -> Value {
    let peer = object(
        "Either Pods, by what podSelector, namespaceSelector and networkSelector all agree on, or the addresses of an ipBlock.",
        json!({
            "podSelector": selector("Pods with such labels. All Pods if it is empty or absent."),
            "namespaceSelector": selector("Pods of namespaces with such labels. All namespaces if it is empty, the policy's own if it is absent."),
            "networkSelector": networks("Interfaces on one of these networks. Every interface if it is absent, none if it is empty."),
            "ipBlock": block(),
        }),
    );
    ruled(
        peer,
        [
            rule(
                "has(self.podSelector) || has(self.namespaceSelector) || has(self.networkSelector) || has(self.ipBlock)",
                "a peer that names nobody: give a podSelector, namespaceSelector, networkSelector or ipBlock, \
                 or leave the list of peers out to mean everybody",
            ),
            rule(
                "!has(self.ipBlock) || !(has(self.podSelector) || has(self.namespaceSelector) || has(self.networkSelector))",
                "an ipBlock beside selectors: make two peers of it",
            ),
        ],
    )
}

/// An exception that is no subnet is told by the rule of its own, and once more by those of the block: to ask them first would
/// cost as much again. `containsIP` and the lengths instead of `containsCIDR`, which is wrong in early releases of 1.31 and 1.32.
fn block() -> Value {
    let subnet = ruled(
        json!({"type": "string", "maxLength": LONGEST_SUBNET}),
        [rule("isCIDR(self)", "no subnet: write it like 10.0.0.0/8 or 2001:db8::/32")],
    );
    let mut cidr = subnet.clone();
    cidr["description"] = json!("The subnet.");
    let block = object(
        "Addresses, whoever has them.",
        json!({
            "cidr": cidr,
            "except": list("Subnets inside of cidr that do not belong to the block.", MOST_EXCEPTIONS, subnet),
        }),
    );
    // The cidr is read once for all exceptions.
    let exceptions = |condition: &str| {
        format!(
            "!has(self.except) || !isCIDR(self.cidr) || [cidr(self.cidr)].all(c, self.except.all(e, {condition}))"
        )
    };
    ruled(
        nullable(requiring(block, &["cidr"])),
        [
            rule(
                &exceptions("c.containsIP(cidr(e).ip())"),
                "every except has to be inside of its cidr: remove what is outside, it excepts nothing",
            ),
            rule(
                &exceptions("cidr(e).prefixLength() > c.prefixLength()"),
                "every except has to be smaller than its cidr: name a part of it, or nobody is left",
            ),
        ],
    )
}

fn port() -> Value {
    let mut fields = json!({});
    for name in PROTOCOL {
        let protocol =
            json!({"description": "TCP if it is absent.", "type": "string", "maxLength": LONGEST_WORD});
        let is_known = one_of(Protocol::ALL.map(Protocol::name));
        let rules = [rule(&is_known, "no protocol that has ports: use TCP, UDP or SCTP")];
        fields[name] = nullable(ruled(protocol, rules));
    }
    for name in PORT {
        fields[name] = nullable(json!({
            "description": "A number, or the name of a port of the Pod that is spoken to. All ports if it is absent.",
            "x-kubernetes-int-or-string": true,
            "minimum": 1,
            "maximum": u16::MAX,
            "maxLength": LONGEST_PORT_NAME,
            "pattern": PORT_NAME,
        }));
    }
    for name in END_PORT {
        fields[name] = nullable(json!({
            "description": "The last port of a range that begins with port.",
            "type": "integer",
            "format": "int32",
            "minimum": 1,
            "maximum": u16::MAX,
        }));
    }
    ruled(object("A port, or a range of ports.", fields), port_rules())
}

fn port_rules() -> Vec<Value> {
    let is_there = |[ours, theirs]: [&str; 2]| format!("(has(self.{ours}) || has(self.{theirs}))");
    let value = |[ours, theirs]: [&str; 2]| format!("(has(self.{ours}) ? self.{ours} : self.{theirs})");
    let is_once = |[ours, theirs]: [&str; 2]| {
        rule(
            &format!("!has(self.{ours}) || !has(self.{theirs})"),
            &format!("both {ours} and {theirs}: they are one field, keep one of them"),
        )
    };
    let (port, end) = (value(PORT), value(END_PORT));
    let is_range = format!("{} && {}", is_there(END_PORT), is_there(PORT));
    vec![
        is_once(PROTOCOL),
        is_once(PORT),
        is_once(END_PORT),
        rule(
            &format!("!{} || {}", is_there(END_PORT), is_there(PORT)),
            "an endPort without a port: say where the range begins",
        ),
        rule(
            &format!("!({is_range}) || type({port}) == int"),
            "an endPort beside a port with a name: give the number of the port, or leave endPort out",
        ),
        rule(
            &format!("!({is_range}) || type({port}) != int || {port} <= {end}"),
            "an endPort below its port: the range is empty, exchange them",
        ),
    ]
}

/// A label selector, as everywhere in Kubernetes.
fn selector(description: &str) -> Value {
    let expression = object(
        "What one label has to be like.",
        json!({
            "key": {"description": "The label.", "type": "string", "minLength": 1, "maxLength": LONGEST_NAME + 1 + LONGEST_LABEL},
            "operator": {
                "description": "In: it has one of the values. NotIn: it has none of them, or is not there. Exists, DoesNotExist: it is there, or is not.",
                "type": "string",
                "enum": ["In", "NotIn", "Exists", "DoesNotExist"],
            },
            "values": list("For In and NotIn.", MOST_VALUES, json!({"type": "string", "maxLength": LONGEST_LABEL})),
        }),
    );
    let expression = ruled(
        requiring(expression, &["key", "operator"]),
        [rule(
            "(self.operator == 'In' || self.operator == 'NotIn') == (has(self.values) && size(self.values) > 0)",
            "In and NotIn need values, Exists and DoesNotExist take none: add values, or remove them",
        )],
    );
    let selector = object(
        description,
        json!({
            "matchLabels": {
                "description": "Labels that have to be there with these values.",
                "type": "object",
                "nullable": true,
                "additionalProperties": {"type": "string", "maxLength": LONGEST_LABEL},
            },
            "matchExpressions": list("What labels have to be like; all of it.", MOST_EXPRESSIONS, expression),
        }),
    );
    nullable(selector)
}

fn networks(description: &str) -> Value {
    let is_known = one_of(NetworkKind::ALL.map(NetworkKind::name).into_iter().chain([""]));
    let kind = ruled(
        json!({"description": "Its kind. DanmNet if it is empty or absent.", "type": "string", "maxLength": LONGEST_WORD}),
        [rule(
            &is_known,
            "no kind of network: use DanmNet, TenantNetwork or ClusterNetwork, or leave type out to mean DanmNet",
        )],
    );
    let network = object(
        "A network. One of a namespaced kind is that of the Pod's namespace.",
        json!({
            "name": {"description": "Its name.", "type": "string", "minLength": 1, "maxLength": LONGEST_NAME},
            "type": nullable(kind),
        }),
    );
    list(description, MOST_NETWORKS, requiring(network, &["name"]))
}

/// An object that keeps the fields that it does not know.
fn object(description: &str, properties: Value) -> Value {
    let mut object =
        json!({"description": description, "type": "object", "x-kubernetes-preserve-unknown-fields": true});
    object["properties"] = properties;
    object
}

fn list(description: &str, most: usize, items: Value) -> Value {
    let mut list = nullable(json!({"description": description, "type": "array", "maxItems": most}));
    list["items"] = items;
    list
}

fn rule(expression: &str, message: &str) -> Value {
    json!({"rule": expression, "message": message})
}

/// That a text is one of some words.
fn one_of<'a>(words: impl IntoIterator<Item = &'a str>) -> String {
    let words: Vec<String> = words.into_iter().map(|word| format!("'{word}'")).collect();
    format!("self in [{}]", words.join(", "))
}

fn ruled(mut schema: Value, rules: impl IntoIterator<Item = Value>) -> Value {
    schema["x-kubernetes-validations"] = rules.into_iter().collect();
    schema
}

fn requiring(mut schema: Value, fields: &[&str]) -> Value {
    schema["required"] = json!(fields);
    schema
}

/// `null` is as good as absent, as it is for the reader.
fn nullable(mut schema: Value) -> Value {
    schema["nullable"] = json!(true);
    schema
}
