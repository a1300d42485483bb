//! What the flags of the old spelling mean, as a value. Nothing here is done.

use std::{ffi::OsString, net::IpAddr, path::PathBuf};

use danm_api::NetworkKind;
use danm_ipam::Family;
use ipnet::IpNet;

use super::flags::{Flag, FlagError, Given, Takes, Value, parse};

/// All flags. Those of the reference keep its names and defaults.
pub const FLAGS: [Flag; 11] = [
    text(
        "kubeconfig",
        "path of a kubeconfig file; without it $KUBECONFIG, ~/.kube/config or the Pod's account is used",
    ),
    text("kubeconf", "the same as -kubeconfig"),
    text("context", "the context of the kubeconfig file to use"),
    text("dnet", "the name of a DanmNet to show"),
    text("cnet", "the name of a ClusterNetwork to show"),
    text("tnet", "the name of a TenantNetwork to show"),
    Flag {
        name: "n",
        takes: Takes::Text("default"),
        help: "the namespace of the network; Pods of other namespaces on a ClusterNetwork are shown with theirs",
    },
    switch("6", "show the IPv6 addresses, not the IPv4 addresses"),
    text("showCIDR", "show only the addresses within this subnet"),
    switch("a", "show `free` addresses, too, and those outside the pool"),
    switch("version", "print the version and exit"),
];

/// What is asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Request {
    /// The addresses of a network.
    Show(Options),
    /// The version of the program.
    Version,
}

/// Which addresses of which network of which cluster.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Options {
    /// The kubeconfig file, if one was named.
    pub kubeconfig: Option<PathBuf>,
    /// The context, if one was named.
    pub context: Option<String>,
    /// Kind and name of the network, if one was named.
    pub network: Option<(NetworkKind, String)>,
    /// Where namespaced networks are, and whose Pods are shown without their namespace.
    pub namespace: String,
    /// The family.
    pub family: Family,
    /// The subnet to which the listing is restricted, as it was written.
    pub within: Option<String>,
    /// Whether addresses are listed that nobody holds.
    pub shows_all: bool,
}

// === impl Request ===

impl Request {
    /// Reads the arguments after the name of the program.
    pub fn read(arguments: &[OsString]) -> Result<Self, FlagError> {
        let given = parse(&FLAGS, arguments)?;
        Ok(if is_on(&given, "version") { Self::Version } else { Self::Show(Options::of(&given)) })
    }
}

// === impl Options ===

impl Options {
    fn of(given: &[Given]) -> Self {
        // The order is the reference's, where several are named.
        let flags = [
            ("dnet", NetworkKind::DanmNet),
            ("cnet", NetworkKind::ClusterNetwork),
            ("tnet", NetworkKind::TenantNetwork),
        ];
        let mut networks = flags.into_iter();
        Self {
            kubeconfig: last_text(given, &["kubeconfig", "kubeconf"])
                .filter(|path| !path.is_empty())
                .map(PathBuf::from),
            context: word(given, "context"),
            network: networks.find_map(|(flag, kind)| Some((kind, word(given, flag)?))),
            namespace: last_text(given, &["n"])
                .map_or_else(|| "default".to_owned(), |text| text.to_string_lossy().into_owned()),
            family: if is_on(given, "6") { Family::Ipv6 } else { Family::Ipv4 },
            within: word(given, "showCIDR"),
            shows_all: is_on(given, "a"),
        }
    }
}

const fn text(name: &'static str, help: &'static str) -> Flag {
    Flag { name, takes: Takes::Text(""), help }
}

const fn switch(name: &'static str, help: &'static str) -> Flag {
    Flag { name, takes: Takes::Switch, help }
}

/// The last value of a flag, or of one that means the same.
fn last<'a>(given: &'a [Given], names: &[&str]) -> Option<&'a Value> {
    given.iter().rev().find(|given| names.contains(&given.name)).map(|given| &given.value)
}

fn last_text<'a>(given: &'a [Given], names: &[&str]) -> Option<&'a OsString> {
    match last(given, names) {
        Some(Value::Text(text)) => Some(text),
        _ => None,
    }
}

/// A text, which means nothing where it is empty.
fn word(given: &[Given], name: &str) -> Option<String> {
    last_text(given, &[name]).filter(|text| !text.is_empty()).map(|text| text.to_string_lossy().into_owned())
}

