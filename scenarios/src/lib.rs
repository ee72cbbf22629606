//! The scenario file: schema, diagnostics, overrides, expectations, runner.

pub mod check;
pub mod desugar;
pub mod diagnostic;
pub mod expect;
pub mod overrides;
pub mod read;
pub mod schema;
pub mod tree;
