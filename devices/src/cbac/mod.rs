//! Cisco IOS Context-Based Access Control: an access list denies what comes in, inspection of what
//! goes out opens it for the answers. TCP options are not touched (Cisco 116519).

pub(crate) mod inspect;
pub(crate) mod report;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use sim_core::engine::device::{PortId, Rule, Side};
use sim_core::time::SimTime;
use sim_core::wire::packet::{Flags, Flow, Packet};

use crate::catalogue::{MODELLED, ModelInfo};
use crate::ios::half_open::HalfOpen;
use crate::ios::log::Log;
use crate::ios::reassembly::{Order, Reassembly};
use crate::ios::remedy::one_path;
use crate::ios::router::{Admitted, Firewall};
use crate::ios::{self, Interface, IosConfig, Refused, Through, refuse};
use crate::steps::Pass;
use crate::steps::track::{ConnectionId, Phase, Sender, Table, Timeouts};

use inspect::Inspections;

const SEED: &str = "Cisco 116519, MPTCP and Product Support Overview";
pub(crate) const GUIDE: &str =
    "Cisco IOS Security Configuration Guide, Context-Based Access Control";

/// The configuration of a `Cbac()` without text: TCP is inspected from the clients' side out.
pub(crate) const FACTORY: &str = "ip inspect name FW tcp
access-list 101 deny ip any any
ipv6 access-list 102
 deny ipv6 any any
interface Inside
 ip address 10.255.255.1 255.255.255.0
interface Outside
 ip address 10.255.254.1 255.255.255.0
 no ip unreachables
 ip access-group 101 in
 ipv6 traffic-filter 102 in
 ip inspect FW out
";

/// In the catalogue.
pub(crate) const INFO: ModelInfo = ModelInfo {
    name: "Cbac",
    product: "Cisco IOS firewall, context-based access control (CBAC)",
    summary: "Leaves TCP options alone: MPTCP connects, and subflows that clients open join. A subflow \
              opened from outside, or one whose SYN took another way, meets the access list and is \
              dropped without an answer.",
    defaults: &[
        ("TCP options", "not touched", SEED),
        (
            "first packet of a session",
            "opens it when inspected; otherwise the access list decides",
            GUIDE,
        ),
        ("ip inspect tcp synwait-time", "30 s", GUIDE),
        ("ip inspect tcp finwait-time", "5 s", GUIDE),
        ("ip inspect tcp idle-time", "3600 s", GUIDE),
        ("ip inspect max-incomplete high, low", "500, 400", GUIDE),
        ("ip inspect one-minute high, low", "500, 400", GUIDE),
        ("ip inspect tcp max-incomplete host", "50 block-time 0: the oldest is deleted", GUIDE),
        ("ip inspect tcp reassembly", "queue length 16, timeout 5 s; layer 7 only", GUIDE),
        ("segments of no session that access lists permit", "pass", MODELLED),
    ],
    settings: &[
        ("config", "path of the configuration text"),
        ("inside", "interface towards the clients; default: told from ip nat, zones, ip inspect"),
        ("outside", "interface towards the servers"),
    ],
    configuration: "ip inspect (name, tcp timers, max-incomplete, one-minute, max-incomplete host, \
                    reassembly, block-non-session, audit-trail, log drop-pkt), interface (ip inspect, ip \
                    access-group, ipv6 traffic-filter), access-list, ip access-list; and what Nat, \
                    Nbar and Zbfw read",
    example: "ip inspect name FW tcp\naccess-list 101 deny ip any any\ninterface \
              GigabitEthernet0/1\n ip address 192.0.2.1 255.255.255.0\n ip access-group 101 in\n ip \
              inspect FW out\n",
    notes: &[
        "Without configuration text: TCP is inspected from the clients' side out, and an access list \
         denies everything inbound.",
        "A text is believed as IOS has it: unless no ip unreachables stands on the interface, the sender of \
         what an access list denies is told by ICMP (administratively prohibited), and gives the subflow \
         up at once. The factory setting has no ip unreachables, as hardening guides ask for.",
        "Inspection above TCP puts segments in order; what it reads in them is not modelled.",
    ],
};

/// What is kept about a session.
#[derive(Clone, Debug)]
struct Session {
    number: u64,
    protocol: String,
    audited: bool,
    order: Option<Box<Reassembly>>,
}

/// The firewall.
#[derive(Debug)]
pub(crate) struct Cbac {
    rules: Inspections,
    sides: [Option<Interface>; 2],
    block_non_session: Option<Arc<Rule>>,
    table: Table<Session>,
    half_open: HalfOpen,
    /// Whose waiting segments may be free now.
    awake: Option<(ConnectionId, Sender)>,
    created: u64,
    most_half_open: usize,
    most_ending: usize,
}

impl Cbac {
    /// Where an interface inspects; or, without any configuration text, from inside out.
    pub(crate) fn new(config: &IosConfig, sides: &[Option<Interface>; 2]) -> Option<Self> {
        let applied = sides.iter().flatten().any(|i| i.inspect.iter().any(Option::is_some));
        if !applied {
            return None;
        }
        let i = &config.inspections;
        let timeouts =
            Timeouts { embryonic: i.synwait, idle: i.idle, half_closed: i.idle, closed: i.finwait };
        let rule = |place: &sim_core::engine::device::ConfigLine| {
            one_path(Rule::config(place.text.clone(), place.clone(), GUIDE), GUIDE)
        };
        Some(Self {
            block_non_session: i.block_non_session.as_ref().map(rule),
            table: Table::new(timeouts),
            rules: i.clone(),
            sides: sides.clone(),
            half_open: HalfOpen::default(),
            awake: None,
            created: 0,
            most_half_open: 0,
            most_ending: 0,
        })
    }

