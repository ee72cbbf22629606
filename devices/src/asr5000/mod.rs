//! Cisco ASR 5000 (StarOS): a mobile gateway that leaves TCP options alone; it clamps the MSS and puts
//! segments in order where its rulebase says so.

use std::sync::Arc;

use sim_core::engine::device::{Change, Device, Effects, Forwarding, PortId, Rule};
use sim_core::time::{SimDuration, SimTime};
use sim_core::wire::options::kind;
use sim_core::wire::packet::{Flags, Packet};

use crate::catalogue::{MODELLED, ModelInfo};
use crate::config::blocks::{self, Grammar};
use crate::config::words::nearest;
use crate::config::{ConfigDiagnostic, ConfigText, Diagnostics, Line, quoted};
use crate::steps::reorder::{Held, Place, Reorder};
use crate::steps::track::{Connection, Sender, Table, Timeouts};
use crate::steps::{Pass, mss};

const SEED: &str = "Cisco 116519, MPTCP and Product Support Overview";
const REFERENCE: &str =
    "Cisco StarOS Command Line Interface Reference, ACS Rulebase Configuration Mode";

/// Segments of one direction that wait for a hole to be filled.
const HELD_MAX: usize = 256;

/// In the catalogue.
pub(crate) const INFO: ModelInfo = ModelInfo {
    name: "Asr5000",
    product: "Cisco ASR 5000 (Starent, StarOS)",
    summary: "Leaves options alone: MPTCP passes. Where its rulebase says so, the MSS is clamped or \
              added, and segments out of order wait.",
    defaults: &[
        ("TCP options", "not touched", SEED),
        ("tcp mss", "not touched", REFERENCE),
        ("tcp packets-out-of-order transmit", "immediately", REFERENCE),
        ("tcp packets-out-of-order timeout", "5000 ms; then what waits goes on", REFERENCE),
        ("room for segments out of order", "256 a direction; more go on at once", MODELLED),
    ],
    settings: &[("config", "path of the configuration text")],
    configuration: "active-charging service, rulebase: tcp mss (add-if-not-present, limit-if-present), \
                    tcp packets-out-of-order (transmit, timeout)",
    example: "active-charging service ACS\n rulebase DEFAULT\n  tcp mss 1340 limit-if-present\n  tcp \
              packets-out-of-order transmit after-reordering\n",
    notes: &["The first rulebase of the text that speaks of TCP is in force for every subscriber."],
};

/// What to do with the MSS.
#[derive(Clone, Debug)]
struct Clamp {
    value: u16,
    add: bool,
    limit: bool,
    rule: Arc<Rule>,
}

/// The `tcp` lines of a rulebase.
#[derive(Clone, Debug)]
struct Rulebase {
    clamp: Option<Clamp>,
    /// `transmit after-reordering`.
    reorders: Option<Arc<Rule>>,
    timeout: SimDuration,
}

impl Default for Rulebase {
    fn default() -> Self {
        Self { clamp: None, reorders: None, timeout: SimDuration::from_millis(5000) }
    }
}

/// The device.
#[derive(Debug)]
pub(crate) struct Asr5000 {
    rulebase: Rulebase,
    table: Table<[Reorder; 2]>,
    forwarded: u64,
    reordered: u64,
}

/// Builds the device.
///
/// # Errors
/// Lines of the configuration that StarOS would refuse.
pub(crate) fn build(
    text: Option<ConfigText<'_>>,
) -> Result<(Asr5000, Vec<ConfigDiagnostic>), Vec<ConfigDiagnostic>> {
    let text = text.unwrap_or(ConfigText::new("", ""));
    let mut found = Diagnostics::new(text.file);
    let mut reader =
        Reader { text, found: &mut found, rulebase: Rulebase::default(), inside: false };
    blocks::read(text, &mut reader);
    let rulebase = reader.rulebase;
    let warnings = found.into_result()?;
    let timeouts = Timeouts {
        embryonic: SimDuration::from_secs(60),
        idle: SimDuration::from_secs(3600),
        half_closed: SimDuration::from_secs(600),
        closed: SimDuration::from_secs(5),
    };
    Ok((Asr5000 { rulebase, table: Table::new(timeouts), forwarded: 0, reordered: 0 }, warnings))
}

struct Reader<'t, 'd> {
    text: ConfigText<'t>,
    found: &'d mut Diagnostics,
    rulebase: Rulebase,
    inside: bool,
}

impl Grammar for Reader<'_, '_> {
    fn outer(&mut self, line: &Line<'_>) -> bool {
        match line.words.as_slice() {
            ["active-charging", "service", ..] | ["rulebase", ..] => {
                self.inside = true;
                true
            }
            _ => false,
        }
    }

