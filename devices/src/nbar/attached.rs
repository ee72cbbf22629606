//! A policy-map, attached to an interface in one direction, and what it does with packets.

use std::sync::Arc;

use sim_core::engine::device::{Change, ConfigLine, Effects, Forwarding, Rule};
use sim_core::time::SimTime;
use sim_core::wire::packet::Packet;

use crate::ios::{self, IosConfig, Named, Refused, refuse};
use crate::steps::Pass;

use super::config::{Action, ClassMap, Criterion, On, PolicyClass, PolicyMap, Quality, Share};
use super::recognise::Recognition;
use super::shaper::{Queue, Shaper};
use super::{GUIDE, remedy};

/// The most that maps may nest in others.
const DEPTH: u32 = 4;

/// What a class has seen.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Tally {
    pub(super) packets: u64,
    pub(super) bytes: u64,
    pub(super) dropped: u64,
}

/// A token bucket (RFC 2697, one rate, two colours).
#[derive(Clone, Debug)]
struct Bucket {
    rate: u64,
    burst: u64,
    /// Tokens, in bytes times a thousand million.
    tokens: u128,
    last: SimTime,
}

impl Bucket {
    const UNIT: u128 = 8_000_000_000;

    fn takes(&mut self, now: SimTime, bytes: u32) -> bool {
        let gained = u128::from(now.since(self.last).as_nanos()) * u128::from(self.rate);
        self.last = now;
        self.tokens = (self.tokens + gained).min(u128::from(self.burst) * Self::UNIT);
        let cost = u128::from(bytes) * Self::UNIT;
        let conforms = self.tokens >= cost;
        if conforms {
            self.tokens -= cost;
        }
        conforms
    }
}

/// A class of the policy, ready.
#[derive(Debug)]
struct Class {
    name: String,
    actions: Vec<(Action, Arc<Rule>)>,
    bucket: Option<Bucket>,
    shaper: Option<Shaper>,
    /// Classes of a policy-map inside.
    nested: Vec<Class>,
    tally: Tally,
}

/// The policy-map.
#[derive(Debug)]
pub(super) struct Attached {
    pub(super) interface: String,
    pub(super) name: String,
    classes: Vec<Class>,
}

/// A packet and what is known of its connection.
pub(super) struct Seen<'a> {
    pub(super) quality: &'a Quality,
    pub(super) config: &'a IosConfig,
    pub(super) recognition: &'a Recognition,
    /// The port that was called.
    pub(super) called: u16,
}

/// The classes that a packet is in, from the outermost in.
pub(super) type Place = [usize; 2];

impl Class {
    fn all(map: &PolicyMap, quality: &Quality, rate: u64, depth: u32) -> Vec<Self> {
        let mut all: Vec<Self> =
            map.classes.iter().map(|class| Self::new(map, class, quality, rate, depth)).collect();
        if !map.classes.iter().any(|c| c.name == "class-default") {
            all.push(Self {
                name: "class-default".to_owned(),
                actions: Vec::new(),
                bucket: None,
                shaper: None,
                nested: Vec::new(),
                tally: Tally::default(),
            });
        }
        all
    }

    fn new(map: &PolicyMap, class: &PolicyClass, quality: &Quality, rate: u64, depth: u32) -> Self {
        let action = |find: &dyn Fn(&Action) -> bool| {
            class.actions.iter().rev().find(|(a, _)| find(a)).map(|(a, _)| a)
        };
        let shape = action(&|a| matches!(a, Action::Shape(_)));
        let rate = match shape {
            Some(Action::Shape(rate)) => rate.0,
            _ => rate,
        };
        let nested = match action(&|a| matches!(a, Action::Nested(_))) {
            Some(Action::Nested(name)) if depth > 0 => quality
                .policy(name)
                .map_or_else(Vec::new, |m| Self::all(m, quality, rate, depth - 1)),
            _ => Vec::new(),
        };
        let bucket = match action(&|a| matches!(a, Action::Police(..))) {
            Some(&Action::Police(rate, burst)) => Some(Bucket {
                rate: rate.0,
                burst,
                tokens: u128::from(burst) * Bucket::UNIT,
                last: SimTime::ZERO,
            }),
            _ => None,
        };
        let shaper = shape.map(|_| Shaper::new(rate, queues(&nested, rate, &class.place)));
        let actions = class.actions.iter().map(|(action, place)| {
            let text = format!("class {}: {}", class.name, place.text);
            let rule = ios::rule(text, place, GUIDE);
            match action {
                Action::Drop => {
                    (action.clone(), remedy::keep_unknown(rule, &map.name, &class.name))
                }
                _ => (action.clone(), rule),
            }
        });
        Self {
            name: class.name.clone(),
            actions: actions.collect(),
            bucket,
            shaper,
            nested,
            tally: Tally::default(),
        }
    }

    /// What the class does to a packet, waiting apart.
    fn act(&mut self, pass: &mut Pass<'_>) -> Result<(), Refused> {
        let len = pass.packet.wire_len();
        self.tally.packets += 1;
        self.tally.bytes += u64::from(len);
        for (action, rule) in &self.actions {
            let dropped = match action {
                Action::Drop => true,
                Action::Police(..) => {
                    self.bucket.as_mut().is_some_and(|bucket| !bucket.takes(pass.now, len))
                }
                Action::SetDscp(dscp) => {
                    let tos = dscp << 2 | pass.packet.tos & 3;
                    if tos != pass.packet.tos {
                        pass.packet.tos = tos;
                        pass.sign(rule, Change::Field { name: "DSCP" });
                    }
                    false
                }
                _ => false,
            };
            if dropped {
                self.tally.dropped += 1;
                return refuse(rule, "service-policy");
            }
        }
        Ok(())
    }
}

