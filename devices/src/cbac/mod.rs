//! Cisco IOS Context-Based Access Control: an access list denies what comes in, inspection of what
//! goes out opens it for the answers. TCP options are not touched (Cisco 116519).

pub(crate) mod inspect;

use std::sync::Arc;

use sim_core::engine::device::{Device, Effects, Forwarding, PortId, Rule, Side};
use sim_core::time::SimTime;
use sim_core::wire::packet::Packet;

use crate::catalogue::ModelInfo;
use crate::config::{ConfigDiagnostic, ConfigText, Diagnostics, lines};
use crate::ios::{self, Interface, IosConfig, Through};
use crate::steps::Pass;
use crate::steps::track::{Connection, Phase, Table, Timeouts};

const SEED: &str = "Cisco 116519, MPTCP and Product Support Overview";
const GUIDE: &str = "Cisco IOS Security Configuration Guide, Context-Based Access Control";

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
    ],
    settings: &[
        ("config", "path of the configuration text"),
        ("inside", "interface towards the clients; default: told from ip nat, ip inspect"),
        ("outside", "interface towards the servers"),
    ],
    configuration: "ip inspect (name, tcp timers, max-incomplete, block-non-session), interface (ip \
                    inspect, ip access-group, ipv6 traffic-filter, ip nat), access-list, ip access-list",
    example: "ip inspect name FW tcp\naccess-list 101 deny ip any any\ninterface \
              GigabitEthernet0/1\n ip address 192.0.2.1 255.255.255.0\n ip access-group 101 in\n ip \
              inspect FW out\n",
    notes: &[
        "Without configuration text: TCP is inspected from the clients' side out, and an access list \
         denies everything inbound.",
        "Segments of no session that the access lists permit pass, unless block-non-session is set: \
         a modelling decision.",
    ],
};

/// Builds the device.
///
/// # Errors
/// Lines of the configuration that IOS would refuse.
pub(crate) fn build(
    given: [Option<&str>; 2],
    text: Option<ConfigText<'_>>,
) -> Result<(Cbac, Vec<ConfigDiagnostic>), Vec<ConfigDiagnostic>> {
    let text = text.unwrap_or(ConfigText { file: "", text: "" });
    let mut found = Diagnostics::new(text.file);
    let config = ios::read(text, &mut found);
    // An access list tells sides only where no inspection does: both sides may have one.
    let inspection_tells = config.interfaces.iter().any(|i| i.inspect.iter().any(Option::is_some));
    let tells = |i: &Interface| match &i.inspect {
        [_, Some(_)] => Some(Side::Outside),
        [Some(_), None] => Some(Side::Inside),
        [None, None] if inspection_tells => None,
        [None, None] => i.access[0].as_ref().map(|_| Side::Outside),
    };
    let sides = config.sides(given, tells).map(|i| i.cloned());
    warn(&config, &sides, text, &mut found);
    let warnings = found.into_result()?;
    Ok((Cbac::new(config, sides, text.text.is_empty()), warnings))
}

/// Says which names are undefined and what is not in effect.
fn warn(
    config: &IosConfig,
    sides: &[Option<Interface>; 2],
    text: ConfigText<'_>,
    found: &mut Diagnostics,
) {
    let all = lines(text.text);
    if all.is_empty() || found.has_errors() {
        return;
    }
    let mut say = |at: u32, word: &str, message: String| {
        if let Ok(at) = all.binary_search_by_key(&at, |l| l.number) {
            let word = all[at].words.iter().find(|w| **w == word).copied().unwrap_or("");
            found.warn(&all[at], word, message);
        }
    };
    for interface in &config.interfaces {
        for named in interface.inspect.iter().flatten() {
            if !config.inspections.rules.contains_key(&named.name) {
                let message =
                    format!("no ip inspect name {}: nothing is inspected here", named.name);
                say(named.place.line, &named.name, message);
            }
        }
        for named in interface.access.iter().chain(&interface.access_v6).flatten() {
            if !config.access_lists.contains_key(&named.name) {
                let message =
                    format!("access list {} is not defined: everything is permitted", named.name);
                say(named.place.line, &named.name, message);
            }
        }
    }
    for (side, name) in sides.iter().zip(["inside (clients)", "outside (servers)"]) {
        if side.is_none() {
            let message = format!(
                "which interface is {name} cannot be told from the text: none of its rules applies there; name it in the scenario"
            );
            say(all[0].number, "", message);
        }
    }
}

/// The device.
#[derive(Debug)]
pub(crate) struct Cbac {
    config: IosConfig,
    /// Interfaces by side; `None`: no rules there.
    sides: [Option<Interface>; 2],
    /// No configuration text: inspect from inside out, deny inbound.
    factory: bool,
    denied: Arc<Rule>,
    block_non_session: Option<Arc<Rule>>,
    table: Table<()>,
    created: u64,
    deleted_half_open: u64,
    dropped: u64,
}

