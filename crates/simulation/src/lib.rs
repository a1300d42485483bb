//! The proof that the Cleaner frees no address in use, and in the end every other: its production judge and release
//! loop, run through schedules in which everything goes wrong.
//!
//! ```text
//!   seed ─> Chance ─┬─> Climate, Scene: who is there, how rough it is
//!                   └─> every delay, fault, crash, order of events
//!
//!   actors (CNI plugins, kubelets, operators, workloads, weather)      two Cleaners, as in production
//!        │ requests                                                        │ ApiServer   ^ Input   ^ Clock
//!        v                                                                 v             │         │
//!      World: Agenda (virtual time) ─> Store (the API server's data, logs of watches) ───┴─────────┘
//!        │ each write
//!        v
//!      Truth: which sandboxes run, which addresses they use, by whose write each bit was set ─> violation
//! ```
//!
//! A schedule is one thread and one seed. Its choices are written down: the same ones give the same schedule again,
//! fewer of them a shorter one. After some time faults stop, and when everything is quiet exactly those bits have to be
//! set that are of living sandboxes or reserved.
//!
//! What is assumed, because nobody could tell from the API server's data: a kubelet that answers stops what is deleted
//! under its eyes, and one that answers again stops what went meanwhile within the Cleaner's grace; Nodes are removed and
//! the out-of-service taint is set by people who know that the machine is off; between a bit and its endpoint there is
//! less than a minute.

mod actors;
mod agenda;
mod calico;
mod call;
mod chance;
mod climate;
mod machine;
mod mutant;
mod replica;
mod scene;
mod schedule;
mod seams;
mod server;
mod shrink;
mod sim;
mod store;
mod survey;
mod tally;
mod tasks;
mod truth;
mod verdict;
mod violation;
mod world;

pub use mutant::Mutant;
pub use schedule::{Outcome, Schedule};
pub use shrink::shortest;
pub use survey::{Histogram, Survey, survey};
pub use tally::{Dealing, Fault, Tally};
pub use violation::{Law, Violation};
