//! Which settings hold for a connection: the modular policy framework, applied.
//!
//! Per feature the first matching class of a policy-map rules, and a policy on an interface beats the
//! global one (ASA CLI guide, "Feature matching within a service policy"). Normalisation, connection
//! limits, sequence-number randomisation and state bypass are one feature.

use std::sync::Arc;

use sim_core::engine::device::{ConfigLine, PortId, Remedy, Rule, Side, Wording};
use sim_core::wire::options::kind;
use sim_core::wire::packet::{Flags, Flow};

use crate::steps::track::Timeouts;

use super::TIMEOUTS;
use super::config::{Advanced, AsaConfig, ClassMap, Match, MatchOn, PolicyClass, PolicyMap};
use super::limits::Limits;
use super::tcp_map::{GUIDE, Normalizer, SEED};
use super::version::{NAMED_OPTIONS, Version};
use super::{explain, remedy};

const REFERENCE: &str = "ASA command reference, set connection";

/// How one connection is treated.
#[derive(Clone, Debug)]
pub(super) struct Treatment {
    /// The normaliser's settings.
    pub(super) normalizer: Arc<Normalizer>,
    /// The place of their tcp-map in the configuration.
    pub(super) map: Option<usize>,
    /// `tcp-state-bypass`: neither normaliser, nor randomisation, nor state checks.
    pub(super) bypass: Option<Arc<Rule>>,
    /// The default that clears kinds 9 to 255, with the reason why it rules here.
    pub(super) cleared: Arc<Rule>,
    /// The default that clears kinds 6 and 7.
    pub(super) cleared_low: Arc<Rule>,
    /// The rule that randomises sequence numbers; `None` when that is off.
    pub(super) randomise: Option<Arc<Rule>>,
    /// The rule by which the TTL is counted down.
    pub(super) decrement_ttl: Option<Arc<Rule>>,
    /// Connection limits.
    pub(super) limits: Option<Limits>,
    /// How long a connection is kept without a packet.
    pub(super) timeouts: Timeouts,
}

/// The policy of a device: its configuration, compiled.
#[derive(Debug)]
pub(super) struct Policy {
    pub(super) config: Arc<AsaConfig>,
    /// Interface names, by [`Side`].
    pub(super) interfaces: [String; 2],
    /// True when there is configuration text to speak of.
    has_text: bool,
    /// The version knows more options by name, each once in a header.
    pub(super) named_options: bool,
    factory: Arc<Treatment>,
    /// What speaks against letting option 30 through.
    caution: Wording,
    /// Something behind the policy reads every stream, as an FTD's Snort does.
    pub(super) reads_all: bool,
    /// By policy-map and class.
    treatments: Vec<Vec<Option<Arc<Treatment>>>>,
}

/// A class whose connection settings rule.
#[derive(Clone, Copy, Debug)]
pub(super) struct Ruling {
    pub(super) policy: usize,
    pub(super) class: usize,
}

impl Policy {
    pub(super) fn new(config: Arc<AsaConfig>, has_text: bool, interfaces: [String; 2]) -> Self {
        let factory = Arc::new(Treatment {
            normalizer: Arc::new(Normalizer::factory()),
            map: None,
            bypass: None,
            cleared: Rule::default(CLEAR_HIGH, SEED).remedied(remedy::whole()),
            cleared_low: Rule::default("tcp-options range 6 7 clear", SEED),
            randomise: Some(Rule::default("set connection random-sequence-number enable", GUIDE)),
            decrement_ttl: None,
            limits: None,
            timeouts: config.timeouts.over(TIMEOUTS),
        });
        // Each class with limits counts by itself.
        let mut limited = 0;
        let treatments = config
            .policy_maps
            .iter()
            .map(|p| {
                p.classes.iter().map(|c| treatment(&config, c, &factory, &mut limited)).collect()
            })
            .collect();
        let version = config.version.as_deref().and_then(Version::read);
        let named_options = version.is_some_and(|version| version >= NAMED_OPTIONS);
        Self {
            config,
            interfaces,
            has_text,
            named_options,
            factory,
            caution: remedy::caution(),
            reads_all: false,
            treatments,
        }
    }

    /// Says in its remedies that `caution` speaks against letting option 30 through: every stream is read.
    pub(super) fn warn_against(&mut self, caution: Wording) {
        let remedy = Remedy { caution: Some(caution.clone()), ..remedy::whole() };
        let cleared = Rule::default(CLEAR_HIGH, SEED).remedied(remedy);
        self.factory = Arc::new(Treatment { cleared, ..Treatment::clone(&self.factory) });
        self.caution = caution;
        self.reads_all = true;
    }

    /// The treatment of a new connection, `flow` being that of its first packet.
    pub(super) fn treatment(&self, flow: Flow, ingress: PortId) -> Arc<Treatment> {
        let ruling = self.ruling(flow, ingress);
        let ruled = ruling.and_then(|r| self.treatments[r.policy][r.class].as_ref());
        let base = ruled.unwrap_or(&self.factory);
        let decided = base.bypass.is_some() || base.normalizer.option(kind::MPTCP).is_some();
        if decided || !self.has_text {
            return Arc::clone(base);
        }
        let (because, near) = explain::why_cleared(self, flow, ingress, ruling);
        let remedy = remedy::remedy_for(self, flow, ingress, ruling);
        let remedy = Remedy { caution: Some(self.caution.clone()), ..remedy };
        let cleared = Rule::default_because(CLEAR_HIGH, because, near, SEED).remedied(remedy);
        Arc::new(Treatment { cleared, ..Treatment::clone(base) })
    }

