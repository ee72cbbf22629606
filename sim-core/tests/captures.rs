//! Captures of Linux kernels: every option 30 in them is understood and emitted to the same bytes.
//! The captures are not part of the repository; the test says so and passes where they are absent.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use sim_core::wire::mptcp::{MptcpOption, Subtype};
use sim_core::wire::options::{Options, kind};
use sim_core::wire::packet::Packet;
use sim_core::wire::pcap::Capture;

const CAPTURES: &str = "../../shared/kernel/captures";

#[test]
fn every_mptcp_option_of_a_kernel_survives() {
    let Ok(dir) = fs::read_dir(Path::new(CAPTURES)) else {
        println!("skipped: no captures in {CAPTURES}");
        return;
    };
    let mut files: Vec<_> = dir.map(|entry| entry.unwrap().path()).collect();
    files.sort();
    let mut seen: BTreeMap<(Subtype, usize), usize> = BTreeMap::new();
    for path in files.iter().filter(|path| path.extension().is_some_and(|e| e == "pcap")) {
        let file = fs::read(path).unwrap();
        let capture = Capture::parse(&file).unwrap();
        assert!(!capture.frames.is_empty(), "{}", path.display());
        for frame in &capture.frames {
            let ip = frame.ip().expect("IP in every frame");
            let packet = Packet::parse_truncated(ip).unwrap();
            let options: Vec<_> = packet.options.iter().filter(|o| o.kind == kind::MPTCP).collect();
            for raw in options {
                let option = MptcpOption::parse(&raw).unwrap_or_else(|_| panic!("{raw:?}"));
                let mut again = Options::new();
                option.emit(&mut again).unwrap();
                assert_eq!(again.as_bytes(), raw.bytes, "{option:?}");
                *seen.entry((option.subtype(), raw.bytes.len())).or_default() += 1;
            }

            // All but what was cut off comes back: IPv6's flow label is not kept, and the checksum of
            // a payload that is not there cannot be.
            let mut bytes = Vec::new();
            packet.emit(&mut bytes);
            let captured = ip.len().min(bytes.len());
            let tcp = packet.ip_header_len() as usize;
            let (mut emitted, mut original) = (bytes[..captured].to_vec(), ip[..captured].to_vec());
            for side in [&mut emitted, &mut original] {
                if packet.src.is_ipv6() {
                    side[1] &= 0xf0;
                    side[2..4].fill(0);
                }
                if captured < bytes.len() {
                    side[tcp + 16..tcp + 18].fill(0);
                }
            }
            assert_eq!(emitted, original, "{}", path.display());
        }
    }
    for ((subtype, len), count) in &seen {
        println!("{count:6} {subtype} of {len} bytes");
    }
    // The measured connections removed no address.
    for subtype in Subtype::ALL.into_iter().filter(|subtype| *subtype != Subtype::RemoveAddr) {
        assert!(seen.keys().any(|(s, _)| *s == subtype), "no {subtype} in any capture");
    }
}
