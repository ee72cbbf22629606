//! The discrete-event engine and the contract of everything that it drives.
//!
//! [`world::World`] is built node by node and link by link, then run: events in order of time, ties in
//! order of scheduling, one event per packet and link.

mod active_queue;
pub mod capture;
pub mod device;
mod fair_link;
mod fair_queue;
mod finish;
pub mod forwarding;
pub mod link;
pub mod observer;
pub mod outside;
mod parts;
mod prefetch;
pub mod queue;
pub mod recorder;
mod ring;
pub mod rule;
mod run;
mod script;
pub mod tracker;
pub mod transmission;
pub mod world;
