//! Where Calico's datastore is, as Calico's own tool is told: by its configuration file, or by the environment. The
//! file, where there is one, is all that counts.

use std::fs;

use serde::Deserialize;

use crate::{
    EtcdSettings,
    etcd_settings::{EtcdTexts, Given},
};

/// The version of the file's format.
const VERSION: &str = "projectcalico.org/v3";

/// What the file is.
const KIND: &str = "CalicoAPIConfig";

/// Which group of the Kubernetes API it is.
const API_GROUP: &str = "CALICO_API_GROUP";

/// The variables of an etcd.
const ENDPOINTS: &str = "ETCD_ENDPOINTS";

/// Where the datastore is.
#[derive(Clone, Debug)]
pub enum DatastoreSettings {
    /// In the Kubernetes API.
    Kubernetes {
        /// In which group, if that is said.
        api_group: Option<String>,
    },
    /// In an etcd.
    Etcd(EtcdSettings),
}

/// Settings that cannot work.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{what}: {problem}")]
pub struct SettingsError {
    /// The variable, the file, or the member of the configuration.
    what: String,
    /// What is wrong with it, and what to do.
    problem: String,
}

/// The configuration file of Calico's tool, as far as it is understood.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ConfigFile {
    #[serde(default)]
    api_version: String,
    #[serde(default)]
    kind: String,
    #[serde(default)]
    spec: ConfigSpec,
}

/// What it says.
#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct ConfigSpec {
    datastore_type: Option<String>,
    etcd_endpoints: Option<String>,
    etcd_discovery_srv: Option<String>,
    etcd_username: Option<String>,
    etcd_password: Option<String>,
    etcd_key_file: Option<String>,
    etcd_cert_file: Option<String>,
    #[serde(rename = "etcdCACertFile")]
    etcd_ca_cert_file: Option<String>,
    etcd_key: Option<String>,
    etcd_cert: Option<String>,
    #[serde(rename = "etcdCACert")]
    etcd_ca_cert: Option<String>,
}

/// Which datastore it is.
enum DatastoreType {
    Kubernetes,
    Etcd,
}

// === impl DatastoreSettings ===

impl DatastoreSettings {
    /// Reads what the configuration file says, or, where there is none, what the environment says; `None` if that is
    /// nothing. Files that are named there are read too.
    ///
    /// # Errors
    /// If something is missing, contradicts something else, or cannot be read: it names what, and never what is secret.
    pub fn read(
        file_text: Option<&str>,
        lookup: impl Fn(&str) -> Option<String>,
    ) -> Result<Option<Self>, SettingsError> {
        let variable = |name: &str| lookup(name).filter(|value| !value.trim().is_empty());
        match file_text {
            Some(text) => Self::of_file(text, variable(API_GROUP)).map(Some),
            None => Self::of_environment(variable),
        }
    }

    fn of_file(text: &str, api_group: Option<String>) -> Result<Self, SettingsError> {
        let file: ConfigFile = serde_saphyr::from_str(text).map_err(|error| unreadable(&error))?;
        if file.api_version != VERSION || file.kind != KIND {
            return Err(SettingsError::new(
                "apiVersion and kind",
                &format!("they are to be {VERSION} and {KIND}"),
            ));
        }
        let spec = file.spec;
        let endpoints = given("etcdEndpoints", spec.etcd_endpoints);
        let Some(DatastoreType::Etcd) =
            datastore_type("datastoreType", spec.datastore_type.as_deref(), endpoints.is_some())?
        else {
            return Ok(Self::Kubernetes { api_group });
        };
        refuse_discovery("etcdDiscoverySrv", spec.etcd_discovery_srv.as_deref())?;
        let texts = EtcdTexts {
            endpoints,
            user: given("etcdUsername", spec.etcd_username),
            password: given("etcdPassword", spec.etcd_password),
            authority: either(["etcdCACert", "etcdCACertFile"], spec.etcd_ca_cert, spec.etcd_ca_cert_file)?,
            certificate: either(["etcdCert", "etcdCertFile"], spec.etcd_cert, spec.etcd_cert_file)?,
            key: either(["etcdKey", "etcdKeyFile"], spec.etcd_key, spec.etcd_key_file)?,
        };
        EtcdSettings::new(texts).map(Self::Etcd)
    }

