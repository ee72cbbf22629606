//! Every device that ships, and captures made by running one.
#![allow(dead_code, reason = "each test file uses its part")]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use replay::Trace;
use replay::passing::{Edge, Input, Passed};
use scenarios::DeviceFile;
use sim_core::engine::device::Side;
use sim_core::time::SimTime;
use sim_core::wire::packet::Packet;
use sim_core::wire::pcapng::PcapngWriter;

pub(crate) fn catalogue() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../scenarios/catalogue")
}

/// A device that ships.
pub(crate) struct Shipped {
    /// The model or the scenario, in lower case.
    pub(crate) name: String,
    /// As a file in `scenarios/probes` names it.
    pub(crate) argument: String,
    pub(crate) file: DeviceFile,
}

/// Every model as it comes, and every device of the catalogue; the same one twice comes once.
pub(crate) fn shipped() -> Vec<Shipped> {
    let mut all: Vec<(String, String)> = devices::catalogue()
        .iter()
        .map(|info| (info.name.to_lowercase(), format!("{}()", info.name)))
        .collect();
    for file in scenarios::discover(&[catalogue()]).unwrap() {
        let loaded = scenarios::load(&file, &[]).unwrap();
        for device in loaded.scenario.devices.names() {
            let argument = format!("../catalogue/{}.ron#{device}", loaded.name);
            all.push((loaded.name.clone(), argument));
        }
    }
    let mut known = BTreeMap::new();
    let mut kept = Vec::new();
    for (name, argument) in all {
        let file = DeviceFile::load_in(&probes(), &argument, None).unwrap();
        let mut nameless = file.clone();
        nameless.name.clear();
        if known.insert(format!("{nameless:?}"), ()).is_none() {
            kept.push(Shipped { name, argument, file });
        }
    }
    kept
}

/// Their names and descriptions.
pub(crate) fn devices() -> Vec<(String, DeviceFile)> {
    shipped().into_iter().map(|shipped| (shipped.argument, shipped.file)).collect()
}

/// Where what is kept of the probes stands.
pub(crate) fn probes() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../scenarios/probes")
}

/// What was seen on one side of a device while packets passed through it.
pub(crate) fn capture(inputs: &[Input], passed: &Passed, side: Side, ends: &[[Side; 2]]) -> Trace {
    let mut writer = PcapngWriter::new(Vec::new()).unwrap();
    let interface = writer.interface("side").unwrap();
    let mut put = |at: SimTime, packet: &Packet| {
        writer.packet(interface, SimTime(at.0 + 1_000_000_000), packet, None).unwrap();
    };
    for edge in &passed.log {
        match *edge {
            Edge::In(index, at) => {
                let input = &inputs[index];
                if ends[input.connection][input.sender as usize] == side {
                    put(at, passed.sent[index].as_ref().unwrap());
                }
            }
            Edge::Out(index) => {
                let output = &passed.outputs[index];
                if output.port.side() == side {
                    put(output.at, &output.packet);
                }
            }
        }
    }
    Trace::parse("capture", &writer.finish().unwrap()).unwrap()
}
