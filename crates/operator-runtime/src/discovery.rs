//! Which of DANM's kinds a cluster serves, in which group. Installations differ: lightweight, production, both
//! groups during a migration.

use danm_api::{ApiGroup, ApiType, DanmKind, VERSION};
use kube::Client;

/// The kinds that are served, asked anew at each call. A group that is not served has none.
pub async fn served_kinds(client: &Client) -> Result<Vec<ApiType>, kube::Error> {
    let mut served = Vec::new();
    for group in ApiGroup::ALL {
        let resources = match client.list_api_group_resources(&format!("{group}/{VERSION}")).await {
            Ok(list) => list.resources,
            Err(kube::Error::Api(status)) if status.code == 404 => continue,
            Err(error) => return Err(error),
        };
        let is_served = |kind: &DanmKind| {
            resources.iter().any(|resource| resource.kind == kind.name() && resource.name == kind.plural())
        };
        served.extend(DanmKind::ALL.into_iter().filter(is_served).map(|kind| ApiType { group, kind }));
    }
    Ok(served)
}
