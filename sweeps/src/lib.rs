//! Sweeps: many runs of a scenario, and one set of results.
//!
//! A sweep file names a scenario, axes, and questions. [`Plan::read`] reads and checks it; a plan is a
//! function from the number of a run to its settings and its seed, so that any process can do any
//! part of it. [`Runner`] runs one and makes its [`reports::sweep::Row`]; [`store`] keeps rows so that
//! nothing is lost whenever a process dies; [`merge()`] makes one data set of them, the same bytes
//! whoever ran what in which order.
//!
//! Inside: [`file`](mod@file) (the types of the file), [`quantity`] and [`draw`] (values and random
//! values with their units), [`axis`], [`read`] (from the file to a plan, and what is wrong with it).

pub mod axis;
pub mod catch;
#[cfg(feature = "parquet")]
pub mod dataset;
pub mod draw;
pub mod file;
pub mod merge;
pub mod plan;
pub mod quantity;
pub mod read;
pub mod runner;
pub mod store;

pub use merge::{Merged, merge};
pub use plan::{Job, Plan, Shard};
pub use runner::Runner;
pub use store::{Part, StoreError};