fn is_on(given: &[Given], name: &str) -> bool {
    matches!(last(given, &[name]), Some(Value::Switch(true)))
}

/// A subnet as Go's `net.ParseCIDR` reads it; the host part of the address does not matter.
pub fn subnet(text: &str) -> Option<IpNet> {
    let (address, prefix) = text.split_once('/')?;
    let is_number = !prefix.is_empty() && prefix.bytes().all(|byte| byte.is_ascii_digit());
    let prefix = prefix.parse().ok().filter(|_| is_number)?;
    IpNet::new(address.parse::<IpAddr>().ok()?, prefix).ok().map(|subnet| subnet.trunc())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(arguments: &str) -> Request {
        let arguments: Vec<OsString> = arguments.split_whitespace().map(OsString::from).collect();
        Request::read(&arguments).expect("sound flags")
    }

    fn options(arguments: &str) -> Options {
        match read(arguments) {
            Request::Show(options) => options,
            Request::Version => panic!("{arguments} asks for the version"),
        }
    }

    #[test]
    fn nothing_said_is_the_default_namespace_and_ipv4_of_no_network() {
        let expected = Options {
            kubeconfig: None,
            context: None,
            network: None,
            namespace: "default".to_owned(),
            family: Family::Ipv4,
            within: None,
            shows_all: false,
        };
        assert_eq!(options(""), expected);
        assert_eq!(options("-kubeconfig= -context= -dnet= -cnet= -tnet= -showCIDR= -6=false -a=f"), expected);
    }

    #[test]
    fn everything_said_is_what_is_meant() {
        let expected = Options {
            kubeconfig: Some("/tmp/k".into()),
            context: Some("lab".to_owned()),
            network: Some((NetworkKind::TenantNetwork, "internal".to_owned())),
            namespace: "ran".to_owned(),
            family: Family::Ipv6,
            within: Some("2001:db8::/64".to_owned()),
            shows_all: true,
        };
        let given = "--kubeconfig /tmp/k --context=lab -tnet internal -n ran -6 -showCIDR 2001:db8::/64 -a";
        assert_eq!(options(given), expected);
    }

    #[test]
    fn of_several_networks_a_danm_net_comes_before_a_cluster_network_before_a_tenant_network() {
        let network = |arguments| options(arguments).network.map(|(kind, name)| format!("{kind} {name}"));
        assert_eq!(network("-tnet t -cnet c -dnet d").as_deref(), Some("DanmNet d"));
        assert_eq!(network("-tnet t -cnet c").as_deref(), Some("ClusterNetwork c"));
        assert_eq!(network("-dnet= -tnet t").as_deref(), Some("TenantNetwork t"));
    }

    #[test]
    fn of_one_flag_given_twice_the_last_counts_under_either_name() {
        assert_eq!(options("-n a -n b").namespace, "b");
        assert_eq!(options("-kubeconfig a -kubeconf b").kubeconfig, Some("b".into()));
        assert_eq!(options("-kubeconf a -kubeconfig b").kubeconfig, Some("b".into()));
        assert!(!options("-a -a=false").shows_all);
    }

    #[test]
    fn an_empty_namespace_is_a_namespace_as_it_is_to_the_reference() {
        assert_eq!(options("-n=").namespace, "");
    }

    #[test]
    fn the_version_is_asked_for_by_a_flag_among_others() {
        assert_eq!(read("--version -dnet x"), Request::Version);
        assert_eq!(read("-version"), Request::Version);
        assert!(matches!(read("-version=false"), Request::Show(_)));
    }

    #[test]
    fn subnets_are_read_as_go_reads_them() {
        let read = |text| subnet(text).map(|subnet| subnet.to_string());
        assert_eq!(read("10.1.2.3/24").as_deref(), Some("10.1.2.0/24"));
        assert_eq!(read("2001:DB8::1/64").as_deref(), Some("2001:db8::/64"));
        assert_eq!(read("10.0.0.0/0").as_deref(), Some("0.0.0.0/0"));
        for text in
            ["", "10.0.0.0", "10.0.0.0/", "10.0.0/8", "10.0.0.0/33", "10.0.0.0/+8", "fe80::%eth0/64", "/8"]
        {
            assert_eq!(read(text), None, "{text:?}");
        }
    }
}
