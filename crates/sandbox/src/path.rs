//! The path of a request: which objects of which resource it is about. Whether the resource is served is not
//! this file's business.

use percent_encoding::percent_decode_str;

/// What a path under `/api/v1` or `/apis/GROUP/VERSION` names.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Target {
    pub(crate) group: String,
    pub(crate) version: String,
    pub(crate) plural: String,
    pub(crate) namespace: Option<String>,
    pub(crate) name: Option<String>,
    pub(crate) subresource: Option<String>,
}

impl Target {
    /// Reads a path, if it names a resource.
    pub(crate) fn parse(path: &str) -> Option<Self> {
        let decode = |part: &str| percent_decode_str(part).decode_utf8_lossy().into_owned();
        let parts: Vec<String> = path.split('/').filter(|part| !part.is_empty()).map(decode).collect();
        let parts: Vec<&str> = parts.iter().map(String::as_str).collect();
        match parts.as_slice() {
            ["api", version, rest @ ..] => Self::in_group("", version, rest),
            ["apis", group, version, rest @ ..] => Self::in_group(group, version, rest),
            _ => None,
        }
    }

    fn in_group(group: &str, version: &str, rest: &[&str]) -> Option<Self> {
        let (namespace, rest) = match rest {
            // A namespace is an object, too, and has subresources of its own.
            ["namespaces", _, "status" | "finalize"] => (None, rest),
            ["namespaces", namespace, rest @ ..] if !rest.is_empty() => (Some(*namespace), rest),
            rest => (None, rest),
        };
        let (plural, name, subresource) = match rest {
            [plural] => (plural, None, None),
            [plural, name] => (plural, Some(*name), None),
            [plural, name, subresource] => (plural, Some(*name), Some(*subresource)),
            _ => return None,
        };
        Some(Self {
            group: group.to_owned(),
            version: version.to_owned(),
            plural: (*plural).to_owned(),
            namespace: namespace.map(str::to_owned),
            name: name.map(str::to_owned),
            subresource: subresource.map(str::to_owned),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parts(path: &str) -> Option<String> {
        let target = Target::parse(path)?;
        let or = |part: Option<String>| part.unwrap_or_else(|| "-".to_owned());
        Some(format!(
            "{}/{} {} {} {} {}",
            target.group,
            target.version,
            or(target.namespace),
            target.plural,
            or(target.name),
            or(target.subresource)
        ))
    }

    #[test]
    fn a_path_names_a_resource_and_perhaps_an_object_of_it() {
        let cases = [
            ("/api/v1/pods", "/v1 - pods - -"),
            ("/api/v1/namespaces", "/v1 - namespaces - -"),
            ("/api/v1/namespaces/a", "/v1 - namespaces a -"),
            ("/api/v1/namespaces/a/status", "/v1 - namespaces a status"),
            ("/api/v1/namespaces/a/pods/b/status", "/v1 a pods b status"),
            ("/apis/danm.io/v1/namespaces/a/danmeps", "danm.io/v1 a danmeps - -"),
            ("/apis/g/v1/clusterroles/system%3Aa", "g/v1 - clusterroles system:a -"),
        ];
        for (path, expected) in cases {
            assert_eq!(parts(path).as_deref(), Some(expected), "{path}");
        }
    }

    #[test]
    fn other_paths_name_none() {
        for path in ["/", "/api", "/api/v1", "/apis/danm.io/v1", "/api/v1/pods/a/b/c", "/version"] {
            assert_eq!(parts(path), None, "{path}");
        }
    }
}
