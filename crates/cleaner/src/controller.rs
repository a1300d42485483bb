//! stub
use crate::Config;
use kube::Client;
pub(crate) async fn control(_config: &Config, _client: Client) -> anyhow::Result<()> {
    Ok(())
}
