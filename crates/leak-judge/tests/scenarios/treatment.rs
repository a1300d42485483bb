//! How far operators let the Cleaner go: by the kind of proof, by network, by namespace.

use leak_judge::{AddressAction::Free, Reason, Treatment, Treatments, Verdict};
use serde_json::Value;
use testkit::objects::{self, with};

use crate::cluster::{Cluster, ep, net};

/// A cluster with a dead endpoint on a network that says this, in a namespace that says that.
fn with_words(network: Option<&str>, namespace: Option<&str>) -> Cluster {
    let annotated = |object: Value, word: &str| with(object, "/metadata/annotations/danm.io~1cleaner", word);
    let mut cluster = Cluster::new();
    cluster.apply(match network {
        Some(word) => annotated(net("n", &[5]), word),
        None => net("n", &[5]),
    });
    if let Some(word) = namespace {
        cluster.apply(objects::namespace("ran", word));
    }
    cluster.apply(ep("e", "gone", "10.0.0.5/24"));
    cluster
}

#[test]
fn what_is_switched_off_is_left_alone_and_what_is_to_be_reported_stays() {
    for (network, namespace) in [(Some("off"), None), (None, Some("off")), (Some("release"), Some("off"))] {
        with_words(network, namespace).settle().spares("e", Verdict::Unknown, Reason::SwitchedOff);
    }
    for (network, namespace) in
        [(Some("report"), None), (None, Some("report")), (Some("release"), Some("report"))]
    {
        with_words(network, namespace).settle().spares("e", Verdict::Dangling, Reason::ReportOnly);
    }
    with_words(Some("release"), Some("release")).settle().releases("e", &[("10.0.0.5", Free)]);
}

#[test]
fn a_word_that_is_not_understood_releases_nothing() {
    for word in ["", "OFF", "no", "release please"] {
        with_words(Some(word), None).settle().spares("e", Verdict::Dangling, Reason::ReportOnly);
    }
}

#[test]
fn an_annotation_says_more_than_a_flag_and_another_proof_says_nothing() {
    let off = Treatments::default().with(Reason::PodGone, Treatment::Off);
    let mut cluster = with_words(None, None);
    cluster.rules.treatments = off;
    cluster.settle().spares("e", Verdict::Unknown, Reason::SwitchedOff);

    let mut cluster = with_words(None, Some("release"));
    cluster.rules.treatments = off;
    cluster.settle().releases("e", &[("10.0.0.5", Free)]);

    let mut cluster = with_words(None, None);
    cluster.rules.treatments = Treatments::default().with(Reason::NodeGone, Treatment::Off);
    cluster.settle().releases("e", &[("10.0.0.5", Free)]);
}

#[test]
fn a_namespace_that_takes_its_word_back_is_like_any_other() {
    let mut cluster = with_words(None, Some("off"));
    cluster.settle().spares("e", Verdict::Unknown, Reason::SwitchedOff);
    let silent = with(objects::namespace("ran", "off"), "/metadata/annotations", serde_json::json!({}));
    cluster.apply(silent);
    cluster.settle().releases("e", &[("10.0.0.5", Free)]);
}
