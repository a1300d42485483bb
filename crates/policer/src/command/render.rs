//! `render`: the rules of a Pod, in the syntax of nft.

use crate::cli::RenderArgs;

pub(crate) fn run(_args: &RenderArgs) -> anyhow::Result<()> {
    anyhow::bail!("there is no compiler yet")
}
