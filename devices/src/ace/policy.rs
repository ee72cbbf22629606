//! The configuration, applied: virtual addresses with their farms, and which parameter-map rules a
//! connection.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use sim_core::engine::device::{ConfigLine, Rule, Wording, in_prefix};
use sim_core::wire::options::kind;
use sim_core::wire::packet::{Flags, Flow};
use sim_core::wording;

use crate::catalogue::RECALLED;
use crate::config::words::nearest;
use crate::spec::Farm;
use crate::steps::option_table::Action;

use super::balance::{Pool, Server, StickyTable};
use super::config::{AceConfig, ClassMap, MatchOn, MultiClass, Predictor, Sticky, To};
use super::layer7::Layer7;
use super::normalizer::Normalizer;
use super::{GUIDE, SEED, remedy};

/// How one connection is treated.
#[derive(Debug)]
pub(super) struct Treatment {
    /// `None`: `no normalization`.
    pub(super) normalizer: Option<Arc<Normalizer>>,
    /// The default that clears options, with the reason why it rules here.
    pub(super) cleared: Arc<Rule>,
}

/// Where a class of a multi-match policy sends its connections.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Target {
    /// Farm and sticky group, by their indices.
    Pool(usize, Option<usize>),
    /// Not balanced.
    Forward,
    /// Refused.
    Drop,
}

/// A virtual address.
#[derive(Clone, Debug)]
pub(super) struct Virtual {
    pub(super) address: IpAddr,
    length: u8,
    pub(super) ports: std::ops::RangeInclusive<u16>,
    pub(super) target: Target,
    /// What makes ACE read a request before it chooses.
    pub(super) layer_7: Option<Arc<Layer7>>,
    pub(super) place: Option<ConfigLine>,
}

impl Virtual {
    /// Its port, when it is a single one.
    pub(super) fn single_port(&self) -> Option<u16> {
        (self.ports.start() == self.ports.end()).then(|| *self.ports.start())
    }
}

/// The policy of a device.
#[derive(Debug)]
pub(super) struct Policy {
    pub(super) config: AceConfig,
    pub(super) virtuals: Vec<Virtual>,
    pub(super) pools: Vec<Pool>,
    pub(super) sticky: Vec<StickyTable>,
    has_text: bool,
    factory: Arc<Treatment>,
}

impl Policy {
    pub(super) fn new(config: AceConfig, has_text: bool, default_farm: Option<&Farm>) -> Self {
        let pools = config.farms.iter().map(|f| pool(&config, f)).collect();
        let sticky = config
            .sticky
            .iter()
            .map(|s| StickyTable::new(s.key, s.timeout_minutes, sticky_rule(&config, s)))
            .collect();
        let factory = Treatment {
            normalizer: Some(Arc::new(Normalizer::factory())),
            cleared: Rule::default(CLEAR, SEED),
        };
        let mut policy = Self {
            virtuals: virtuals(&config),
            config,
            pools,
            sticky,
            has_text,
            factory: Arc::new(factory),
        };
        if let (true, Some(farm)) = (policy.virtuals.is_empty(), default_farm) {
            policy.add(farm);
        }
        policy
    }

    /// Adds a virtual address and its servers that no configuration names.
    fn add(&mut self, farm: &Farm) {
        let server = |(name, address): &(String, IpAddr)| Server {
            name: name.clone(),
            address: *address,
            port: None,
            in_service: true,
            connections: 0,
            total: 0,
        };
        let rule = Rule::default("predictor roundrobin", RECALLED);
        let servers = farm.servers.iter().map(server).collect();
        self.pools.push(Pool::new(servers, Predictor::RoundRobin, rule));
        self.virtuals.push(Virtual {
            address: farm.vip,
            length: if farm.vip.is_ipv4() { 32 } else { 128 },
            ports: farm.port.map_or(0..=u16::MAX, |port| port..=port),
            target: Target::Pool(self.pools.len() - 1, None),
            layer_7: None,
            place: None,
        });
    }

    /// The virtual address that a connection calls.
    pub(super) fn called(&self, to: SocketAddr) -> Option<&Virtual> {
        self.virtuals
            .iter()
            .find(|v| in_prefix(to.ip(), v.address, v.length) && v.ports.contains(&to.port()))
    }

