//! The scenarios of a worst hour, as far as judging goes: each test is named as the law it holds, its comment
//! gives the row of the scenario list it stands for. Nothing here does I/O: objects go in, rows come out.

#![expect(clippy::expect_used, clippy::panic, reason = "a test that has not what it needs has failed")]
#![expect(clippy::unchecked_time_subtraction, reason = "the times of a test are known")]

mod anomalies;
mod boots;
mod calico;
mod churn;
mod cluster;
mod identity;
mod lookout;
mod networks;
mod observation;
mod ownership;
mod pods;
mod treatment;
