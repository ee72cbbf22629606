//! Cisco IPS: a sensor that reads streams, and whose normaliser engine may change or drop segments when it
//! stands inline.
//!
//! Signature 1306 is about TCP options. What it does to option 30 as it comes is not documented, so the
//! model leaves it alone until `event-action` says otherwise. Signatures are looked for in each
//! connection's stream by itself: one that MPTCP splits over subflows is missed.

mod audit;
mod grammar;
mod remedy;

use std::sync::Arc;

use sim_core::engine::device::{Change, Device, Effects, Forwarding, PortId, Rule};
use sim_core::time::{SimDuration, SimTime};
use sim_core::wire::options::kind;
use sim_core::wire::packet::{Flags, Packet};

use crate::catalogue::{MODELLED, ModelInfo, RECALLED};
use crate::config::{ConfigDiagnostic, ConfigText, Diagnostics};
use crate::ftd::Mode;
use crate::steps::options::{Edit, edit};
use crate::steps::signatures::{Reading, Signature, expression};
use crate::steps::track::{ConnectionId, Sender, Table, Timeouts};
use crate::steps::{Pass, forge};

use grammar::{IpsConfig, SignatureConfig};

pub(crate) use audit::PLATFORM;

const GUIDE: &str = "Cisco IPS 7.1 CLI configuration guide, normalizer engine";
const STRING: &str = "Cisco IPS 7.1 CLI configuration guide, string TCP engine";

/// In the catalogue.
pub(crate) const INFO: ModelInfo = ModelInfo {
    name: "Ips",
    product: "Cisco Intrusion Prevention System (IPS 4200, 4300, 4500 sensors, 7.1)",
    summary: "Leaves option 30 alone until signature 1306 is told otherwise: modify-packet-inline makes \
              NOPs of it, deny-packet-inline drops the segment. Signatures are looked for in each \
              connection by itself: one that is split over subflows is missed. Promiscuous: changes \
              nothing.",
    defaults: &[
        ("signature 1306, action on option 30", "none: not documented", MODELLED),
        (
            "1306 0: options 6, 7 and 9 to 255; 1 and 2: SACK; 3: timestamp; 4: window scale",
            "",
            RECALLED,
        ),
        ("modify-packet-inline", "strips the selected options", GUIDE),
        (
            "deny-packet-inline, deny-connection-inline",
            "drops the packet; all of the connection",
            GUIDE,
        ),
        ("string TCP signatures", "in each connection's stream, in order", STRING),
        ("1314, data in a SYN", "disabled", GUIDE),
    ],
    settings: &[
        ("config", "path of the configuration text"),
        ("mode", "Inline or Passive (promiscuous); default: as the text has it, or Inline"),
    ],
    configuration: "service signature-definition: signatures 1306, 1314 and those of the string-tcp engine \
                    (event-action, regex-string, service-ports, direction, status); service \
                    analysis-engine: whether the sensor is inline",
    example: "service signature-definition sig0\nsignatures 1306 0\nengine normalizer\nevent-action \
              modify-packet-inline\nexit\nexit\nsignatures 60000 0\nengine string-tcp\nregex-string \
              attack\nservice-ports 80\nevent-action deny-connection-inline\nexit\nexit\nexit\n",
    notes: &[
        "What other signatures of the normaliser engine (1307 to 1313, 1330) do is not modelled.",
        "Segments that come out of order are forwarded before they are read.",
    ],
};

/// Sessions of a sensor are kept while they live; these are as a firewall's. A modelling decision.
const TIMEOUTS: Timeouts = Timeouts {
    embryonic: SimDuration::from_secs(30),
    idle: SimDuration::from_secs(3600),
    half_closed: SimDuration::from_secs(600),
    closed: SimDuration::ZERO,
};

/// What a signature does to what it finds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Verdict {
    Alert,
    Modify,
    DenyPacket,
    DenyConnection,
    /// An RST to both ends, which needs no place in the path.
    Reset,
}

impl Verdict {
    fn of(signature: &SignatureConfig) -> Self {
        let deny_connection = [
            "deny-connection-inline",
            "deny-attacker-inline",
            "deny-attacker-service-pair-inline",
            "deny-attacker-victim-pair-inline",
        ];
        if signature.acts(&deny_connection) {
            Self::DenyConnection
        } else if signature.acts(&["deny-packet-inline"]) {
            Self::DenyPacket
        } else if signature.acts(&["reset-tcp-connection"]) {
            Self::Reset
        } else if signature.acts(&["modify-packet-inline"]) {
            Self::Modify
        } else {
            Self::Alert
        }
    }
}

