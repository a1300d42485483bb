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

/// What may be said besides, in place of what the kubeconfig file says.
#[derive(Clone, Debug, Default)]
pub struct Overrides {
    /// The entry of the file's clusters.
    pub cluster: Option<String>,
    /// The entry of the file's users.
    pub user: Option<String>,
    /// The URL of the API server.
    pub server: Option<String>,
    /// The name that the server's certificate has to be for.
    pub tls_server_name: Option<String>,
    /// Whether its certificate is not looked at.
    pub skip_tls_verify: bool,
    /// A bearer token.
    pub token: Option<String>,
    /// The user to act as.
    pub impersonate: Option<String>,
    /// The groups to act as.
    pub impersonate_groups: Vec<String>,
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
    /// The URL of the server is none.
    #[error("{url:?} is no URL of an API server: {reason}")]
    Server {
        /// What was said.
        url: String,
        /// What is wrong.
        reason: String,
    },
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
    connect_with(args, &Overrides::default()).await
}

/// The same for programs that let people say more.
pub async fn connect_with(args: &ConnectArgs, overrides: &Overrides) -> Result<Client, ConnectError> {
    let mut config = config(args, overrides).await?;
    config.default_retry = false;
    overrides.apply(&mut config)?;
    client(config)
}

impl Overrides {
    fn url(&self) -> Result<Option<http::Uri>, ConnectError> {
        let reason = |error: http::uri::InvalidUri| error.to_string();
        let url = self.server.as_ref().map(|url| {
            url.parse().map_err(|error| ConnectError::Server { url: url.clone(), reason: reason(error) })
        });
        url.transpose()
    }

    fn apply(&self, config: &mut Config) -> Result<(), ConnectError> {
        if let Some(url) = self.url()? {
            config.cluster_url = url;
        }
        if self.tls_server_name.is_some() {
            config.tls_server_name.clone_from(&self.tls_server_name);
        }
        config.accept_invalid_certs |= self.skip_tls_verify;
        if let Some(token) = &self.token {
            config.auth_info.token = Some(token.clone().into());
        }
        if self.impersonate.is_some() {
            config.auth_info.impersonate.clone_from(&self.impersonate);
        }
        if !self.impersonate_groups.is_empty() {
            config.auth_info.impersonate_groups = Some(self.impersonate_groups.clone());
        }
        Ok(())
    }
}

fn client(mut config: Config) -> Result<Client, ConnectError> {
    // Fails only where a provider is installed already, which is as good.
    let _ = rustls::crypto::ring::default_provider().install_default();
    config.connect_timeout = Some(CONNECT_TIMEOUT);
    config.read_timeout = Some(READ_TIMEOUT);
    let server = config.cluster_url.to_string();
    // kube takes for granted that both are there.
    if config.cluster_url.scheme().is_none() || config.cluster_url.authority().is_none() {
        let reason = "expected http:// or https:// and a host".to_owned();
        return Err(ConnectError::Server { url: server, reason });
    }
    Client::try_from(config).map_err(|error| ConnectError::Client { server, reason: describe(&error) })
}

async fn config(args: &ConnectArgs, overrides: &Overrides) -> Result<Config, ConnectError> {
    let Overrides { cluster, user, .. } = overrides.clone();
    let is_chosen = args.context.is_some() || cluster.is_some() || user.is_some();
    let options = KubeConfigOptions { context: args.context.clone(), cluster, user };
    if let Some(path) = &args.kubeconfig {
        let unusable =
            |error: &dyn Error| ConnectError::Kubeconfig { path: path.clone(), reason: describe(error) };
        let kubeconfig = Kubeconfig::read_from(path).map_err(|error| unusable(&error))?;
        return Config::from_custom_kubeconfig(kubeconfig, &options).await.map_err(|error| unusable(&error));
    }
    if is_chosen {
        return Config::from_kubeconfig(&options)
            .await
            .map_err(|error| ConnectError::NotFound(describe(&error)));
    }
    match Config::infer().await {
        Ok(config) => Ok(config),
        // Whoever names a server needs nothing besides.
        Err(error) => {
            overrides.url()?.map(Config::new).ok_or_else(|| ConnectError::NotFound(describe(&error)))
        }
    }
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
