//! A cluster with Calico's books in it, for the commands about them.

use std::{path::PathBuf, process::Stdio};

use http::Method;
use serde_json::{Value, json};
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

/// A block whose places are held by the containers of these endpoints.
pub fn block_of(cidr: &str, held: &[(usize, &Value)]) -> Value {
    let pod = |endpoint: &Value| endpoint["spec"]["Pod"].as_str().unwrap_or_default().to_owned();
    let attribute = |endpoint: &Value| calico::attribute(&pod(endpoint), &handle_id(endpoint));
    let held: Vec<(usize, Value)> =
        held.iter().map(|(place, endpoint)| (*place, attribute(endpoint))).collect();
    calico::object("IPAMBlock", &calico::block_name(cidr), &calico::block(cidr, &held))
}

/// The handle of an endpoint's container.
pub fn handle_of(endpoint: &Value, blocks: &[(&str, i64)]) -> Value {
    let id = handle_id(endpoint);
    calico::object("IPAMHandle", &id, &calico::handle(&id, blocks))
}

fn handle_id(endpoint: &Value) -> String {
    format!("k8s-pod-network.{}", endpoint["spec"]["CID"].as_str().unwrap_or_default())
}

/// The cluster.
pub struct Books {
    pub cluster: Cluster,
}

impl Books {
    /// With a pool of each family, and nobody who has an address.
    pub async fn open() -> Result<Self, Unavailable> {
        let cluster = crate::cluster().await?;
        cluster.install(calico::definitions()).await;
        for collection in calico::collections() {
            cluster.send(Method::DELETE, &collection, None).await.expect("its objects are deleted");
        }
        let mut books = Self { cluster };
        books.put("IPPool", "pool4", &calico::pool("10.77.0.0/24")).await;
        books.put("IPPool", "pool6", &calico::pool("fd00:77::/120")).await;
        Ok(books)
    }

    /// With the addresses of the first block given to Pods and containers: places, Pods, and numbers of containers. Each
    /// has a handle.
    pub async fn with(held: &[(usize, &str, u8)]) -> Result<Self, Unavailable> {
        let mut books = Self::open().await?;
        let attributes: Vec<(usize, Value)> = held
            .iter()
            .map(|(place, pod, number)| (*place, calico::attribute(pod, &handle(*number))))
            .collect();
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
        self.put("IPAMBlock", &calico::block_name(cidr), &calico::block(cidr, held)).await;
    }

    pub async fn handle(&mut self, id: &str, blocks: &[(&str, i64)]) {
        self.put("IPAMHandle", &id.to_lowercase(), &calico::handle(id, blocks)).await;
    }

    /// The places of a block that somebody has.
    pub async fn held(&self, cidr: &str) -> Vec<usize> {
        let block = calico::object("IPAMBlock", &calico::block_name(cidr), &json!({}));
        let block = self.cluster.get(&block).await.expect("it is there");
        let allocations = block["spec"]["allocations"].as_array().expect("an array").clone();
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