/// A signature of the normaliser engine: which options, and what is done.
#[derive(Debug)]
struct OptionSignature {
    sub: u32,
    verdict: Verdict,
    rule: Arc<Rule>,
}

impl OptionSignature {
    fn selects(&self, option: u8) -> bool {
        match self.sub {
            0 => matches!(option, 6 | 7 | 9..),
            1 => option == kind::SACK_PERMITTED,
            2 => option == kind::SACK,
            3 => option == kind::TIMESTAMPS,
            4 => option == kind::WINDOW_SCALE,
            _ => false,
        }
    }
}

/// What is kept of a connection.
#[derive(Debug, Default)]
struct Watched {
    reading: Reading,
    denied: Option<Arc<Rule>>,
}

/// The device.
#[derive(Debug)]
pub(crate) struct Ips {
    mode: Mode,
    options: Vec<OptionSignature>,
    /// By which option 30 goes through where signatures read the stream.
    passage: Arc<Rule>,
    syn_data: Option<(Verdict, Arc<Rule>)>,
    signatures: Vec<Signature>,
    verdicts: Vec<Verdict>,
    table: Table<Watched>,
    counters: Counters,
}

#[derive(Debug, Default)]
struct Counters {
    alerts: u64,
    modified: u64,
    denied_packets: u64,
    denied_connections: u64,
}

/// Builds a sensor, with or without configuration text.
///
/// # Errors
/// Lines that the sensor would refuse.
pub(crate) fn build(
    mode: Option<Mode>,
    text: Option<ConfigText<'_>>,
) -> Result<(Ips, Vec<ConfigDiagnostic>), Vec<ConfigDiagnostic>> {
    let mut found = Diagnostics::new(text.map_or("", |t| t.file));
    let config = text.map_or_else(IpsConfig::default, |t| grammar::read(t, &mut found));
    let ips = Ips::new(&config, mode, text, &mut found);
    Ok((ips, found.into_result()?))
}

impl Ips {
    fn new(
        config: &IpsConfig,
        mode: Option<Mode>,
        text: Option<ConfigText<'_>>,
        found: &mut Diagnostics,
    ) -> Self {
        let from_text = match config.inline {
            Some((false, _)) => Mode::Passive,
            _ => Mode::Inline,
        };
        let rule = |signature: &SignatureConfig, source| {
            let place = signature.actions.as_ref().map_or(&signature.place, |(_, place)| place);
            let text = format!("signature {}/{}: {}", signature.id, signature.sub, place.text);
            Rule::config(text, place.clone(), source)
        };
        let enabled = |id: u32| config.signatures.iter().filter(move |s| s.id == id && s.enabled);
        let options = enabled(1306).map(|s| OptionSignature {
            sub: s.sub,
            verdict: Verdict::of(s),
            rule: remedy::leave_alone(rule(s, GUIDE), s),
        });
        let options = options.collect();
        let alerting = enabled(1306).find(|s| s.sub == 0);
        let passage = match alerting {
            Some(signature) => rule(signature, GUIDE),
            None => Rule::default("signature 1306/0: option 30 is not removed", GUIDE),
        };
        let syn_data = enabled(1314).map(|s| (Verdict::of(s), rule(s, GUIDE))).next();
        let (mut signatures, mut verdicts) = (Vec::new(), Vec::new());
        for signature in config.signatures.iter().filter(|s| s.enabled) {
            let Some((pattern, place)) = &signature.regex else { continue };
            let Some(regex) = expression(pattern) else {
                let all = text.map_or_else(Vec::new, |t| t.lines().into_owned());
                if let Ok(at) = all.binary_search_by_key(&place.line, |l| l.number) {
                    found.warn(
                        &all[at],
                        "",
                        "this expression is not understood: it matches nothing",
                    );
                }
                continue;
            };
            signatures.push(Signature {
                regex,
                sender: signature.to_service.map(|to_service| match to_service {
                    true => Sender::Initiator,
                    false => Sender::Responder,
                }),
                ports: signature.ports.clone(),
                rule: remedy::found(rule(signature, STRING)),
            });
            verdicts.push(Verdict::of(signature));
        }
        Self {
            mode: mode.unwrap_or(from_text),
            options,
            passage: remedy::remove(passage),
            syn_data,
            signatures,
            verdicts,
            table: Table::new(TIMEOUTS),
            counters: Counters::default(),
        }
    }

