//! Captures of a real kernel, and one that the simulator makes, through every model: what becomes of
//! option 30 is what an audit of the same device says. The kernel's captures stand beside the repository
//! where they are; skipped, and said, elsewhere.

mod common;

use std::path::{Path, PathBuf};

use common::devices;
use devices::audit::Effect;
use devices::audit::probe::{Attempt, probe};
use replay::connections::Inside;
use replay::probe::dialogue::SERVER;
use replay::probe::outcome::passed;
use replay::probe::suite;
use replay::trace::Seen;
use replay::{Trace, replay_trace};
use scenarios::{DEFAULT_SEED, DeviceFile};
use sim_core::engine::device::{PortId, PortPair, Side};
use sim_core::time::SimTime;
use sim_core::wire::options::kind;
use sim_core::wire::packet::{Flags, Flow};

/// Packets of each capture that are replayed: the handshakes and some of the transfer.
const PACKETS: usize = 400;

fn with_option_30(trace: &Trace) -> usize {
    trace.packets.iter().filter(|seen| seen.packet.options.has(kind::MPTCP)).count()
}

/// What an audit says of a connection like the capture's first one.
fn effect(file: &DeviceFile, trace: &Trace) -> Effect {
    let first = &trace.packets[0].packet;
    let mut built = file.build(DEFAULT_SEED).unwrap();
    built.device.wire(&[PortPair { path: "capture".into() }]);
    let (client, server) = (first.source(), first.destination());
    let attempt = Attempt { ingress: PortId(0), client, server, at: SimTime::ZERO };
    probe(built.device.as_mut(), attempt).effect
}

fn held(name: &str, trace: &Trace, file: &DeviceFile) {
    let effect = effect(file, trace);
    let mut built = file.build(DEFAULT_SEED).unwrap();
    let came = replay_trace(trace, built.device.as_mut(), name, &Inside::Openers);
    Trace::parse("out", &came.capture).unwrap();
    let told: u64 = came.connections.iter().map(|c| c.packets).sum();
    assert_eq!(told, trace.packets.len() as u64, "{name}: each packet is told of");
    // A box of rules has no configuration to audit, and may look at what an audit's connection has not.
    if built.device.model() == "custom" {
        return;
    }
    let lost: u64 = came.connections.iter().map(|c| c.stopped + c.unsent).sum();
    let acts: Vec<&str> =
        came.connections.iter().flat_map(|c| &c.acts).map(|act| act.what.as_str()).collect();
    let is_stripped = |what: &&str| {
        what.contains("option 30") && (what.starts_with("replaced") || what.starts_with("removed"))
    };
    let stripped = acts.iter().filter(|what| is_stripped(what)).count();
    match effect {
        Effect::Strip => assert!(stripped > 0, "{name}: nothing is stripped: {acts:?}"),
        Effect::Pass => assert!(stripped == 0, "{name}: {acts:?}"),
        Effect::Drop => assert!(lost > 0, "{name}: nothing is lost"),
        Effect::Terminate => {
            let made: u64 = came.connections.iter().map(|c| c.made).sum();
            assert!(made > 0, "{name}: answers nothing");
        }
        Effect::Unknown => {}
    }
}

/// The kernel's captures, where they are.
fn captures() -> Option<Vec<PathBuf>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/kernel/captures");
    let Ok(entries) = std::fs::read_dir(&folder) else {
        eprintln!("skipped: the kernel's captures are not here");
        return None;
    };
    let mut files: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
    files.sort();
    Some(files)
}

#[test]
fn what_a_kernel_sent_through_every_model() {
    let Some(files) = captures() else { return };
    let devices = devices();
    for file in files {
        let mut trace = Trace::read(&file).unwrap_or_else(|fault| panic!("{}", fault.message));
        trace.packets.truncate(PACKETS);
        assert!(trace.cut() > 0, "they hold 140 bytes of each packet");
        for (name, device) in &devices {
            held(&format!("{} through {name}", file.display()), &trace, device);
        }
    }
}

/// The captures hold the beginning and the end of a transfer, and not what is between: what was not captured is
/// no fault of the packets that follow. After an RST a connection is gone.
#[test]
fn a_kernel_s_segments_are_no_faults() {
    let Some(files) = captures() else { return };
    let mut filled = 0;
    for file in files {
        let trace = Trace::read(&file).unwrap_or_else(|fault| panic!("{}", fault.message));
        let resets = |flow: Flow, frame: u32| {
            let before = trace.packets.iter().take_while(|seen| seen.frame < frame);
            let same = |seen: &&Seen| seen.packet.flow().canonical() == flow.canonical();
            before.filter(same).any(|seen| seen.packet.flags.has(Flags::RST))
        };
        // Its box makes the stream longer, and both ends were captured behind it: one acknowledges more than
        // the other has sent.
        let is_longer = file.ends_with("13a_alg_csum.pcap");
        for device in ["Asa()", "Ftd()", "Cbac()", "Zbfw()", "Ace()", "Nat()", "Cgn()"] {
            let mut built = DeviceFile::load(device, None).unwrap().build(DEFAULT_SEED).unwrap();
            let came = replay_trace(&trace, built.device.as_mut(), device, &Inside::Openers);
            filled += came.missed.len();
            assert!(came.missed.iter().all(|missed| missed.is_filled));
            for (flow, act) in
                came.connections.iter().flat_map(|c| c.acts.iter().map(|a| (c.flow, a)))
            {
                let is_fault = act.what.starts_with("dropped") && !resets(flow, act.first);
                let why =
                    format!("{} {device} {flow} frame {}: {}", file.display(), act.first, act.what);
                assert!(!is_fault || is_longer && act.what.to_lowercase().contains("ack"), "{why}");
            }
        }
    }
    assert!(filled > 100, "{filled}");
}

#[test]
fn what_simulated_ends_sent_through_every_model() {
    let mut switch = DeviceFile::load("Switch()", None).unwrap().build(DEFAULT_SEED).unwrap();
    let handshakes: Vec<_> = suite(SERVER)
        .into_iter()
        .filter(|p| p.name.starts_with("handshake/MP_CAPABLE v1") && p.opener == Side::Inside)
        .collect();
    let (inputs, passed) = passed(switch.device.as_mut(), &handshakes);
    let sides = vec![[Side::Inside, Side::Outside]; handshakes.len()];
    let trace = common::capture(&inputs, &passed, Side::Inside, &sides);
    assert!(with_option_30(&trace) > 0);
    for (name, device) in devices() {
        held(&name, &trace, &device);
    }
}
