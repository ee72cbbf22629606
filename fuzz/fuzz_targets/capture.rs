//! Any bytes as a capture file: reading it does not panic.

#![no_main]

use libfuzzer_sys::fuzz_target;
use sim_core::wire::packet::Packet;
use sim_core::wire::pcap::Capture;

fuzz_target!(|bytes: &[u8]| {
    if let Ok(capture) = Capture::parse(bytes) {
        for ip in capture.frames.iter().filter_map(|frame| frame.ip()) {
            let _ = Packet::parse_truncated(ip);
        }
    }
});