    /// The normaliser engine: `Err` with the rule when the packet must go.
    fn normalise(&mut self, pass: &mut Pass<'_>) -> Result<(), (Verdict, Arc<Rule>)> {
        let has_data = pass.packet.flags.has(Flags::SYN) && !pass.packet.payload.is_empty();
        if let (Some((verdict, rule)), true) = (&self.syn_data, has_data) {
            self.counters.alerts += 1;
            if matches!(verdict, Verdict::DenyPacket | Verdict::DenyConnection) {
                return Err((*verdict, Arc::clone(rule)));
            }
        }
        if self.options.is_empty() {
            return Ok(());
        }
        let mut refused = None;
        let options = &self.options;
        let modified = edit(pass, |option| {
            let signature = options.iter().find(|s| s.selects(option.kind))?;
            match signature.verdict {
                Verdict::Modify => Some((Edit::Nop, &signature.rule)),
                Verdict::DenyPacket | Verdict::DenyConnection => {
                    refused.get_or_insert((signature.verdict, Arc::clone(&signature.rule)));
                    None
                }
                Verdict::Alert | Verdict::Reset => None,
            }
        });
        self.counters.modified += u64::from(modified > 0);
        refused.map_or(Ok(()), Err)
    }

    fn deny(
        &mut self,
        pass: &mut Pass<'_>,
        id: ConnectionId,
        verdict: Verdict,
        rule: &Arc<Rule>,
    ) -> Forwarding {
        if verdict == Verdict::DenyConnection {
            self.counters.denied_connections += 1;
            if let Some(connection) = self.table.get_mut(id) {
                connection.state.denied = Some(Arc::clone(rule));
            }
        }
        self.counters.denied_packets += 1;
        pass.drop(rule, "denied inline")
    }

    /// Resets both ends. A sensor that only listens has no say in the packet at hand, which goes first.
    fn reset(
        &mut self,
        pass: &mut Pass<'_>,
        id: ConnectionId,
        sender: Sender,
        rule: &Arc<Rule>,
    ) -> Forwarding {
        let goes_on = self.mode != Mode::Inline;
        if goes_on {
            pass.effects.emit(pass.ingress.peer(), pass.packet.clone());
        }
        if let Some(connection) = self.table.get(id) {
            let [to_sender, to_peer] = forge::resets(connection, sender, pass.packet, goes_on);
            pass.effects.emit_new(pass.ingress, to_sender);
            pass.effects.emit_new(pass.ingress.peer(), to_peer);
        }
        pass.sign(rule, Change::Reset { reason: "reset-tcp-connection" });
        if goes_on { Forwarding::Consumed } else { Forwarding::Drop }
    }
}