/// A queue for each class of the policy-map inside a shaped class, or one for all.
fn queues(nested: &[Class], rate: u64, shaped: &ConfigLine) -> Vec<Queue> {
    let full = || ios::rule(format!("{}: its queue is full", shaped.text), shaped, GUIDE);
    if nested.is_empty() {
        return vec![Queue::new(rate, false, full())];
    }
    let guaranteed = |class: &Class| -> Option<u64> {
        class.actions.iter().find_map(|(action, _)| match action {
            Action::Bandwidth(Share::Rate(share)) => Some(share.0),
            Action::Bandwidth(Share::Percent(percent)) => Some(rate / 100 * u64::from(*percent)),
            _ => None,
        })
    };
    let taken: u64 = nested.iter().filter_map(guaranteed).sum();
    // What no class asks for is shared by those that ask for nothing.
    let others = nested.iter().filter(|c| guaranteed(c).is_none()).count().max(1) as u64;
    let rest = rate.saturating_sub(taken).max(rate / 100) / others;
    let queue = |class: &Class| {
        let priority = class.actions.iter().any(|(a, _)| *a == Action::Priority);
        let rule = class.actions.first().map_or_else(full, |(_, rule)| Arc::clone(rule));
        Queue::new(guaranteed(class).unwrap_or(rest), priority, rule)
    };
    nested.iter().map(queue).collect()
}

impl Attached {
    pub(super) fn new(interface: &str, named: &Named, quality: &Quality) -> Option<Self> {
        let map = quality.policy(&named.name)?;
        Some(Self {
            interface: interface.to_owned(),
            name: map.name.clone(),
            classes: Class::all(map, quality, 0, 1),
        })
    }

    /// Puts a packet into its classes, and does what these say, waiting apart.
    pub(super) fn act(&mut self, pass: &mut Pass<'_>, seen: &Seen<'_>) -> Result<Place, Refused> {
        let Some(outer) = seen.choose(&self.classes, pass.packet) else { return Ok([0; 2]) };
        let class = &mut self.classes[outer];
        class.act(pass)?;
        let Some(inner) = seen.choose(&class.nested, pass.packet) else { return Ok([outer, 0]) };
        class.nested[inner].act(pass)?;
        Ok([outer, inner])
    }

    /// Lets a packet wait, where its class is shaped.
    pub(super) fn queue(
        &mut self,
        pass: &mut Pass<'_>,
        [outer, inner]: Place,
    ) -> Result<Forwarding, Refused> {
        let Some(class) = self.classes.get_mut(outer) else { return Ok(Forwarding::Through) };
        let Some(shaper) = &mut class.shaper else { return Ok(Forwarding::Through) };
        if shaper.goes_now(pass.now, pass.packet) {
            return Ok(Forwarding::Through);
        }
        if shaper.push(inner, pass.ingress.peer(), pass.packet) {
            return Ok(Forwarding::Consumed);
        }
        let rule = shaper.queues.get(inner).map(|queue| Arc::clone(&queue.rule));
        class.tally.dropped += 1;
        match rule {
            Some(rule) => refuse(&rule, "queue full"),
            None => Ok(Forwarding::Through),
        }
    }

    pub(super) fn next_departure(&self) -> Option<SimTime> {
        self.classes.iter().filter_map(|c| c.shaper.as_ref()?.next_departure()).min()
    }

    pub(super) fn depart(&mut self, now: SimTime, effects: &mut Effects) {
        for shaper in self.classes.iter_mut().filter_map(|c| c.shaper.as_mut()) {
            if let Some((out, packet)) = shaper.pop(now) {
                effects.emit(out, packet);
            }
        }
    }

    pub(super) fn clear(&mut self) {
        self.classes.iter_mut().filter_map(|c| c.shaper.as_mut()).for_each(Shaper::clear);
    }

    /// Its classes with what they have seen, those of the policy-map inside after their own.
    pub(super) fn tallies(&self) -> impl Iterator<Item = (u32, &str, Tally)> {
        self.classes.iter().flat_map(|class| {
            let own = std::iter::once((0, &*class.name, class.tally));
            own.chain(class.nested.iter().map(|c| (1, &*c.name, c.tally)))
        })
    }
}

impl Seen<'_> {
    fn choose(&self, classes: &[Class], packet: &Packet) -> Option<usize> {
        classes.iter().position(|class| {
            class.name == "class-default"
                || self.quality.class(&class.name).is_some_and(|m| self.matches(m, packet, DEPTH))
        })
    }

    fn matches(&self, class: &ClassMap, packet: &Packet, depth: u32) -> bool {
        let mut criteria = class.criteria.iter();
        if class.all {
            !class.criteria.is_empty() && criteria.all(|c| self.holds(c, packet, depth))
        } else {
            criteria.any(|c| self.holds(c, packet, depth))
        }
    }

    fn holds(&self, criterion: &Criterion, packet: &Packet, depth: u32) -> bool {
        let holds = match &criterion.on {
            On::Any => true,
            On::Nothing => return false,
            On::Protocol(name, field) => {
                self.recognition.is(name, field.as_ref(), self.called, &self.quality.port_maps)
            }
            On::AccessGroup(name) => self.config.selects(name, false, packet.flow(), packet.flags),
            On::Class(name) => {
                let nested = self.quality.class(name).filter(|_| depth > 0);
                nested.is_some_and(|c| self.matches(c, packet, depth - 1))
            }
            On::Dscp(values) => values.contains(&(packet.tos >> 2)),
        };
        holds != criterion.negated
    }
}
