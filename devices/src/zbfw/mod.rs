//! Cisco IOS and IOS-XE zone-based firewall: between zones only what a zone-pair's policy inspects or
//! passes. TCP options are not touched (Cisco 116519).

mod cookies;
mod layer7;
mod policy;
mod remedy;
mod report;
#[cfg(test)]
mod tests;
mod warn;
pub(crate) mod zones;

use std::collections::BTreeMap;
use std::sync::Arc;

use sim_core::engine::device::{Change, PortId, Rule, Side};
use sim_core::time::SimTime;
use sim_core::wire::options::kind;
use sim_core::wire::packet::{Flags, Flow, Packet};

use crate::catalogue::{MODELLED, ModelInfo, RECALLED};
use crate::cbac::say_out_of_order;
use crate::ios::half_open::HalfOpen;
use crate::ios::log::Log;
use crate::ios::reassembly::{Order, Reassembly};
use crate::ios::remedy::one_path;
use crate::ios::router::{Admitted, Firewall};
use crate::ios::{Interface, IosConfig, Refused, refuse};
use crate::spec::DeviceContext;
use crate::steps::track::{Connection, ConnectionId, Sender, Table, Timeouts};
use crate::steps::{Pass, forge};

use cookies::{Cookies, Proxied};
use layer7::Reading;
use policy::{Crossing, Decision, Policies};
use zones::Parameters;

pub(crate) use warn::{warn, warn_of_names};

const SEED: &str = "Cisco 116519, MPTCP and Product Support Overview";
const GUIDE: &str = "Cisco Security Configuration Guide: Zone-Based Policy Firewall";

/// The configuration of a `Zbfw()` without text: zones inside and outside, TCP inspected from inside
/// out, what every guide begins with.
pub(crate) const FACTORY: &str = "class-map type inspect TCP
 match protocol tcp
policy-map type inspect OUT
 class type inspect TCP
  inspect
zone security inside
zone security outside
zone-pair security IN-OUT source inside destination outside
 service-policy type inspect OUT
interface Inside
 ip address 10.255.255.1 255.255.255.0
 zone-member security inside
interface Outside
 ip address 10.255.254.1 255.255.255.0
 zone-member security outside
";

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
        ("within a zone", "pass (IOS-XE; IOS from 15.0(1)M on drops without a zone-pair)", GUIDE),
        ("an interface in a zone and one in none", "drop", RECALLED),
        ("class class-default", "drop", GUIDE),
        ("pass", "one direction only, no session", GUIDE),
        ("tcp synwait-time, finwait-time, idle-time", "30 s, 5 s, 3600 s", GUIDE),
        ("tcp window-scale-enforcement", "strict", GUIDE),
        ("first packet of an inspected session", "must be a SYN without data", GUIDE),
        ("max-incomplete, one-minute, tcp max-incomplete host", "no limit", RECALLED),
        (
            "service-policy http in a class",
            "requests are read in order; reset ends the session",
            GUIDE,
        ),
        ("parameter-map type ooo global", "queue length 16, timeout 5 s; layer 7 only", GUIDE),
        ("SYN of a known session that repeats another number", "dropped", MODELLED),
    ],
    settings: &[
        ("config", "path of the configuration text"),
        ("inside", "interface towards the clients; default: told from ip nat and zones"),
        ("outside", "interface towards the servers"),
    ],
    configuration: "zone security, zone-pair security, class-map / policy-map / parameter-map type \
                    inspect, class-map / policy-map type inspect http, parameter-map type regex, \
                    parameter-map type ooo global, interface (zone-member security, ip nat), \
                    access lists; and what Nat and Nbar read",
    example: "zone security inside\nzone security outside\nclass-map type inspect match-any TCP\n \
              match protocol tcp\npolicy-map type inspect OUT\n class type inspect TCP\n  inspect\n \
              class class-default\n  drop\nzone-pair security IN-OUT source inside destination \
              outside\n service-policy type inspect OUT\n",
    notes: &[
        "Without configuration text: zones inside and outside, TCP inspected from inside out, nothing \
         the other way.",
        "IOS-XE does not inspect with a class-map of layer 7 that it has no parser for; the model \
         takes match protocol by its port.",
        "With tcp syn-flood limit the firewall answers SYNs itself above that many half-open sessions: those \
         connections are plain TCP. The answer carries an MSS and no other option, as TCP Intercept's does.",
    ],
};