impl Device for Ips {
    fn model(&self) -> &'static str {
        "ips"
    }

    fn process(
        &mut self,
        now: SimTime,
        ingress: PortId,
        packet: &mut Packet,
        effects: &mut Effects,
    ) -> Forwarding {
        self.table.expire(now, |_| {});
        let pass = &mut Pass::new(now, ingress, packet, effects);
        let (id, sender) = self.table.find_for(pass.packet).unwrap_or_else(|| {
            let flow = pass.packet.flow();
            (self.table.open(now, flow, flow, Watched::default()), Sender::Initiator)
        });
        let denied = self.table.get(id).and_then(|c| c.state.denied.clone());
        if let Some(rule) = denied {
            self.counters.denied_packets += 1;
            return pass.drop(&rule, "denied inline");
        }
        let inline = self.mode == Mode::Inline;
        if inline && let Err((verdict, rule)) = self.normalise(pass) {
            return self.deny(pass, id, verdict, &rule);
        }
        self.table.observe(now, id, sender, pass.packet);
        let Some(connection) = self.table.get_mut(id) else { return Forwarding::Through };
        let port = connection.opened.dst.port();
        let opens = pass.packet.flags.is_initial_syn() && pass.packet.options.has(kind::MPTCP);
        if inline && opens && self.signatures.iter().any(|s| s.reads(port)) {
            pass.sign(&self.passage, Change::Allowed { what: "option 30" });
        }
        let found = connection.state.reading.read(sender, port, pass.packet, &self.signatures);
        let Some(at) = found else { return Forwarding::Through };
        self.counters.alerts += 1;
        let (verdict, rule) = (self.verdicts[at], Arc::clone(&self.signatures[at].rule));
        match verdict {
            Verdict::DenyPacket | Verdict::DenyConnection if inline => {
                self.deny(pass, id, verdict, &rule)
            }
            Verdict::Reset => self.reset(pass, id, sender, &rule),
            _ => Forwarding::Through,
        }
    }

    fn reload(&mut self, _now: SimTime) {
        self.table.clear();
    }

    fn counters(&self) -> Vec<(String, u64)> {
        let c = &self.counters;
        vec![
            ("alerts".to_owned(), c.alerts),
            ("packets modified inline".to_owned(), c.modified),
            ("packets denied inline".to_owned(), c.denied_packets),
            ("connections denied inline".to_owned(), c.denied_connections),
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{INSIDE, OUTSIDE, Outcome, SYN_OPTIONS, segment, send, with_options};
    use Sender::Initiator;
    use sim_core::wire::payload::Payload;

    fn text(action_1306: &str, action: &str, more: &str) -> String {
        format!(
            "! Version 7.1(4)\nservice signature-definition sig0\nsignatures 1306 0\nengine normalizer\n\
             event-action {action_1306}\nexit\nexit\nsignatures 60000 0\nengine string-tcp\n\
             event-action {action}\nregex-string at+ack\nservice-ports 5001\ndirection \
             to-service\nexit\nexit\nexit\n{more}"
        )
    }

    fn ips(text: &str, mode: Option<Mode>) -> Ips {
        build(mode, Some(ConfigText::new("ips.cfg", text))).unwrap().0
    }

    fn syn(device: &mut Ips) -> Outcome {
        let syn = segment(Initiator, Flags::SYN, 1000, 0, 0);
        send(device, 0, with_options(syn, &SYN_OPTIONS))
    }

    fn say(device: &mut Ips, seq: u32, text: &str) -> Outcome {
        let mut packet = segment(Initiator, Flags(0), seq, 0, 0);
        packet.payload = Payload::literal(text.as_bytes());
        send(device, 1, packet)
    }

    #[test]
    fn signature_1306() {
        let check = |action: &str, more: &str, mode, has_30: bool, dropped: bool| {
            let out = syn(&mut ips(&text(action, "produce-alert", more), mode));
            assert_eq!(out.packet.options.has(30), has_30, "{action}");
            assert_eq!(out.drop_reason().is_some(), dropped, "{action}");
        };
        let passive =
            "service analysis-engine\nvirtual-sensor vs0\nphysical-interface GigabitEthernet0/0\n";
        check("produce-alert", "", None, true, false);
        check("modify-packet-inline|produce-alert", "", None, false, false);
        check("deny-packet-inline", "", None, true, true);
        check("modify-packet-inline", "", Some(Mode::Passive), true, false);
        check("modify-packet-inline", passive, None, true, false);
        check("modify-packet-inline", passive, Some(Mode::Inline), false, false);
    }

    #[test]
    fn string_signatures() {
        let mut device = ips(&text("produce-alert", "deny-connection-inline", ""), None);
        syn(&mut device);
        assert_eq!(say(&mut device, 1001, "an att").drop_reason(), None);
        assert_eq!(say(&mut device, 1007, "ack").drop_reason(), Some("denied inline"));
        assert_eq!(say(&mut device, 1010, "x").drop_reason(), Some("denied inline"));
        let mut device = ips(&text("produce-alert", "deny-packet-inline", ""), None);
        assert_eq!(say(&mut device, 1001, "attack").drop_reason(), Some("denied inline"));
        assert_eq!(say(&mut device, 1007, "x").drop_reason(), None);
        let mut device =
            ips(&text("produce-alert", "reset-tcp-connection", ""), Some(Mode::Passive));
        syn(&mut device);
        let sent = |out: &Outcome| -> Vec<_> {
            out.effects.emitted.iter().map(|(port, p)| (*port, p.seq.0, p.ack.0)).collect()
        };
        let out = say(&mut device, 1001, "attack");
        let passed = [(OUTSIDE, 1001, 0), (INSIDE, 0, 1007), (OUTSIDE, 1007, 0)];
        assert_eq!((out.forwarding, sent(&out)), (Forwarding::Consumed, passed.into()));
        let mut device = ips(&text("produce-alert", "reset-tcp-connection", ""), None);
        syn(&mut device);
        let out = say(&mut device, 1001, "attack");
        let dropped = [(INSIDE, 0, 1007), (OUTSIDE, 1001, 0)];
        assert_eq!((out.forwarding, sent(&out)), (Forwarding::Drop, dropped.into()));
    }

    #[test]
    fn what_is_refused() {
        let wrong = text("modify-paket-inline", "produce-alert", "");
        let found = build(None, Some(ConfigText::new("x", &wrong))).unwrap_err();
        assert_eq!(found[0].help.as_deref(), Some("did you mean modify-packet-inline?"));
    }
}
