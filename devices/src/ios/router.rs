//! The router: its features, each a part of its own, in the order in which a packet meets them
//! (Cisco, "NAT Order of Operation"): TCP intercept → access list in → translation of what comes from
//! the NAT outside → policy routing → firewall → classification → translation of what comes from inside → access list
//! out → MSS, MTU → output queue.
//!
//! The firewall and the classification stand on the inside of the translation: they know hosts by the
//! addresses and numbers that these use themselves.

use std::collections::BTreeMap;
use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;

use sim_core::engine::device::{Device, Effects, Forwarding, PortId, Rule, Side, Standing};
use sim_core::time::{SimDuration, SimTime};
use sim_core::wire::icmp::{Quote, Reason};
use sim_core::wire::packet::{Flow, Packet};

use crate::catalogue::MODELLED;
use crate::cbac::Cbac;
use crate::config::{ConfigDiagnostic, ConfigText, Diagnostics};
use crate::nat::Translator;
use crate::nbar::Classification;
use crate::spec::DeviceContext;
use crate::steps::{Pass, icmp, mss};
use crate::zbfw::Zbfw;

use super::intercept::Interceptor;
use super::log::Log;
use super::{Interface, IosConfig, Refused, Through, grammar, index, refuse};

/// A stateful firewall between the two sides.
pub(crate) trait Firewall: Send + fmt::Debug {
    /// True when a packet of this flow belongs to a session.
    fn knows(&self, flow: Flow) -> bool;

    /// True when packets of sessions are let through access lists (CBAC).
    fn opens_access_lists(&self) -> bool;

    /// Judges a packet; a new session is opened where the policy says so.
    ///
    /// # Errors
    /// The rule that lets it go no further.
    fn check(
        &mut self,
        pass: &mut Pass<'_>,
        config: &IosConfig,
        log: &mut Log,
    ) -> Result<Admitted, Refused>;

    /// A packet that waited for one before it, and may go on now; with the port that it came in by.
    fn released(&mut self) -> Option<(PortId, Packet)>;

    /// Reads a segment that waited, where the policy reads above TCP.
    ///
    /// # Errors
    /// The rule that lets it go no further.
    fn read(&mut self, _pass: &mut Pass<'_>) -> Result<(), Refused> {
        Ok(())
    }

    /// Packets of its own that the packet at hand has called for (resets, answers in a server's place), each
    /// with the port that it comes from.
    fn made(&mut self) -> Vec<(PortId, Packet)> {
        Vec::new()
    }

    /// Forgets the session of this flow: its first packet did not get out.
    fn forget(&mut self, flow: Flow);

    /// Forgets sessions whose time is over.
    fn expire(&mut self, now: SimTime, log: &mut Log);

    /// Forgets all sessions.
    fn clear(&mut self);

    /// Counters for the summary.
    fn counters(&self) -> Vec<(String, u64)>;

    /// What an operator would see.
    fn show(&self, now: SimTime) -> Vec<String>;
}

/// What the firewall made of a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Admitted {
    /// It goes on.
    Passes,
    /// It goes on, the first of a session.
    Opens,
    /// It goes no further: it waits for one before it, or was answered.
    Waits,
}

/// The device.
#[derive(Debug)]
pub(crate) struct IosRouter {
    model: &'static str,
    config: Arc<IosConfig>,
    /// Interfaces by side; `None`: no rules there.
    sides: [Option<Interface>; 2],
    firewall: Option<Box<dyn Firewall>>,
    nat: Option<Translator>,
    classification: Option<Classification>,
    interceptor: Option<Interceptor>,
    log: Log,
    now: SimTime,
    dropped: BTreeMap<&'static str, u64>,
    /// When the next ICMP error may be sent: of a packet too big, and of others.
    tells_at: [SimTime; 2],
}

/// Least time between two ICMP errors of a kind (`ip icmp rate-limit unreachable`, Cisco IOS command
/// reference).
const TELLS_EVERY: SimDuration = SimDuration::from_millis(500);

/// Which of the models a scenario names: they differ in what they do without configuration text.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Kind {
    pub(crate) model: &'static str,
    /// The text of a device that is given none.
    pub(crate) factory: &'static str,
}

