//! Addresses in endpoints that are not understood: whose they are cannot be told, so nobody else's claim to one
//! of them is believed.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::IpAddr,
};

use danm_api::{Decoded, EndpointView};
use danm_ipam::parse_interface_address;
use hashbrown::HashMap;
use serde_json::Value;

use super::EndpointId;

/// All of them.
#[derive(Debug, Default)]
pub struct UnreadAddresses {
    by_endpoint: BTreeMap<EndpointId, BTreeSet<IpAddr>>,
    by_address: HashMap<IpAddr, BTreeSet<EndpointId>>,
}

impl UnreadAddresses {
    /// An endpoint that has an address in it.
    pub(super) fn of(&self, address: IpAddr) -> Option<&EndpointId> {
        self.by_address.get(&address)?.first()
    }

    /// All addresses in them.
    pub(super) fn all(&self) -> impl Iterator<Item = IpAddr> {
        self.by_address.keys().copied()
    }

    /// What is in an endpoint now; nothing, if it is understood or gone.
    pub(super) fn replace(&mut self, endpoint: &EndpointId, addresses: BTreeSet<IpAddr>) {
        for address in self.by_endpoint.remove(endpoint).unwrap_or_default() {
            if let Some(endpoints) = self.by_address.get_mut(&address) {
                endpoints.remove(endpoint);
                if endpoints.is_empty() {
                    self.by_address.remove(&address);
                }
            }
        }
        for address in &addresses {
            self.by_address.entry(*address).or_default().insert(endpoint.clone());
        }
        if !addresses.is_empty() {
            self.by_endpoint.insert(endpoint.clone(), addresses);
        }
    }
}

/// Whatever looks like an address in an endpoint, in whatever field it is; each once, however often it is there.
pub(super) fn addresses_in(object: &Decoded<EndpointView>) -> BTreeSet<IpAddr> {
    let texts: Vec<String> = match object {
        Decoded::Readable(endpoint) => {
            let interface = endpoint.spec.interface.iter();
            let fields = interface.flat_map(|interface| [&interface.address, &interface.address_ipv6]);
            fields.flatten().cloned().collect()
        }
        Decoded::Unreadable(endpoint) => {
            let mut texts = Vec::new();
            collect(&endpoint.object["spec"], &mut texts);
            texts
        }
    };
    texts.iter().flat_map(|text| addresses(text)).collect()
}

fn collect(value: &Value, texts: &mut Vec<String>) {
    match value {
        Value::String(text) => texts.push(text.clone()),
        Value::Array(items) => items.iter().for_each(|item| collect(item, texts)),
        Value::Object(members) => members.values().for_each(|member| collect(member, texts)),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

fn addresses(text: &str) -> impl Iterator<Item = IpAddr> + '_ {
    let is_part = |character: char| character.is_ascii_hexdigit() || matches!(character, '.' | ':');
    let words = text.split(move |character| !is_part(character)).filter(|word| word.contains(['.', ':']));
    words.filter_map(|word| parse_interface_address(word).ok().flatten())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_found_in_whatever_is_around_them() {
        let found = |text: &str| addresses(text).map(|address| address.to_string()).collect::<Vec<_>>();
        assert_eq!(found("10.0.0.5 /24"), ["10.0.0.5"]);
        assert_eq!(found("[2001:DB8::5]; 010.0.0.6,none"), ["2001:db8::5", "10.0.0.6"]);
        assert_eq!(found("deadbeef none dynamic 7"), [""; 0]);
    }
}
