//! What is to be done about allocations of a class, by the word of operators: release, report only, or nothing.
//! Flags say it for each proof of death; an annotation says it for a network or a namespace.

use std::{collections::BTreeMap, str::FromStr};

use serde::Serialize;

use crate::{
    Reason,
    world::{Endpoint, World},
};

/// The annotation of a network or a namespace that says how its allocations are treated.
pub const TREATMENT_ANNOTATION: &str = "danm.io/cleaner";

/// How far to go, the strictest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Treatment {
    /// They are left alone, and count as nothing.
    Off,
    /// They are found and told, and stay.
    Report,
    /// They are released.
    Release,
}

/// How allocations are treated whose death has a certain proof, unless an annotation says otherwise.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Treatments([Treatment; Reason::PROOFS.len()]);

// === impl Treatment ===

impl Treatment {
    /// What an annotation says. A word that is not understood releases nothing: whoever wrote it wanted something
    /// else than usual.
    pub(crate) fn read(annotations: Option<&BTreeMap<String, String>>) -> Option<Self> {
        let word = annotations?.get(TREATMENT_ANNOTATION)?;
        Some(word.parse().unwrap_or(Self::Report))
    }

    /// Why nothing may be written about what is treated so, for people; `None` where it may.
    pub(crate) fn forbids(self) -> Option<String> {
        let word = match self {
            Self::Off => "off",
            Self::Report => "report",
            Self::Release => return None,
        };
        Some(format!("the annotation {TREATMENT_ANNOTATION} says {word}"))
    }

    /// How an endpoint is treated whose death is proved for this reason: as its namespace or its network says, the
    /// stricter of the two, or else as is usual for that proof.
    pub fn of(endpoint: &Endpoint, reason: Reason, world: &World, usual: &Treatments) -> Self {
        if !world.says_how_to_treat() {
            return usual.of(reason);
        }
        let network = world.networks().get(&endpoint.network_id()).and_then(|network| network.treatment);
        let namespace = world.namespaces().treatment(&endpoint.id.namespace);
        network.into_iter().chain(namespace).min().unwrap_or_else(|| usual.of(reason))
    }
}

impl FromStr for Treatment {
    type Err = String;

    /// Reads `off`, `report` or `release`.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text.trim() {
            "off" => Ok(Self::Off),
            "report" => Ok(Self::Report),
            "release" => Ok(Self::Release),
            _ => Err(format!("{text:?} is none of off, report, release")),
        }
    }
}

// === impl Treatments ===

impl Treatments {
    /// The same with another treatment for one proof. What proves nothing has none.
    #[must_use]
    pub fn with(mut self, proof: Reason, treatment: Treatment) -> Self {
        for (place, reason) in self.0.iter_mut().zip(Reason::PROOFS) {
            if reason == proof {
                *place = treatment;
            }
        }
        self
    }

    /// The treatment for a proof.
    pub fn of(&self, proof: Reason) -> Treatment {
        let mut all = self.0.iter().zip(Reason::PROOFS);
        all.find(|(_, reason)| *reason == proof).map_or(Treatment::Release, |(treatment, _)| *treatment)
    }
}

impl Default for Treatments {
    /// Whatever is proved dead is released.
    fn default() -> Self {
        Self([Treatment::Release; Reason::PROOFS.len()])
    }
}
