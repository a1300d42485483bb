//! In a real etcd, where a block and its handles are one request.

use std::time::Instant;

use calico_ipam::{HandleId, Location};
use calico_store::{CalicoDatastore, DatastoreSettings, EtcdDatastore, Mode, release};
use serde_json::json;
use testkit::{Etcd, Figure, Unavailable, median};

use crate::scene::{ADDRESSES, BLOCKS, blocks, check, claims, handles, pool};

/// Rounds, of which the median counts.
const ROUNDS: usize = 5;

/// Measures.
pub async fn measure() -> Result<Vec<Figure>, Unavailable> {
    let etcd = Etcd::start().await?;
    let lookup = |name: &str| (name == "ETCD_ENDPOINTS").then(|| etcd.url().to_owned());
    let settings = DatastoreSettings::read(None, lookup).expect("they can work");
    let Some(DatastoreSettings::Etcd(settings)) = settings else { unreachable!("endpoints are given") };
    let store = CalicoDatastore::Etcd(EtcdDatastore::connect(&settings).await.expect("it answers"));
    let claims = claims();
    let (mut rates, mut calls) = (Vec::new(), 0.0);
    for _ in 0..ROUNDS {
        fill(&etcd).await;
        let before = etcd.calls().await;
        let begun = Instant::now();
        let outcomes = release(&store, &claims, Mode::Write).await.expect("it can be used");
        rates.push(f64::from(ADDRESSES) / begun.elapsed().as_secs_f64());
        calls = etcd.calls().await - before;
        check(&outcomes);
        assert!(etcd.below("/calico/ipam/v2/handle/").await.is_empty(), "all handles are gone");
    }
    // Besides those of blocks: whether it is locked, how it is configured, its pools; and those of this count itself.
    let at_most = f64::from(3 * BLOCKS) + 10.0;
    Ok(vec![Figure {
        what: format!("{ADDRESSES} addresses of {BLOCKS} blocks, in etcd"),
        value: format!(
            "{:.0}/s; {:.3} calls for an address",
            median(&mut rates),
            calls / f64::from(ADDRESSES)
        ),
        bar: Some(("3 calls a block".to_owned(), calls <= at_most)),
    }])
}

/// Makes all blocks and handles anew.
async fn fill(etcd: &Etcd) {
    etcd.wipe().await;
    let pool = json!({"kind": "IPPool", "metadata": {"name": "pool"}, "spec": pool()});
    etcd.put("/calico/resources/v3/projectcalico.org/ippools/pool", &pool.to_string()).await;
    let blocks = blocks()
        .map(|(cidr, block)| (Location::Block(cidr.parse().expect("a cidr")).etcd_key(), block.to_string()));
    let handles =
        handles().map(|(id, handle)| (Location::Handle(HandleId::new(&id)).etcd_key(), handle.to_string()));
    let pairs: Vec<(String, String)> = blocks.chain(handles).collect();
    etcd.put_all(pairs.iter().map(|(key, value)| (&**key, &**value))).await;
}
