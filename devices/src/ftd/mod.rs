//! Cisco Firepower Threat Defense: LINA, which is the ASA's data path, then Snort, which looks into the
//! streams.
//!
//! As it comes LINA clears option 30 like an ASA; a tcp-map in the configuration text decides
//! otherwise. Cisco 116519 recommends not to change the tcp-map, because Snort reads the stream: of a
//! stream that MPTCP splits, it sees a part.

mod audit;
pub mod snort;

use std::sync::Arc;

use serde::Deserialize;
use sim_core::engine::device::{Device, Effects, Forwarding, PortId, Rule};
use sim_core::time::{SimDuration, SimTime};
use sim_core::wire::packet::Packet;
use sim_core::wording;

use crate::asa::{self, Asa};
use crate::catalogue::{MODELLED, ModelInfo, RECALLED};
use crate::config::{ConfigDiagnostic, ConfigText};
use crate::spec::DeviceContext;
use crate::steps::Pass;
use crate::steps::signatures::{Expression, Reading, Signature, expression};
use crate::steps::track::{ConnectionId, Sender, Table, Timeouts};

pub(crate) use audit::PLATFORM;
pub use snort::SnortNormalizer;

const SEED: &str = "Cisco 116519, MPTCP and Product Support Overview";
const SNORT: &str = "Firepower Management Center Configuration Guide, intrusion policies";

/// In the catalogue.
pub(crate) const INFO: ModelInfo = ModelInfo {
    name: "Ftd",
    product: "Cisco Firepower Threat Defense",
    summary: "Inline: its data path clears option 30 as an ASA does, unless the configuration text holds \
              a tcp-map that allows it; then Snort may still normalise options, and reads streams of \
              which MPTCP shows it a part. Passive: changes nothing.",
    defaults: &[
        ("tcp-options range 9 255", "clear (to NOPs); option 30 is among them", SEED),
        ("deep packet inspection", "each connection's stream by itself", SEED),
        ("Snort 3 normalizer.tcp.opts", "false: options pass", "snort3 source, norm_module.cc"),
        ("Snort 2 normalize_tcp opts", "off", MODELLED),
        ("tcp-map UM_STATIC_TCP_MAP of real devices", "may allow 20 to 255", RECALLED),
    ],
    settings: &[
        ("config", "path of LINA's configuration text (show running-config all)"),
        ("inside", "nameif of the interface towards the clients; default: inside"),
        ("outside", "nameif of the interface towards the servers; default: outside"),
        ("mode", "Inline or Passive; default: Inline"),
        ("normalizer", "Off, Snort2(allow: […]) or Snort3(opts: true, allow: […]); default: Off"),
        ("signatures", "expressions; a connection whose stream matches is dropped when inline"),
    ],
    configuration: "as for Asa: the tcp-map's body and the policies, with what FlexConfig adds",
    example: "tcp-map UM_STATIC_TCP_MAP\n tcp-options range 20 255 allow\npolicy-map global_policy\n \
              class class-default\n  set connection advanced-options UM_STATIC_TCP_MAP\nservice-policy \
              global_policy global\n",
    notes: &[
        "Cisco 116519 recommends not to change the tcp-map of an FTD: it inspects deeply.",
        "Real devices carry a tcp-map UM_STATIC_TCP_MAP, recalled to allow the options 20 to 255: then \
         LINA passes option 30 and Snort decides. Give its body in the configuration text to model it.",
    ],
};

/// Where the device stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
pub enum Mode {
    /// In the path: it may change and drop.
    #[default]
    Inline,
    /// Beside the path: it sees copies.
    Passive,
}

/// An FTD's settings in a scenario file.
#[derive(Clone, Debug)]
pub(crate) struct Settings<'a> {
    pub(crate) lina: asa::Settings<'a>,
    pub(crate) mode: Mode,
    pub(crate) normalizer: &'a SnortNormalizer,
    pub(crate) signatures: &'a [Expression],
}

/// Snort's memory of a connection.
#[derive(Debug, Default)]
struct Watched {
    reading: Reading,
    /// The signature that was found: nothing goes on.
    blocked: Option<usize>,
}

/// The device.
#[derive(Debug)]
pub(crate) struct Ftd {
    lina: Asa,
    mode: Mode,
    normalizer: Option<snort::Normalizer>,
    signatures: Vec<Signature>,
    table: Table<Watched>,
    matched: u64,
    dropped: u64,
}