/// What is kept about a session.
#[derive(Debug)]
struct Session {
    number: u64,
    /// Zone-pair and class, for the report.
    pair: usize,
    class: usize,
    enforce_window_scale: bool,
    order: Option<Box<Reassembly>>,
    /// Where the policy reads requests.
    reading: Option<Box<Reading>>,
    /// Where its SYN was answered by the firewall.
    proxied: Option<Box<Proxied>>,
}

/// What a class of a zone-pair has seen.
#[derive(Clone, Copy, Debug, Default)]
struct Tally {
    packets: u64,
    bytes: u64,
    sessions: u64,
}

/// The firewall.
#[derive(Debug)]
pub(crate) struct Zbfw {
    policies: Policies,
    malformed: Arc<Rule>,
    table: Table<Session>,
    half_open: HalfOpen,
    cookies: Option<Cookies>,
    awake: Option<(ConnectionId, Sender)>,
    created: u64,
    passed: u64,
    /// Sessions that deep inspection has reset.
    reset: u64,
    /// Packets of its own that are to be sent, each with the port that it comes from.
    made: Vec<(PortId, Packet)>,
    /// By zone-pair and class.
    tallies: BTreeMap<(usize, usize), Tally>,
}

impl Zbfw {
    /// The firewall between the zones of these interfaces.
    pub(crate) fn new(
        config: &IosConfig,
        sides: &[Option<Interface>; 2],
        context: &DeviceContext<'_>,
    ) -> Self {
        let policies = Policies::new(config, policy::zones_of(config, sides));
        let p = policies.parameters().cloned().unwrap_or_else(|| Parameters::named("default"));
        let timeouts =
            Timeouts { embryonic: p.synwait, idle: p.idle, half_closed: p.idle, closed: p.finwait };
        Self {
            policies,
            malformed: one_path(Rule::default("inspect: TCP state checks", GUIDE), GUIDE),
            table: Table::new(timeouts),
            half_open: HalfOpen::default(),
            cookies: Cookies::new(config, context),
            awake: None,
            created: 0,
            passed: 0,
            reset: 0,
            made: Vec::new(),
            tallies: BTreeMap::new(),
        }
    }

    /// The class that the first packet of a connection from inside is in; `None` without a policy.
    pub(crate) fn class_of(&self, config: &IosConfig, flow: Flow) -> Option<String> {
        let Crossing::Policed { pair, policy } = self.policies.crossing(Side::Inside) else {
            return None;
        };
        let mut packet = Packet::new(flow.src, flow.dst);
        packet.flags = Flags::SYN;
        let class = self.policies.class_at(config, *policy, &packet);
        Some(self.policies.names(*pair, class).1.to_owned())
    }

    fn in_session(
        &mut self,
        pass: &mut Pass<'_>,
        id: ConnectionId,
        sender: Sender,
        log: &mut Log,
    ) -> Result<Admitted, Refused> {
        if let Some(admitted) = self.answer(pass, id, sender)? {
            return Ok(admitted);
        }
        if let Some(reason) = self.table.get(id).and_then(|c| fault(c, sender, pass.packet)) {
            let (pair, class) =
                self.table.get(id).map_or((0, 0), |c| (c.state.pair, c.state.class));
            if self.policies.logs_drops {
                self.say_drop(pass, pair, class, reason, log);
            }
            return refuse(&self.malformed, reason);
        }
        self.table.observe(pass.now, id, sender, pass.packet);
        let Some(connection) = self.table.get_mut(id) else { return Ok(Admitted::Passes) };
        let tally =
            self.tallies.entry((connection.state.pair, connection.state.class)).or_default();
        tally.packets += 1;
        tally.bytes += u64::from(pass.packet.wire_len());
        if let Some(order) = &mut connection.state.order {
            match order.take(pass.now, sender, pass.ingress, pass.packet, self.policies.room()) {
                Ok(Order::Now) => {
                    self.awake = Some((id, sender));
                    self.read_session(pass, id, sender)?;
                }
                Ok(Order::Waits) => return Ok(Admitted::Waits),
                Err(refused) => {
                    say_out_of_order(pass, log);
                    return Err(refused);
                }
            }
        }
        self.depart(id, sender, pass.packet);
        Ok(Admitted::Passes)
    }

