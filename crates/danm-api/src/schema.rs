//! Schemas of single fields, as loose as the reference: whatever DANM itself writes must pass, `""` included.
//!
//! The patterns only keep out what belongs to another family or is plainly something else. Whether an address
//! is one, and inside which subnet, is decided where it is used: a schema that refused it would also refuse
//! every later write to an object that has it already.

use schemars::{Schema, SchemaGenerator, json_schema};

/// `""` or an IPv4 subnet.
pub fn ipv4_cidr(_: &mut SchemaGenerator) -> Schema {
    pattern(r"^$|^[0-9.]+/[0-9]{1,2}$")
}

/// `""` or an IPv4 address.
pub fn ipv4(_: &mut SchemaGenerator) -> Schema {
    pattern(r"^$|^[0-9.]+$")
}

/// `""` or an IPv4 address, with or without a prefix length.
pub fn ipv4_with_optional_prefix(_: &mut SchemaGenerator) -> Schema {
    pattern(r"^$|^[0-9.]+(/[0-9]{1,2})?$")
}

/// `""` or an IPv6 subnet.
pub fn ipv6_cidr(_: &mut SchemaGenerator) -> Schema {
    pattern(r"^$|^[0-9a-fA-F.]*:[0-9a-fA-F:.]*/[0-9]{1,3}$")
}

/// `""` or an IPv6 address.
pub fn ipv6(_: &mut SchemaGenerator) -> Schema {
    pattern(r"^$|^[0-9a-fA-F.]*:[0-9a-fA-F:.]*$")
}

/// `""` or an IPv6 address, with or without a prefix length.
pub fn ipv6_with_optional_prefix(_: &mut SchemaGenerator) -> Schema {
    pattern(r"^$|^[0-9a-fA-F.]*:[0-9a-fA-F:.]*(/[0-9]{1,3})?$")
}

/// The kinds of network in which addresses can be reserved.
pub fn reserved_network_kind(_: &mut SchemaGenerator) -> Schema {
    json_schema!({"type": "string", "enum": ["ClusterNetwork", "TenantNetwork"], "default": "TenantNetwork"})
}

fn pattern(pattern: &str) -> Schema {
    json_schema!({"type": "string", "nullable": true, "pattern": pattern})
}
