//! Cisco WAAS: an accelerator that looks for its like by TCP option 33 and, between two of them, moves
//! sequence numbers by 2^31 so that nothing on the way mistakes the optimised stream for the plain one.
//!
//! MPTCP is not affected (Cisco 116519), and the bytes show why: a SYN or SYN/ACK of MPTCP has no room
//! for option 33 beside its own options on one way or the other, no peer is found, and the connection
//! passes as it is.

mod config;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Arc;

use sim_core::engine::device::{Change, Device, Effects, Forwarding, PortId, Rule};
use sim_core::time::{SimDuration, SimTime};
use sim_core::wire::packet::{Flags, Packet};

use crate::catalogue::{MODELLED, ModelInfo, RECALLED};
use crate::config::{ConfigDiagnostic, ConfigText, Diagnostics};
use crate::steps::Pass;
use crate::steps::isn::Shift;
use crate::steps::options::{Edit, edit};
use crate::steps::track::{ConnectionId, Phase, Sender, Table, Timeouts};

use config::WaasConfig;

const SEED: &str = "Cisco 116519, MPTCP and Product Support Overview";
const GUIDE: &str = "Cisco Wide Area Application Services Configuration Guide, TFO auto-discovery";
const COMMUNITY: &str = "Cisco community: WAAS sequence numbers, option 0x21";

/// The auto-discovery option's kind.
const DISCOVERY: u8 = 33;
/// Kind, length, version and flags, the device's ID of six bytes, padding: what it says is for WAAS alone.
const OPTION: [u8; 12] = [DISCOVERY, 12, 1, 0, 0x02, 0, 0, 0, 0, 0x21, 0, 0];
/// What sequence numbers are moved by between two accelerators.
const MOVED: u32 = 1 << 31;

/// In the catalogue.
pub(crate) const INFO: ModelInfo = ModelInfo {
    name: "Waas",
    product: "Cisco WAAS (Wide Area Application Services)",
    summary: "Adds option 33 to a SYN or SYN/ACK that has room for it; between two accelerators sequence \
              numbers are moved by 2^31. MPTCP is not affected: its SYN/ACK leaves no room, no peer is \
              found, and the connection passes as it is.",
    defaults: &[
        ("MPTCP", "not affected", SEED),
        ("tfo auto-discovery", "option 33 in SYN and SYN/ACK, twelve bytes", COMMUNITY),
        ("sequence numbers between two accelerators", "moved by 2^31", COMMUNITY),
        ("a header without twelve bytes to spare", "passes without option 33", MODELLED),
        (
            "tfo auto-discovery blacklist",
            "a server that does not answer option 33, for 60 minutes",
            GUIDE,
        ),
        (
            "what is carried between two accelerators",
            "unchanged: compression is not modelled",
            MODELLED,
        ),
        ("connections without a packet", "forgotten after 3600 s", RECALLED),
    ],
    settings: &[("config", "path of the configuration text")],
    configuration: "tfo optimize, tfo auto-discovery blacklist (enable, hold-time), class-map type waas \
                    (match tcp source, destination), policy-map type waas (optimize, pass-through)",
    example: "tfo optimize full\ntfo auto-discovery blacklist enable\ntfo auto-discovery blacklist \
              hold-time 60\nclass-map type waas match-any WEB\n match tcp destination port \
              80\npolicy-map type waas EDGE\n class WEB optimize full\n class class-default \
              pass-through\n",
    notes: &[
        "Without configuration text: every connection is optimised for which a peer is found.",
        "Stand two of them on a path to see plain TCP between them moved by 2^31.",
    ],
};

const TIMEOUTS: Timeouts = Timeouts {
    embryonic: SimDuration::from_secs(60),
    idle: SimDuration::from_secs(3600),
    half_closed: SimDuration::from_secs(600),
    closed: SimDuration::from_secs(5),
};

/// What an accelerator is to a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Role {
    /// It put option 33 into the SYN, and waits for a peer's answer.
    Asked,
    /// The SYN came with option 33: it may answer for the server.
    Called,
    /// No peer, no optimisation.
    Bystander,
    /// A peer was found on the responder's side: numbers are moved towards it.
    Near,
    /// A peer was found on the initiator's side: numbers come moved from it.
    Far,
}

/// The device.
#[derive(Debug)]
pub(crate) struct Waas {
    config: WaasConfig,
    discovers: Arc<Rule>,
    moves: Arc<Rule>,
    table: Table<Role>,
    /// Servers that do not answer option 33, and until when they are left in peace.
    blacklist: BTreeMap<IpAddr, SimTime>,
    optimised: u64,
    passed: u64,
    no_room: u64,
}

/// Builds the device.
///
/// # Errors
/// Lines of the configuration that WAAS would refuse.
pub(crate) fn build(
    text: Option<ConfigText<'_>>,
) -> Result<(Waas, Vec<ConfigDiagnostic>), Vec<ConfigDiagnostic>> {
    let mut found = Diagnostics::new(text.map_or("", |t| t.file));
    let config = text.map_or_else(WaasConfig::default, |t| WaasConfig::read(t, &mut found));
    let warnings = found.into_result()?;
    let device = Waas {
        config,
        discovers: Rule::default("tfo auto-discovery: option 33", COMMUNITY),
        moves: Rule::default("tfo optimize: sequence numbers moved by 2^31", COMMUNITY),
        table: Table::new(TIMEOUTS),
        blacklist: BTreeMap::new(),
        optimised: 0,
        passed: 0,
        no_room: 0,
    };
    Ok((device, warnings))
}

