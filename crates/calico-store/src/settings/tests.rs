//! Settings of a file and of the environment: what they come to, and what is said where they cannot work.

use std::path::Path;

use tempfile::TempDir;

use super::DatastoreSettings;

/// A folder with the certificate of an authority, and that of a client with its key.
fn folder() -> TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    let pair = rcgen::generate_simple_self_signed(["etcd".to_owned()]).expect("a certificate");
    let files = [
        ("ca.pem", pair.cert.pem()),
        ("client.pem", pair.cert.pem()),
        ("client.key", pair.signing_key.serialize_pem()),
        ("empty.pem", String::new()),
    ];
    files.iter().for_each(|(name, text)| std::fs::write(folder.path().join(name), text).expect("written"));
    folder
}

/// What the environment says, in words; `FOLDER` stands for a folder.
fn of_environment(variables: &[(&str, &str)], folder: &Path) -> String {
    let lookup = |name: &str| {
        let value = variables.iter().find(|(variable, _)| *variable == name)?.1;
        Some(value.replace("FOLDER", &folder.display().to_string()))
    };
    in_words(DatastoreSettings::read(None, lookup), folder)
}

/// What a file says, in words, while the environment says something else.
fn of_file(text: &str, folder: &Path) -> String {
    let text = text.replace("FOLDER", &folder.display().to_string());
    let lookup = |name: &str| (name == "ETCD_ENDPOINTS").then(|| "http://environment:2379".to_owned());
    in_words(DatastoreSettings::read(Some(&text), lookup), folder)
}

fn in_words(read: Result<Option<DatastoreSettings>, super::SettingsError>, folder: &Path) -> String {
    match read {
        Ok(None) => "nothing".to_owned(),
        Ok(Some(DatastoreSettings::Kubernetes { api_group })) => {
            ["kubernetes".to_owned()].into_iter().chain(api_group).collect::<Vec<_>>().join(" ")
        }
        Ok(Some(DatastoreSettings::Etcd(settings))) => {
            let user = settings.user().map_or("", |(name, _)| name);
            let has = |is_there: bool, what: &'static str| if is_there { what } else { "" };
            let authority = has(settings.authority().is_some(), "authority");
            let identity = has(settings.identity().is_some(), "identity");
            let words = format!("etcd {} {user} {authority} {identity}", settings.endpoints().join(","));
            words.split_whitespace().collect::<Vec<_>>().join(" ")
        }
        Err(error) => error.to_string().replace(&folder.display().to_string(), "FOLDER"),
    }
}

#[test]
fn the_environment_of_calico_s_tool_is_understood() {
    let folder = folder();
    let tls = [
        ("ETCD_ENDPOINTS", "https://a:2379, https://b:2379/"),
        ("ETCD_CA_CERT_FILE", "FOLDER/ca.pem"),
        ("ETCD_CERT_FILE", "FOLDER/client.pem"),
        ("ETCD_KEY_FILE", "FOLDER/client.key"),
    ];
    let cases: [(&[(&str, &str)], &str); 8] = [
        (&[], "nothing"),
        (&[("ETCD_ENDPOINTS", " ")], "nothing"),
        (&[("CALICO_API_GROUP", "projectcalico.org/v3")], "kubernetes projectcalico.org/v3"),
        (&[("DATASTORE_TYPE", "kubernetes"), ("ETCD_ENDPOINTS", "http://a:2379")], "kubernetes"),
        (&[("ETCD_ENDPOINTS", "http://a:2379")], "etcd http://a:2379"),
        (&[("DATASTORE_TYPE", "etcdv3"), ("ETCD_ENDPOINTS", "http://a:2379")], "etcd http://a:2379"),
        (&tls, "etcd https://a:2379,https://b:2379 authority identity"),
        (
            &[("ETCD_ENDPOINTS", "http://a:2379"), ("ETCD_USERNAME", "calico"), ("ETCD_PASSWORD", "s3cret")],
            "etcd http://a:2379 calico",
        ),
    ];
    for (variables, expected) in cases {
        assert_eq!(of_environment(variables, folder.path()), expected);
    }
}