impl Cbac {
    fn new(config: IosConfig, sides: [Option<Interface>; 2], factory: bool) -> Self {
        let i = &config.inspections;
        let timeouts =
            Timeouts { embryonic: i.synwait, idle: i.idle, half_closed: i.idle, closed: i.finwait };
        Self {
            denied: Rule::default(
                "the inbound access list denies what no session has opened",
                GUIDE,
            ),
            block_non_session: i
                .block_non_session
                .as_ref()
                .map(|place| Rule::config(place.text.clone(), place.clone(), GUIDE)),
            table: Table::new(timeouts),
            config,
            sides,
            factory,
            created: 0,
            deleted_half_open: 0,
            dropped: 0,
        }
    }

    /// The access lists of the two interfaces that a packet of no session crosses.
    fn permits(&self, from: Side, packet: &Packet) -> Result<(), Arc<Rule>> {
        if self.factory && from == Side::Outside {
            return Err(Arc::clone(&self.denied));
        }
        let (near, far) = self.crossed(from);
        near.map_or(Ok(()), |i| self.config.permits(i, Through::In, packet))?;
        far.map_or(Ok(()), |i| self.config.permits(i, Through::Out, packet))
    }

    fn crossed(&self, from: Side) -> (Option<&Interface>, Option<&Interface>) {
        let near = ios::index(from);
        (self.sides[near].as_ref(), self.sides[1 - near].as_ref())
    }

    /// Whether new connections in this direction are inspected.
    fn inspects(&self, from: Side, packet: &Packet) -> bool {
        if self.factory {
            return from == Side::Inside;
        }
        let (near, far) = self.crossed(from);
        let applied = [
            near.and_then(|i| i.inspect[Through::In as usize].as_ref()),
            far.and_then(|i| i.inspect[Through::Out as usize].as_ref()),
        ];
        applied.iter().flatten().any(|n| self.config.inspections.covers(&n.name, packet.dst_port))
    }

    /// Above the high mark of half-open sessions, the oldest go until the low mark is reached.
    fn make_room(&mut self) {
        let (high, low) =
            (self.config.inspections.incomplete_high, self.config.inspections.incomplete_low);
        if self.table.half_open() < high as usize {
            return;
        }
        while self.table.half_open() >= (low.min(high) as usize).max(1)
            && let Some(oldest) = self.table.oldest_half_open()
        {
            self.table.remove(oldest);
            self.deleted_half_open += 1;
        }
    }
}

