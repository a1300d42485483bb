//! The CRD manifests, from the types of `danm-api`.

use std::path::Path;

use anyhow::Result;
use danm_api::crd;

use super::Files;

const HEADER: &str = "# Made from the types of crates/danm-api by `cargo xtask generate`. Edit those.\n";

/// A manifest of each kind in each group.
pub fn files() -> Result<Files> {
    let manifests = crd::manifests().into_iter().map(|(name, manifest)| {
        let path = Path::new("deploy/crds").join(format!("{name}.yaml"));
        Ok((path, HEADER.to_owned() + &serde_saphyr::to_string(&manifest)?))
    });
    manifests.collect()
}
