//! The networks that a command is about.

use anyhow::{bail, ensure};
use danm_api::DanmKind;
use danm_ipam::Family;
use leak_judge::{NetworkId, NetworkRecord};

use crate::{
    cli::FamilyArgs, document::AllocationMap, look::Look, mapping::maps_of, reading::Reading, target::Target,
};

/// Fails for a network that was named and is not there, with what is known about it.
pub(crate) fn ensure_all_are_there(reading: &Reading, targets: &[Target]) -> anyhow::Result<()> {
    for target in targets {
        let is_there = reading.world().networks().iter().any(|(id, _)| target.means(id));
        ensure!(is_there, "{}", why_missing(reading, target));
    }
    Ok(())
}

/// Those of the networks that were read which are meant.
pub(crate) fn networks<'a>(
    look: &Look<'a>,
    targets: &[Target],
) -> impl Iterator<Item = (&'a NetworkId, &'a NetworkRecord)> {
    let all = look.world.networks().iter();
    all.filter(move |(id, _)| targets.is_empty() || targets.iter().any(|target| target.means(id)))
}

/// The maps of the networks that are meant, and what cannot be mapped, in words.
pub(crate) fn maps(
    look: &Look<'_>,
    targets: &[Target],
    family: FamilyArgs,
) -> (Vec<AllocationMap>, Vec<String>) {
    let (mut maps, mut problems) = (Vec::new(), Vec::new());
    for (id, record) in networks(look, targets) {
        let found = maps_of(look, id, record);
        if found.is_empty() {
            problems.push(format!("{} has no subnet: it has no addresses to show", id.network));
        }
        let is_unwanted =
            |one: &Result<AllocationMap, String>| one.as_ref().is_ok_and(|map| !family.wants(map.family));
        if !targets.is_empty() && !found.is_empty() && found.iter().all(is_unwanted) {
            problems.push(format!("{} has no addresses of that family", id.network));
        }
        for one in found {
            match one {
                Ok(map) if family.wants(map.family) => maps.push(map),
                Ok(_) => {}
                Err(problem) => problems.push(format!("{}: {problem}", id.network)),
            }
        }
    }
    (maps, problems)
}

fn why_missing(reading: &Reading, target: &Target) -> String {
    let parked = reading.world().parked().find(|(object, _)| {
        let is_kind = match object.kind {
            DanmKind::Network(kind) => target.kind.is_none_or(|wanted| wanted == kind),
            _ => false,
        };
        is_kind && *object.name == *target.name
    });
    if let Some((object, parked)) = parked {
        return format!("{object} cannot be understood: {}", parked.problem);
    }
    let unread = reading
        .unread_networks()
        .find(|(api, _)| target.kind.is_none_or(|kind| api.kind == DanmKind::Network(kind)));
    match unread {
        Some((_, reason)) => format!("cannot find network {target}: {reason}"),
        None => format!("there is no network {target} {}; `networks -A` shows all", reading.place()),
    }
}

/// Nothing to show of what was asked for by name is an error.
pub(crate) fn ensure_something(
    maps: &[AllocationMap],
    problems: &[String],
    targets: &[Target],
) -> anyhow::Result<()> {
    if maps.is_empty()
        && !targets.is_empty()
        && let Some(problem) = problems.first()
    {
        bail!("{problem}");
    }
    Ok(())
}

impl FamilyArgs {
    /// Whether a family is wanted.
    pub(crate) fn wants(self, family: Family) -> bool {
        match family {
            Family::Ipv4 => !self.ipv6,
            Family::Ipv6 => !self.ipv4,
        }
    }
}