/// Snort's session timeouts are its own; those of LINA are shorter for what is half open.
const TIMEOUTS: Timeouts = Timeouts {
    embryonic: SimDuration::from_secs(180),
    idle: SimDuration::from_secs(3600),
    half_closed: SimDuration::from_secs(600),
    closed: SimDuration::ZERO,
};

/// Builds an FTD, with or without configuration text.
///
/// # Errors
/// As for an ASA.
pub(crate) fn build(
    settings: &Settings<'_>,
    context: &DeviceContext<'_>,
    text: Option<ConfigText<'_>>,
) -> Result<(Ftd, Vec<ConfigDiagnostic>), Vec<ConfigDiagnostic>> {
    let (mut lina, warnings) = asa::build(&settings.lina, context, text)?;
    lina.warn_against(wording!(
        en: "Cisco does not recommend to change the tcp-map of an FTD so that the option passes: it does deep packet inspection for its IPS and IDS services",
        ja: "FTD は IPS/IDS サービスに対してディープ パケット インスペクションを実行するため、TCP オプションが通過できるように tcp-map を変更することは推奨されません",
    ));
    let signatures = settings.signatures.iter().filter_map(|Expression(text)| {
        Some(Signature {
            regex: expression(text)?,
            sender: None,
            ports: Vec::new(),
            rule: Rule::scenario(format!("signature {text}"), SNORT),
        })
    });
    let device = Ftd {
        lina,
        mode: settings.mode,
        normalizer: snort::Normalizer::new(settings.normalizer),
        signatures: signatures.collect(),
        table: Table::new(TIMEOUTS),
        matched: 0,
        dropped: 0,
    };
    Ok((device, warnings))
}

impl Ftd {
    /// Snort's part: options, then the stream.
    fn snort(&mut self, pass: &mut Pass<'_>) -> Forwarding {
        if let Some(normalizer) = &mut self.normalizer
            && self.mode == Mode::Inline
        {
            normalizer.apply(pass);
        }
        if self.signatures.is_empty() {
            return Forwarding::Through;
        }
        let (id, sender) = self.connection(pass);
        self.table.observe(pass.now, id, sender, pass.packet);
        let Some(connection) = self.table.get_mut(id) else { return Forwarding::Through };
        let port = connection.opened.dst.port();
        let watched = &mut connection.state;
        if watched.blocked.is_none() {
            watched.blocked = watched.reading.read(sender, port, pass.packet, &self.signatures);
            self.matched += u64::from(watched.blocked.is_some());
        }
        match (watched.blocked, self.mode) {
            (Some(at), Mode::Inline) => {
                self.dropped += 1;
                let rule = Arc::clone(&self.signatures[at].rule);
                pass.drop(&rule, "snort-drop")
            }
            _ => Forwarding::Through,
        }
    }

    fn connection(&mut self, pass: &Pass<'_>) -> (ConnectionId, Sender) {
        self.table.find_for(pass.packet).unwrap_or_else(|| {
            let flow = pass.packet.flow();
            (self.table.open(pass.now, flow, flow, Watched::default()), Sender::Initiator)
        })
    }
}

