//! Which test shows what becomes of which scenario: each has a number, and a test that shows it names it in its doc
//! comment, as in `/// Scenario 21.` or `/// Scenarios 4 and 20: ...`. What takes a benchmark to show is named at the
//! head of that.

use std::collections::{BTreeMap, BTreeSet};

use super::{Problems, sources::Source};

/// What may happen to a cluster and its Cleaner.
const SCENARIOS: [(u8, &str); 65] = [
    (1, "a Pod of a StatefulSet is made anew under its name"),
    (2, "the same, with the same static address"),
    (3, "a new Pod waits for the address that its predecessor still holds"),
    (4, "a watch of Pods is silent while Pods are made"),
    (5, "Pods cannot be listed at the start"),
    (6, "lists are served from an old cache"),
    (7, "the data store is restored from a backup"),
    (8, "the list of Pods comes back empty"),
    (9, "a list breaks off in the middle"),
    (10, "a Node does not answer, its Pods are there"),
    (11, "a Node does not answer, its Pods are being deleted"),
    (12, "a Pod is deleted by force on a Node that does not answer"),
    (13, "such a Node comes back: CNI and Cleaner free at once"),
    (14, "such a Node comes back when the address is another's already"),
    (15, "the power fails, the same Pods start again"),
    (16, "the power fails, all Pods are replaced"),
    (17, "a Node object is deleted while its machine runs on"),
    (18, "another machine takes the name of a Node"),
    (19, "an endpoint's host is no Node's name"),
    (20, "an endpoint is there before its Pod is seen"),
    (21, "a bit is set for another, whose endpoint is not there yet"),
    (22, "a bit is set, and no endpoint ever comes"),
    (23, "CNI freed the bit and died before it deleted the endpoint"),
    (24, "the Cleaner freed the bit and died before it deleted the endpoint"),
    (25, "the answer to a write is lost"),
    (26, "others write the same network all the time"),
    (27, "two act at once"),
    (28, "the Cleaner is killed at any request"),
    (29, "an endpoint cannot be deleted"),
    (30, "the network is gone, or cannot be read"),
    (31, "a network is made anew under its name"),
    (32, "the subnet of a network is edited"),
    (33, "the bit array is missing, malformed or short"),
    (34, "of two families one conflicts"),
    (35, "an endpoint has one address, or none"),
    (36, "an address is spelt in another way, or unreadable"),
    (37, "an endpoint claims a reserved address"),
    (38, "the smallest and the largest networks"),
    (39, "networks of several kinds have one name"),
    (40, "both API groups are served"),
    (41, "an endpoint has no uid of its Pod"),
    (42, "the mirror of a static Pod is made anew"),
    (43, "a Pod of a Job has succeeded and is kept"),
    (44, "a Pod was evicted, and its kubelet is dead"),
    (45, "a Pod goes back from Running to Pending"),
    (46, "a Pod is being deleted for an hour"),
    (47, "clocks are wrong by minutes"),
    (48, "a delete is seen late, or not at all"),
    (49, "an address of Calico's is another's by the time it is to be given back"),
    (50, "one handle of Calico's holds both families, or several addresses of a block"),
    (51, "Calico's block is written, and its handle is not"),
    (52, "an address of Calico's is free, cools down, or its block or pool is gone or made anew"),
    (53, "an address of Calico's is of another node's block, or the last of one"),
    (54, "Calico's datastore is locked"),
    (55, "a block of Calico's holds what only newer versions know"),
    (56, "a number of Calico's is larger than a floating point number holds"),
    (57, "Calico collects the same garbage"),
    (58, "an endpoint is edited to name somebody's address"),
    (59, "two living endpoints have one address"),
    (60, "the bit of a living endpoint is clear"),
    (61, "a hundred thousand endpoints, one in a hundred new each second"),
    (62, "the API server has too much to do"),
    (63, "a namespace with endpoints is being deleted"),
    (64, "the right to read one kind is lost"),
    (65, "the Cleaner is told to stop in the middle of a batch"),
];

pub fn check(sources: &[Source]) -> Problems {
    let named = sources.iter().flat_map(|source| {
        let path = source.short_path();
        let is_benchmark = path.contains("/benches/");
        let numbers = if is_benchmark { named_at_head(&source.text) } else { named_by_tests(&source.text) };
        numbers.into_iter().map(move |number| (number, path.clone()))
    });
    compare(&named.collect())
}

