//! The handle by which everybody in a schedule reaches its world.

use std::{
    cell::{Cell, RefCell, RefMut},
    future::Future,
    pin::Pin,
    rc::{Rc, Weak},
    task::{Context, Poll},
};

use crate::{
    agenda::Millis,
    call::{Answer, Party, Reply, Request},
    world::{Event, World},
};

/// Everything is in one place and reached by one thread.
#[derive(Clone)]
pub struct Sim(Rc<RefCell<World>>);

impl Sim {
    /// Puts a world where everybody can reach it.
    pub fn new(world: World) -> Self {
        let sim = Self(Rc::new(RefCell::new(world)));
        sim.world().me = Rc::downgrade(&sim.0);
        sim
    }

    /// The handle a world has of itself.
    pub fn of(me: &Weak<RefCell<World>>) -> Option<Self> {
        me.upgrade().map(Self)
    }

    /// The world. Nobody keeps it for longer than a moment.
    pub fn world(&self) -> RefMut<'_, World> {
        self.0.borrow_mut()
    }

    /// Asks the API server, with this much patience.
    pub fn ask(
        &self,
        party: Party,
        request: Request,
        patience: Millis,
    ) -> impl Future<Output = Answer> + use<> {
        let call = self.world().send(party, request, patience);
        Reply::new(self.clone(), call)
    }

    /// Waits.
    pub fn nap(&self, length: Millis) -> Nap {
        Nap { sim: self.clone(), until: Until::For(length) }
    }
}

/// A while.
pub struct Nap {
    sim: Sim,
    until: Until,
}

enum Until {
    For(Millis),
    At(Millis),
}

impl Future for Nap {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<()> {
        let sim = self.sim.clone();
        let mut world = sim.world();
        match self.until {
            Until::For(length) => {
                let (at, task) = (world.now + length, world.current);
                world.agenda.add(at, Event::Wakes(task));
                self.until = Until::At(at);
                Poll::Pending
            }
            Until::At(at) if at <= world.now => Poll::Ready(()),
            Until::At(_) => Poll::Pending,
        }
    }
}

/// A value that somebody else sets.
pub struct Changed<T> {
    order: Rc<Cell<T>>,
    unlike: T,
}

impl<T> Changed<T> {
    /// Waits until the value is another.
    pub const fn new(order: Rc<Cell<T>>, unlike: T) -> Self {
        Self { order, unlike }
    }
}

impl<T: Copy + PartialEq + Unpin> Future for Changed<T> {
    type Output = T;

    fn poll(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<T> {
        let now = self.order.get();
        if now == self.unlike { Poll::Pending } else { Poll::Ready(now) }
    }
}
