//! Which inspection reads a connection, and what is done about what it finds.

use std::net::SocketAddr;
use std::sync::Arc;

use sim_core::engine::device::{Change, ConfigLine, Forwarding, PortId, Rule};
use sim_core::wire::packet::Flow;

use crate::inspect::dns::Dns;
use crate::inspect::esmtp::Esmtp;
use crate::inspect::ftp::Ftp;
use crate::inspect::http::{Http, HttpRule};
use crate::inspect::sip::Sip;
use crate::inspect::{Engine, Finding};
use crate::steps::Pass;
use crate::steps::forge;
use crate::steps::track::{ConnectionId, Sender};

use super::config::{Inspect, MatchOn, PolicyClass, PolicyMap};
use super::policy::Policy;
use super::{Asa, remedy};

const SOURCE: &str = "ASA CLI configuration guide, application layer protocol inspection";
/// Data connections that are waited for.
const EXPECTED_MAX: usize = 64;
/// Longest DNS message where no line says otherwise (ASA CLI guide, DNS inspection defaults).
const DNS_LENGTH: usize = 512;

/// The inspection of a connection: its line, and the lines of its rules.
#[derive(Clone, Debug)]
pub(super) struct Plan {
    rule: Arc<Rule>,
    /// Its line.
    line: u32,
    what: What,
    /// Lines of the rules that may block.
    lines: Vec<Arc<Rule>>,
}

#[derive(Clone, Debug)]
enum What {
    Ftp { strict: bool },
    Http(Vec<HttpRule>),
    Sip,
    Esmtp { allow_tls: bool },
    Dns { length_maximum: usize },
}

impl Plan {
    /// The engine for a connection that this flow opens.
    pub(super) fn engine(&self, flow: Flow) -> Box<dyn Engine> {
        match &self.what {
            What::Ftp { strict } => Box::new(Ftp::new(flow.src.ip(), flow.dst.ip(), *strict)),
            What::Http(rules) => Box::new(Http::new(rules.clone())),
            What::Sip => Box::new(Sip::default()),
            What::Esmtp { allow_tls } => Box::new(Esmtp::new(*allow_tls)),
            What::Dns { length_maximum } => Box::new(Dns::new(*length_maximum)),
        }
    }

    /// The rule of a finding.
    fn rule(&self, at: usize) -> &Arc<Rule> {
        self.lines.get(at).unwrap_or(&self.rule)
    }
}

/// The port that `match default-inspection-traffic` stands for, by protocol (ASA CLI guide, default
/// inspection traffic).
fn default_port(protocol: &str) -> Option<u16> {
    Some(match protocol {
        "ftp" => 21,
        "http" => 80,
        "esmtp" | "smtp" => 25,
        "sip" => 5060,
        "dns" => 53,
        _ => return None,
    })
}

impl Plan {
    /// Its line, as the configuration has it: `inspect http web`.
    pub(super) fn name(&self) -> &str {
        &self.rule.text
    }
}

impl Policy {
    /// The inspection of a connection that this flow opens: per protocol, the first class that matches.
    pub(super) fn inspection(&self, flow: Flow, ingress: PortId) -> Option<Plan> {
        for (_, map) in self.policies(ingress.side()) {
            for class in &map.classes {
                for inspect in &class.inspections {
                    if default_port(&inspect.protocol).is_some()
                        && self.is_inspected(&class.name, inspect, flow)
                        && let Some(plan) = self.plan(inspect, map, class)
                    {
                        return Some(plan);
                    }
                }
            }
        }
        None
    }

    fn is_inspected(&self, class: &str, inspect: &Inspect, flow: Flow) -> bool {
        let port = default_port(&inspect.protocol);
        if class == "class-default" {
            return port == Some(flow.dst.port());
        }
        let Some(map) = self.config.class_map(class) else { return false };
        // A class that names no port leaves a protocol its own.
        let names_port = map.matches.iter().any(|m| match &m.on {
            MatchOn::TcpPort(_) => true,
            MatchOn::AccessList(_) => true,
            MatchOn::Any | MatchOn::DefaultInspection | MatchOn::Nothing => false,
        });
        let holds = map.matches.iter().all(|m| match m.on {
            MatchOn::DefaultInspection => port == Some(flow.dst.port()),
            _ => self.criterion_holds(m, flow),
        });
        !map.matches.is_empty() && holds && (names_port || port == Some(flow.dst.port()))
    }