    /// True when packets of this flow bypass the state checks.
    pub(super) fn bypasses(&self, flow: Flow, ingress: PortId) -> bool {
        self.ruling(flow, ingress)
            .and_then(|r| self.treatments[r.policy][r.class].as_ref())
            .is_some_and(|t| t.bypass.is_some())
    }

    /// The class whose connection settings rule this connection.
    pub(super) fn ruling(&self, flow: Flow, ingress: PortId) -> Option<Ruling> {
        self.policies(ingress.side()).find_map(|(policy, map)| {
            map.classes
                .iter()
                .position(|c| c.connection.place.is_some() && self.class_matches(c, flow).is_ok())
                .map(|class| Ruling { policy, class })
        })
    }

    /// The policy-maps in force for what enters on `side`, in order of precedence: those of the two
    /// interfaces that it crosses, then the global one.
    pub(super) fn policies(&self, side: Side) -> impl Iterator<Item = (usize, &PolicyMap)> {
        let [inside, outside] = &self.interfaces;
        let (first, second) = match side {
            Side::Inside => (inside, outside),
            Side::Outside => (outside, inside),
        };
        [Some(first), Some(second), None].into_iter().filter_map(|interface| {
            let service =
                self.config.services.iter().find(|s| s.interface.as_ref() == interface)?;
            let at = self.config.policy_maps.iter().position(|p| p.name == service.policy)?;
            Some((at, &self.config.policy_maps[at]))
        })
    }

    /// Whether a class of a policy-map holds for this connection.
    ///
    /// # Errors
    /// Why it does not.
    pub(super) fn class_matches(
        &self,
        class: &PolicyClass,
        flow: Flow,
    ) -> Result<(), Mismatch<'_>> {
        if class.name == "class-default" {
            return Ok(());
        }
        let map = self.config.class_map(&class.name).ok_or(Mismatch::Undefined)?;
        if map.matches.is_empty() {
            return Err(Mismatch::Empty(map));
        }
        let failing = map.matches.iter().position(|m| !self.criterion_holds(m, flow));
        failing.map_or(Ok(()), |at| Err(Mismatch::Match(map, at)))
    }

    /// Whether a `match` line selects this connection.
    pub(super) fn criterion_holds(&self, criterion: &Match, flow: Flow) -> bool {
        match &criterion.on {
            MatchOn::Any => true,
            MatchOn::TcpPort(ports) => ports.contains(&flow.dst.port()),
            MatchOn::AccessList(name) => self
                .config
                .access_list(name)
                .and_then(|list| list.matching(flow, Flags::SYN))
                .is_some_and(|entry| entry.permit),
            MatchOn::DefaultInspection | MatchOn::Nothing => false,
        }
    }
}

/// Why a class does not hold.
#[derive(Clone, Copy, Debug)]
pub(super) enum Mismatch<'a> {
    /// There is no such class-map.
    Undefined,
    /// The class-map has no match line.
    Empty(&'a ClassMap),
    /// This match line of it does not hold.
    Match(&'a ClassMap, usize),
}

const CLEAR_HIGH: &str = "tcp-options range 9 255 clear";

/// What a class's connection settings make of the defaults; `None` when it has none.
fn treatment(
    config: &AsaConfig,
    class: &PolicyClass,
    factory: &Treatment,
    limited: &mut usize,
) -> Option<Arc<Treatment>> {
    let actions = &class.connection;
    actions.place.as_ref()?;
    let rule = |place: &ConfigLine| Rule::config(place.text.clone(), place.clone(), REFERENCE);
    let mut treatment = factory.clone();
    match &actions.advanced {
        Some((Advanced::StateBypass, place)) => treatment.bypass = Some(rule(place)),
        Some((Advanced::TcpMap(name), _)) => {
            // A name that is not defined is not in effect.
            if let Some(at) = config.tcp_maps.iter().position(|m| m.name == *name) {
                let map = &config.tcp_maps[at];
                treatment.map = Some(at);
                treatment.normalizer = Arc::new(map.normalizer.clone());
            }
        }
        None => {}
    }
    match &actions.randomise {
        Some((false, _)) => treatment.randomise = None,
        Some((true, place)) => treatment.randomise = Some(rule(place)),
        None => {}
    }
    treatment.decrement_ttl = actions.decrement_ttl.as_ref().map(rule);
    treatment.timeouts = actions.timeouts.over(factory.timeouts);
    let limited_at_all = [
        &actions.embryonic_maximum,
        &actions.maximum,
        &actions.client_embryonic_maximum,
        &actions.client_maximum,
    ];
    if limited_at_all.into_iter().any(Option::is_some) {
        let limit = |set: &Option<(u32, ConfigLine)>| {
            set.as_ref().map(|(maximum, place)| (*maximum, rule(place)))
        };
        treatment.limits = Some(Limits {
            index: *limited,
            embryonic: limit(&actions.embryonic_maximum),
            connections: limit(&actions.maximum),
            client_embryonic: limit(&actions.client_embryonic_maximum),
            client_connections: limit(&actions.client_maximum),
            cookie_mss: actions
                .syn_cookie_mss
                .as_ref()
                .and_then(|(mss, _)| u16::try_from(*mss).ok()),
        });
        *limited += 1;
    }
    Some(Arc::new(treatment))
}