    fn of_environment(variable: impl Fn(&str) -> Option<String>) -> Result<Option<Self>, SettingsError> {
        let endpoints = given(ENDPOINTS, variable(ENDPOINTS));
        let asked_for = variable("DATASTORE_TYPE");
        let api_group = variable(API_GROUP);
        match datastore_type("DATASTORE_TYPE", asked_for.as_deref(), endpoints.is_some())? {
            None if api_group.is_none() => return Ok(None),
            None | Some(DatastoreType::Kubernetes) => return Ok(Some(Self::Kubernetes { api_group })),
            Some(DatastoreType::Etcd) => {}
        }
        refuse_discovery("ETCD_DISCOVERY_SRV", variable("ETCD_DISCOVERY_SRV").as_deref())?;
        let file = |name: &str| variable(name).map(|path| read_file(name, &path)).transpose();
        let texts = EtcdTexts {
            endpoints,
            user: given("ETCD_USERNAME", variable("ETCD_USERNAME")),
            password: given("ETCD_PASSWORD", variable("ETCD_PASSWORD")),
            authority: file("ETCD_CA_CERT_FILE")?,
            certificate: file("ETCD_CERT_FILE")?,
            key: file("ETCD_KEY_FILE")?,
        };
        EtcdSettings::new(texts).map(Self::Etcd).map(Some)
    }
}

// === impl SettingsError ===

impl SettingsError {
    pub(crate) fn new(what: &str, problem: &str) -> Self {
        Self { what: what.to_owned(), problem: problem.to_owned() }
    }
}

/// None if nothing says it.
fn datastore_type(
    name: &str,
    asked_for: Option<&str>,
    has_endpoints: bool,
) -> Result<Option<DatastoreType>, SettingsError> {
    match asked_for.map(str::trim).filter(|text| !text.is_empty()) {
        Some("kubernetes") => Ok(Some(DatastoreType::Kubernetes)),
        Some("etcdv3") => Ok(Some(DatastoreType::Etcd)),
        Some(other) => Err(SettingsError::new(
            name,
            &format!("there is no datastore {other:?}: set kubernetes or etcdv3"),
        )),
        None => Ok(has_endpoints.then_some(DatastoreType::Etcd)),
    }
}

fn refuse_discovery(name: &str, value: Option<&str>) -> Result<(), SettingsError> {
    match value.filter(|value| !value.is_empty()) {
        Some(_) => Err(SettingsError::new(
            name,
            "endpoints are not looked for in the DNS here: name them (ETCD_ENDPOINTS)",
        )),
        None => Ok(()),
    }
}

fn given(name: &str, text: Option<String>) -> Option<Given> {
    let text = text.filter(|text| !text.trim().is_empty())?;
    Some(Given { name: name.to_owned(), text })
}

/// What stands in the configuration itself, or in a file that it names.
fn either(
    [inline, in_file]: [&str; 2],
    text: Option<String>,
    path: Option<String>,
) -> Result<Option<Given>, SettingsError> {
    match (given(inline, text), given(in_file, path)) {
        (Some(_), Some(_)) => {
            Err(SettingsError::new(inline, &format!("{in_file} is given too: leave one of them out")))
        }
        (Some(text), None) => Ok(Some(text)),
        (None, Some(path)) => read_file(in_file, &path.text).map(Some),
        (None, None) => Ok(None),
    }
}

fn read_file(name: &str, path: &str) -> Result<Given, SettingsError> {
    let problem = |error: std::io::Error| SettingsError::new(name, &format!("cannot read {path}: {error}"));
    let text = fs::read_to_string(path).map_err(problem)?;
    Ok(Given { name: format!("{name} ({path})"), text })
}

/// Only where: the text may hold a password.
fn unreadable(error: &serde_saphyr::Error) -> SettingsError {
    let place = error.location().map(|location| format!("line {}", location.line()));
    let place = place.unwrap_or_else(|| "the file".to_owned());
    SettingsError::new(&place, "it is no YAML of Calico's configuration")
}

#[cfg(test)]
mod tests;