/// Builds the device.
///
/// # Errors
/// Lines of the configuration that IOS would refuse.
pub(crate) fn build(
    kind: Kind,
    given: [Option<&str>; 2],
    context: &DeviceContext<'_>,
    text: Option<ConfigText<'_>>,
) -> Result<(IosRouter, Vec<ConfigDiagnostic>), Vec<ConfigDiagnostic>> {
    let factory = ConfigText::new("", kind.factory);
    let given_text = text.unwrap_or(factory);
    let mut found = Diagnostics::new(given_text.file);
    let config = grammar::read(given_text, &mut found);
    if text.is_some() {
        config.check_given(given, given_text, &mut found);
    }
    let sides = match text {
        Some(_) => config.sides(given),
        None => config.sides([None; 2]),
    };
    if text.is_some() && !found.has_errors() {
        super::warn::warn(&config, &sides, given_text, &mut found);
        if config.has_zones() {
            crate::zbfw::warn(&config, &sides, given_text, &mut found);
        }
    }
    let warnings = found.into_result()?;
    Ok((IosRouter::new(kind.model, Arc::new(config), sides, context), warnings))
}

impl IosRouter {
    /// The router of a configuration, between two of its interfaces.
    pub(super) fn new(
        model: &'static str,
        config: Arc<IosConfig>,
        sides: [Option<Interface>; 2],
        context: &DeviceContext<'_>,
    ) -> Self {
        let firewall: Option<Box<dyn Firewall>> = if config.has_zones() {
            Some(Box::new(Zbfw::new(&config, &sides, context)))
        } else {
            Cbac::new(&config, &sides).map(|f| Box::new(f) as Box<dyn Firewall>)
        };
        let inside = match &sides {
            [_, Some(far)] if far.nat == Some(Side::Inside) => Side::Outside,
            [Some(near), _] if near.nat == Some(Side::Outside) => Side::Outside,
            _ => Side::Inside,
        };
        let applied = sides.iter().flatten().any(|i| i.nat.is_some());
        let nat = (config.nat.translates() && applied).then(|| Translator::new(&config, inside));
        let classification = Classification::new(&config, &sides);
        // What the proxy sends, a firewall behind it does not see: the two are not modelled together.
        let interceptor = firewall.is_none().then(|| Interceptor::new(&config, context)).flatten();
        Self {
            model,
            config,
            sides,
            firewall,
            nat,
            classification,
            interceptor,
            log: Log::default(),
            now: SimTime::ZERO,
            dropped: BTreeMap::new(),
            tells_at: [SimTime::ZERO; 2],
        }
    }

    fn crossed(&self, from: Side) -> [Option<&Interface>; 2] {
        let near = index(from);
        [self.sides[near].as_ref(), self.sides[1 - near].as_ref()]
    }

    /// The access list of an interface, in one direction.
    fn access(&mut self, pass: &Pass<'_>, through: Through) -> Result<(), Refused> {
        let [near, far] = self.crossed(pass.ingress.side());
        let interface = if through == Through::In { near } else { far };
        let Some(interface) = interface else { return Ok(()) };
        let judged = self.config.permits(interface, through, pass.packet);
        if let Err(refused) = &judged
            && refused.rule.text.split(' ').any(|word| word == "log" || word == "log-input")
            && let Some(group) = &interface.access[through as usize]
        {
            let p = &*pass.packet;
            let text = format!(
                "list {} denied tcp {}({}) -> {}({}), 1 packet",
                group.name, p.src, p.src_port, p.dst, p.dst_port
            );
            self.log.say(pass.now, "SEC-6-IPACCESSLOGP", text);
        }
        judged
    }

    fn translate(&mut self, pass: &mut Pass<'_>, from_outside: bool) -> Result<(), Refused> {
        match &mut self.nat {
            Some(nat) if nat.is_outside(pass.ingress.side()) == from_outside => {
                nat.translate(pass, &self.config, &mut self.log)
            }
            _ => Ok(()),
        }
    }

    /// The way of a packet through the features.
    fn cross(&mut self, pass: &mut Pass<'_>) -> Result<Forwarding, Refused> {
        if let Some(interceptor) = &mut self.interceptor
            && let Some(forwarding) = interceptor.process(pass, &self.config)?
        {
            return Ok(forwarding);
        }
        let flow = pass.packet.flow();
        let inner = self.nat.as_ref().map_or(flow, |nat| nat.preview(flow));
        let known = |f: &dyn Firewall| f.opens_access_lists() && f.knows(inner);
        let opened = self.firewall.as_deref().is_some_and(known);
        if !opened {
            self.access(pass, Through::In)?;
        }
        self.translate(pass, true)?;
        if let [Some(near), _] = self.crossed(pass.ingress.side()) {
            self.config.route(near, pass.packet)?;
        }
        let admitted = match &mut self.firewall {
            Some(firewall) => firewall.check(pass, &self.config, &mut self.log)?,
            None => Admitted::Passes,
        };
        if admitted == Admitted::Waits {
            self.send_made(pass);
            return Ok(Forwarding::Consumed);
        }
        let inner = pass.packet.flow();
        let left = self.leave(pass, opened);
        if left.is_err()
            && admitted == Admitted::Opens
            && let Some(firewall) = &mut self.firewall
        {
            firewall.forget(inner);
        }
        left
    }

