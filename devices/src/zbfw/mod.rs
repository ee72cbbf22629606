//! Cisco IOS and IOS-XE zone-based firewall: between zones only what a zone-pair's policy inspects or
//! passes. TCP options are not touched (Cisco 116519).

mod policy;
#[cfg(test)]
mod tests;
pub(crate) mod zones;

use std::collections::BTreeMap;
use std::sync::Arc;

use sim_core::engine::device::{Device, Effects, Forwarding, PortId, Rule};
use sim_core::time::SimTime;
use sim_core::wire::options::kind;
use sim_core::wire::packet::{Flags, Packet};

use crate::catalogue::ModelInfo;
use crate::config::{ConfigDiagnostic, ConfigText, Diagnostics};
use crate::ios;
use crate::steps::Pass;
use crate::steps::track::{Connection, ConnectionId, Phase, Sender, Table, Timeouts};

use policy::{Crossing, Decision, Firewall};
use zones::Parameters;

const SEED: &str = "Cisco 116519, MPTCP and Product Support Overview";
const GUIDE: &str = "Cisco Security Configuration Guide: Zone-Based Policy Firewall";

/// In the catalogue.
pub(crate) const INFO: ModelInfo = ModelInfo {
    name: "Zbfw",
    product: "Cisco IOS and IOS-XE zone-based policy firewall (ZBFW)",
    summary: "Leaves TCP options alone: MPTCP connects where the zone-pair's policy inspects TCP. What \
              no class names is dropped; a subflow whose SYN took another way is dropped \
              (INVALID_TCP_INITIATOR).",
    defaults: &[
        ("TCP options", "not touched", SEED),
        ("between zones without a zone-pair that has a policy", "drop", GUIDE),
        ("within a zone", "pass", GUIDE),
        ("class class-default", "drop", GUIDE),
        ("pass", "one direction only, no session", GUIDE),
        ("tcp synwait-time, finwait-time, idle-time", "30 s, 5 s, 3600 s", GUIDE),
        ("tcp window-scale-enforcement", "strict", GUIDE),
        ("first packet of an inspected session", "must be a SYN without data", GUIDE),
    ],
    settings: &[
        ("config", "path of the configuration text"),
        ("inside", "interface towards the clients; default: told from zones and ip nat"),
        ("outside", "interface towards the servers"),
    ],
    configuration: "zone security, zone-pair security, class-map / policy-map / parameter-map type \
                    inspect, interface (zone-member security, ip nat), access lists",
    example: "zone security inside\nzone security outside\nclass-map type inspect match-any TCP\n \
              match protocol tcp\npolicy-map type inspect OUT\n class type inspect TCP\n  inspect\n \
              class class-default\n  drop\nzone-pair security IN-OUT source inside destination \
              outside\n service-policy type inspect OUT\n",
    notes: &[
        "Without configuration text: zones inside and outside, TCP inspected from inside out, nothing \
         the other way.",
        "That an interface in no zone and one in a zone exchange nothing is recalled, not verified.",
        "Half-open limits and SYN cookies are read and said not to be modelled.",
    ],
};

/// Builds the device.
///
/// # Errors
/// Lines of the configuration that IOS would refuse.
pub(crate) fn build(
    given: [Option<&str>; 2],
    text: Option<ConfigText<'_>>,
) -> Result<(Zbfw, Vec<ConfigDiagnostic>), Vec<ConfigDiagnostic>> {
    let mut found = Diagnostics::new(text.map_or("", |t| t.file));
    let firewall = match text {
        None => Firewall::factory(),
        Some(text) => {
            let config = ios::read(text, &mut found);
            let zones = policy::zones_of(&config, given);
            if !found.has_errors() {
                policy::warn(&config, &zones, text, &mut found);
            }
            Firewall::new(config, zones)
        }
    };
    let warnings = found.into_result()?;
    Ok((Zbfw::new(firewall), warnings))
}

/// What is kept about a session.
#[derive(Clone, Debug)]
struct Session {
    /// Zone-pair and class, for the report.
    pair: usize,
    class: usize,
    enforce_window_scale: bool,
}

/// The device.
#[derive(Debug)]
pub(crate) struct Zbfw {
    firewall: Firewall,
    malformed: Arc<Rule>,
    table: Table<Session>,
    created: u64,
    passed: u64,
    drops: BTreeMap<&'static str, u64>,
}

impl Zbfw {
    fn new(firewall: Firewall) -> Self {
        let p = firewall.parameters().cloned().unwrap_or_else(|| Parameters::named("default"));
        let timeouts =
            Timeouts { embryonic: p.synwait, idle: p.idle, half_closed: p.idle, closed: p.finwait };
        Self {
            firewall,
            malformed: Rule::default("inspect: TCP state checks", GUIDE),
            table: Table::new(timeouts),
            created: 0,
            passed: 0,
            drops: BTreeMap::new(),
        }
    }

