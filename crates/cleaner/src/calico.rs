//! Calico's addresses: the seam to its datastore, which the loop asks, and the commands for people.

mod access;
mod check;
mod cli;
mod document;
mod printing;
mod release;
mod users;

use std::{future::Future, process::ExitCode};

use calico_ipam::Claim;
use calico_store::{Mode, Outcome, StoreError};
use kube::Client;

pub(crate) use access::CalicoAccess;
pub(crate) use cli::CalicoArgs;

use self::cli::CalicoCommand;

/// Calico's datastore, wherever it is.
pub trait Calico {
    /// Gives back the addresses that are proved to be the claimants'. Gives what became of each, in their order. An error
    /// means that the datastore as a whole cannot be used now, and that nothing was done.
    fn release(
        &self,
        claims: Vec<Claim>,
        mode: Mode,
    ) -> impl Future<Output = Result<Vec<Outcome>, StoreError>>;
}

/// Does what people ask of Calico's addresses.
pub(crate) async fn run(args: &CalicoArgs, client: Client) -> anyhow::Result<ExitCode> {
    match &args.command {
        CalicoCommand::Check(check) => check::run(check, client).await,
        CalicoCommand::Release(release) => release::run(release, client).await,
    }
}
