//! A cluster with Calico's books in it, for the commands about them.

use std::{path::PathBuf, process::Stdio};

use http::Method;
use serde_json::{Map, Value, json};
use testkit::{Cluster, Unavailable, calico, objects};

use crate::{
    network::{self, pod},
    program::{Run, program},
};

/// The id of the container of this number.
pub fn container(number: u8) -> String {
    format!("{number:064x}")
}

/// The handle of the container of this number.
pub fn handle(number: u8) -> String {
    format!("k8s-pod-network.{}", container(number))
}

/// A Pod that has an address.
pub fn pod_with(name: &str, address: &str) -> Value {
    let pod = objects::with(pod(name), "/status/podIP", address);
    let pod = objects::with(pod, "/status/podIPs", json!([{"ip": address}]));
    objects::with(
        pod,
        "/metadata/annotations",
        json!({"cni.projectcalico.org/podIP": format!("{address}/32")}),
    )
}

/// An endpoint with an address that Calico gave to a container.
pub fn endpoint(pod: &str, address: &str, number: u8) -> Value {
    let endpoint = network::endpoint(&format!("ep-{pod}"), pod, address);
    let endpoint = objects::with(endpoint, "/spec/Interface/Address", format!("{address}/32"));
    let endpoint = objects::with(endpoint, "/spec/NetworkType", "calico");
    objects::with(endpoint, "/spec/CID", container(number))
}

/// What a block says of an address of a Pod on `node-a`.
pub fn attribute(pod: &str, handle: &str) -> Value {
    json!({"handle_id": handle, "secondary": {"namespace": "ran", "node": "node-a", "pod": pod}})
}

/// A block in which this is said of these places.
pub fn block(cidr: &str, held: &[(usize, Value)]) -> Value {
    let places: Vec<(usize, &Value)> = held.iter().map(|(place, attribute)| (*place, attribute)).collect();
    let attributes: Vec<&Value> = held.iter().map(|(_, attribute)| attribute).collect();
    objects::with(calico::block(cidr, &places), "/spec/attributes", json!(attributes))
}

/// The cluster.
pub struct Books {
    pub cluster: Cluster,
}

impl Books {
    /// With a pool of each family, and nobody who has an address.
    pub async fn open() -> Result<Self, Unavailable> {
        let cluster = crate::cluster().await?;
        cluster.install(calico::definitions(calico::V1)).await;
        for collection in calico::collections(calico::V1) {
            cluster.send(Method::DELETE, &collection, None).await.expect("its objects are deleted");
        }
        let mut books = Self { cluster };
        let pools = [calico::pool("v4", "10.77.0.0/24", 29), calico::pool("v6", "fd00:77::/120", 125)];
        books.cluster.create(pools).await;
        Ok(books)
    }

    /// With the addresses of the first block given to Pods and containers: places, Pods, and numbers of containers. Each
    /// has a handle.
    pub async fn with(held: &[(usize, &str, u8)]) -> Result<Self, Unavailable> {
        let mut books = Self::open().await?;
        let attributes: Vec<(usize, Value)> =
            held.iter().map(|(place, pod, number)| (*place, attribute(pod, &handle(*number)))).collect();
        books.block("10.77.0.0/29", &attributes).await;
        for (_, _, number) in held {
            books.handle(&handle(*number), &[("10.77.0.0/29", 1)]).await;
        }
        Ok(books)
    }

    pub async fn put(&mut self, kind: &str, name: &str, spec: &Value) {
        self.cluster.create([calico::object(kind, name, spec)]).await;
    }

    pub async fn block(&mut self, cidr: &str, held: &[(usize, Value)]) {
        self.cluster.create([block(cidr, held)]).await;
    }

    pub async fn handle(&mut self, id: &str, blocks: &[(&str, i64)]) {
        let blocks: Map<String, Value> =
            blocks.iter().map(|(cidr, count)| ((*cidr).to_owned(), json!(count))).collect();
        let spec = json!({"handleID": id, "block": blocks, "deleted": false});
        self.put("IPAMHandle", &id.to_lowercase(), &spec).await;
    }

    /// Calico asks to leave everything as it is.
    pub async fn lock(&mut self) {
        self.cluster.create([calico::cluster_information(false)]).await;
    }

    /// The places of a block that somebody has.
    pub async fn held(&self, cidr: &str) -> Vec<usize> {
        let found = self.cluster.get(&block(cidr, &[])).await.expect("it is there");
        let allocations = found["spec"]["allocations"].as_array().expect("an array").clone();
        (0..allocations.len()).filter(|place| !allocations[*place].is_null()).collect()
    }

    /// Whether there is a handle.
    pub async fn has_handle(&self, number: u8) -> bool {
        let handle = calico::object("IPAMHandle", &handle(number), &json!({}));
        self.cluster.get(&handle).await.is_some()
    }

    /// Runs `danm-cleaner calico ...`.
    pub async fn run(&self, arguments: &[&str]) -> Run {
        run_with(self.cluster.kubeconfig(), arguments, &[]).await
    }

    /// What a check finds, a line each: `kind address|block|handle pods`.
    pub async fn findings(&self) -> Vec<String> {
        let run = self.run(&["check", "-o", "json"]).await;
        run.ends_with(0);
        let check: Value = serde_json::from_str(&run.out).expect("JSON");
        check["findings"].as_array().expect("findings").iter().map(line).collect()
    }
}

/// Runs `danm-cleaner calico ...` with these variables.
pub async fn run_with(kubeconfig: PathBuf, arguments: &[&str], variables: &[(&str, &str)]) -> Run {
    let (command, rest) = arguments.split_first().expect("a command");
    let kubeconfig = kubeconfig.to_str().expect("text");
    let all = [&["calico", command, "--kubeconfig", kubeconfig], rest].concat();
    let mut program = program(&all);
    program.envs(variables.iter().copied());
    let output = program.stdin(Stdio::null()).output().await.expect("it was built");
    Run {
        code: output.status.code(),
        out: String::from_utf8(output.stdout).expect("text"),
        log: String::from_utf8(output.stderr).expect("text"),
    }
}

fn line(finding: &Value) -> String {
    let text = |member: &str| finding[member].as_str().map(str::to_owned);
    let about = text("address").or_else(|| text("block")).or_else(|| text("handle")).unwrap_or_default();
    let pods: Vec<&str> =
        finding["pods"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    let line = format!("{} {about} {}", text("kind").unwrap_or_default(), pods.join(","));
    line.trim_end().to_owned()
}