impl Device for Ftd {
    fn model(&self) -> &'static str {
        "ftd"
    }

    fn process(
        &mut self,
        now: SimTime,
        ingress: PortId,
        packet: &mut Packet,
        effects: &mut Effects,
    ) -> Forwarding {
        self.table.expire(now, |_| {});
        if self.mode == Mode::Inline {
            let forwarding = self.lina.process(now, ingress, packet, effects);
            if forwarding != Forwarding::Through {
                return forwarding;
            }
        }
        self.snort(&mut Pass::new(now, ingress, packet, effects))
    }

    fn process_icmp(
        &mut self,
        now: SimTime,
        ingress: PortId,
        packet: &mut Packet,
        effects: &mut Effects,
    ) -> Forwarding {
        match self.mode {
            Mode::Inline => self.lina.process_icmp(now, ingress, packet, effects),
            Mode::Passive => Forwarding::Through,
        }
    }

    fn next_timeout(&self) -> Option<SimTime> {
        self.lina.next_timeout()
    }

    fn on_timeout(&mut self, now: SimTime, effects: &mut Effects) {
        self.lina.on_timeout(now, effects);
    }

    fn reload(&mut self, now: SimTime) {
        self.lina.reload(now);
        self.table.clear();
    }

    fn counters(&self) -> Vec<(String, u64)> {
        let mut all = self.lina.counters();
        all.push((
            "snort options cleared".into(),
            self.normalizer.as_ref().map_or(0, |n| n.cleared),
        ));
        all.push(("snort signatures matched".into(), self.matched));
        all.push(("snort packets dropped".into(), self.dropped));
        all
    }

    fn report(&self) -> Vec<String> {
        self.lina.report()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::spec::DeviceSpec;
    use crate::testing::{OUTSIDE, SYN_OPTIONS, segment, send, with_options};
    use Sender::Initiator;
    use sim_core::wire::packet::Flags;
    use sim_core::wire::payload::Payload;
    use sim_core::wire::seq::Seq;

    const ALLOW: &str = "tcp-map UM_STATIC_TCP_MAP\n tcp-options range 20 255 allow\npolicy-map g\n class \
                         class-default\n  set connection advanced-options UM_STATIC_TCP_MAP \
                         random-sequence-number disable\nservice-policy g global\n";

    fn ftd(spec: &str, text: &str) -> Box<dyn Device> {
        let spec: DeviceSpec = ron::Options::default()
            .with_default_extension(ron::extensions::Extensions::IMPLICIT_SOME)
            .from_str(spec)
            .unwrap();
        let context = DeviceContext { name: "ftd", seed: 1, default_farm: None };
        spec.build(&context, Some(ConfigText::new("ftd.cfg", text))).unwrap().device
    }

    #[test]
    fn options_through_lina_and_snort() {
        let check = |spec: &str, text: &str, passes: bool| {
            let syn = with_options(segment(Initiator, Flags::SYN, 1000, 0, 0), &SYN_OPTIONS);
            let out = send(ftd(spec, text).as_mut(), 0, syn);
            assert_eq!(out.packet.options.has(30), passes, "{spec}");
        };
        check("Ftd()", "", false);
        check("Ftd()", ALLOW, true);
        check("Ftd(mode: Passive)", "", true);
        check("Ftd(normalizer: Snort2())", ALLOW, false);
        check("Ftd(normalizer: Snort2(allow: [\"sack\", \"30\"]))", ALLOW, true);
        check("Ftd(normalizer: Snort3())", ALLOW, true);
        check("Ftd(normalizer: Snort3(opts: true))", ALLOW, false);
        check("Ftd(mode: Passive, normalizer: Snort3(opts: true))", "", true);
    }

    #[test]
    fn a_signature_on_one_connection_and_over_two() {
        let dropped = |spec: &str, pieces: &[(u16, &str)]| {
            let mut device = ftd(spec, ALLOW);
            let mut at = [1001u32; 2];
            for port in [40_000, 40_001] {
                let syn = segment(Initiator, Flags::SYN, 1000, 0, 0);
                send(device.as_mut(), 0, Packet { src_port: port, ..syn });
            }
            let mut dropped = 0;
            for (port, text) in pieces {
                let seq = &mut at[usize::from(port - 40_000)];
                let mut packet = segment(Initiator, Flags(0), *seq, 0, 0);
                packet.src_port = *port;
                packet.payload = Payload::literal(text.as_bytes());
                *seq += text.len() as u32;
                dropped += usize::from(send(device.as_mut(), 1, packet).drop_reason().is_some());
            }
            dropped
        };
        let one = [(40_000, "at"), (40_000, "tack"), (40_000, "more")];
        let two = [(40_000, "at"), (40_001, "tack"), (40_000, "more")];
        assert_eq!(dropped("Ftd(signatures: [\"attack\"])", &one), 2);
        assert_eq!(dropped("Ftd(signatures: [\"attack\"])", &two), 0, "each stream has a part");
        assert_eq!(dropped("Ftd(mode: Passive, signatures: [\"attack\"])", &one), 0);
    }

    #[test]
    fn answers_come_back() {
        let mut device = ftd("Ftd()", ALLOW);
        let syn = segment(Initiator, Flags::SYN, 1000, 0, 0);
        send(device.as_mut(), 0, syn);
        let answer = segment(Sender::Responder, Flags(0x12), 5000, 1001, 0);
        let out = crate::testing::send_from(device.as_mut(), 1, OUTSIDE, answer);
        assert_eq!((out.forwarding, out.packet.ack), (Forwarding::Through, Seq(1001)));
    }
}
