//! Any bytes as an IP packet: parsing does not panic, and what is understood survives being emitted.

#![no_main]

use libfuzzer_sys::fuzz_target;
use sim_core::wire::packet::Packet;

fuzz_target!(|bytes: &[u8]| {
    let _ = Packet::parse_truncated(bytes);
    if let Ok(packet) = Packet::parse(bytes) {
        let mut emitted = Vec::new();
        packet.emit(&mut emitted);
        assert_eq!(Packet::parse(&emitted).as_ref(), Ok(&packet));
    }
});