    fn drop(&mut self, pass: &mut Pass<'_>, rule: &Arc<Rule>, reason: &'static str) -> Forwarding {
        *self.drops.entry(reason).or_default() += 1;
        pass.drop(rule, reason)
    }

    fn in_session(&mut self, pass: &mut Pass<'_>, id: ConnectionId, sender: Sender) -> Forwarding {
        let fault = self.table.get(id).and_then(|c| fault(c, sender, pass.packet));
        if let Some(reason) = fault {
            return self.drop(pass, &Arc::clone(&self.malformed), reason);
        }
        self.table.observe(pass.now, id, sender, pass.packet);
        Forwarding::Through
    }

    fn open(&mut self, pass: &mut Pass<'_>, session: Session) -> Forwarding {
        let packet = &*pass.packet;
        let reason = match (packet.flags.is_initial_syn(), packet.payload.is_empty()) {
            (false, _) => "INVALID_TCP_INITIATOR",
            (true, false) => "SYN_WITH_DATA",
            (true, true) => {
                let id = self.table.open(pass.now, pass.received, pass.received, session);
                self.created += 1;
                return self.in_session(pass, id, Sender::Initiator);
            }
        };
        self.drop(pass, &Arc::clone(&self.malformed), reason)
    }
}

/// What is wrong with a segment of a session, by the names of the firewall's drop reasons.
fn fault(session: &Connection<Session>, sender: Sender, packet: &Packet) -> Option<&'static str> {
    let peer = session.end(sender.peer());
    if packet.flags.has(Flags::RST) {
        return None;
    }
    if packet.flags.is_syn_ack() && sender == Sender::Responder {
        if peer.isn.is_some_and(|isn| packet.ack != isn.add(1)) {
            return Some("INVALID_SEG_SYNSENT");
        }
        let scales = packet.options.has(kind::WINDOW_SCALE) && peer.scale.is_none();
        return (scales && session.state.enforce_window_scale)
            .then_some("INVALID_TCP_WIN_SCALE_OPTION");
    }
    let unsent =
        packet.flags.has(Flags::ACK) && peer.next.is_some_and(|next| next.before(packet.ack));
    if unsent {
        return Some("INVALID_ACK_NUM");
    }
    let beyond = !packet.payload.is_empty() && peer.edge.is_some_and(|e| e.before(packet.seq));
    beyond.then_some("WIN_OVERFLOW")
}

impl Device for Zbfw {
    fn model(&self) -> &'static str {
        "zbfw"
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
        if let Some((id, sender)) = self.table.find_for(pass.packet) {
            return self.in_session(pass, id, sender);
        }
        let (pair, policy) = match self.firewall.crossing(ingress.side()) {
            Crossing::Free => return Forwarding::Through,
            Crossing::Blocked(rule, reason) => {
                let (rule, reason) = (Arc::clone(rule), *reason);
                return self.drop(pass, &rule, reason);
            }
            Crossing::Policed { pair, policy } => (*pair, *policy),
        };
        match self.firewall.decide(policy, pass.packet) {
            Decision::Pass => {
                self.passed += 1;
                Forwarding::Through
            }
            Decision::Inspect { class, enforce_window_scale } => {
                self.open(pass, Session { pair, class, enforce_window_scale })
            }
            Decision::Drop { rule, reason } => self.drop(pass, &rule, reason),
        }
    }

    fn reload(&mut self, _now: SimTime) {
        self.table.clear();
    }

    fn counters(&self) -> Vec<(String, u64)> {
        let mut all = vec![
            ("sessions created".to_owned(), self.created),
            ("sessions now".to_owned(), self.table.len() as u64),
            ("packets passed without a session".to_owned(), self.passed),
        ];
        all.extend(self.drops.iter().map(|(reason, count)| (format!("dropped: {reason}"), *count)));
        all
    }

    fn report(&self) -> Vec<String> {
        let mut shown = vec!["show policy-map type inspect zone-pair sessions".to_owned()];
        for session in self.table.iter() {
            let (pair, class) =
                self.firewall.names(session.state.pair, session.state.class).unwrap_or_default();
            let opening =
                if session.phase < Phase::Established { "SIS_OPENING" } else { "SIS_OPEN" };
            shown.push(format!("  Zone-pair: {pair}, Class-map: {class}"));
            shown.push(format!(
                "    Session ({}:{})=>({}:{}) tcp {opening}",
                session.opened.src.ip(),
                session.opened.src.port(),
                session.opened.dst.ip(),
                session.opened.dst.port()
            ));
        }
        shown
    }
}
