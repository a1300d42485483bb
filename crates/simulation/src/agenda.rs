//! What is going to happen, in the order of virtual time. Time is a number of milliseconds; it moves only from one
//! happening to the next.

use std::{cmp::Reverse, collections::BinaryHeap};

/// Virtual time, in milliseconds since the schedule began.
pub type Millis = u64;

/// Things to come. Those of one instant happen in the order in which they were put down.
#[derive(Debug)]
pub struct Agenda<E> {
    heap: BinaryHeap<Reverse<(Millis, usize)>>,
    events: Vec<Option<E>>,
}

impl<E> Default for Agenda<E> {
    fn default() -> Self {
        Self { heap: BinaryHeap::new(), events: Vec::new() }
    }
}

impl<E> Agenda<E> {
    /// Puts something down.
    pub fn add(&mut self, at: Millis, event: E) {
        self.heap.push(Reverse((at, self.events.len())));
        self.events.push(Some(event));
    }

    /// What happens next before a moment, and when.
    pub fn next_before(&mut self, end: Millis) -> Option<(Millis, E)> {
        self.heap.peek().filter(|Reverse((at, _))| *at < end)?;
        let Reverse((at, number)) = self.heap.pop()?;
        let event = self.events.get_mut(number)?.take()?;
        Some((at, event))
    }
}