    /// The second half of the way, behind the firewall.
    fn leave(&mut self, pass: &mut Pass<'_>, opened: bool) -> Result<Forwarding, Refused> {
        let class = match &mut self.classification {
            Some(classification) => Some(classification.classify(pass, &self.config)?),
            None => None,
        };
        self.translate(pass, false)?;
        if !opened {
            self.access(pass, Through::Out)?;
        }
        let [near, far] = self.crossed(pass.ingress.side());
        for (most, place) in [near, far].into_iter().flatten().filter_map(|i| i.adjust_mss.as_ref())
        {
            let rule = Rule::config(
                place.text.clone(),
                place.clone(),
                "Cisco IOS command reference, ip tcp adjust-mss",
            );
            mss::clamp(pass, 0, *most, &rule);
        }
        if let Some((mtu, place)) = far.and_then(|i| i.mtu.as_ref())
            && pass.packet.wire_len() > *mtu
        {
            let rule = Rule::config(place.text.clone(), place.clone(), "RFC 1191 §4");
            return refuse(&rule, "larger than the MTU")
                .map_err(|refused: Refused| refused.telling(Reason::TooBig { mtu: *mtu }));
        }
        match (&mut self.classification, class) {
            (Some(classification), Some(class)) => classification.queue(pass, class),
            _ => Ok(Forwarding::Through),
        }
    }

    /// Sends on what the packet at hand has made free, after it.
    fn release(&mut self, pass: &mut Pass<'_>, forwarding: Forwarding) -> Forwarding {
        let mut first = forwarding == Forwarding::Through;
        let mut replaced = forwarding;
        while let Some((ingress, mut packet)) =
            self.firewall.as_mut().and_then(|firewall| firewall.released())
        {
            if std::mem::take(&mut first) {
                pass.effects.emit(pass.ingress.peer(), pass.packet.clone());
                replaced = Forwarding::Consumed;
            }
            let after = &mut Pass::new(pass.now, ingress, &mut packet, pass.effects);
            let read = self.firewall.as_mut().map_or(Ok(()), |firewall| firewall.read(after));
            match read.and_then(|()| self.leave(after, true)) {
                Ok(Forwarding::Through) => pass.effects.emit(ingress.peer(), packet),
                Ok(_) => {}
                Err(refused) => {
                    self.drop(after, &refused);
                }
            }
        }
        replaced
    }

    fn drop(&mut self, pass: &mut Pass<'_>, refused: &Refused) -> Forwarding {
        *self.dropped.entry(refused.reason).or_default() += 1;
        self.tell(pass, refused);
        self.send_made(pass);
        pass.drop(&refused.rule, refused.reason)
    }

    /// Sends what the firewall has made, through what stands behind it.
    fn send_made(&mut self, pass: &mut Pass<'_>) {
        let made = self.firewall.as_mut().map_or_else(Vec::new, |firewall| firewall.made());
        for (from, mut packet) in made {
            packet.uid = pass.effects.fresh_uid();
            let left = self.leave(&mut Pass::new(pass.now, from, &mut packet, pass.effects), true);
            if matches!(left, Ok(Forwarding::Through)) {
                pass.effects.emit(from.peer(), packet);
            }
        }
    }

    /// Tells the sender of a packet that goes no further, unless it came in where `no ip unreachables`
    /// stands, or another was told just now.
    fn tell(&mut self, pass: &mut Pass<'_>, refused: &Refused) {
        let Some(reason) = refused.told else { return };
        let interface = self.sides[index(pass.ingress.side())].as_ref();
        if interface.is_some_and(|i| i.is_silent) {
            return;
        }
        let at = &mut self.tells_at[usize::from(!matches!(reason, Reason::TooBig { .. }))];
        if pass.now < *at {
            return;
        }
        *at = pass.now + TELLS_EVERY;
        let from = interface.and_then(|i| i.address).map(IpAddr::from);
        icmp::tell_sender(pass, from, reason, Quote::EightBytes);
    }

