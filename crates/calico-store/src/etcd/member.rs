//! One member of an etcd: a connection that is made when it is needed, and the token by which it knows us.

use std::{error::Error, time::Duration};

use http::uri::PathAndQuery;
use prost::Message;
use tokio::sync::Mutex;
use tonic::{
    Code, Request, Status,
    client::Grpc,
    metadata::{Ascii, MetadataValue},
    transport::{Certificate, Channel, ClientTlsConfig, Endpoint, Identity},
};
use tonic_prost::ProstCodec;

use super::wire::{AUTHENTICATE, AuthenticateRequest, AuthenticateResponse};
use crate::EtcdSettings;

/// A connection that takes longer is none.
const CONNECT: Duration = Duration::from_secs(5);

/// After such a silence a member is asked whether it is there. An etcd breaks off connections of those who ask more often than
/// once in five seconds.
const KEEP_ALIVE: Duration = Duration::from_secs(10);

/// Pages of large blocks are larger than what is taken by itself.
const LARGEST_ANSWER: usize = 128 << 20;

/// Under which name the token is sent.
const TOKEN: &str = "token";

/// How an etcd says that a token was made before somebody's rights were changed.
const OLD_TOKEN: &str = "revision of auth store is old";

/// What to do where an etcd asks for a certificate.
const WITHOUT_CERTIFICATE: &str =
    "; if it asks for a certificate, set ETCD_CERT_FILE and ETCD_KEY_FILE (etcdCertFile and etcdKeyFile)";

/// A member.
pub struct Member {
    /// Where it is, for people.
    pub url: String,
    /// What may be missing where it breaks off the connection: it does not say why.
    pub hint: &'static str,
    channel: Channel,
    user: Option<(String, String)>,
    /// Empty until the user has named himself.
    token: Mutex<Option<MetadataValue<Ascii>>>,
}

/// How a call failed.
#[derive(Debug)]
pub enum Setback {
    /// No other member would do it.
    Refused(String),
    /// Another may.
    Silent(String),
}

// === impl Member ===

impl Member {
    /// A member. It is not asked yet.
    pub fn new(url: &str, settings: &EtcdSettings) -> Result<Self, String> {
        let problem = |error: tonic::transport::Error| format!("{url}: {}", told(&error));
        let is_secure = url.starts_with("https://");
        let mut endpoint = Endpoint::from_shared(url.to_owned()).map_err(problem)?;
        if let Some(authority) = settings.authority().filter(|_| is_secure) {
            let mut tls = ClientTlsConfig::new().ca_certificate(Certificate::from_pem(authority));
            if let Some((certificate, key)) = settings.identity() {
                tls = tls.identity(Identity::from_pem(certificate, key));
            }
            endpoint = endpoint.tls_config(tls).map_err(problem)?;
        }
        let endpoint = endpoint
            .connect_timeout(CONNECT)
            .http2_keep_alive_interval(KEEP_ALIVE)
            .keep_alive_timeout(CONNECT);
        Ok(Self {
            url: url.to_owned(),
            hint: if is_secure && settings.identity().is_none() { WITHOUT_CERTIFICATE } else { "" },
            channel: endpoint.connect_lazy(),
            user: settings.user().cloned(),
            token: Mutex::default(),
        })
    }

    /// Asks it something. Where it does not know the token any more, a new one is asked for.
    pub async fn ask<Q, A>(&self, path: &'static str, question: &Q) -> Result<A, Setback>
    where
        Q: Message + Clone + Send + Sync + 'static,
        A: Message + Default + Send + Sync + 'static,
    {
        let token = self.token().await?;
        match self.send(path, question.clone(), token.as_ref()).await {
            Err(status) if token.is_some() && is_about_token(&status) => {
                self.forget(token.as_ref()).await;
                let token = self.token().await?;
                self.send(path, question.clone(), token.as_ref()).await.map_err(|status| setback(&status))
            }
            answer => answer.map_err(|status| setback(&status)),
        }
    }

    /// By what it knows us; `None` if we are nobody in particular.
    async fn token(&self) -> Result<Option<MetadataValue<Ascii>>, Setback> {
        let Some((name, password)) = &self.user else { return Ok(None) };
        let mut token = self.token.lock().await;
        if token.is_none() {
            let question = AuthenticateRequest { name: name.clone(), password: password.clone() };
            let answer: AuthenticateResponse =
                self.send(AUTHENTICATE, question, None).await.map_err(|status| setback(&status))?;
            let unreadable = |_| Setback::Refused("the token that it gives is none".to_owned());
            *token = Some(answer.token.parse().map_err(unreadable)?);
        }
        Ok(token.clone())
    }

    /// Forgets a token, unless somebody has replaced it already.
    async fn forget(&self, old: Option<&MetadataValue<Ascii>>) {
        let mut token = self.token.lock().await;
        if token.as_ref() == old {
            *token = None;
        }
    }

    async fn send<Q, A>(
        &self,
        path: &'static str,
        question: Q,
        token: Option<&MetadataValue<Ascii>>,
    ) -> Result<A, Status>
    where
        Q: Message + Send + Sync + 'static,
        A: Message + Default + Send + Sync + 'static,
    {
        let mut client = Grpc::new(self.channel.clone()).max_decoding_message_size(LARGEST_ANSWER);
        client.ready().await.map_err(|error| Status::unavailable(told(&error)))?;
        let mut request = Request::new(question);
        if let Some(token) = token {
            request.metadata_mut().insert(TOKEN, token.clone());
        }
        let codec: ProstCodec<Q, A> = ProstCodec::default();
        let answer = client.unary(request, PathAndQuery::from_static(path), codec).await?;
        Ok(answer.into_inner())
    }
}

fn is_about_token(status: &Status) -> bool {
    status.code() == Code::Unauthenticated || status.message().contains(OLD_TOKEN)
}

fn setback(status: &Status) -> Setback {
    let reason = told_with(status.message(), status.source());
    match status.code() {
        Code::InvalidArgument | Code::ResourceExhausted | Code::OutOfRange => Setback::Refused(reason),
        // What stands at a wrong address may say so, and a member that only learns, too.
        _ => Setback::Silent(reason),
    }
}

fn told(error: &dyn Error) -> String {
    told_with(&error.to_string(), error.source())
}

/// An error with its causes, each told once.
fn told_with(first: &str, mut cause: Option<&(dyn Error + 'static)>) -> String {
    let mut told = first.to_owned();
    while let Some(error) = cause {
        let text = error.to_string();
        if !told.contains(&text) {
            told = format!("{told}: {text}");
        }
        cause = error.source();
    }
    told
}
