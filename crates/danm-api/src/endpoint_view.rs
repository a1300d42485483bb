//! The fields of a `DanmEp` that our programs decide by. An index reads hundreds of thousands of them and writes none:
//! what is not named here is skipped while it is read.

use std::{fmt, marker::PhantomData};

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use serde::{
    Deserialize, Deserializer,
    de::{MapAccess, Visitor, value::MapAccessDeserializer},
};

use crate::api_type::resource;

/// The `NetworkType` of networks whose addresses Calico's IPAM gives, spelt exactly so.
pub const CALICO_TYPE: &str = "calico";

/// An endpoint, read only. What each field means is said at [`DanmEp`](crate::DanmEp).
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
pub struct EndpointView {
    /// Its metadata, whole: the watch machinery needs it.
    #[serde(default)]
    pub metadata: ObjectMeta,
    /// Which Pod, which network, which addresses.
    #[serde(deserialize_with = "object")]
    pub spec: EndpointViewSpec,
}

/// The part of an endpoint's `spec` that we read.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
pub struct EndpointViewSpec {
    /// `metadata.name` of the network.
    #[serde(rename = "NetworkName")]
    pub network_name: String,
    /// The network's `NetworkType` when the endpoint was made.
    #[serde(rename = "NetworkType", default)]
    pub network_type: Option<String>,
    /// The interface and its addresses.
    #[serde(rename = "Interface", default, deserialize_with = "object_or_null")]
    pub interface: Option<InterfaceView>,
    /// Host name of the machine (not the Node's name).
    #[serde(rename = "Host", default)]
    pub host: Option<String>,
    /// Name of the Pod, in the endpoint's namespace.
    #[serde(rename = "Pod", default)]
    pub pod: Option<String>,
    /// `metadata.uid` of the Pod; empty in old objects.
    #[serde(rename = "PodUID", default)]
    pub pod_uid: Option<String>,
    /// Id of the Pod's sandbox container.
    #[serde(rename = "CID", default)]
    pub cid: Option<String>,
    /// Path of the Pod's network namespace on its host. What is no text is none: it decides nothing, and hides nothing else.
    #[serde(default, deserialize_with = "text_or_none")]
    pub netns: Option<String>,
    /// Kind of the network; empty means `DanmNet`.
    #[serde(rename = "apiType", default)]
    pub api_type: Option<String>,
}

/// The part of an endpoint's `spec.Interface` that we read.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default)]
pub struct InterfaceView {
    /// Name of the interface in the Pod.
    #[serde(rename = "Name")]
    pub name: Option<String>,
    /// `""`, `none`, an IPv4 address with its prefix length, or literally `dynamic`.
    #[serde(rename = "Address")]
    pub address: Option<String>,
    /// The same for IPv6. The text is not canonical.
    #[serde(rename = "AddressIPv6")]
    pub address_ipv6: Option<String>,
}

fn text_or_none<'de, D: Deserializer<'de>>(value: D) -> Result<Option<String>, D::Error> {
    Ok(match serde_json::Value::deserialize(value)? {
        serde_json::Value::String(text) => Some(text),
        _ => None,
    })
}

resource!(EndpointView, metadata);

/// An object and nothing else. What is derived takes a list for an object too, its items for the fields in their order, and
/// a tenant can write one.
fn object<'de, T: Deserialize<'de>, D: Deserializer<'de>>(member: D) -> Result<T, D::Error> {
    member.deserialize_map(ObjectVisitor(PhantomData))
}

fn object_or_null<'de, T: Deserialize<'de>, D: Deserializer<'de>>(member: D) -> Result<Option<T>, D::Error> {
    #[derive(Deserialize)]
    #[serde(transparent, bound = "T: Deserialize<'de>")]
    struct Object<T>(#[serde(deserialize_with = "object")] T);
    Ok(Option::<Object<T>>::deserialize(member)?.map(|Object(object)| object))
}

struct ObjectVisitor<T>(PhantomData<T>);

impl<'de, T: Deserialize<'de>> Visitor<'de> for ObjectVisitor<T> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, members: A) -> Result<T, A::Error> {
        T::deserialize(MapAccessDeserializer::new(members))
    }
}
