//! Any bytes as the two captures of a box: they are aligned and compared without a panic, and a fit that
//! is found explains what it says.

#![no_main]

use std::collections::BTreeSet;

use libfuzzer_sys::fuzz_target;
use replay::Trace;
use replay::conform::conform;
use replay::crossing::Crossing;
use replay::fit::fit;
use scenarios::DeviceFile;

fuzz_target!(|bytes: &[u8]| {
    let Some((&cut, rest)) = bytes.split_first() else { return };
    let (a, b) = rest.split_at(rest.len() * usize::from(cut) / 256);
    let (Ok(a), Ok(b)) = (Trace::parse("a", a), Trace::parse("b", b)) else { return };
    let none = BTreeSet::new();
    for (before, after) in [(&a, &b), (&a, &a)] {
        let crossing = Crossing::new(before, after, None);
        let mut built = DeviceFile::load("Switch()", None).and_then(|f| f.build(1)).expect("a switch");
        let conformed = conform(&crossing, built.device.as_mut(), &none);
        if crossing.inputs.len() < 20 {
            let left: usize = conformed.iter().map(|c| c.mismatches.len()).sum();
            assert!(fit(&crossing, &none).unexplained <= left);
        }
    }
});