    /// The way of an ICMP error: access lists judge it as any packet, a zone-based firewall lets those
    /// about its sessions through, translation leads it back. That the sessions of `ip inspect` open no
    /// access list for it is a modelling decision.
    fn cross_icmp(&mut self, pass: &mut Pass<'_>) -> Result<(), Refused> {
        self.access(pass, Through::In)?;
        let from_outside = |nat: &Translator| nat.is_outside(pass.ingress.side());
        let outside = self.nat.as_ref().is_some_and(from_outside);
        if let Some(nat) = self.nat.as_ref().filter(|_| outside) {
            nat.translate_icmp(pass)?;
        }
        let quoted = pass.packet.icmp().and_then(|error| error.flow());
        if let Some(firewall) = &self.firewall
            && !firewall.opens_access_lists()
            && !quoted.is_some_and(|flow| firewall.knows(flow))
        {
            let rule = Rule::default("an ICMP error must be about a session", MODELLED);
            return refuse(&rule, "no session");
        }
        if let Some(nat) = self.nat.as_ref().filter(|_| !outside) {
            nat.translate_icmp(pass)?;
        }
        self.access(pass, Through::Out)
    }
}

impl Device for IosRouter {
    fn model(&self) -> &'static str {
        self.model
    }

    fn process(
        &mut self,
        now: SimTime,
        ingress: PortId,
        packet: &mut Packet,
        effects: &mut Effects,
    ) -> Forwarding {
        self.now = now;
        if let Some(firewall) = &mut self.firewall {
            firewall.expire(now, &mut self.log);
        }
        if let Some(nat) = &mut self.nat {
            nat.expire(now, &mut self.log);
        }
        let pass = &mut Pass::new(now, ingress, packet, effects);
        match self.cross(pass) {
            Ok(forwarding) => self.release(pass, forwarding),
            Err(refused) => self.drop(pass, &refused),
        }
    }

    fn process_icmp(
        &mut self,
        now: SimTime,
        ingress: PortId,
        packet: &mut Packet,
        effects: &mut Effects,
    ) -> Forwarding {
        self.now = now;
        let pass = &mut Pass::new(now, ingress, packet, effects);
        match self.cross_icmp(pass) {
            Ok(()) => Forwarding::Through,
            Err(refused) => self.drop(pass, &refused),
        }
    }

    fn next_timeout(&self) -> Option<SimTime> {
        self.classification.as_ref()?.next_departure()
    }

    fn on_timeout(&mut self, now: SimTime, effects: &mut Effects) {
        self.now = now;
        if let Some(classification) = &mut self.classification {
            classification.depart(now, effects);
        }
    }

    fn reload(&mut self, now: SimTime) {
        self.now = now;
        if let Some(firewall) = &mut self.firewall {
            firewall.clear();
        }
        if let Some(nat) = &mut self.nat {
            nat.clear();
        }
        if let Some(classification) = &mut self.classification {
            classification.clear();
        }
        if let Some(interceptor) = &mut self.interceptor {
            interceptor.clear();
        }
    }

    fn stands_for(&self) -> Vec<Standing> {
        let Some(nat) = &self.nat else { return Vec::new() };
        let side = if nat.is_outside(Side::Outside) { Side::Outside } else { Side::Inside };
        let standing = |(network, prefix_len, host)| Standing { side, network, prefix_len, host };
        nat.globals().into_iter().map(standing).collect()
    }

    fn counters(&self) -> Vec<(String, u64)> {
        let mut all = self.firewall.as_ref().map_or_else(Vec::new, |f| f.counters());
        all.extend(self.nat.as_ref().map_or_else(Vec::new, Translator::counters));
        all.extend(self.classification.as_ref().map_or_else(Vec::new, Classification::counters));
        all.extend(self.interceptor.as_ref().map_or_else(Vec::new, Interceptor::counters));
        let dropped: u64 = self.dropped.values().sum();
        all.push(("packets dropped".to_owned(), dropped));
        all.extend(self.dropped.iter().map(|(why, count)| (format!("dropped: {why}"), *count)));
        all
    }

    fn report(&self) -> Vec<String> {
        let mut shown = self.firewall.as_ref().map_or_else(Vec::new, |f| f.show(self.now));
        shown.extend(self.nat.as_ref().map_or_else(Vec::new, Translator::show));
        shown.extend(self.classification.as_ref().map_or_else(Vec::new, Classification::show));
        shown.extend(self.log.show());
        shown
    }
}