impl Device for Cbac {
    fn model(&self) -> &'static str {
        "cbac"
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
            self.table.observe(now, id, sender, pass.packet);
            return Forwarding::Through;
        }
        let from = ingress.side();
        if let Err(rule) = self.permits(from, pass.packet) {
            self.dropped += 1;
            return pass.drop(&rule, "access list");
        }
        if !self.inspects(from, pass.packet) {
            return Forwarding::Through;
        }
        if pass.packet.flags.is_initial_syn() {
            self.make_room();
            let id = self.table.open(now, pass.received, pass.received, ());
            self.table.observe(now, id, crate::steps::track::Sender::Initiator, pass.packet);
            self.created += 1;
        } else if let Some(rule) = &self.block_non_session {
            self.dropped += 1;
            return pass.drop(rule, "no session");
        }
        Forwarding::Through
    }

    fn reload(&mut self, _now: SimTime) {
        self.table.clear();
    }

    fn counters(&self) -> Vec<(String, u64)> {
        vec![
            ("sessions created".to_owned(), self.created),
            ("sessions now".to_owned(), self.table.len() as u64),
            ("half-open sessions deleted".to_owned(), self.deleted_half_open),
            ("packets dropped".to_owned(), self.dropped),
        ]
    }

    fn report(&self) -> Vec<String> {
        let line = |c: &Connection<()>| {
            let opening = if c.phase < Phase::Established { "SIS_OPENING" } else { "SIS_OPEN" };
            format!(
                " Session ({}:{})=>({}:{}) tcp {opening}",
                c.opened.src.ip(),
                c.opened.src.port(),
                c.opened.dst.ip(),
                c.opened.dst.port()
            )
        };
        let (half, full): (Vec<_>, Vec<_>) =
            self.table.iter().partition(|c| c.phase < Phase::Established);
        let mut shown = vec!["show ip inspect sessions".to_owned()];
        for (title, sessions) in [("Established Sessions", full), ("Half-open Sessions", half)] {
            if !sessions.is_empty() {
                shown.push(title.to_owned());
                shown.extend(sessions.into_iter().map(line));
            }
        }
        shown
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Severity;
    use crate::steps::track::Sender::{Initiator, Responder};
    use crate::testing::{
        CLIENT, OUTSIDE, SERVER, SYN_OPTIONS, segment, send, send_from, with_options,
    };
    use sim_core::engine::device::Origin;
    use sim_core::wire::packet::Flags;

    const SYN_ACK: Flags = Flags(0x12);
    const TEXT: &str = "ip inspect name FW tcp\naccess-list 101 deny ip any any\n!\ninterface \
                        GigabitEthernet0/0\n ip address 10.0.1.1 255.255.255.0\n!\ninterface \
                        GigabitEthernet0/1\n ip address 10.1.1.1 255.255.255.0\n ip access-group 101 \
                        in\n ip inspect FW out\n";

    fn cbac(text: &str) -> Cbac {
        let (device, warnings) =
            build([None; 2], Some(ConfigText { file: "r.cfg", text })).unwrap();
        assert_eq!(warnings, []);
        device
    }

    fn syn() -> Packet {
        with_options(segment(Initiator, Flags::SYN, 1, 0, 0), &SYN_OPTIONS)
    }

    fn from_outside() -> Packet {
        let mut packet = syn();
        (packet.src, packet.dst) = (SERVER.ip(), CLIENT.ip());
        packet
    }

    #[test]
    fn sessions_let_the_answers_in_and_options_stay() {
        for mut device in [cbac(TEXT), build([None; 2], None).unwrap().0] {
            let answer = || with_options(segment(Responder, SYN_ACK, 9, 2, 0), &SYN_OPTIONS);
            assert_eq!(send(&mut device, 0, answer()).drop_reason(), Some("access list"));
            let out = send(&mut device, 1, syn());
            assert_eq!(
                (out.forwarding, &out.packet),
                (Forwarding::Through, &Packet { uid: out.packet.uid, ..syn() })
            );
            let out = send(&mut device, 2, answer());
            assert_eq!((out.drop_reason(), out.effects.changes.len()), (None, 0));
            let out = send_from(&mut device, 3, OUTSIDE, from_outside());
            assert_eq!(out.drop_reason(), Some("access list"), "opened from outside");
            device.reload(SimTime::ZERO);
            assert_eq!(send(&mut device, 4, answer()).drop_reason(), Some("access list"));
        }
    }

    #[test]
    fn the_denying_line_signs() {
        let mut device = cbac(TEXT);
        let out = send_from(&mut device, 0, OUTSIDE, from_outside());
        assert!(matches!(&out.rule("dropped").origin, Origin::Config(l) if l.line == 2));
    }

    #[test]
    fn what_is_not_inspected_gets_no_answer() {
        let check = |text: &str, answered: bool| {
            let mut device = cbac(text);
            assert_eq!(send(&mut device, 0, syn()).drop_reason(), None, "{text}");
            let out = send(&mut device, 1, segment(Responder, SYN_ACK, 9, 2, 0));
            assert_eq!(out.drop_reason().is_none(), answered, "{text}");
        };
        check(TEXT, true);
        check(&TEXT.replace("FW tcp", "FW ftp"), false);
        check(&TEXT.replace("deny ip any any", "permit tcp any any established"), true);
        let inward = TEXT
            .replace(" ip inspect FW out\n", "")
            .replace("10.0.1.1 255.255.255.0\n", "10.0.1.1 255.255.255.0\n ip inspect FW in\n");
        check(&inward, true);
        // An access list on the clients' side, too, does not make that side the outside.
        let both = TEXT.replace(
            "10.0.1.1 255.255.255.0\n",
            "10.0.1.1 255.255.255.0\n ip access-group 100 in\n",
        );
        check(&format!("{both}access-list 100 permit ip any any\n"), true);
        let named = TEXT
            .replace(
                "access-list 101 deny ip any any",
                "ip access-list extended block\n deny ip any any",
            )
            .replace("access-group 101", "access-group block");
        check(&named, true);
    }

    #[test]
    fn sessions_time_out_and_half_open_ones_are_limited() {
        let mut device = cbac(&format!("ip inspect tcp synwait-time 5\n{TEXT}"));
        send(&mut device, 0, syn());
        let answer = segment(Responder, SYN_ACK, 9, 2, 0);
        assert_eq!(send(&mut device, 5_000, answer).drop_reason(), Some("access list"));
        let limited =
            format!("ip inspect max-incomplete high 3\nip inspect max-incomplete low 2\n{TEXT}");
        let mut device = cbac(&limited);
        for port in 0..4 {
            let mut packet = syn();
            packet.src_port = 1000 + port;
            send(&mut device, u64::from(port), packet);
        }
        assert_eq!(device.counters()[2].1, 2, "at the fourth, the two oldest went");
    }

    #[test]
    fn what_is_said_about_the_text() {
        let check = |text: &str, severity, line, says: &str| {
            let found = match build([None; 2], Some(ConfigText { file: "r.cfg", text })) {
                Ok((_, warnings)) => warnings,
                Err(errors) => errors,
            };
            let first = found.first().unwrap_or_else(|| panic!("nothing said about {text}"));
            assert_eq!((first.severity, first.line), (severity, line), "{first}");
            assert!(first.message.contains(says), "{first}");
        };
        check(
            &TEXT.replace("inspect FW out", "inspect Fw out"),
            Severity::Warning,
            10,
            "no ip inspect name Fw",
        );
        check(&TEXT.replace("group 101", "group 102"), Severity::Warning, 9, "not defined");
        check(
            &format!("{TEXT}ip inspect tcp idle-time x\n"),
            Severity::Error,
            11,
            "expected seconds",
        );
        check(&format!("{TEXT}ip inspect nam X tcp\n"), Severity::Error, 11, "unknown command");
        check("ip inspect name FW tcp\n", Severity::Warning, 1, "cannot be told");
    }
}