    fn inner(&mut self, line: &Line<'_>) -> bool {
        let rest = match line.words.as_slice() {
            ["active-charging", ..] | ["rulebase", ..] => return false,
            ["tcp", rest @ ..] if self.inside => rest,
            _ => return line.indent > 0,
        };
        let rule = || Rule::config(line.text(), self.text.place(line), REFERENCE);
        match rest {
            ["mss", value, how @ ..] => match value.parse() {
                Ok(value @ 496..=65_535) => {
                    let has = |word| how.contains(&word);
                    let (add, limit) = (has("add-if-not-present"), has("limit-if-present"));
                    if !add && !limit {
                        let expected = "expected add-if-not-present or limit-if-present";
                        self.found.error(line, "", expected);
                    }
                    self.rulebase.clamp = Some(Clamp { value, add, limit, rule: rule() });
                }
                _ => {
                    let message =
                        format!("expected an MSS of 496 to 65535, found {}", quoted(value));
                    self.found.error(line, value, message);
                }
            },
            ["packets-out-of-order", "transmit", "after-reordering"] => {
                self.rulebase.reorders = Some(rule());
            }
            ["packets-out-of-order", "transmit", "immediately"] => self.rulebase.reorders = None,
            ["packets-out-of-order", "timeout", value] => match value.parse::<u32>() {
                Ok(ms @ 100..=30_000) => {
                    self.rulebase.timeout = SimDuration::from_millis(u64::from(ms));
                }
                _ => {
                    let message =
                        format!("expected milliseconds from 100 to 30000, found {}", quoted(value));
                    self.found.error(line, value, message);
                }
            },
            [given, ..] => {
                let known = ["mss", "packets-out-of-order", "2msl-timeout", "check-window-size"];
                match nearest(given, known).filter(|meant| meant != given) {
                    Some(meant) => self
                        .found
                        .error(line, given, format!("unknown command after tcp: {}", quoted(given)))
                        .help(format!("did you mean {meant}?")),
                    None => {
                        let message = format!("tcp {given} is not modelled: it changes no option");
                        self.found.warn(line, given, message);
                    }
                }
            }
            [] => return false,
        }
        true
    }

    fn unknown(&mut self, _line: &Line<'_>) {}

    fn skip(&mut self, line: &Line<'_>) {
        blocks::slip(line, &["active-charging", "rulebase"], self.found);
        self.inside = false;
    }
}

impl Asr5000 {
    fn clamp(&self, pass: &mut Pass<'_>) {
        let Some(clamp) = &self.rulebase.clamp else { return };
        if clamp.limit {
            mss::clamp(pass, 0, clamp.value, &clamp.rule);
        }
        let absent = pass.packet.flags.has(Flags::SYN) && !pass.packet.options.has(kind::MSS);
        let [high, low] = clamp.value.to_be_bytes();
        if clamp.add && absent && pass.packet.options.push(&[kind::MSS, 4, high, low]).is_ok() {
            pass.sign(&clamp.rule, Change::OptionAdded { kind: kind::MSS });
        }
    }

    /// Holds a segment back, or sends it on with those that waited for it.
    fn order(&mut self, pass: &mut Pass<'_>) -> Forwarding {
        let Some(rule) = self.rulebase.reorders.clone() else { return Forwarding::Through };
        let flow = pass.packet.flow();
        let (id, sender) = match self.table.receive(pass.now, pass.packet, |_| {}) {
            Some(found) => found,
            None => (self.table.open(pass.now, flow, flow, Default::default()), Sender::Initiator),
        };
        self.table.observe(pass.now, id, sender, pass.packet);
        let Some(connection) = self.table.get_mut(id) else { return Forwarding::Through };
        let direction = &mut connection.state[sender as usize];
        match direction.place(pass.packet) {
            Place::InOrder => {}
            Place::AfterHole if direction.len() >= HELD_MAX => return Forwarding::Through,
            Place::Again => return Forwarding::Consumed,
            Place::AfterHole => {
                let (packet, ingress) = (pass.packet.clone(), pass.ingress);
                direction.hold(Held { packet, ingress, received: flow, since: pass.now });
                self.reordered += 1;
                pass.sign(&rule, Change::Held);
                return Forwarding::Consumed;
            }
        }
        direction.pass(pass.packet);
        if direction.is_empty() {
            return Forwarding::Through;
        }
        pass.effects.emit(pass.ingress.peer(), pass.packet.clone());
        while let Some(held) = direction.ready() {
            direction.pass(&held.packet);
            pass.effects.emit(held.ingress.peer(), held.packet);
        }
        Forwarding::Consumed
    }

    fn deadline(connection: &Connection<[Reorder; 2]>, timeout: SimDuration) -> Option<SimTime> {
        connection.state.iter().filter_map(|d| d.deadline(timeout)).min()
    }
}

impl Device for Asr5000 {
    fn model(&self) -> &'static str {
        "asr5000"
    }

    fn process(
        &mut self,
        now: SimTime,
        ingress: PortId,
        packet: &mut Packet,
        effects: &mut Effects,
    ) -> Forwarding {
        self.forwarded += 1;
        let pass = &mut Pass::new(now, ingress, packet, effects);
        self.clamp(pass);
        self.order(pass)
    }

