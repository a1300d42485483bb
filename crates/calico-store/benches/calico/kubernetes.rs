//! On the real API server, beside a bare loop that makes the same writes over the same client, as many at a time, turn about.

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use calico_store::{Mode, release};
use futures::{StreamExt, stream};
use http::{Method, Request};
use serde_json::{Value, json};
use testkit::{Cluster, Figure, Unavailable, median};

use crate::{
    calico::{Calico, PATH},
    scene::{ADDRESSES, BLOCKS, blocks, check, claims, handles, pool},
};

/// Rounds, of which the median counts; fewer where they take longer than this.
const ROUNDS: usize = 5;
const LONG_ENOUGH: Duration = Duration::from_secs(120);

/// Requests under way at the same time, as many as a release has.
const IN_FLIGHT: usize = 8;

/// Requests under way while everything is made.
const WHILE_MAKING: usize = 16;

/// A write of each block, and two of each handle.
const WRITES: u32 = BLOCKS + 2 * ADDRESSES;

/// Measures.
pub async fn measure() -> Result<Vec<Figure>, Unavailable> {
    let calico = Calico::start().await?;
    let begun = Instant::now();
    let (mut ratios, mut rates, mut bare_rates) = (Vec::new(), Vec::new(), Vec::new());
    let mut requests = BTreeMap::new();
    for round in 0..ROUNDS {
        if round > 0 && begun.elapsed() > LONG_ENOUGH {
            break;
        }
        fill(&calico).await;
        let before = requests_of(calico.cluster()).await;
        let ours = give_back(&calico).await;
        requests = requests_of(calico.cluster()).await;
        requests.iter_mut().for_each(|(verb, count)| *count -= before.get(verb).copied().unwrap_or_default());
        fill(&calico).await;
        let bare = write_all(&calico).await;
        let rate = |seconds: f64| f64::from(ADDRESSES) / seconds;
        eprintln!("round {round}: {:.0}/s, bare loop {:.0}/s", rate(ours), rate(bare));
        ratios.push(bare / ours);
        rates.push(rate(ours));
        bare_rates.push(rate(bare));
    }
    let ratio = median(&mut ratios);
    let count = |verb: &str| requests.get(verb).copied().unwrap_or_default();
    let writes = count("PUT") + count("DELETE");
    let all: f64 = requests.values().sum();
    Ok(vec![
        Figure {
            what: format!(
                "{ADDRESSES} addresses of {BLOCKS} blocks, beside a bare loop, {} rounds",
                rates.len()
            ),
            value: format!("{ratio:.2} x ({:.0}/s : {:.0}/s)", median(&mut rates), median(&mut bare_rates)),
            bar: Some(("0.80 x".to_owned(), ratio >= 0.8)),
        },
        Figure {
            what: "  requests by verb".to_owned(),
            value: requests
                .iter()
                .map(|(verb, count)| format!("{verb} {count}"))
                .collect::<Vec<_>>()
                .join(", "),
            bar: Some((format!("{WRITES} writes"), writes <= f64::from(WRITES))),
        },
        Figure {
            what: "  requests for an address".to_owned(),
            value: format!("{:.2}", all / f64::from(ADDRESSES)),
            bar: None,
        },
    ])
}

/// Makes all blocks and handles anew.
async fn fill(calico: &Calico) {
    calico.wipe("IPAMBlock").await;
    calico.wipe("IPAMHandle").await;
    calico.put("IPPool", "pool4", pool()).await;
    let blocks = blocks().map(|(cidr, block)| object("IPAMBlock", &cidr.replace(['.', '/'], "-"), &block));
    let handles = handles().map(|(id, handle)| object("IPAMHandle", &id, &handle));
    stream::iter(blocks.chain(handles))
        .for_each_concurrent(WHILE_MAKING, |object| async move {
            let plural = format!("{}s", object["kind"].as_str().unwrap_or_default().to_lowercase());
            let made = calico.cluster().send(Method::POST, &format!("{PATH}/{plural}"), Some(&object)).await;
            made.expect("it is made");
        })
        .await;
}

fn object(kind: &str, name: &str, spec: &Value) -> Value {
    json!({
        "apiVersion": "crd.projectcalico.org/v1", "kind": kind, "metadata": {"name": name}, "spec": spec,
    })
}

/// Gives all addresses back, and times that.
async fn give_back(calico: &Calico) -> f64 {
    let claims = claims();
    let begun = Instant::now();
    let outcomes = release(&calico.store, &claims, Mode::Write).await.expect("it can be used");
    let seconds = begun.elapsed().as_secs_f64();
    check(&outcomes);
    assert_eq!(calico.list("IPAMHandle").await.len(), 0, "all handles are gone");
    seconds
}

/// Writes the same without a thought, and times that.
async fn write_all(calico: &Calico) -> f64 {
    let blocks = calico.list("IPAMBlock").await.into_iter().map(|mut block| {
        block["spec"]["allocations"] = json!(vec![Value::Null; 64]);
        block["spec"]["unallocated"] = json!((0..64).collect::<Vec<_>>());
        block["spec"]["attributes"] = json!([]);
        ("ipamblocks", with_type("IPAMBlock", block))
    });
    let handles = calico.list("IPAMHandle").await.into_iter().map(|mut handle| {
        handle["spec"]["deleted"] = json!(true);
        ("ipamhandles", with_type("IPAMHandle", handle))
    });
    let objects: Vec<(&str, Value)> = blocks.chain(handles).collect();
    let begun = Instant::now();
    stream::iter(objects)
        .for_each_concurrent(IN_FLIGHT, |(plural, object)| async move {
            let path = format!("{PATH}/{plural}/{}", object["metadata"]["name"].as_str().expect("a name"));
            send(calico.cluster(), Method::PUT, &path, &object).await;
            if plural == "ipamhandles" {
                let preconditions = json!({"preconditions": {"uid": object["metadata"]["uid"]}});
                send(calico.cluster(), Method::DELETE, &path, &preconditions).await;
            }
        })
        .await;
    begun.elapsed().as_secs_f64()
}

fn with_type(kind: &str, mut object: Value) -> Value {
    object["apiVersion"] = json!("crd.projectcalico.org/v1");
    object["kind"] = json!(kind);
    object
}

/// What is answered is not even read.
async fn send(cluster: &Cluster, method: Method, path: &str, body: &Value) {
    let request = Request::builder().method(method).uri(path).header("content-type", "application/json");
    let request = request.body(body.to_string().into_bytes()).expect("a request");
    cluster.client().request_text(request).await.expect("it is written");
}

/// The requests that the API server has counted, for the kinds that matter here.
async fn requests_of(cluster: &Cluster) -> BTreeMap<String, f64> {
    let request = Request::get("/metrics").body(Vec::new()).expect("a request");
    let text = cluster.client().request_text(request).await.expect("metrics");
    let mut requests = BTreeMap::new();
    for line in text.lines().filter(|line| line.starts_with("apiserver_request_total{")) {
        if line.contains("group=\"crd.projectcalico.org\"") {
            let verb =
                line.split("verb=\"").nth(1).and_then(|rest| rest.split('"').next()).unwrap_or_default();
            let count: f64 = line.rsplit(' ').next().and_then(|count| count.parse().ok()).unwrap_or_default();
            *requests.entry(verb.to_owned()).or_default() += count;
        }
    }
    requests
}
