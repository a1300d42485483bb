//! The actors at work: each is a future that is polled when something it waits for has happened, or dropped when it
//! dies. Which that is, the world says.

use std::{
    future::Future,
    pin::Pin,
    task::{Context, Waker},
};

use crate::sim::Sim;

/// An actor's number. Numbers are not used again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Task(pub usize);

/// What an actor does.
pub type Work = Pin<Box<dyn Future<Output = ()>>>;

/// All actors of a schedule.
#[derive(Default)]
pub struct Tasks {
    all: Vec<Option<Work>>,
}

impl Tasks {
    /// Lets everybody work who can, until nobody can.
    pub fn work(&mut self, sim: &Sim) {
        loop {
            let (newborn, dead, next) = {
                let mut world = sim.world();
                (std::mem::take(&mut world.newborn), std::mem::take(&mut world.dead), world.ready.pop_front())
            };
            for (Task(number), work) in newborn {
                if self.all.len() <= number {
                    self.all.resize_with(number + 1, || None);
                }
                self.all[number] = Some(work);
            }
            for Task(number) in dead {
                self.all[number] = None;
            }
            let Some(task) = next else { return };
            self.poll(task, sim);
        }
    }

    fn poll(&mut self, task: Task, sim: &Sim) {
        let Some(work) = self.all.get_mut(task.0).and_then(Option::as_mut) else { return };
        sim.world().current = task;
        if work.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_ready() {
            self.all[task.0] = None;
        }
    }
}
