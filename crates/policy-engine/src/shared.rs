//! Values that many have in common, each kept once. Which value is whose is not known here; what nobody has any more is
//! forgotten.

use std::{hash::Hash, sync::Arc};

use hashbrown::HashSet;

/// The values.
#[derive(Debug)]
pub struct Shared<T: Eq + Hash + ?Sized> {
    values: HashSet<Arc<T>>,
    /// When there are so many, it is looked for those that nobody has any more.
    crowded: usize,
}

/// With fewer it is not worth the while.
const FEW: usize = 64;

impl<T: Eq + Hash + ?Sized> Default for Shared<T> {
    fn default() -> Self {
        Self { values: HashSet::new(), crowded: FEW }
    }
}

impl<T: Eq + Hash + ?Sized> Clone for Shared<T> {
    fn clone(&self) -> Self {
        Self { values: self.values.clone(), crowded: self.crowded }
    }
}

/// What is shared makes no difference to anybody.
impl<T: Eq + Hash + ?Sized> PartialEq for Shared<T> {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl<T: Eq + Hash + ?Sized> Shared<T> {
    /// A value like this one that others have, too.
    pub fn share(&mut self, value: &Arc<T>) -> Arc<T> {
        if let Some(known) = self.values.get(value) {
            return Arc::clone(known);
        }
        if self.values.len() >= self.crowded {
            self.values.retain(|one| Arc::strong_count(one) > 1);
            self.crowded = FEW.max(2 * self.values.len());
        }
        self.values.insert(Arc::clone(value));
        Arc::clone(value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_values_are_one_and_those_that_nobody_has_are_forgotten() {
        let mut shared = Shared::default();
        let first = shared.share(&Arc::new(7));
        assert!(Arc::ptr_eq(&first, &shared.share(&Arc::new(7))));
        (1_000..2_000).for_each(|value| drop(shared.share(&Arc::new(value))));
        assert!(shared.values.len() <= FEW, "{}", shared.values.len());
        assert!(Arc::ptr_eq(&first, &shared.share(&Arc::new(7))));
    }
}
