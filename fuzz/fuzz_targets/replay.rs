//! Any bytes as a capture, through models that look at everything: nothing panics, and what leaves is a
//! capture that can be read.

#![no_main]

use libfuzzer_sys::fuzz_target;
use replay::connections::Inside;
use replay::{Trace, replay_trace};
use scenarios::DeviceFile;

fuzz_target!(|bytes: &[u8]| {
    let Ok(trace) = Trace::parse("fuzz", bytes) else { return };
    for model in ["Asa()", "Nat()", "Ips()", "Linux()", "Custom(rules: [(do: RandomiseIsn()), (do: Nop)])"] {
        let file = DeviceFile::load(model, None).expect("a model as it comes");
        let mut built = file.build(1).expect("a model as it comes");
        let came = replay_trace(&trace, built.device.as_mut(), "fuzz", &Inside::Openers);
        Trace::parse("out", &came.capture).expect("what was written can be read");
    }
});
