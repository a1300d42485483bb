//! How an etcd is reached, checked as far as that is possible without asking it.

use std::fmt;

use rustls::pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject};

use crate::SettingsError;

/// How an etcd is reached. What is secret in it is not printed.
#[derive(Clone)]
pub struct EtcdSettings {
    endpoints: Vec<String>,
    user: Option<(String, String)>,
    authority: Option<String>,
    identity: Option<(String, String)>,
}

/// A text, and by what name whoever gave it knows it.
pub struct Given {
    /// The name of a variable, a file or a member.
    pub name: String,
    /// The text.
    pub text: String,
}

/// The texts that settings are made of.
#[derive(Default)]
pub struct EtcdTexts {
    /// Addresses, separated by commas.
    pub endpoints: Option<Given>,
    /// The name of the user.
    pub user: Option<Given>,
    /// The password.
    pub password: Option<Given>,
    /// The certificate of the authority, in PEM.
    pub authority: Option<Given>,
    /// The certificate of the client, in PEM.
    pub certificate: Option<Given>,
    /// Its key, in PEM.
    pub key: Option<Given>,
}

// === impl EtcdSettings ===

impl EtcdSettings {
    /// Settings that belong together.
    pub(crate) fn new(texts: EtcdTexts) -> Result<Self, SettingsError> {
        let EtcdTexts { endpoints, user, password, authority, certificate, key } = texts;
        let endpoints =
            endpoints.ok_or_else(|| problem("etcd", "no endpoint is given: set ETCD_ENDPOINTS"))?;
        let user = pair(user, password, "a user needs a password, and a password a user")?;
        let identity = pair(certificate, key, "a certificate needs its key, and a key its certificate")?;
        if let Some(authority) = &authority {
            check_certificates(authority)?;
        }
        if let Some((certificate, key)) = &identity {
            check_certificates(certificate)?;
            PrivateKeyDer::from_pem_slice(key.text.as_bytes())
                .map_err(|_| problem(&key.name, "there is no private key in it (PEM)"))?;
        }
        Ok(Self {
            endpoints: split(&endpoints, authority.is_some())?,
            user: user.map(|(name, password)| (name.text, password.text)),
            authority: authority.map(|given| given.text),
            identity: identity.map(|(certificate, key)| (certificate.text, key.text)),
        })
    }

    /// Where the members are.
    pub fn endpoints(&self) -> &[String] {
        &self.endpoints
    }

    /// The name of the user, and the password.
    pub(crate) fn user(&self) -> Option<&(String, String)> {
        self.user.as_ref()
    }

    /// The certificate of the authority, in PEM.
    pub(crate) fn authority(&self) -> Option<&str> {
        self.authority.as_deref()
    }

    /// The certificate of the client and its key, in PEM.
    pub(crate) fn identity(&self) -> Option<&(String, String)> {
        self.identity.as_ref()
    }
}

impl fmt::Debug for EtcdSettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EtcdSettings").field("endpoints", &self.endpoints).finish_non_exhaustive()
    }
}

fn problem(what: &str, problem: &str) -> SettingsError {
    SettingsError::new(what, problem)
}

/// Both or none.
fn pair(
    one: Option<Given>,
    other: Option<Given>,
    rule: &str,
) -> Result<Option<(Given, Given)>, SettingsError> {
    match (one, other) {
        (Some(one), Some(other)) => Ok(Some((one, other))),
        (None, None) => Ok(None),
        (Some(alone), None) | (None, Some(alone)) => {
            Err(problem(&alone.name, &format!("the other half is missing: {rule}")))
        }
    }
}

fn check_certificates(given: &Given) -> Result<(), SettingsError> {
    let mut certificates = CertificateDer::pem_slice_iter(given.text.as_bytes());
    match certificates.next() {
        Some(Ok(_)) if certificates.all(|certificate| certificate.is_ok()) => Ok(()),
        _ => Err(problem(&given.name, "there is no certificate in it (PEM)")),
    }
}

fn split(endpoints: &Given, has_authority: bool) -> Result<Vec<String>, SettingsError> {
    let mut urls = Vec::new();
    for url in endpoints.text.split(',').map(str::trim).filter(|url| !url.is_empty()) {
        let Some((scheme, host)) = url.split_once("://") else {
            return Err(problem(&endpoints.name, "an endpoint is to begin with http:// or https://"));
        };
        if !matches!(scheme, "http" | "https") || host.is_empty() {
            return Err(problem(
                &endpoints.name,
                "an endpoint is to be http://HOST:PORT or https://HOST:PORT",
            ));
        }
        if host.contains('@') {
            let reason = "an endpoint holds no user and password: set ETCD_USERNAME and ETCD_PASSWORD";
            return Err(problem(&endpoints.name, reason));
        }
        if scheme == "https" && !has_authority {
            let reason =
                "https needs the certificate of the authority: set ETCD_CA_CERT_FILE (etcdCACertFile)";
            return Err(problem(&endpoints.name, reason));
        }
        urls.push(url.trim_end_matches('/').to_owned());
    }
    if urls.is_empty() {
        return Err(problem(&endpoints.name, "it names no endpoint"));
    }
    Ok(urls)
}