    fn plan(&self, inspect: &Inspect, map: &PolicyMap, class: &PolicyClass) -> Option<Plan> {
        let rule = |place: &ConfigLine| Rule::config(place.text.clone(), place.clone(), SOURCE);
        let layer7 = &self.config.layer7;
        let named = inspect.map.as_deref();
        let mut lines = Vec::new();
        let what = match inspect.protocol.as_str() {
            "ftp" => What::Ftp { strict: inspect.strict },
            "http" => {
                let (rules, places) = named
                    .and_then(|name| layer7.http_map(name))
                    .map(super::layer7::HttpMap::blocking)
                    .unwrap_or_default();
                lines = places.iter().map(rule).map(remedy::found).collect();
                What::Http(rules)
            }
            "sip" => What::Sip,
            "esmtp" | "smtp" => {
                let set = named.and_then(|name| layer7.esmtp_maps.get(name));
                What::Esmtp { allow_tls: set.is_some_and(|map| map.allow_tls) }
            }
            "dns" => {
                let set =
                    named.and_then(|name| layer7.dns_maps.get(name)).filter(|m| m.over_tcp)?;
                What::Dns { length_maximum: set.length_maximum.unwrap_or(DNS_LENGTH) }
            }
            _ => return None,
        };
        let mut reads = rule(&inspect.place);
        if matches!(what, What::Esmtp { .. }) {
            reads = remedy::unread(reads, &map.name, &class.name, &inspect.place.text);
        }
        Some(Plan { rule: reads, line: inspect.place.line, what, lines })
    }
}

impl Asa {
    /// Lets the connection's inspection read a segment that goes on, and does what it says.
    pub(super) fn inspect(
        &mut self,
        pass: &mut Pass<'_>,
        id: ConnectionId,
        sender: Sender,
    ) -> Result<(), Forwarding> {
        let Some(connection) = self.table.get_mut(id) else { return Ok(()) };
        let Some(watched) = &mut connection.state.watched else { return Ok(()) };
        if let Some((rule, reason)) = watched.blocked.clone() {
            return Err(self.drop(pass, &rule, reason));
        }
        let (Some(inspection), Some(plan)) = (&mut watched.inspection, &watched.plan) else {
            return Ok(());
        };
        let plan = Arc::clone(plan);
        let found = inspection.read(sender, pass.packet);
        let seen = self.inspected.entry(plan.line).or_default();
        seen.packets += 1;
        if inspection.mask(sender, pass.packet) {
            pass.sign(&plan.rule, Change::Payload { growth: 0 });
        }
        for finding in found {
            match finding {
                Finding::Mask { .. } => {}
                Finding::Expect(address) => self.expect(address),
                Finding::Block { reason, rule, reset } => {
                    let rule = Arc::clone(plan.rule(rule));
                    watch_blocked(self, id, (Arc::clone(&rule), reason));
                    self.counters.failed_inspections += 1;
                    let seen = self.inspected.entry(plan.line).or_default();
                    seen.drops += 1;
                    seen.resets += u64::from(reset);
                    let (names, side) = (&self.policy.interfaces, pass.ingress.side());
                    self.syslog.inspected(names, side, pass.packet, reset);
                    if reset {
                        self.reset_both(pass, id, sender);
                        pass.sign(&rule, Change::Reset { reason });
                    }
                    return Err(self.drop(pass, &rule, reason));
                }
            }
        }
        Ok(())
    }

    fn expect(&mut self, address: SocketAddr) {
        if self.expected.len() < EXPECTED_MAX && !self.expected.contains(&address) {
            self.expected.push(address);
        }
    }

    /// Resets both ends, each with the numbers that it knows.
    fn reset_both(&mut self, pass: &mut Pass<'_>, id: ConnectionId, sender: Sender) {
        let Some(connection) = self.table.get(id) else { return };
        let flow = pass.received;
        for (to, port, addresses) in [
            (sender, pass.ingress, (flow.dst, flow.src)),
            (sender.peer(), pass.ingress.peer(), (flow.src, flow.dst)),
        ] {
            let mut reset = forge::reset(connection, to, addresses, None);
            connection.state.shift.leave(&mut reset, to.peer());
            pass.effects.emit_new(port, reset);
        }
    }
}

fn watch_blocked(asa: &mut Asa, id: ConnectionId, by: (Arc<Rule>, &'static str)) {
    if let Some(connection) = asa.table.get_mut(id)
        && let Some(watched) = &mut connection.state.watched
    {
        watched.blocked = Some(by);
    }
}