    /// Lets the deep inspection of a session read a segment that is in order.
    fn read_session(
        &mut self,
        pass: &mut Pass<'_>,
        id: ConnectionId,
        sender: Sender,
    ) -> Result<(), Refused> {
        const REASON: &str = "inspect http: reset";
        let Some(connection) = self.table.get_mut(id) else { return Ok(()) };
        let Some(reading) = &mut connection.state.reading else { return Ok(()) };
        if let Some(rule) = &reading.reset {
            return refuse(rule, REASON);
        }
        if !reading.read(sender, pass) {
            return Ok(());
        }
        let [mut to_sender, mut to_peer] = forge::resets(connection, sender, pass.packet, false);
        self.depart(id, sender.peer(), &mut to_sender);
        self.depart(id, sender, &mut to_peer);
        self.made.extend([(pass.ingress.peer(), to_sender), (pass.ingress, to_peer)]);
        self.reset += 1;
        let rule = self.table.get(id).and_then(|c| c.state.reading.as_ref()?.reset.clone());
        let Some(rule) = rule else { return Ok(()) };
        pass.sign(&rule, Change::Reset { reason: REASON });
        refuse(&rule, REASON)
    }

    fn open(
        &mut self,
        pass: &mut Pass<'_>,
        session: Session,
        parameters: &Parameters,
        log: &mut Log,
    ) -> Result<Admitted, Refused> {
        let (pair, class) = (session.pair, session.class);
        let packet = &*pass.packet;
        let reason = match (packet.flags.is_initial_syn(), packet.payload.is_empty()) {
            (false, _) => "INVALID_TCP_INITIATOR",
            (true, false) => "SYN_WITH_DATA",
            (true, true) => {
                let flow = packet.flow();
                let marks = &parameters.marks;
                self.half_open.admit(
                    pass.now,
                    flow.dst.ip(),
                    marks,
                    &mut self.table,
                    GUIDE,
                    log,
                )?;
                self.created += 1;
                self.tallies.entry((pair, class)).or_default().sessions += 1;
                let proxied = self.proxy(pass.packet);
                let session = Session { number: self.created, proxied, ..session };
                let id = self.table.open(pass.now, flow, flow, session);
                return Ok(match self.in_session(pass, id, Sender::Initiator, log)? {
                    Admitted::Passes => Admitted::Opens,
                    other => other,
                });
            }
        };
        if self.policies.logs_drops {
            self.say_drop(pass, pair, class, reason, log);
        }
        refuse(&self.malformed, reason)
    }

    /// `%FW-6-DROP_PKT`.
    fn say_drop(
        &self,
        pass: &Pass<'_>,
        pair: usize,
        class: usize,
        reason: &'static str,
        log: &mut Log,
    ) {
        let (pair, class) = self.policies.names(pair, class);
        let p = &*pass.packet;
        let text = format!(
            "Dropping tcp session {} {} on zone-pair {pair} class {class} due to  {reason} with ip ident {}",
            p.source(),
            p.destination(),
            p.ip_id
        );
        log.say(pass.now, "FW-6-DROP_PKT", text);
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
    if packet.flags.is_initial_syn() {
        let other = session.end(sender).isn.is_some_and(|isn| isn != packet.seq);
        return other.then_some("INVALID_SEG_SYNRCVD");
    }
    if !packet.flags.has(Flags::ACK) {
        return Some("INVALID_ACK_FLAG");
    }
    if peer.next.is_some_and(|next| next.before(packet.ack)) {
        return Some("INVALID_ACK_NUM");
    }
    let beyond = !packet.payload.is_empty() && peer.edge.is_some_and(|e| e.before(packet.seq));
    beyond.then_some("WIN_OVERFLOW")
}

impl Firewall for Zbfw {
    fn knows(&self, flow: Flow) -> bool {
        self.table.find(flow).is_some()
    }