/// What is missing, and what is no scenario.
fn compare(named: &BTreeMap<u8, String>) -> Problems {
    let known: BTreeMap<u8, &str> = SCENARIOS.into_iter().collect();
    let missing = known.iter().filter(|(number, _)| !named.contains_key(number));
    let missing = missing.map(|(number, what)| format!("scenario {number} is named by no test: {what}"));
    let unknown = named.iter().filter(|(number, _)| !known.contains_key(number));
    let unknown = unknown.map(|(number, path)| format!("{path}: there is no scenario {number}"));
    missing.chain(unknown).collect()
}

/// The numbers in the doc comments of tests.
fn named_by_tests(text: &str) -> BTreeSet<u8> {
    let mut named = BTreeSet::new();
    let mut comment = Vec::new();
    for line in text.lines().map(str::trim) {
        if let Some(words) = line.strip_prefix("///") {
            comment.push(words);
        } else if line.starts_with("#[") {
            if line.starts_with("#[test]") || line.starts_with("#[tokio::test") {
                named.extend(numbers(&comment.join(" ")));
            }
        } else {
            comment.clear();
        }
    }
    named
}

/// The numbers in what a file says of itself.
fn named_at_head(text: &str) -> BTreeSet<u8> {
    let head = text.lines().filter_map(|line| line.strip_prefix("//!"));
    numbers(&head.collect::<Vec<&str>>().join(" "))
}

/// The numbers after `Scenario` and `Scenarios`, up to the first word that is neither a number nor `and`.
fn numbers(text: &str) -> BTreeSet<u8> {
    let mut numbers = BTreeSet::new();
    let mut is_list = false;
    for word in text.split_whitespace() {
        let number = word.trim_end_matches(['.', ',', ':', ';']).parse();
        match number {
            Ok(number) if is_list => {
                numbers.insert(number);
                is_list = !word.ends_with(['.', ':', ';']);
            }
            _ => is_list = matches!(word, "Scenario" | "Scenarios") || (is_list && word == "and"),
        }
    }
    numbers
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_read_from_lists_and_from_nothing_else() {
        let cases: [(&str, &[u8]); 6] = [
            ("Scenario 21.", &[21]),
            ("Scenarios 4 and 20: a watch of 10 minutes", &[4, 20]),
            ("Scenarios 30, 32 and 40 by their shapes, 5 of them", &[30, 32, 40]),
            ("Scenario 12 and I9: 3 times", &[12]),
            ("As scenario 7. A Scenario of 8 Pods", &[]),
            ("Scenario 1. Scenario 2: both", &[1, 2]),
        ];
        for (text, expected) in cases {
            assert_eq!(numbers(text), expected.iter().copied().collect(), "{text}");
        }
    }

    #[test]
    fn only_the_comments_of_tests_name_what_is_shown() {
        let text = "
/// Scenario 1.
fn helper() {}

/// Scenario 2: over
/// lines.
#[tokio::test]
async fn law() {}

#[test]
/// Scenario 3.
fn not_before_its_attribute() {}

    /// Scenarios 4 and
    /// 5.
    #[expect(clippy::panic, reason = \"none\")]
    #[test]
    fn law() {}
";
        assert_eq!(named_by_tests(text), [2, 4, 5].into());
        assert_eq!(named_at_head("//! Scenario 61,\n//! measured.\n\n/// Scenario 1.\n"), [61].into());
    }

    #[test]
    fn what_is_missing_or_unknown_is_told() {
        let all = SCENARIOS.into_iter().map(|(number, _)| (number, "a.rs".to_owned()));
        let mut named: BTreeMap<u8, String> = all.collect();
        assert_eq!(compare(&named), [""; 0]);
        named.remove(&21);
        named.insert(66, "b.rs".to_owned());
        let problems = compare(&named);
        assert_eq!(problems.len(), 2, "{problems:#?}");
        assert!(problems[0].contains("scenario 21 is named by no test: a bit is set for another"));
        assert!(problems[1].contains("b.rs: there is no scenario 66"));
    }
}
