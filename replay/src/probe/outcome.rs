//! What a device made of a probe, packet by packet, in words.
//!
//! Sequence numbers, acknowledgements and addresses are told as the ends would see them relative to what
//! the device showed them before: that numbers are shifted, or a port is translated, is said once, and
//! not to what. So a device whose random choices fall otherwise comes out the same.

use devices::steps::track::Sender;
use reports::ladder::options::spell_out;
use scenarios::{DEFAULT_SEED, DeviceFile, Diagnostic};
use sim_core::engine::device::{Change, Device, PortPair};
use sim_core::time::{SimDuration, SimTime};
use sim_core::wire::packet::{Flags, Flow, Packet};

use crate::difference::{Difference, Field, differences};
use crate::passing::{Input, Order, Output, Passed, pass};

use super::Probe;
use super::dialogue::SERVER;
use super::suite::suite;

/// What came of a probe.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Came {
    /// The probe's name.
    pub probe: String,
    /// A line for each packet that did not simply pass, and for each that the device made, in order:
    /// `4 → dropped (tcp-not-syn)`.
    pub lines: Vec<String>,
}

/// Time between two probes that pass through one device.
const APART: SimDuration = SimDuration::from_secs(1);

/// Passes the whole suite through a device, which is built anew for each probe.
///
/// # Errors
/// What the device would refuse in its configuration.
pub fn come(file: &DeviceFile) -> Result<Vec<Came>, Vec<Diagnostic>> {
    let server = file.virtual_address().unwrap_or(SERVER);
    suite(server)
        .iter()
        .map(|probe| {
            let mut built = file.build(DEFAULT_SEED)?;
            Ok(together(built.device.as_mut(), std::slice::from_ref(probe)).remove(0))
        })
        .collect()
}

/// Passes probes through one device, which was not wired yet, one after the other.
pub fn together(device: &mut dyn Device, probes: &[Probe]) -> Vec<Came> {
    let (inputs, passed) = passed(device, probes);
    let mut all: Vec<Came> =
        probes.iter().map(|p| Came { probe: p.name.clone(), lines: Vec::new() }).collect();
    let mut told = Told { inputs: &inputs, passed: &passed, flows: vec![[None; 2]; probes.len()] };
    let mut number = vec![0; probes.len()];
    for (index, input) in inputs.iter().enumerate() {
        let connection = input.connection;
        number[connection] += 1;
        all[connection].lines.extend(told.line(index, number[connection]));
    }
    for output in passed.outputs.iter().filter(|output| output.input.is_none()) {
        let Some((connection, end)) = output.to else { continue };
        all[connection].lines.push(format!("+ {} {}", arrow(end.peer()), spell_out(&output.plain)));
    }
    all
}

/// What goes into a device that passes these probes, and what comes out.
pub fn passed(device: &mut dyn Device, probes: &[Probe]) -> (Vec<Input>, Passed) {
    device.wire(&[PortPair { path: "probe".into() }]);
    let (mut inputs, mut ends, mut start) = (Vec::new(), Vec::new(), SimTime::ZERO);
    for (connection, probe) in probes.iter().enumerate() {
        inputs.extend(probe.inputs(connection, start));
        ends.push(probe.ends());
        start = inputs.last().map_or(start, |input| input.at) + APART;
    }
    let passed = pass(device, &inputs, &ends, Order::Causal);
    (inputs, passed)
}

const fn arrow(sender: Sender) -> &'static str {
    match sender {
        Sender::Initiator => "→",
        Sender::Responder => "←",
    }
}

struct Told<'a> {
    inputs: &'a [Input],
    passed: &'a Passed,
    /// How what each end sends is addressed past the device, once that is said.
    flows: Vec<[Option<Flow>; 2]>,
}

impl Told<'_> {
    /// What came of a packet, unless it simply passed.
    fn line(&mut self, index: usize, number: u32) -> Option<String> {
        let input = &self.inputs[index];
        let what = match &self.passed.sent[index] {
            None => "not sent".to_owned(),
            Some(sent) => self.fate(index, sent)?,
        };
        Some(format!("{number} {} {what}", arrow(input.sender)))
    }

    fn fate(&mut self, index: usize, sent: &Packet) -> Option<String> {
        let input = &self.inputs[index];
        let outputs: Vec<&Output> =
            self.passed.outputs.iter().filter(|out| out.input == Some(index)).collect();
        let signed = self.passed.signed.iter().filter(|s| self.passed.input_of(s) == Some(index));
        let changes: Vec<&Change> = signed.map(|signed| &signed.change).collect();
        let [out] = outputs.as_slice() else {
            let said: Vec<String> = changes.iter().map(|change| said(change)).collect();
            return Some(match (outputs.as_slice(), said.is_empty()) {
                ([], true) => "gone".into(),
                ([], false) => said.join(", "),
                (several, _) => {
                    let several: Vec<String> =
                        several.iter().map(|o| spell_out(&o.plain)).collect();
                    format!("{} packets: {}", several.len(), several.join(" and "))
                }
            });
        };
        let mut words: Vec<String> =
            self.fields(input, sent, out).iter().map(ToString::to_string).collect();
        let shift = out.packet.seq.0.wrapping_sub(sent.seq.0);
        if sent.flags.has(Flags::SYN) && shift != 0 {
            words.push("sequence shifted".into());
        }
        // What is said of the packet besides what shows in it.
        let hidden = changes.iter().filter(|change| {
            matches!(
                change,
                Change::Reset { .. }
                    | Change::Answered { .. }
                    | Change::Split { .. }
                    | Change::Coalesced { .. }
            )
        });
        words.extend(hidden.map(|change| said(change)));
        let late = out.at.since(input.at);
        if late > SimDuration::ZERO {
            words.push(format!("{late} late"));
        }
        (!words.is_empty()).then(|| words.join("; "))
    }

    /// What differs in the packet; a translation is said once for each end.
    fn fields(&mut self, input: &Input, sent: &Packet, out: &Output) -> Vec<Difference> {
        let mut fields = differences(&input.packet, &out.plain);
        let (was, is) = (sent.flow(), out.packet.flow());
        let known = &mut self.flows[input.connection][input.sender as usize];
        let is_said = *known == Some(is);
        *known = Some(is);
        fields.retain(|field| match field.field {
            Field::Source => !is_said && was.src.ip() != is.src.ip(),
            Field::Destination => !is_said && was.dst.ip() != is.dst.ip(),
            Field::SourcePort => !is_said && was.src.port() != is.src.port(),
            Field::DestinationPort => !is_said && was.dst.port() != is.dst.port(),
            _ => true,
        });
        for field in &mut fields {
            if matches!(field.field, Field::SourcePort | Field::DestinationPort) {
                field.after = "another".into();
            }
            // The ends call the translated address back by the name that they have for it.
            let addresses = match field.field {
                Field::Source => Some((was.src.ip(), is.src.ip())),
                Field::Destination => Some((was.dst.ip(), is.dst.ip())),
                _ => None,
            };
            if let Some((before, after)) = addresses {
                (field.before, field.after) = (before.to_string(), after.to_string());
            }
        }
        fields
    }
}

/// A change in words that do not say what was chosen at random.
fn said(change: &Change) -> String {
    match change {
        Change::Translated { .. } => "translated".into(),
        change => change.to_string(),
    }
}
