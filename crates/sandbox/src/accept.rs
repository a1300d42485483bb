//! In which form a client wants its answer.

use crate::failure::Failure;

/// The forms that we have; all are JSON.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Form {
    /// The objects themselves.
    #[default]
    Plain,
    /// `PartialObjectMetadata`, or a list of it.
    Metadata,
    /// `Table`, for `kubectl get`.
    Table,
}

const NOT_ACCEPTABLE: &str = "406: Not Acceptable\n\nAvailable representations: application/json, \
    application/json;stream=watch";

impl Form {
    /// The first that a client accepts of what we have.
    pub(crate) fn negotiate(accept: Option<&str>) -> Result<Self, Failure> {
        let Some(accept) = accept.filter(|accept| !accept.trim().is_empty()) else { return Ok(Self::Plain) };
        let first = accept.split(',').find_map(Self::of_media_type);
        first.ok_or_else(|| Failure::new(406, "NotAcceptable", NOT_ACCEPTABLE))
    }

    fn of_media_type(text: &str) -> Option<Self> {
        let mut parts = text.split(';').map(str::trim);
        let media_type = parts.next()?;
        if !matches!(media_type, "application/json" | "application/*" | "*/*") {
            return None;
        }
        let parameters: Vec<(&str, &str)> = parts.filter_map(|part| part.split_once('=')).collect();
        let find = |name: &str| parameters.iter().find(|(key, _)| *key == name).map(|(_, value)| *value);
        match (find("as"), find("g"), find("v")) {
            (None, ..) => Some(Self::Plain),
            (Some("Table"), Some("meta.k8s.io"), Some("v1")) => Some(Self::Table),
            (
                Some("PartialObjectMetadata" | "PartialObjectMetadataList"),
                Some("meta.k8s.io"),
                Some("v1"),
            ) => Some(Self::Metadata),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_form_that_we_have_is_taken() {
        let cases = [
            ("*/*", Form::Plain),
            ("application/vnd.kubernetes.protobuf,application/json", Form::Plain),
            ("application/json;as=Table;v=v1;g=meta.k8s.io,application/json", Form::Table),
            ("application/json;as=Table;v=v1beta1;g=meta.k8s.io, application/json", Form::Plain),
            ("application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1", Form::Metadata),
            (
                "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList,application/json",
                Form::Plain,
            ),
            ("", Form::Plain),
        ];
        for (accept, expected) in cases {
            assert_eq!(Form::negotiate(Some(accept)), Ok(expected), "{accept}");
        }
        assert_eq!(Form::negotiate(None), Ok(Form::Plain));
    }

    #[test]
    fn protobuf_alone_is_not_acceptable() {
        let refused = Form::negotiate(Some("application/vnd.kubernetes.protobuf"));
        assert_eq!(refused.map_err(|failure| failure.code), Err(406));
    }
}
