//! One TCP subflow: handshake, sender, receiver, RTT estimation, congestion control.

pub mod congestion;
