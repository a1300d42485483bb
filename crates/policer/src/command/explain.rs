//! `explain`: which policy and which rule decides about a connection.

use crate::cli::{Cli, ExplainArgs};

pub(crate) async fn run(_cli: &Cli, _args: &ExplainArgs) -> anyhow::Result<()> {
    anyhow::bail!("not yet")
}