impl Waas {
    /// Adds option 33 where it fits; false where it does not.
    fn ask(&mut self, pass: &mut Pass<'_>) -> bool {
        if pass.packet.options.push(&OPTION).is_err() {
            self.no_room += 1;
            return false;
        }
        pass.sign(&self.discovers, Change::OptionAdded { kind: DISCOVERY });
        true
    }

    /// The SYN of a new connection.
    fn open(&mut self, pass: &mut Pass<'_>) -> ConnectionId {
        let server = pass.packet.dst;
        let role = if pass.packet.options.has(DISCOVERY) {
            Role::Called
        } else if !self.config.optimises(pass.packet.flow())
            || self.blacklist.contains_key(&server)
            || !self.ask(pass)
        {
            self.passed += 1;
            Role::Bystander
        } else {
            Role::Asked
        };
        let flow = pass.packet.flow();
        self.table.open(pass.now, flow, flow, role)
    }

    /// A SYN that comes again: its option may be what keeps the answer away.
    fn ask_again(&mut self, pass: &mut Pass<'_>, id: ConnectionId) {
        let server = pass.packet.dst;
        let Some(connection) = self.table.get_mut(id) else { return };
        if connection.state != Role::Asked {
            return;
        }
        if self.config.blacklists {
            self.blacklist.insert(server, pass.now + self.config.hold);
            connection.state = Role::Bystander;
            self.passed += 1;
        } else {
            self.ask(pass);
        }
    }

    /// The SYN/ACK decides whether there is a peer.
    fn answered(&mut self, pass: &mut Pass<'_>, id: ConnectionId) {
        let Some(role) = self.table.get(id).map(|c| c.state) else { return };
        let has = pass.packet.options.has(DISCOVERY);
        let found = match role {
            Role::Asked if has => {
                let rule = Arc::clone(&self.discovers);
                edit(pass, |o| (o.kind == DISCOVERY).then_some((Edit::Remove, &rule)));
                Role::Near
            }
            // Another one, nearer to the server, has answered.
            Role::Called if has => Role::Bystander,
            Role::Called
                if self.config.optimises(pass.packet.flow().reversed()) && self.ask(pass) =>
            {
                Role::Far
            }
            Role::Asked | Role::Called => Role::Bystander,
            known => known,
        };
        match found {
            Role::Near | Role::Far if found != role => self.optimised += 1,
            Role::Bystander if role != Role::Bystander => self.passed += 1,
            _ => {}
        }
        if found == Role::Near && role == Role::Asked {
            pass.sign(&self.moves, Change::SequenceShifted { by: MOVED });
        }
        if let Some(connection) = self.table.get_mut(id) {
            connection.state = found;
        }
    }

    /// Moves the numbers of a packet of an optimised connection: up towards the peer, down from it.
    fn shift(role: Role, pass: &mut Pass<'_>, sender: Sender) {
        let shift = Shift { by: [MOVED; 2] };
        if matches!(role, Role::Near | Role::Far) && !pass.packet.flags.has(Flags::SYN) {
            // Moving by half of the number space is its own inverse.
            shift.arrive(pass.packet, sender, true);
            shift.leave(pass.packet, sender);
        }
    }
}

impl Device for Waas {
    fn model(&self) -> &'static str {
        "waas"
    }

    fn process(
        &mut self,
        now: SimTime,
        ingress: PortId,
        packet: &mut Packet,
        effects: &mut Effects,
    ) -> Forwarding {
        self.blacklist.retain(|_, until| now < *until);
        let pass = &mut Pass::new(now, ingress, packet, effects);
        let (id, sender) = match self.table.receive(now, pass.packet, |_| {}) {
            Some(found) => {
                if pass.packet.flags.is_initial_syn()
                    && self.table.get(found.0).is_some_and(|c| c.phase == Phase::SynSent)
                {
                    self.ask_again(pass, found.0);
                }
                found
            }
            None if pass.packet.flags.is_initial_syn() => (self.open(pass), Sender::Initiator),
            None => return Forwarding::Through,
        };
        if pass.packet.flags.is_syn_ack() && sender == Sender::Responder {
            self.answered(pass, id);
        }
        self.table.observe(now, id, sender, pass.packet);
        if let Some(connection) = self.table.get(id) {
            Self::shift(connection.state, pass, sender);
        }
        Forwarding::Through
    }

    fn reload(&mut self, _now: SimTime) {
        self.table.clear();
        self.blacklist.clear();
    }

    fn counters(&self) -> Vec<(String, u64)> {
        vec![
            ("connections optimised".to_owned(), self.optimised),
            ("connections passed through".to_owned(), self.passed),
            ("headers without room for option 33".to_owned(), self.no_room),
            ("servers in the blacklist".to_owned(), self.blacklist.len() as u64),
        ]
    }

    fn report(&self) -> Vec<String> {
        let optimised =
            |c: &&crate::steps::track::Connection<Role>| matches!(c.state, Role::Near | Role::Far);
        let now = self.table.iter().filter(optimised).count();
        let mut shown = vec![
            "show statistics connection".to_owned(),
            format!("Current Active Optimized Flows:                      {now}"),
            format!("   Current Active Optimized TCP Only Flows:          {now}"),
            format!(
                "Current Active Pass-Through Flows:                   {}",
                self.table.len() - now
            ),
            format!(
                "Historical Flows:                                    {}",
                self.optimised + self.passed
            ),
        ];
        shown.extend(self.table.iter().map(|c| {
            let accelerated = if optimised(&c) { "T" } else { "PT" };
            format!("{:<22} {:<22} {accelerated}", c.opened.src.to_string(), c.opened.dst)
        }));
        shown
    }
}