#[test]
fn what_cannot_work_in_the_environment_is_named() {
    let folder = folder();
    let endpoints = ("ETCD_ENDPOINTS", "https://a:2379");
    let authority = ("ETCD_CA_CERT_FILE", "FOLDER/ca.pem");
    let cases: [(&[(&str, &str)], &str); 12] = [
        (
            &[("DATASTORE_TYPE", "etcdv2")],
            "DATASTORE_TYPE: there is no datastore \"etcdv2\": set kubernetes or etcdv3",
        ),
        (&[("DATASTORE_TYPE", "etcdv3")], "etcd: no endpoint is given: set ETCD_ENDPOINTS"),
        (&[("ETCD_ENDPOINTS", ",")], "ETCD_ENDPOINTS: it names no endpoint"),
        (&[("ETCD_ENDPOINTS", "a:2379")], "ETCD_ENDPOINTS: an endpoint is to begin with http:// or https://"),
        (
            &[("ETCD_ENDPOINTS", "http://calico:s3cret@a:2379")],
            "ETCD_ENDPOINTS: an endpoint holds no user and password: set ETCD_USERNAME and ETCD_PASSWORD",
        ),
        (
            &[endpoints],
            "ETCD_ENDPOINTS: https needs the certificate of the authority: set ETCD_CA_CERT_FILE (etcdCACertFile)",
        ),
        (
            &[endpoints, ("ETCD_CA_CERT_FILE", "FOLDER/no.pem")],
            "ETCD_CA_CERT_FILE: cannot read FOLDER/no.pem: No such file or directory (os error 2)",
        ),
        (
            &[endpoints, ("ETCD_CA_CERT_FILE", "FOLDER/empty.pem")],
            "ETCD_CA_CERT_FILE (FOLDER/empty.pem): there is no certificate in it (PEM)",
        ),
        (
            &[endpoints, authority, ("ETCD_CERT_FILE", "FOLDER/client.pem")],
            "ETCD_CERT_FILE (FOLDER/client.pem): the other half is missing: a certificate needs its key, and a key its certificate",
        ),
        (
            &[
                endpoints,
                authority,
                ("ETCD_CERT_FILE", "FOLDER/client.pem"),
                ("ETCD_KEY_FILE", "FOLDER/ca.pem"),
            ],
            "ETCD_KEY_FILE (FOLDER/ca.pem): there is no private key in it (PEM)",
        ),
        (
            &[("ETCD_ENDPOINTS", "http://a:2379"), ("ETCD_PASSWORD", "s3cret")],
            "ETCD_PASSWORD: the other half is missing: a user needs a password, and a password a user",
        ),
        (
            &[("DATASTORE_TYPE", "etcdv3"), ("ETCD_DISCOVERY_SRV", "example.com")],
            "ETCD_DISCOVERY_SRV: endpoints are not looked for in the DNS here: name them (ETCD_ENDPOINTS)",
        ),
    ];
    for (variables, expected) in cases {
        assert_eq!(of_environment(variables, folder.path()), expected);
    }
}

#[test]
fn a_file_is_all_that_counts() {
    let folder = folder();
    let inline = std::fs::read_to_string(folder.path().join("ca.pem")).expect("it was written");
    let indented = inline.replace('\n', "\n    ");
    let head = "apiVersion: projectcalico.org/v3\nkind: CalicoAPIConfig\n";
    let cases = [
        ("metadata:\nspec:\n  datastoreType: kubernetes\n  kubeconfig: /k".to_owned(), "kubernetes"),
        ("spec: {datastoreType: etcdv3, etcdEndpoints: 'http://file:2379'}".to_owned(), "etcd http://file:2379"),
        (
            "spec: {etcdEndpoints: 'https://file:2379', etcdCACertFile: FOLDER/ca.pem, etcdCertFile: FOLDER/client.pem, \
             etcdKeyFile: FOLDER/client.key}"
                .to_owned(),
            "etcd https://file:2379 authority identity",
        ),
        (
            format!("spec:\n  etcdEndpoints: https://file:2379\n  etcdCACert: |\n    {indented}\n"),
            "etcd https://file:2379 authority",
        ),
        (
            "spec: {etcdEndpoints: 'http://file:2379', etcdUsername: calico, etcdPassword: s3cret}".to_owned(),
            "etcd http://file:2379 calico",
        ),
        (
            "spec: {etcdEndpoints: 'https://file:2379', etcdCACert: x, etcdCACertFile: y}".to_owned(),
            "etcdCACert: etcdCACertFile is given too: leave one of them out",
        ),
        ("spec: {datastoreType: etcdv3}".to_owned(), "etcd: no endpoint is given: set ETCD_ENDPOINTS"),
    ];
    for (text, expected) in cases {
        assert_eq!(of_file(&format!("{head}{text}"), folder.path()), expected, "{text}");
    }
    let other = "apiVersion: v1\nkind: CalicoAPIConfig\n";
    assert_eq!(
        of_file(other, folder.path()),
        "apiVersion and kind: they are to be projectcalico.org/v3 and CalicoAPIConfig"
    );
}

#[test]
fn no_secret_is_printed() {
    let folder = folder();
    let broken = "apiVersion: projectcalico.org/v3\nspec:\n  etcdPassword: [s3cret\n  etcdUsername: }";
    let told = of_file(broken, folder.path());
    assert!(told.starts_with("line ") && !told.contains("s3cret"), "{told}");

    let variables =
        [("ETCD_ENDPOINTS", "http://a:2379"), ("ETCD_USERNAME", "calico"), ("ETCD_PASSWORD", "s3cret")];
    let lookup =
        |name: &str| variables.iter().find(|(it, _)| *it == name).map(|(_, value)| (*value).to_owned());
    let printed = format!("{:?}", DatastoreSettings::read(None, lookup));
    assert!(printed.contains("http://a:2379") && !printed.contains("s3cret"), "{printed}");
}
