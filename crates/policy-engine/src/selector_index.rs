//! Finds the selectors that match some labels, among very many, without asking each: every selector is filed under a label
//! that it wants. What they select for is of no concern here.

use std::{collections::BTreeMap, sync::Arc};

use danm_api::{LabelSelector, Requirement};
use hashbrown::HashMap;

/// Selectors, each with the one that it selects for.
#[derive(Debug)]
pub struct SelectorIndex<T> {
    by_label: HashMap<Box<str>, OfLabel<T>>,
    /// Those that want no label to be there.
    others: Vec<Filed<T>>,
}

type Filed<T> = (Arc<LabelSelector>, T);

/// Selectors that want one label.
#[derive(Debug)]
struct OfLabel<T> {
    with_value: HashMap<Box<str>, Vec<Filed<T>>>,
    with_any: Vec<Filed<T>>,
}

impl<T> Default for SelectorIndex<T> {
    fn default() -> Self {
        Self { by_label: HashMap::default(), others: Vec::new() }
    }
}

impl<T> Default for OfLabel<T> {
    fn default() -> Self {
        Self { with_value: HashMap::default(), with_any: Vec::new() }
    }
}

// === impl SelectorIndex ===

impl<T: Copy + PartialEq> SelectorIndex<T> {
    /// Files a selector.
    pub fn insert(&mut self, selector: &Arc<LabelSelector>, of: T) {
        self.for_each_place(selector, |place| place.push((Arc::clone(selector), of)));
    }

    /// Takes a selector out.
    pub fn remove(&mut self, selector: &LabelSelector, of: T) {
        self.for_each_place(selector, |place| place.retain(|(_, filed)| *filed != of));
        if let Some(key) = wanted(selector).map(Requirement::key) {
            self.forget_if_empty(key);
        }
    }

    /// Those whose selectors match.
    pub fn matching(&self, labels: &BTreeMap<String, String>) -> Vec<T> {
        let mut found = Vec::new();
        let mut ask = |place: &[Filed<T>]| {
            found.extend(place.iter().filter(|(selector, _)| selector.matches(labels)).map(|(_, of)| *of));
        };
        for (key, value) in labels {
            let Some(of_label) = self.by_label.get(&**key) else { continue };
            if let Some(place) = of_label.with_value.get(&**value) {
                ask(place);
            }
            ask(&of_label.with_any);
        }
        ask(&self.others);
        found
    }

    /// Whether nothing is filed.
    pub fn is_empty(&self) -> bool {
        self.by_label.is_empty() && self.others.is_empty()
    }

    fn for_each_place(&mut self, selector: &LabelSelector, mut visit: impl FnMut(&mut Vec<Filed<T>>)) {
        match wanted(selector) {
            Some(Requirement::In(key, values)) => {
                let of_label = self.by_label.entry_ref(&**key).or_default();
                values.iter().for_each(|value| visit(of_label.with_value.entry_ref(&**value).or_default()));
            }
            Some(wanted) => visit(&mut self.by_label.entry_ref(wanted.key()).or_default().with_any),
            None => visit(&mut self.others),
        }
    }

    fn forget_if_empty(&mut self, key: &str) {
        let Some(of_label) = self.by_label.get_mut(key) else { return };
        of_label.with_value.retain(|_, place| !place.is_empty());
        if of_label.with_value.is_empty() && of_label.with_any.is_empty() {
            self.by_label.remove(key);
        }
    }
}

/// The requirement under which a selector is filed: one that wants a label to be there, best with a certain value.
fn wanted(selector: &LabelSelector) -> Option<&Requirement> {
    let with_value = selector.requirements().find(|it| matches!(it, Requirement::In(..)));
    with_value.or_else(|| selector.requirements().find(|it| matches!(it, Requirement::Exists(_))))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
        pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
    }

    fn values(values: &[&str]) -> danm_api::OneOfEach<Box<str>> {
        values.iter().map(|value| Box::from(*value)).collect()
    }

    #[test]
    fn a_selector_is_found_by_the_labels_that_it_matches_and_by_no_others() {
        let selectors = [
            LabelSelector::default(),
            LabelSelector::new([Requirement::In("a".into(), values(&["1", "2"]))]),
            LabelSelector::new([
                Requirement::Exists("a".into()),
                Requirement::NotIn("b".into(), values(&["x"])),
            ]),
            LabelSelector::new([Requirement::DoesNotExist("a".into())]),
        ];
        let mut index = SelectorIndex::default();
        let filed: Vec<Arc<LabelSelector>> = selectors.into_iter().map(Arc::new).collect();
        filed.iter().enumerate().for_each(|(id, selector)| index.insert(selector, id));
        let found = |index: &SelectorIndex<usize>, pairs: &[(&str, &str)]| {
            let mut found = index.matching(&labels(pairs));
            found.sort_unstable();
            found
        };
        assert_eq!(found(&index, &[]), [0, 3]);
        assert_eq!(found(&index, &[("a", "2")]), [0, 1, 2]);
        assert_eq!(found(&index, &[("a", "3"), ("b", "x")]), [0]);
        filed.iter().enumerate().for_each(|(id, selector)| index.remove(selector, id));
        assert!(index.is_empty());
    }
}