    /// The protocol that new connections in this direction are inspected for.
    fn inspects(&self, from: Side, packet: &Packet) -> Option<&inspect::Protocol> {
        let near = ios::index(from);
        let applied = |side: usize, through: Through| {
            self.sides[side].as_ref().and_then(|i| i.inspect[through as usize].as_ref())
        };
        let both = [applied(near, Through::In), applied(1 - near, Through::Out)];
        both.into_iter()
            .flatten()
            .find_map(|named| self.rules.protocol(&named.name, packet.dst_port))
    }

    /// Takes a packet of a session.
    fn in_session(
        &mut self,
        pass: &mut Pass<'_>,
        id: ConnectionId,
        sender: Sender,
        log: &mut Log,
    ) -> Result<Admitted, Refused> {
        self.table.observe(pass.now, id, sender, pass.packet);
        self.most_half_open = self.most_half_open.max(self.table.half_open());
        if pass.packet.flags.has(Flags::FIN) {
            let ending = self.table.iter().filter(|c| c.phase > Phase::Established).count();
            self.most_ending = self.most_ending.max(ending);
        }
        let Some(connection) = self.table.get_mut(id) else { return Ok(Admitted::Passes) };
        if let Some(order) = &mut connection.state.order {
            match order.take(pass.now, sender, pass.ingress, pass.packet, &self.rules.room) {
                Ok(Order::Now) => self.awake = Some((id, sender)),
                Ok(Order::Waits) => return Ok(Admitted::Waits),
                Err(refused) => {
                    say_out_of_order(pass, log);
                    return Err(refused);
                }
            }
        }
        Ok(Admitted::Passes)
    }

    fn open(
        &mut self,
        pass: &mut Pass<'_>,
        protocol: &inspect::Protocol,
        log: &mut Log,
    ) -> Result<Admitted, Refused> {
        let flow = pass.packet.flow();
        let host = flow.dst.ip();
        let marks = &self.rules.marks;
        self.half_open.admit(pass.now, host, marks, &mut self.table, GUIDE, log)?;
        self.created += 1;
        let audited = protocol.audit.unwrap_or(self.rules.audit);
        let session = Session {
            number: self.created,
            protocol: protocol.name.clone(),
            audited,
            order: protocol.is_layer_7().then(Box::default),
        };
        let id = self.table.open(pass.now, flow, flow, session);
        if audited {
            let text = format!(
                "Start {} session: initiator ({}) -- responder ({})",
                protocol.name, flow.src, flow.dst
            );
            log.say(pass.now, "FW-6-SESS_AUDIT_TRAIL_START", text);
        }
        self.in_session(pass, id, Sender::Initiator, log)?;
        Ok(Admitted::Opens)
    }
}

/// `%FW-4-TCP_OoO_SEG`.
pub(crate) fn say_out_of_order(pass: &Pass<'_>, log: &mut Log) {
    let p = &*pass.packet;
    let text = format!(
        "Dropping TCP Segment: seq:{} {} bytes is out-of-order. Reason: TCP reassembly queue overflow - session {} to {}",
        p.seq.0,
        p.payload.len,
        p.source(),
        p.destination()
    );
    log.say(pass.now, "FW-4-TCP_OoO_SEG", text);
}

impl Firewall for Cbac {
    fn knows(&self, flow: Flow) -> bool {
        self.table.find(flow).is_some()
    }

    fn opens_access_lists(&self) -> bool {
        true
    }

    fn check(
        &mut self,
        pass: &mut Pass<'_>,
        _config: &IosConfig,
        log: &mut Log,
    ) -> Result<Admitted, Refused> {
        if let Some((id, sender)) = self.table.find_for(pass.packet) {
            return self.in_session(pass, id, sender, log);
        }
        let Some(protocol) = self.inspects(pass.ingress.side(), pass.packet).cloned() else {
            return Ok(Admitted::Passes);
        };
        if pass.packet.flags.is_initial_syn() {
            return self.open(pass, &protocol, log);
        }
        match &self.block_non_session {
            Some(rule) if !pass.packet.flags.has(Flags::RST) => refuse(rule, "no session"),
            _ => Ok(Admitted::Passes),
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

    fn forget(&mut self, flow: Flow) {
        if let Some((id, _)) = self.table.find(flow) {
            self.table.remove(id);
            self.created -= 1;
        }
    }

    fn expire(&mut self, now: SimTime, log: &mut Log) {
        self.table.expire(now, |c| {
            if c.state.audited {
                let [initiator, responder] = c.ends.each_ref().map(|end| end.bytes);
                let text = format!(
                    "Stop {} session: initiator ({}) sent {initiator} bytes -- responder ({}) sent {responder} bytes",
                    c.state.protocol, c.opened.src, c.opened.dst
                );
                log.say(now, "FW-6-SESS_AUDIT_TRAIL", text);
            }
        });
    }

    fn clear(&mut self) {
        self.table.clear();
        self.half_open.clear();
        self.awake = None;
    }

    fn counters(&self) -> Vec<(String, u64)> {
        vec![
            ("sessions created".to_owned(), self.created),
            ("sessions now".to_owned(), self.table.len() as u64),
            ("half-open sessions deleted".to_owned(), self.half_open.deleted),
        ]
    }

    fn show(&self, _now: SimTime) -> Vec<String> {
        self.sessions()
    }
}
