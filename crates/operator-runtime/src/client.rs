//! Finding the API server and saying in one sentence why it cannot be reached.

use std::{error::Error, path::PathBuf, time::Duration};

use clap::Args;
use kube::{
    Client, Config,
    config::{KubeConfigOptions, Kubeconfig},
};
use thiserror::Error;

/// Which API server, as every program lets people say it.
#[derive(Args, Clone, Debug, Default)]
pub struct ConnectArgs {
    /// Path of a kubeconfig file [default: $KUBECONFIG, ~/.kube/config, the Pod's own service account]
    #[arg(long, alias = "kubeconf", value_name = "PATH", global = true)]
    pub kubeconfig: Option<PathBuf>,
    /// Context of the kubeconfig file to use
    #[arg(long, value_name = "NAME", global = true)]
    pub context: Option<String>,
}

/// Why there is no client.
#[derive(Debug, Error)]
pub enum ConnectError {
    /// The named file cannot be used.
    #[error("cannot use kubeconfig {path}: {reason}")]
    Kubeconfig {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// No file was named, and nothing was found in the usual places.
    #[error("found no way to an API server: {0}; name a file with --kubeconfig")]
    NotFound(String),
    /// What was found cannot be made a client.
    #[error("cannot connect to {server}: {reason}")]
    Client {
        /// The server.
        server: String,
        /// What is wrong.
        reason: String,
    },
}

/// How long a connection may take to come about: an API server that is not there must not be waited for.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// How long a connection may be silent. Watches end of themselves after less.
const READ_TIMEOUT: Duration = Duration::from_secs(90);

/// Makes a client. Nothing is sent to the server yet. The client tells of refused requests instead of trying them
/// again, for minutes and without a word, as that of kube does by itself; see [`Throttle`](crate::Throttle).
pub async fn connect(args: &ConnectArgs) -> Result<Client, ConnectError> {
    let mut config = config(args).await?;
    config.default_retry = false;
    client(config)
}

fn client(mut config: Config) -> Result<Client, ConnectError> {
    // Fails only where a provider is installed already, which is as good.
    let _ = rustls::crypto::ring::default_provider().install_default();
    config.connect_timeout = Some(CONNECT_TIMEOUT);
    config.read_timeout = Some(READ_TIMEOUT);
    let server = config.cluster_url.to_string();
    Client::try_from(config).map_err(|error| ConnectError::Client { server, reason: describe(&error) })
}

async fn config(args: &ConnectArgs) -> Result<Config, ConnectError> {
    let options = KubeConfigOptions { context: args.context.clone(), ..KubeConfigOptions::default() };
    if let Some(path) = &args.kubeconfig {
        let unusable =
            |error: &dyn Error| ConnectError::Kubeconfig { path: path.clone(), reason: describe(error) };
        let kubeconfig = Kubeconfig::read_from(path).map_err(|error| unusable(&error))?;
        return Config::from_custom_kubeconfig(kubeconfig, &options).await.map_err(|error| unusable(&error));
    }
    if args.context.is_some() {
        return Config::from_kubeconfig(&options)
            .await
            .map_err(|error| ConnectError::NotFound(describe(&error)));
    }
    Config::infer().await.map_err(|error| ConnectError::NotFound(describe(&error)))
}

/// An error with its causes in one line, without repeating what a cause repeats.
pub fn describe(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let more = error.to_string();
        if !text.contains(&more) {
            text = format!("{text}: {more}");
        }
        cause = error.source();
    }
    text.replace('\n', " ")
}
