//! The live testbed: a scenario's network between the MPTCP of this machine's kernel.
//!
//! Topology, links, devices and events are the simulator's own, held to the wall clock; the hosts are
//! network namespaces with real sockets in them. A host's interface is a TUN; what the kernel sends becomes
//! the simulator's packet, goes through the same world as a simulated one, and is written back to the
//! kernel byte for byte. What comes out is the same record as a simulation's.
//!
//! - [`run`] runs a scenario; [`missing`] says what the machine lacks for it; [`compare`] holds the result
//!   against a simulation's;
//! - `host/`: a thread in a namespace: its network, sockets, programs, counters;
//! - `bridge`: the thread that carries packets; `tun` and `offload`: in what form;
//! - `observe/`: what the kernels' ends did, read from their packets.
//!
//! Invariant: nothing outside the namespaces that a run makes is changed; namespaces and interfaces belong
//! to the process and have no names, so that they go with it however it ends.

// Wall time is this crate's business, as threads are (see clippy.toml).
#![allow(clippy::disallowed_methods)]

mod awake;
mod bridge;
mod clock;
pub mod compare;
mod error;
mod host;
mod idle_polling;
#[cfg(test)]
mod netfilter;
mod observe;
mod offload;
mod privileges;
mod requirements;
mod run;
mod scheduling;
mod signals;
mod sleeper;
mod spinners;
mod tun;

pub use error::LiveError;
pub use privileges::acquire;
pub use requirements::{kernel, missing};
pub use run::{Settings, run};
pub use signals::{end_as_interrupted, interrupted};
