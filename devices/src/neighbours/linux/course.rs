//! The course of a packet through the chains: which it passes, in which order, and what their rules make of it.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::Arc;

use sim_core::engine::device::{Change, Forwarding, PortId, Rule};
use sim_core::wire::packet::Packet;
use sim_core::wire::seq::Seq;

use crate::ios::{Refused, refuse};
use crate::steps::options::{Edit, edit};
use crate::steps::syn_proxy::{Step, SynProxy};
use crate::steps::track::{ConnectionId, Sender};
use crate::steps::{Pass, mss, ttl};

use super::answer::answer;
use super::marks::Supposed;
use super::matches::Circumstances;
use super::rules::{Base, Entry, Hook};
use super::target::Target;
use super::{INCLUDED, INCLUDED_EARLY, Linux, Met, Routed, State, UFW, loopback_mss};

/// Most rules that a packet is held against in a chain: where chains call others many times over that has no end.
const STEPS_MAX: usize = 100_000;

/// What is known of a packet on its way through the chains.
struct Course {
    found: Option<(ConnectionId, Sender)>,
    is_tracked: bool,
    /// An end of its connection is this host.
    is_here: bool,
    /// On its way to what stands at the second port; what this host sends to itself goes out before it comes in.
    is_inward: bool,
    /// It leaves by the loopback interface, and comes in by it again, though another host is called.
    loops: bool,
    is_translated: bool,
    /// A rule has said where it goes to, if only where it went before: later chains of translation are not asked.
    is_bound: bool,
    /// The packet's mark, and the connection's; nothing: one that the text does not tell.
    marks: [Option<u32>; 2],
    /// The rule that gave it its mark.
    marked_by: Option<Arc<Rule>>,
    /// Where the connection comes from, if not from who opened it.
    mask: Option<IpAddr>,
}

/// What a table of chains decided.
enum Fate {
    /// On to the next table.
    Goes,
    /// The packet is answered or kept.
    Taken(Forwarding),
}

