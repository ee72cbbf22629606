//! Any text as a configuration: every platform's reader says something about it, and none panics.

#![no_main]

use devices::ConfigText;
use devices::audit::{audit, platforms, recognise};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let text = String::from_utf8_lossy(bytes);
    let _ = recognise(&text);
    for platform in platforms() {
        let text = ConfigText::new("fuzz.cfg", &text);
        let (_, audit) = audit(text, Some(platform));
        assert!(!audit.verdicts.is_empty(), "{}", platform.name);
    }
});