    fn opens_access_lists(&self) -> bool {
        false
    }

    fn check(
        &mut self,
        pass: &mut Pass<'_>,
        config: &IosConfig,
        log: &mut Log,
    ) -> Result<Admitted, Refused> {
        if let Some((id, sender)) = self.table.find_for(pass.packet) {
            return self.in_session(pass, id, sender, log);
        }
        let (pair, policy) = match self.policies.crossing(pass.ingress.side()) {
            Crossing::Free => return Ok(Admitted::Passes),
            Crossing::Blocked(rule, reason) => return refuse(rule, reason),
            Crossing::Policed { pair, policy } => (*pair, *policy),
        };
        match self.policies.decide(config, policy, pass.packet) {
            Decision::Pass => {
                self.passed += 1;
                Ok(Admitted::Passes)
            }
            Decision::Inspect { class, parameters, layer_7, deep } => {
                let reading = deep.map(Reading::new);
                let parameters = parameters.clone();
                let session = Session {
                    number: 0,
                    pair,
                    class,
                    enforce_window_scale: parameters.enforce_window_scale,
                    order: layer_7.then(Box::default),
                    reading,
                    proxied: None,
                };
                self.open(pass, session, &parameters, log)
            }
            Decision::Drop { class, rule, reason } => {
                let tally = self.tallies.entry((pair, class)).or_default();
                tally.packets += 1;
                tally.bytes += u64::from(pass.packet.wire_len());
                if self.policies.logs_drops || rule.text.ends_with("drop log") {
                    self.say_drop(pass, pair, class, reason, log);
                }
                refuse(&rule, reason)
            }
        }
    }

    fn released(&mut self) -> Option<(PortId, Packet)> {
        let (id, sender) = self.awake?;
        let order = self.table.get_mut(id).and_then(|c| c.state.order.as_mut());
        let freed = order.and_then(|order| order.released(sender));
        if freed.is_none() {
            self.awake = None;
        }
        freed
    }

    fn read(&mut self, pass: &mut Pass<'_>) -> Result<(), Refused> {
        match self.table.find_for(pass.packet) {
            Some((id, sender)) => {
                self.read_session(pass, id, sender)?;
                self.depart(id, sender, pass.packet);
                Ok(())
            }
            None => Ok(()),
        }
    }

    fn made(&mut self) -> Vec<(PortId, Packet)> {
        std::mem::take(&mut self.made)
    }

    fn forget(&mut self, flow: Flow) {
        if let Some((id, _)) = self.table.find(flow) {
            self.table.remove(id);
            self.created -= 1;
        }
    }

    fn expire(&mut self, now: SimTime, _log: &mut Log) {
        self.table.expire(now, |_| {});
    }

    fn clear(&mut self) {
        self.table.clear();
        self.half_open.clear();
        self.awake = None;
        self.made.clear();
    }

    fn counters(&self) -> Vec<(String, u64)> {
        let mut all = vec![
            ("sessions created".to_owned(), self.created),
            ("sessions now".to_owned(), self.table.len() as u64),
            ("half-open sessions deleted".to_owned(), self.half_open.deleted),
            ("packets passed without a session".to_owned(), self.passed),
        ];
        if let Some(cookies) = &self.cookies {
            all.push(("sessions answered with a SYN cookie".to_owned(), cookies.answered));
        }
        if self.policies.reads_requests() {
            all.push(("sessions reset by deep inspection".to_owned(), self.reset));
        }
        all
    }

    fn show(&self, now: SimTime) -> Vec<String> {
        self.pairs(now)
    }
}
