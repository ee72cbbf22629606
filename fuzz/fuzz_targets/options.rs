//! Any bytes as TCP options: reading covers them all, and an option 30 that is understood survives
//! being emitted.

#![no_main]

use libfuzzer_sys::fuzz_target;
use sim_core::wire::mptcp::{MptcpOption, mptcp_options};
use sim_core::wire::options::{MAX_OPTIONS_LEN, Options};

fuzz_target!(|bytes: &[u8]| {
    let Ok(mut options) = Options::from_bytes(&bytes[..bytes.len().min(MAX_OPTIONS_LEN)]) else {
        unreachable!("no more bytes than fit");
    };
    for raw in options.iter() {
        let Ok(option) = MptcpOption::parse(&raw) else { continue };
        let mut emitted = Options::new();
        option.emit(&mut emitted).expect("what was read fits");
        assert_eq!(emitted.len(), raw.bytes.len());
        assert_eq!(mptcp_options(&emitted).collect::<Vec<_>>(), [option]);
    }
    let _ = (options.mss(), options.timestamps());
    let first = options.iter().next().map(|raw| raw.span());
    if let Some(span) = first {
        options.remove(span);
    }
});
