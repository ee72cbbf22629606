//! Packets: what is on the wire, exact to the byte.
//!
//! A [`packet::Packet`] carries its TCP options as the bytes on the wire. A device model edits those
//! bytes, an endpoint parses them, so a model does the same to a simulated packet, to a captured one
//! and to a kernel's. Bulk payload is *described* ([`payload::Payload`]) and never copied; bytes exist
//! where something reads or changes them.

pub mod bytes;
pub mod crypto;
pub mod dss;
pub mod icmp;
pub mod mptcp;
pub mod options;
pub mod packet;
pub mod payload;
pub mod pcap;
pub mod pcapng;
pub mod pool;
pub mod seq;
