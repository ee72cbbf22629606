//! Sweeps: what thousands of runs left behind, and what it says to the questions that were asked.
//!
//! - [`Manifest`] says what the sweep is: its axes, its runs, its questions; [`Row`] is one run. Both
//!   are what a results folder stores, as JSON;
//! - [`Tally`] takes rows one by one, in the order of the runs, and needs the same memory for a
//!   thousand as for a million; [`Answer`]s come out of it;
//! - [`text`], [`page`] and [`Answer::csv`] show them.
//!
//! Rows come from files: nothing here runs a simulation, and what a file says is escaped where it is
//! shown.

mod answer;
mod curves;
mod failures;
mod manifest;
pub mod page;
mod points;
mod question;
mod row;
mod shares;
mod spread;
mod statistics;
mod svg;
mod tally;
pub mod text;
mod unit;

pub use answer::{Answer, Curve, CurvePoint, ShareRow, SpreadLine};
pub use manifest::{AxisInfo, Manifest};
pub use points::{Example, PointSummary};
pub use question::{Figure, Pattern, Question};
pub use row::{ConnectionRow, Context, Row, SCHEMA, SubflowRow, histogram};
pub use statistics::{Estimate, Moments, wilson};
pub use tally::{Findings, Tally};
pub use unit::Unit;