    /// The treatment of a new connection, `flow` being that of its first packet.
    pub(super) fn treatment(&self, flow: Flow) -> Arc<Treatment> {
        if !self.has_text {
            return Arc::clone(&self.factory);
        }
        let config = &self.config;
        let classes = || {
            let maps = config
                .services
                .iter()
                .filter_map(|(name, ..)| config.multi.iter().find(|m| m.name == *name));
            maps.flat_map(|m| m.classes.iter().map(move |c| (m, c)))
        };
        let matching = |class: &MultiClass| {
            class.name == "class-default"
                || config.class(&class.name).is_some_and(|c| self.matches(c, flow))
        };
        let proxied = classes().find(|(_, c)| c.proxy.is_some() && matching(c));
        let ruling = classes().find(|(_, c)| c.connection.is_some() && matching(c));
        let named = ruling.and_then(|(_, c)| c.connection.as_ref());
        let parameters = named.and_then(|(name, _)| config.parameters(name));
        let normalizer = match parameters {
            Some(parameters) if proxied.is_none() => Arc::new(parameters.normalizer.clone()),
            _ => Arc::new(Normalizer::factory()),
        };
        let off = config.interfaces.iter().any(|i| i.normalization_off.is_some());
        let decided = normalizer.options.of(kind::MPTCP).is_some();
        let cleared = if decided {
            Arc::clone(&self.factory.cleared)
        } else {
            let (because, near) = match (proxied, named) {
                (Some((_, class)), _) => (
                    wording!(
                        en: "the connection is terminated here",
                        ja: "接続はこのデバイスで終端されます",
                    ),
                    class.proxy.clone(),
                ),
                (None, Some((name, place))) => self.map_does_not(name, place),
                (None, None) => {
                    self.why_no_map(classes().find(|(_, c)| matching(c)).map(|(_, c)| c))
                }
            };
            let rule = Rule::default_because(CLEAR, because, near, SEED);
            let class = classes().find(|(_, c)| matching(c));
            match (proxied, class) {
                (None, Some((map, class))) => rule.remedied(remedy::open(config, map, class)),
                _ => rule,
            }
        };
        Arc::new(Treatment { normalizer: (!off).then_some(normalizer), cleared })
    }

    /// A parameter-map rules, and does not let option 30 through.
    fn map_does_not(&self, name: &str, place: &ConfigLine) -> (Wording, Option<ConfigLine>) {
        match self.config.parameters(name) {
            Some(map) => {
                let text = wording!(
                    en: "parameter-map {name} (line {line}) does not name option 30",
                    ja: "parameter-map {name}（{line} 行目）はオプション 30 を指定していません",
                    line = map.place.line,
                );
                (text, Some(map.place.clone()))
            }
            None => {
                let known = self.config.parameters.iter().map(|p| &*p.name);
                let text = wording!(
                    en: "parameter-map {name} is not defined",
                    ja: "parameter-map {name} は定義されていません",
                );
                let hint = nearest(name, known).map_or_else(
                    Wording::default,
                    |n| wording!(en: " (there is {n})", ja: "（{n} はあります）"),
                );
                (text.then(&hint), Some(place.clone()))
            }
        }
    }

    /// No parameter-map rules: says what is missing.
    fn why_no_map(&self, class: Option<&MultiClass>) -> (Wording, Option<ConfigLine>) {
        let config = &self.config;
        let opens =
            |n: &Normalizer| n.options.of(kind::MPTCP).is_some_and(|o| o.action == Action::Allow);
        let Some(map) = config.parameters.iter().find(|p| opens(&p.normalizer)) else {
            let text = wording!(
                en: "no parameter-map type connection allows option 30",
                ja: "オプション 30 を許可する parameter-map type connection がありません",
            );
            return (text, None);
        };
        let (name, line) = (&map.name, map.place.line);
        match class {
            Some(class) => {
                let text = wording!(
                    en: "class {class} (line {at}) does not name parameter-map {name} (line {line}): connection advanced-options {name} is missing",
                    ja: "class {class}（{at} 行目）に parameter-map {name}（{line} 行目）の指定がありません: connection advanced-options {name} が必要です",
                    class = class.name,
                    at = class.place.line,
                );
                (text, Some(class.place.clone()))
            }
            None => {
                let text = wording!(
                    en: "no class of an applied policy-map matches this connection, so parameter-map {name} (line {line}) is not used",
                    ja: "適用されている policy-map にこの接続と一致する class がないため、parameter-map {name}（{line} 行目）は使用されません",
                );
                (text, Some(map.place.clone()))
            }
        }
    }