impl Linux {
    /// The state of a packet's connection, as conntrack has it.
    fn state_of(&self, found: Option<(ConnectionId, Sender)>, packet: &Packet) -> &'static str {
        let seen = found.and_then(|(id, _)| self.table.get(id));
        match seen {
            Some(c) if c.ends.iter().all(|e| e.next.is_some()) => "ESTABLISHED",
            // An answer.
            Some(_) if matches!(found, Some((_, Sender::Responder))) => "ESTABLISHED",
            Some(_) => "NEW",
            None if packet.flags.is_initial_syn() => "NEW",
            None => "INVALID",
        }
    }

    /// Through a chain that every packet passes, as the packet is there: what answers a connection that was given another
    /// address to come from goes to that, until conntrack gives it back its own (Linux, `nf_nat_inet_fn`).
    fn chain(
        &mut self,
        base: usize,
        pass: &mut Pass<'_>,
        course: &mut Course,
    ) -> Result<Fate, Refused> {
        let is_early = self.rules.base(base).is_some_and(|base| base.is_before_nat);
        let is_answer = matches!(course.found, Some((_, Sender::Responder)));
        let Some(mask) = course.mask.filter(|_| is_early && is_answer) else {
            return self.hold(base, pass, course, false);
        };
        let own = std::mem::replace(&mut pass.packet.dst, mask);
        let fate = self.hold(base, pass, course, true);
        pass.packet.dst = own;
        fate
    }

    /// Through the rules of a chain, and of those of users that it calls; `is_masked`: the packet goes to an address of this
    /// host.
    fn hold(
        &mut self,
        base: usize,
        pass: &mut Pass<'_>,
        course: &mut Course,
        is_masked: bool,
    ) -> Result<Fate, Refused> {
        let found = course.found;
        let state = self.state_of(found, pass.packet);
        let is_inward = course.is_inward;
        let way = if is_inward { [0, 1] } else { [1, 0] };
        let is_of_loopback = self.is_of_loopback() || course.loops;
        let mut interfaces = self.interfaces.clone();
        if let Some([name, _]) = interfaces.as_mut().filter(|_| course.loops) {
            "lo".clone_into(name);
        }
        let masks = base >= self.rules.bases.len();
        let Some(Base { table, chain, hook, is_before_conntrack, is_nat, when, policy, .. }) =
            self.rules.base(base)
        else {
            return Ok(Fate::Goes);
        };
        // Where a packet goes out is not known before it is routed; what this host sends came in nowhere.
        let is_told = match hook {
            Hook::Ingress | Hook::Prerouting | Hook::Input => [true, false],
            Hook::Output => [false, true],
            Hook::Forward | Hook::Postrouting | Hook::Egress => [true, true],
        };
        // What this host sends to itself comes in with the connection that it has from when it left.
        let is_unseen = *is_before_conntrack && !(is_of_loopback && is_inward);
        let is_reply = matches!(found, Some((_, Sender::Responder)));
        let is_of_proxy = self.routed.is_proxied;
        let Supposed { owner, mss, .. } = self.supposed;
        let is_six = pass.packet.dst.is_ipv6();
        let mss = match pass.packet.flags.is_initial_syn() {
            true => mss,
            false => is_of_loopback.then(|| loopback_mss(is_six)),
        };
        let around = |course: &Course| Circumstances {
            state: match course.is_tracked {
                true if is_unseen => "INVALID",
                true => state,
                false => "UNTRACKED",
            },
            interfaces: interfaces.as_ref().map(|names| {
                let name = |at: usize| if is_told[at] { names[way[at]].as_str() } else { "" };
                [name(0), name(1)]
            }),
            hosts: match is_masked {
                true => [false, true],
                // Of what goes to its proxy one end is this host.
                false if course.loops => [!is_reply, is_reply],
                false => [!is_inward, is_inward].map(|it| course.is_here && (it || is_of_loopback)),
            },
            is_sent: course.is_here && !is_inward,
            is_translated: course.is_translated,
            is_reply: (course.is_tracked && !is_unseen).then_some(is_reply),
            socket: (course.is_here && found.is_some()).then_some(is_of_proxy && !is_reply),
            mss,
            mark: course.marks[0],
            connection_mark: (course.is_tracked && !is_unseen).then_some(course.marks[1]),
            owner,
        };
        let is_met = match hook {
            Hook::Forward => !course.is_here,
            Hook::Input => course.is_here && is_inward,
            Hook::Output => course.is_here && !is_inward,
            Hook::Ingress | Hook::Prerouting => !course.is_here || is_inward,
            Hook::Postrouting | Hook::Egress => !course.is_here || !is_inward,
        };
        if !is_met {
            return Ok(Fate::Goes);
        }
        // What this host sends to itself got its destination when it left.
        let is_own = *hook == Hook::Prerouting && is_of_loopback;
        if *is_nat && !masks && (is_own || !self.is_asked_to_translate(pass.packet, course)) {
            return Ok(Fate::Goes);
        }
        if !when.iter().all(|(negated, on)| on.holds(*negated, pass.packet, around(course))) {
            return Ok(Fate::Goes);
        }
        let (table, policy) = (*table, policy.clone());
        let is_daring = self.daring.is_none_or(|port| port == pass.ingress);
        let call = |of: &Self, name: &str| of.rules.chain(table, name).map(|chain| (chain, 0));
        let mut calls: Vec<(usize, usize)> = call(self, chain).into_iter().collect();
        let mut steps = 0;
        // What rules that hold may change.
        let mut now = around(course);
        let mut is_stale = false;
        while let Some((chain, next)) = calls.last_mut() {
            steps += 1;
            let Some(at) = self.rules.of_chain(*chain, *next).filter(|_| steps < STEPS_MAX) else {
                calls.pop();
                continue;
            };
            *next += 1;
            let entry = &self.rules.entries[at];
            // What calls this host itself has its process's socket, if any: such a rule tells nothing new of it.
            let is_of_sockets = course.is_here && found.is_none() && entry.asks_for_sockets();
            // What answers a connection that this host has opened has that one's socket, which is no proxy's.
            let answers_own = course.is_here && matches!(found, Some((_, Sender::Responder)));
            let has_socket = answers_own && entry.asks_for_sockets();
            if has_socket && entry.text.contains("transparent") {
                continue;
            }
            let is_dared = has_socket || is_daring && self.dared.contains(&at) && !is_of_sockets;
            if std::mem::take(&mut is_stale) {
                now = around(course);
            }
            if !entry.matches(pass.packet, now, is_dared) {
                self.is_doubted |= entry.is_open() && entry.matches(pass.packet, now, true);
                continue;
            }
            is_stale = true;
            self.is_doubted |= entry.limit.is_some();
            if entry.asks_for_open_mark(&now) {
                self.opened.push(at);
                if !self.held.contains(&at) {
                    continue;
                }
            }
            *self.hits.entry(at).or_default() += 1;
            let rule = self.rules.rule(entry);
            // Where there is such a socket, the packet is its process's, who opened the connection or not.
            if is_dared && self.translates && !course.is_here && entry.asks_for_sockets() {
                course.is_here = true;
                let by = Some(Arc::clone(&rule));
                self.routed = Routed { is_here: true, by, is_taken: true, ..Routed::default() };
            }
            for marking in &entry.marks {
                let [own, other] = [marking.of_connection, !marking.of_connection].map(usize::from);
                // Of what conntrack has not seen there is no connection.
                if course.is_tracked && !is_unseen || !(marking.of_connection || marking.takes()) {
                    course.marks[own] = marking.of(course.marks[own], course.marks[other]);
                    if !marking.of_connection {
                        course.marked_by = Some(Arc::clone(&rule));
                    }
                }
            }
            match &entry.target {
                Target::Accept => return Ok(Fate::Goes),
                Target::Return => {
                    calls.pop();
                }
                Target::Jump(name) => calls.extend(call(self, name)),
                Target::Goto(name) => {
                    let to = call(self, name);
                    calls.pop();
                    calls.extend(to);
                }
                Target::Unknown(name) => {
                    let why = match &**name {
                        INCLUDED | INCLUDED_EARLY => "what the file holds the text does not tell",
                        UFW => {
                            "what ufw's other files and its policy say of the rest the text does not tell"
                        }
                        _ => {
                            "what its target does is not known: it is not modelled, or a chain that the text does not hold"
                        }
                    };
                    let may_only_drop = match &**name {
                        "NFQUEUE" | "queue" => !self.asks_for_marks,
                        name => name == INCLUDED_EARLY,
                    };
                    Met { rule, why, may_only_drop, place: self.place }.add_to(&mut self.met);
                }
                Target::Count => {}
                // What this host sends to itself has its connection from when it left (Linux, `nf_conntrack_in`).
                Target::Untrack => course.is_tracked &= is_of_loopback && is_inward,
                // What answers a connection that this host has opened comes to the socket of that.
                Target::Take { drops_others, .. }
                    if course.is_here && matches!(found, Some((_, Sender::Responder))) =>
                {
                    if *drops_others {
                        return refuse(&rule, "TPROXY");
                    }
                }
                // Those that a proxy has taken, or that call this host, have their sockets.
                Target::Take { goes_on, .. } if found.is_some() && course.is_here => {
                    if !goes_on {
                        return Ok(Fate::Goes);
                    }
                }
                // Nobody has called the proxy who answers so.
                Target::Take { .. } if found.is_some() && self.translates => {
                    let may_mask =
                        |entry: &Entry| matches!(entry.target, Target::Mask(_)) && entry.is_open();
                    if course.mask.is_none() && !self.rules.entries.iter().any(may_mask) {
                        return refuse(&rule, "TPROXY");
                    }
                    // Answers go to one of this host's addresses, and which the rules for it are not told.
                    let why = "answers come to an address that a translation gives, and what the rules say of it the text does not tell";
                    Met { rule, why, may_only_drop: false, place: self.place }
                        .add_to(&mut self.met);
                }
                Target::Take { goes_on, .. } => {
                    let goes_on = *goes_on;
                    if self.translates {
                        course.is_here = true;
                        self.routed = Routed {
                            is_here: true,
                            by: Some(rule),
                            is_open: false,
                            is_taken: true,
                            is_proxied: true,
                            is_elsewhere: false,
                        };
                    }
                    if !goes_on {
                        return Ok(Fate::Goes);
                    }
                }
                Target::Translate(to) => {
                    let called = pass.packet.destination();
                    let mut instead = to.instead_of(called);
                    // Linux, net/netfilter/nf_nat_redirect.c: what this host sends goes to its loopback address, what calls
                    // another to that of the interface by which it came. Who calls this host mostly calls that.
                    if to.is_here
                        && to.address.is_none()
                        && let Some(base) = self.rules.base(base)
                        && let Some(instead) = &mut instead
                    {
                        match (base.hook, called.is_ipv4()) {
                            (Hook::Output, true) => instead.set_ip(Ipv4Addr::LOCALHOST.into()),
                            (Hook::Output, false) => instead.set_ip(Ipv6Addr::LOCALHOST.into()),
                            (_, is_four) if !course.is_here => {
                                instead.set_ip(self.stand_ins[usize::from(!is_four)]);
                            }
                            _ => {}
                        }
                    }
                    if let Some(instead) = instead {
                        (pass.packet.dst, pass.packet.dst_port) = (instead.ip(), instead.port());
                        course.is_bound = true;
                        // Linux, net/netfilter/nf_nat_core.c (`nf_nat_setup_info`): the same destination is none.
                        // Who calls this host mostly calls the address that `REDIRECT` gives.
                        let is_moved = to.is_here && to.address.is_none() && !course.is_here;
                        course.is_translated = is_moved || to.is_open || instead != called;
                        // What this host opens itself stays its own.
                        let is_own = !is_inward && !is_of_loopback && course.is_here;
                        course.is_here = to.is_here || is_own;
                        let (is_here, is_open, is_taken) = (course.is_here, to.is_open, to.is_here);
                        let is_elsewhere = instead.port() != called.port();
                        self.routed = Routed {
                            is_here,
                            by: Some(rule),
                            is_open,
                            is_taken,
                            is_proxied: false,
                            is_elsewhere,
                        };
                    }
                    return Ok(Fate::Goes);
                }
                Target::Mask(to) => {
                    let own = self.stand_ins[usize::from(pass.packet.dst.is_ipv6())];
                    course.mask = Some(to.unwrap_or(own));
                    return Ok(Fate::Goes);
                }
                Target::Drop => return refuse(&rule, "DROP"),
                Target::Reject { reset } => {
                    if *reset {
                        let answer = crate::steps::forge::refusal(pass.packet);
                        pass.effects.emit_new(pass.ingress, answer);
                        pass.sign(&rule, Change::Reset { reason: "REJECT" });
                    }
                    return refuse(&rule, "REJECT");
                }
                Target::Strip(kinds) => {
                    edit(pass, |o| kinds.contains(&o.kind).then_some((Edit::Nop, &rule)));
                }
                Target::Answer(afterwards) => {
                    let seq = Seq(self.random.next_u32());
                    return answer(pass, &rule, *afterwards, seq).map(Fate::Taken);
                }
                Target::Mss(most) => mss::clamp(pass, 0, *most, &rule),
                Target::SynProxy => {
                    if let Some(fate) = self.proxy(pass, found, &rule)? {
                        return Ok(Fate::Taken(fate));
                    }
                }
            }
        }
        match policy {
            Some(rule) => refuse(&rule, "DROP"),
            None => Ok(Fate::Goes),
        }
    }

    /// True for the first packet of a connection that has no other destination yet; later ones get that of the first.
    fn is_asked_to_translate(&self, packet: &mut Packet, course: &Course) -> bool {
        match course.found {
            Some((id, Sender::Initiator)) => {
                if let Some(connection) = self.table.get(id) {
                    let to = connection.translated.dst;
                    (packet.dst, packet.dst_port) = (to.ip(), to.port());
                }
                false
            }
            Some(_) => false,
            None => self.translates && course.is_tracked && !course.is_bound,
        }
    }

    /// A SYN for a proxied server opens a connection of the proxy's own.
    fn proxy(
        &mut self,
        pass: &mut Pass<'_>,
        found: Option<(ConnectionId, Sender)>,
        rule: &Arc<Rule>,
    ) -> Result<Option<Forwarding>, Refused> {
        if found.is_some() || !pass.packet.flags.is_initial_syn() {
            return Ok(None);
        }
        let cookie = Seq(self.random.next_u32());
        let proxy = Some((SynProxy::new(pass.packet, cookie), Arc::clone(rule)));
        let flow = pass.packet.flow();
        let id = self.table.open(pass.now, flow, flow, State { proxy, ..State::default() });
        self.proxied(pass, id, Sender::Initiator)
    }

    /// What the proxy of a connection makes of a packet; `None`: it goes on.
    fn proxied(
        &mut self,
        pass: &mut Pass<'_>,
        id: ConnectionId,
        sender: Sender,
    ) -> Result<Option<Forwarding>, Refused> {
        let Some(connection) = self.table.get_mut(id) else { return Ok(None) };
        let State { proxy: Some((proxy, rule)), shift, .. } = &mut connection.state else {
            return Ok(None);
        };
        let rule = Arc::clone(rule);
        let with = match proxy.step(sender, pass.packet, shift) {
            Step::Pass => return Ok(None),
            Step::Ignore => return refuse(&rule, "SYNPROXY"),
            Step::Answer(answer) => {
                self.table.observe(pass.now, id, sender, pass.packet);
                pass.effects.emit_new(pass.ingress, answer);
                "SYN/ACK"
            }
            Step::Call(syn) => {
                pass.effects.emit_new(pass.ingress.peer(), syn);
                "SYN"
            }
            Step::Splice { to_initiator, to_responder } => {
                let by = shift.by[Sender::Responder as usize];
                self.table.observe(pass.now, id, Sender::Responder, pass.packet);
                self.table.observe(pass.now, id, Sender::Initiator, &to_responder);
                pass.effects.emit_new(pass.ingress.peer(), to_initiator);
                pass.effects.emit_new(pass.ingress, to_responder);
                pass.sign(&rule, Change::SequenceShifted { by });
                "ACK"
            }
        };
        pass.sign(&rule, Change::Answered { with });
        Ok(Some(Forwarding::Consumed))
    }

    /// What is for others and a proxy takes comes to it by a rule of routing, which mostly asks for a mark
    /// (Documentation/networking/tproxy.rst).
    fn route_to_proxy(&mut self, mark: Option<u32>) {
        if let Some(rule) = &self.routed.by
            && self.routed.is_proxied
            && mark == Some(self.supposed.marks[0])
        {
            let why = "no rule marks what the proxy is to take, and whether the routes lead it to this host the text does not \
                       tell";
            Met { rule: Arc::clone(rule), why, may_only_drop: false, place: self.place }
                .add_to(&mut self.met);
        }
    }

    /// True when a connection is one of this host to itself.
    pub(super) fn is_of_loopback(&self) -> bool {
        self.is_host && self.interfaces.as_ref().is_some_and(|names| names[0] == "lo")
    }

    /// True when the marks of what this host sends lead it to a proxy of its own: by the routes that what is for others takes
    /// to that (Documentation/networking/tproxy.rst).
    fn leads_back(&self, course: &Course) -> bool {
        let is_sent = course.is_here && !course.is_inward && course.marked_by.is_some();
        // What the proxy sends itself it keeps from that: by its user, or by a mark of its own.
        let is_of_proxy = course.found.is_some() && self.routed.is_taken;
        let is_proxied = |mark: u32| self.proxied.iter().any(|of| mark & of == *of);
        is_sent && !is_of_proxy && self.translates && course.marks[0].is_some_and(is_proxied)
    }

    /// Through all chains, or those of one way: what goes out (`Some(false)`), what comes in. `passed`: how many chains it has
    /// passed before.
    fn pass_chains(
        &mut self,
        pass: &mut Pass<'_>,
        course: &mut Course,
        is_inward: Option<bool>,
        passed: usize,
    ) -> Result<Option<Forwarding>, Refused> {
        let mut is_routed = course.found.is_some() || course.is_here;
        for base in 0..self.rules.bases.len() {
            self.place = passed + base;
            let hook = self.rules.bases[base].hook;
            if let Some(is_inward) = is_inward {
                course.is_inward = is_inward;
                // What a rule sends elsewhere does not come back.
                if is_inward && !course.is_here {
                    return Ok(None);
                }
                if hook.is_of_what_leaves() == is_inward {
                    continue;
                }
            }
            if !is_routed && !matches!(hook, Hook::Ingress | Hook::Prerouting) {
                is_routed = true;
                self.route_to_proxy(course.marks[0]);
            }
            if let Fate::Taken(forwarding) = self.chain(base, pass, course)? {
                return Ok(Some(forwarding));
            }
        }
        if !is_routed {
            self.route_to_proxy(course.marks[0]);
        }
        Ok(None)
    }

    /// Through all chains on its way, and what of it conntrack keeps.
    pub(super) fn cross(&mut self, pass: &mut Pass<'_>) -> Result<Forwarding, Refused> {
        let found = self.table.receive(pass.now, pass.packet, |_| {});
        let opened = pass.packet.flow();
        let known = found.and_then(|(id, _)| self.table.get(id));
        let is_here = known.map_or(self.is_host || self.calls_host, |known| known.state.is_here);
        let is_translated = known.is_some_and(|known| known.opened.dst != known.translated.dst);
        let is_callers = found.is_none_or(|(_, sender)| sender == Sender::Initiator);
        let [of_packets, of_connection] = self.supposed.marks;
        let marks = [
            Some(if is_callers { of_packets } else { 0 }),
            known.map_or(Some(of_connection), |known| known.state.mark),
        ];
        let (is_tracked, is_bound) = (true, false);
        let mask = known.and_then(|known| known.state.mask);
        let is_inward = pass.ingress == PortId(0);
        let loops = known.is_some_and(|known| known.state.loops);
        let mut course = Course {
            found,
            is_tracked,
            is_here,
            is_inward,
            loops: false,
            is_translated,
            is_bound,
            marks,
            marked_by: None,
            mask,
        };
        if found.is_none() {
            self.routed = Routed { is_here, ..Routed::default() };
        }
        // What this host sends to itself, or to a proxy of its own, goes out before it comes in.
        let goes_out = self.is_of_loopback() || loops;
        course.loops = loops && !is_callers;
        let first = goes_out.then_some(false);
        if let Some(forwarding) = self.pass_chains(pass, &mut course, first, 0)? {
            return Ok(forwarding);
        }
        let leads_back = !goes_out && self.leads_back(&course);
        // An answer has no use for the proxy, and does not go where it is to.
        if let Some(rule) = course.marked_by.as_ref().filter(|_| leads_back && found.is_some()) {
            return refuse(rule, "rerouted to the proxy");
        }
        let loops = loops || leads_back;
        if goes_out || leads_back {
            course.loops = loops;
            let passed = self.rules.bases.len();
            if let Some(forwarding) = self.pass_chains(pass, &mut course, Some(true), passed)? {
                return Ok(forwarding);
            }
        }
        if let Some(rule) =
            course.marked_by.take().filter(|_| leads_back && self.routed.by.is_none())
        {
            let why =
                "it marks what routes lead to the proxy of this host, and no rule hands that to it";
            Met { rule, why, may_only_drop: false, place: self.place }.add_to(&mut self.met);
        }
        let (id, sender) = match found {
            Some(found) => found,
            None if course.is_tracked && pass.packet.flags.is_initial_syn() => {
                // What a scenario's hosts send keeps its address.
                let all = self.rules.bases.len();
                let masking = (all..all + self.rules.masking.len())
                    .filter(|_| self.translates && !course.is_here);
                for base in masking.collect::<Vec<_>>() {
                    if course.mask.is_none() {
                        self.chain(base, pass, &mut course)?;
                    }
                }
                let (is_here, mark, mask) = (course.is_here, course.marks[1], course.mask);
                let state = State { is_here, mark, mask, loops, ..State::default() };
                let translated = pass.packet.flow();
                (self.table.open(pass.now, opened, translated, state), Sender::Initiator)
            }
            None => return Ok(ttl::hop(pass, &self.hop).unwrap_or(Forwarding::Through)),
        };
        if let Some(forwarding) = self.proxied(pass, id, sender)? {
            return Ok(forwarding);
        }
        if let Some(connection) = self.table.get_mut(id) {
            connection.state.mark = course.marks[1];
        }
        let shift = self.table.get(id).map(|c| c.state.shift).unwrap_or_default();
        shift.arrive(pass.packet, sender, true);
        self.table.observe(pass.now, id, sender, pass.packet);
        shift.leave(pass.packet, sender);
        // Who opened a connection hears of the destination that it called.
        if sender == Sender::Responder
            && let Some(connection) = self.table.get(id)
        {
            let called = connection.opened.dst;
            (pass.packet.src, pass.packet.src_port) = (called.ip(), called.port());
        }
        Ok(ttl::hop(pass, &self.hop).unwrap_or(Forwarding::Through))
    }
}