    fn next_timeout(&self) -> Option<SimTime> {
        self.rulebase.reorders.as_ref()?;
        let timeout = self.rulebase.timeout;
        self.table.iter().filter_map(|c| Self::deadline(c, timeout)).min()
    }

    /// What has waited too long goes on, with the hole before it.
    fn on_timeout(&mut self, now: SimTime, effects: &mut Effects) {
        let timeout = self.rulebase.timeout;
        for connection in self.table.iter_mut() {
            for direction in &mut connection.state {
                for held in direction.expired(now, timeout) {
                    direction.pass(&held.packet);
                    effects.emit(held.ingress.peer(), held.packet);
                }
            }
        }
    }

    fn reload(&mut self, _now: SimTime) {
        self.table.clear();
    }

    fn counters(&self) -> Vec<(String, u64)> {
        vec![
            ("packets forwarded".to_owned(), self.forwarded),
            ("packets put in order".to_owned(), self.reordered),
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::steps::track::Sender::Initiator;
    use crate::testing::{SYN_OPTIONS, segment, send, with_options};
    use sim_core::wire::packet::PacketUid;

    fn gateway(lines: &str) -> Asr5000 {
        let text = format!("active-charging service ACS\n rulebase R\n{lines}");
        let (device, warnings) = build(Some(ConfigText::new("s.cfg", &text))).unwrap();
        assert_eq!(warnings, []);
        device
    }

    #[test]
    fn options_stay_and_the_mss_is_as_the_rulebase_says() {
        let check = |line: &str, options: &[u8], mss| {
            let syn = with_options(segment(Initiator, Flags::SYN, 1, 0, 0), options);
            let out = send(&mut gateway(line), 0, syn);
            assert_eq!(out.packet.options.mss(), mss, "{line}");
            assert_eq!(out.packet.options.has(30), options.contains(&30), "{line}");
        };
        check("", &SYN_OPTIONS, Some(1460));
        check("  tcp mss 1340 limit-if-present\n", &SYN_OPTIONS, Some(1340));
        check("  tcp mss 1340 limit-if-present\n", &[], None);
        check("  tcp mss 1340 add-if-not-present\n", &SYN_OPTIONS, Some(1460));
        check("  tcp mss 1340 add-if-not-present\n", &[], Some(1340));
        check("  tcp mss 1340 add-if-not-present limit-if-present\n", &SYN_OPTIONS, Some(1340));
    }

    #[test]
    fn segments_wait_and_go_on_in_order_or_in_time() {
        let data = |seq| segment(Initiator, Flags::ACK, seq, 1, 10);
        let open = |device: &mut Asr5000| {
            send(device, 0, segment(Initiator, Flags::SYN, 99, 0, 0));
            send(device, 1, data(110))
        };
        assert_eq!(open(&mut gateway("")).forwarding, Forwarding::Through);
        let line = "  tcp packets-out-of-order transmit after-reordering\n  tcp packets-out-of-order timeout 200\n";
        let mut device = gateway(line);
        assert_eq!(open(&mut device).forwarding, Forwarding::Consumed);
        assert_eq!(device.next_timeout(), Some(SimTime(201_000_000)));
        let out = send(&mut device, 2, data(100));
        let sent: Vec<u32> = out.effects.emitted.iter().map(|(_, p)| p.seq.0).collect();
        assert_eq!((out.forwarding, sent), (Forwarding::Consumed, vec![100, 110]));
        assert_eq!(device.next_timeout(), None);
        let mut device = gateway(line);
        open(&mut device);
        let mut effects = Effects::new(PacketUid(9));
        device.on_timeout(SimTime(201_000_000), &mut effects);
        assert_eq!(effects.emitted.len(), 1);
        assert_eq!(send(&mut device, 300, data(120)).forwarding, Forwarding::Through);
    }

    #[test]
    fn blocks_within_blocks() {
        let text = "config\n  active-charging service ACS\n    rulebase R\n      tcp mss 1340 limit-if-present\n    exit\n  exit\nend\n";
        let mut device = build(Some(ConfigText::new("s.cfg", text))).unwrap().0;
        let syn = with_options(segment(Initiator, Flags::SYN, 1, 0, 0), &SYN_OPTIONS);
        assert_eq!(send(&mut device, 0, syn).packet.options.mss(), Some(1340));
    }

    #[test]
    fn faults_are_said() {
        let fault = |line: &str| {
            let text = format!("active-charging service A\n rulebase R\n  {line}\n");
            let found = match build(Some(ConfigText::new("s", &text))) {
                Ok((_, warnings)) => warnings,
                Err(errors) => errors,
            };
            found.first().map_or_else(String::new, ToString::to_string)
        };
        assert!(fault("tcp mss 100 limit-if-present").contains("496 to 65535"));
        assert!(fault("tcp mss 1400").contains("limit-if-present"));
        assert!(fault("tcp mss-x 1").contains("did you mean mss"));
        assert_eq!(fault("p2p dynamic-flow-detection"), "");
    }
}