    fn matches(&self, class: &ClassMap, flow: Flow) -> bool {
        let holds = |(on, _): &(MatchOn, ConfigLine)| match on {
            MatchOn::Any => true,
            MatchOn::Nothing => false,
            MatchOn::Virtual { address, length, ports } => {
                in_prefix(flow.dst.ip(), *address, *length) && ports.contains(&flow.dst.port())
            }
            MatchOn::Port(ports) => ports.contains(&flow.dst.port()),
            MatchOn::Source(network, length) => in_prefix(flow.src.ip(), *network, *length),
            MatchOn::Destination(network, length) => in_prefix(flow.dst.ip(), *network, *length),
            MatchOn::AccessList(name) => self
                .config
                .access_lists
                .get(name)
                .and_then(|list| list.matching(flow, Flags::SYN))
                .is_some_and(|entry| entry.permit),
        };
        if class.any || class.matches.len() < 2 {
            class.matches.iter().any(holds)
        } else {
            class.matches.iter().all(holds)
        }
    }
}

/// The default, in the words of the tcp-options command.
const CLEAR: &str = "tcp-options: those not allowed are cleared";

fn rule(place: &ConfigLine) -> Arc<Rule> {
    Rule::config(place.text.clone(), place.clone(), GUIDE)
}

/// The rule of a sticky group.
fn sticky_rule(config: &AceConfig, sticky: &Sticky) -> Arc<Rule> {
    let farm = sticky.farm.as_ref().and_then(|name| config.farm(name));
    match farm {
        Some(farm) => rule(&sticky.place).remedied(remedy::together(&config.farms[farm])),
        None => rule(&sticky.place),
    }
}

fn pool(config: &AceConfig, farm: &super::config::Farm) -> Pool {
    let servers = farm
        .members
        .iter()
        .filter_map(|m| {
            let server = config.rservers.iter().find(|r| r.name == m.name)?;
            Some(Server {
                name: m.name.clone(),
                address: server.address?,
                port: m.port,
                in_service: m.in_service && server.in_service,
                connections: 0,
                total: 0,
            })
        })
        .collect();
    let (predictor, rule) = match &farm.predictor {
        Some((predictor, place)) => (*predictor, rule(place)),
        None => {
            let near = Some(farm.place.clone());
            let because = wording!(
                en: "serverfarm {name} names no predictor",
                ja: "serverfarm {name} に predictor の指定がありません",
                name = farm.name,
            );
            let rule = Rule::default_because("predictor roundrobin", because, near, RECALLED);
            (Predictor::RoundRobin, rule)
        }
    };
    Pool::new(servers, predictor, rule.remedied(remedy::together(farm)))
}

/// The virtual addresses of the applied policy-maps, in order.
pub(super) fn virtuals(config: &AceConfig) -> Vec<Virtual> {
    let mut found = Vec::new();
    for (name, ..) in &config.services {
        let Some(map) = config.multi.iter().find(|m| m.name == *name) else { continue };
        for class in map.classes.iter().filter(|c| c.in_service) {
            let layer_7 = super::layer7::of(config, class).map(Arc::new);
            let target = target(config, class).or(layer_7.as_ref().map(|_| Target::Drop));
            let (Some(matches), Some(target)) = (config.class(&class.name), target) else {
                continue;
            };
            for (on, place) in &matches.matches {
                if let MatchOn::Virtual { address, length, ports } = on {
                    found.push(Virtual {
                        address: *address,
                        length: *length,
                        ports: ports.clone(),
                        target,
                        layer_7: layer_7.clone(),
                        place: Some(place.clone()),
                    });
                }
            }
        }
    }
    found
}

fn target(config: &AceConfig, class: &MultiClass) -> Option<Target> {
    let (name, _) = class.balance.as_ref()?;
    let policy = config.balancing.iter().find(|b| b.name == *name)?;
    // What an HTTP class selects needs a proxy; what is left for a plain connection is class-default.
    let class = policy.classes.iter().find(|c| c.name == "class-default")?;
    to_target(config, &class.to.as_ref()?.0)
}

/// Farm and sticky group of a class's action.
pub(super) fn to_target(config: &AceConfig, to: &To) -> Option<Target> {
    match to {
        To::Farm(name) => config.farm(name).map(|farm| Target::Pool(farm, None)),
        To::Sticky(name) => {
            if let Some(group) = config.cookies.iter().find(|s| s.name == *name) {
                return config.farm(group.farm.as_ref()?).map(|farm| Target::Pool(farm, None));
            }
            let at = config.sticky.iter().position(|s| s.name == *name)?;
            let farm = config.farm(config.sticky[at].farm.as_ref()?)?;
            Some(Target::Pool(farm, Some(at)))
        }
        To::Drop => Some(Target::Drop),
        To::Forward => Some(Target::Forward),
    }
}
