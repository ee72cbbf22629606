//! Shapes, addresses and routes: from the topology of a scenario file to a wired world.

pub mod check;
pub mod settings;
pub mod shape;
