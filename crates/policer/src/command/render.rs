//! `render`: the rules of a Pod, in the syntax of nft.

use anyhow::bail;
use policy_engine::{NamespacedName, NoTarget, World, compile, nft};

use crate::{
    cli::RenderArgs,
    files,
    output::{note, notes, print},
    parties::unknown_pod,
};

/// What is printed for a Pod of which no rules can be made; nft takes it.
const NO_RULES: &str = "# There are no rules for this Pod.\n";

pub(crate) fn run(args: &RenderArgs) -> anyhow::Result<()> {
    let inventory = files::read(&args.objects.paths)?;
    let world = inventory.world();
    let pod = NamespacedName::new(&args.pod.namespace, &args.pod.name);
    notes(&inventory.opened_by(&pod).and_then(|_| inventory.opened()).into_iter().collect::<Vec<_>>());
    let Some(ruleset) = compile(world, &pod) else { return print(&without_rules(world, &pod)?) };
    if ruleset.is_open() {
        let beside = if ruleset.is_empty() { "" } else { ", what audited policies deny is counted" };
        note(&format!("note: no policy isolates an interface of Pod {pod}: everything passes{beside}"));
    }
    print(&nft::text(&ruleset))
}

/// Says why there are none.
fn without_rules(world: &World, pod: &NamespacedName) -> anyhow::Result<String> {
    let reason = match world.pod(pod) {
        None => bail!(unknown_pod(world, pod)),
        Some(found) if found.is_on_host_network => NoTarget::OnHostNetwork,
        Some(_) => NoTarget::WithoutEndpoints,
    };
    note(&format!("note: Pod {pod} {}", no_target(reason)));
    Ok(NO_RULES.to_owned())
}

/// Why no policy is about a Pod, after its name.
pub(crate) const fn no_target(reason: NoTarget) -> &'static str {
    match reason {
        NoTarget::NotThere => "is not there: no policy is enforced at it",
        NoTarget::OnHostNetwork => "is part of its node (hostNetwork): no policy is about it",
        NoTarget::WithoutEndpoints => {
            "has no DanmEp, so nobody knows its interfaces: no policy is enforced at it"
        }
    }
}
