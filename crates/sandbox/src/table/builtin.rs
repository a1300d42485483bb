//! The columns of built-in kinds. Kinds without a row of their own show name and age.

use serde_json::{Value, json};

use super::{Column, pod};

pub(crate) fn columns(kind: &str) -> Vec<Column> {
    let between = match kind {
        "Pod" => return pod::columns(),
        "Event" => return events(),
        "Node" => return nodes(),
        "Namespace" => vec![Column::made("Status", 0, |namespace| text(&namespace["status"]["phase"]))],
        "ConfigMap" => vec![Column::made("Data", 0, |map| count(&[&map["data"], &map["binaryData"]]))],
        "Secret" => vec![
            Column::made("Type", 0, |secret| text(&secret["type"])),
            Column::made("Data", 0, |secret| count(&[&secret["data"]])),
        ],
        "Lease" => vec![Column::made("Holder", 0, |lease| text(&lease["spec"]["holderIdentity"]))],
        "Service" => services(),
        "Deployment" => vec![
            Column::made("Ready", 0, |one| ready(&one["status"]["readyReplicas"], &one["spec"]["replicas"])),
            Column::count("Up-to-date", |one| number(&one["status"]["updatedReplicas"])),
            Column::count("Available", |one| number(&one["status"]["availableReplicas"])),
        ],
        "StatefulSet" => vec![Column::made("Ready", 0, |one| {
            ready(&one["status"]["readyReplicas"], &one["spec"]["replicas"])
        })],
        "ReplicaSet" => vec![
            Column::count("Desired", |one| number(&one["spec"]["replicas"])),
            Column::count("Current", |one| number(&one["status"]["replicas"])),
            Column::count("Ready", |one| number(&one["status"]["readyReplicas"])),
        ],
        "DaemonSet" => vec![
            Column::count("Desired", |one| number(&one["status"]["desiredNumberScheduled"])),
            Column::count("Current", |one| number(&one["status"]["currentNumberScheduled"])),
            Column::count("Ready", |one| number(&one["status"]["numberReady"])),
            Column::count("Up-to-date", |one| number(&one["status"]["updatedNumberScheduled"])),
            Column::count("Available", |one| number(&one["status"]["numberAvailable"])),
        ],
        "CustomResourceDefinition" => {
            return vec![
                Column::name(),
                Column::made("Created At", 0, |one| one["metadata"]["creationTimestamp"].clone()),
            ];
        }
        _ => Vec::new(),
    };
    [vec![Column::name()], between, vec![Column::age()]].concat()
}

fn nodes() -> Vec<Column> {
    vec![
        Column::name(),
        Column::made("Status", 0, |node| json!(node_status(node))),
        Column::made("Roles", 0, |node| json!(roles(node))),
        Column::age(),
        Column::made("Version", 0, |node| text(&node["status"]["nodeInfo"]["kubeletVersion"])),
        Column::made("Internal-IP", 1, |node| address(node, "InternalIP")),
        Column::made("External-IP", 1, |node| address(node, "ExternalIP")),
        Column::made("OS-Image", 1, |node| known(&node["status"]["nodeInfo"]["osImage"])),
        Column::made("Kernel-Version", 1, |node| known(&node["status"]["nodeInfo"]["kernelVersion"])),
        Column::made("Container-Runtime", 1, |node| {
            known(&node["status"]["nodeInfo"]["containerRuntimeVersion"])
        }),
    ]
}

fn events() -> Vec<Column> {
    vec![
        Column::made("Last Seen", 0, |event| json!(pod::last_seen(event))),
        Column::made("Type", 0, |event| text(&event["type"])),
        Column::made("Reason", 0, |event| text(&event["reason"])),
        Column::made("Object", 0, |event| {
            let object = &event["involvedObject"];
            let part = |name: &str| object[name].as_str().unwrap_or_default().to_owned();
            json!(format!("{}/{}", part("kind").to_lowercase(), part("name")))
        }),
        Column::made("Subobject", 1, |event| text(&event["involvedObject"]["fieldPath"])),
        Column::made("Source", 1, |event| match &event["source"]["component"] {
            Value::String(component) => json!(component),
            _ => text(&event["reportingComponent"]),
        }),
        Column::made("Message", 0, |event| text(&event["message"])),
        Column::made("First Seen", 1, |event| json!(super::age(&event["firstTimestamp"]))),
        Column::made("Count", 1, |event| json!(event["count"].as_i64().unwrap_or(1).to_string())),
        Column { priority: 1, ..Column::name() },
    ]
}

fn services() -> Vec<Column> {
    vec![
        Column::made("Type", 0, |service| match &service["spec"]["type"] {
            Value::String(given) => json!(given),
            _ => json!("ClusterIP"),
        }),
        Column::made("Cluster-IP", 0, |service| match &service["spec"]["clusterIP"] {
            Value::String(given) => json!(given),
            _ => json!("<none>"),
        }),
        Column::made("External-IP", 0, |_| json!("<none>")),
        Column::made("Port(s)", 0, |service| {
            let ports = service["spec"]["ports"].as_array().into_iter().flatten();
            let protocol = |port: &Value| port["protocol"].as_str().unwrap_or("TCP").to_owned();
            let ports: Vec<String> =
                ports.map(|port| format!("{}/{}", port["port"], protocol(port))).collect();
            json!(if ports.is_empty() { "<none>".to_owned() } else { ports.join(",") })
        }),
    ]
}

fn node_status(node: &Value) -> String {
    let conditions = node["status"]["conditions"].as_array().into_iter().flatten();
    let ready = conditions.into_iter().find(|condition| condition["type"] == "Ready");
    let mut status = match ready.map(|condition| condition["status"] == "True") {
        Some(true) => "Ready",
        Some(false) => "NotReady",
        None => "Unknown",
    }
    .to_owned();
    if node["spec"]["unschedulable"] == true {
        status.push_str(",SchedulingDisabled");
    }
    status
}

fn roles(node: &Value) -> String {
    let labels = node["metadata"]["labels"].as_object().into_iter().flatten();
    let roles = labels.filter_map(|(name, _)| name.strip_prefix("node-role.kubernetes.io/"));
    let roles: Vec<&str> = roles.filter(|role| !role.is_empty()).collect();
    if roles.is_empty() { "<none>".to_owned() } else { roles.join(",") }
}

fn address(node: &Value, wanted: &str) -> Value {
    let addresses = node["status"]["addresses"].as_array().into_iter().flatten();
    let found = addresses.into_iter().find(|address| address["type"] == wanted);
    found.map_or_else(|| json!("<none>"), |address| address["address"].clone())
}

fn known(value: &Value) -> Value {
    if value.is_string() { value.clone() } else { json!("<unknown>") }
}

fn text(value: &Value) -> Value {
    json!(value.as_str().unwrap_or_default())
}

fn number(value: &Value) -> Value {
    json!(value.as_i64().unwrap_or_default())
}

fn ready(ready: &Value, wanted: &Value) -> Value {
    json!(format!("{}/{}", number(ready), wanted.as_i64().unwrap_or(1)))
}

fn count(maps: &[&Value]) -> Value {
    json!(maps.iter().filter_map(|map| map.as_object()).map(serde_json::Map::len).sum::<usize>())
}
