//! Device models: one folder per product, each a state machine over packets, its configuration
//! grammar, and its defaults with their sources.
//!
//! - [`catalogue()`] tells what there is and what each model does to MPTCP;
//! - [`DeviceSpec`] is a device as a scenario file writes it; [`DeviceSpec::build`] makes the
//!   [`sim_core::engine::device::Device`] from it, with its configuration text where it has one;
//! - [`audit`] tells what a configuration does to MPTCP, without a scenario;
//! - [`driver`] passes packets through a device where there is no world around it;
//! - [`inspect`] reads application protocols as a gateway does;
//! - [`steps`] are the small parts that devices are lists of;
//! - [`config`] reads configuration text.
//!
//! A model knows neither scenario nor clock nor file: packets, time and text are arguments, so the
//! simulator, the live testbed, a replayed capture and a unit test drive the same code. Whatever a
//! model does to a packet, it signs with the rule that made it do so: a line of its configuration, or
//! a default of the product and what in the configuration left it in force.

mod ace;
mod asa;
mod asr5000;
pub mod audit;
pub mod catalogue;
mod cbac;
mod cgn;
pub mod config;
pub mod custom;
pub mod driver;
pub mod ftd;
pub mod inspect;
mod ios;
pub mod ips;
mod nat;
mod nbar;
mod neighbours;
mod router;
pub mod spec;
pub mod steps;
mod switch;
#[cfg(test)]
mod testing;
mod waas;
mod zbfw;

pub use catalogue::{ModelInfo, catalogue};
pub use config::{ConfigDiagnostic, ConfigText, Severity};
pub use neighbours::linux::Netfilter;
pub use spec::{Built, DeviceContext, DeviceSpec, Farm, farm_of};
