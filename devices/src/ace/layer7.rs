//! Layer 7: ACE is the TCP peer of the client, reads its request, and only then chooses and calls a
//! real server. TCP options do not cross it: MPTCP ends here.

use std::sync::Arc;

use sim_core::engine::device::{Change, ConfigLine, Forwarding, Rule, in_prefix};
use sim_core::wire::packet::Flow;

use crate::steps::delayed_binding::{DelayedBinding, Step};
use crate::steps::scan::find;
use crate::steps::track::{ConnectionId, Sender};
use crate::steps::{Pass, forge};

use super::config::{AceConfig, HttpClass, HttpMatch, MultiClass, To};
use super::policy::{Target, to_target};
use super::{Ace, GUIDE, remedy};

/// Bytes of a request that are read (Cisco ACE, `set header-maxparse-length`).
const PARSE_MAX: usize = 4096;
/// The most that a class-map may nest in others.
const DEPTH: u32 = 4;

/// What decides by the request.
#[derive(Debug)]
pub(super) struct Layer7 {
    /// The line that makes ACE a proxy here.
    pub(super) rule: Arc<Rule>,
    /// In order: what a request must say, the target, the cookie that keeps a client there.
    choices: Vec<Choice>,
    classes: Vec<HttpClass>,
    /// The request is encrypted: it is not waited for to its end.
    encrypted: bool,
}

#[derive(Debug)]
struct Choice {
    asks: Asks,
    target: Target,
    rule: Arc<Rule>,
    cookie: Option<String>,
}

#[derive(Debug)]
enum Asks {
    Nothing,
    Class(String),
    Inline(HttpMatch),
}

/// Layer 7 of a class of a multi-match policy, when something makes ACE a proxy for it.
pub(super) fn of(config: &AceConfig, class: &MultiClass) -> Option<Layer7> {
    let (name, _) = class.balance.as_ref()?;
    let policy = config.balancing.iter().find(|b| b.name == *name)?;
    let cookie_of = |to: &To| match to {
        To::Sticky(group) => config.cookies.iter().find(|c| c.name == *group),
        _ => None,
    };
    let mut reason: Option<&ConfigLine> = class.proxy.as_ref();
    let mut choices = Vec::new();
    let mut readers = Vec::new();
    for class in &policy.classes {
        reason = reason.or(class.reads.as_ref());
        let Some((to, place)) = &class.to else { continue };
        let asks = match (&class.inline, class.name.as_str()) {
            (Some(inline), _) => Asks::Inline(inline.clone()),
            (None, "class-default") => Asks::Nothing,
            (None, name) => Asks::Class(name.to_owned()),
        };
        if !matches!(asks, Asks::Nothing) {
            readers.push(class.name.as_str());
            reason = reason.or(Some(&class.place));
        }
        let cookie = cookie_of(to);
        reason = reason.or(cookie.map(|c| &c.place));
        let Some(target) = to_target(config, to) else { continue };
        let rule = Rule::config(place.text.clone(), place.clone(), GUIDE);
        choices.push(Choice { asks, target, rule, cookie: cookie.map(|c| c.cookie.clone()) });
    }
    let reason = reason?;
    let encrypted = class.proxy.as_ref().is_some_and(|p| p.text.starts_with("ssl-proxy"));
    Some(Layer7 {
        rule: Rule::config(reason.text.clone(), reason.clone(), GUIDE).remedied(remedy::layer4(
            &policy.name,
            &readers,
            encrypted,
        )),
        choices,
        classes: config.http_classes.clone(),
        encrypted,
    })
}

/// A request, as far as it was read.
struct Request<'a> {
    url: &'a [u8],
    head: &'a [u8],
    flow: Flow,
}

impl<'a> Request<'a> {
    fn new(head: &'a [u8], flow: Flow) -> Self {
        let line = head.split(|b| *b == b'\r').next().unwrap_or(&[]);
        Self { url: line.split(|b| *b == b' ').nth(1).unwrap_or(&[]), head, flow }
    }

    /// The values of a header.
    fn header(&self, name: &str) -> impl Iterator<Item = &'a [u8]> {
        let name = name.to_ascii_lowercase().into_bytes();
        self.head.split(|b| *b == b'\n').skip(1).filter_map(move |line| {
            let colon = line.iter().position(|b| *b == b':')?;
            let (field, value) = line.split_at(colon);
            field.eq_ignore_ascii_case(&name).then(|| value[1..].trim_ascii())
        })
    }

    /// The value of a cookie.
    fn cookie(&self, name: &str) -> Option<&'a [u8]> {
        self.header("cookie").flat_map(|value| value.split(|b| *b == b';')).find_map(|part| {
            let part = part.trim_ascii();
            let equals = part.iter().position(|b| *b == b'=')?;
            (&part[..equals] == name.as_bytes()).then(|| &part[equals + 1..])
        })
    }
}

impl Layer7 {
    fn fits(&self, wanted: &HttpMatch, request: &Request<'_>, depth: u32) -> bool {
        match wanted {
            HttpMatch::Url(pattern) => pattern.is_match(request.url),
            HttpMatch::Header(name, pattern) => {
                let mut values = request.header(name);
                values.any(|value| pattern.is_match(value))
            }
            HttpMatch::Cookie(name, pattern) => {
                request.cookie(name).is_some_and(|value| pattern.is_match(value))
            }
            HttpMatch::Source(network, length) => {
                in_prefix(request.flow.src.ip(), *network, *length)
            }
            HttpMatch::Class(name) => depth > 0 && self.class_fits(name, request, depth - 1),
            HttpMatch::Nothing => false,
        }
    }

    fn class_fits(&self, name: &str, request: &Request<'_>, depth: u32) -> bool {
        let Some(class) = self.classes.iter().find(|c| c.name == name) else { return false };
        let mut fits = class.matches.iter().map(|m| self.fits(m, request, depth));
        if class.any { fits.any(|f| f) } else { !class.matches.is_empty() && fits.all(|f| f) }
    }

    /// The farms that it may choose, in order.
    pub(super) fn pools(&self) -> impl Iterator<Item = usize> {
        self.choices.iter().filter_map(|choice| match choice.target {
            Target::Pool(pool, _) => Some(pool),
            Target::Forward | Target::Drop => None,
        })
    }

    /// The choice for a request.
    fn choice(&self, request: &Request<'_>) -> Option<&Choice> {
        self.choices.iter().find(|choice| match &choice.asks {
            Asks::Nothing => true,
            Asks::Class(name) => self.class_fits(name, request, DEPTH),
            Asks::Inline(wanted) => self.fits(wanted, request, DEPTH),
        })
    }

    /// True once enough of a request was read to choose by it.
    fn is_enough(&self, binding: &DelayedBinding) -> bool {
        let request = binding.request();
        self.encrypted || binding.is_closed() || find(request, b"\r\n\r\n").is_some()
    }
}

impl Ace {
    /// What becomes of a packet of a connection that is read before it is balanced; `None`: it goes on.
    pub(super) fn bind(
        &mut self,
        pass: &mut Pass<'_>,
        id: ConnectionId,
        sender: Sender,
    ) -> Option<Forwarding> {
        let connection = self.table.get_mut(id)?;
        let (binding, layer_7) = connection.state.binding.as_mut()?;
        let layer_7 = Arc::clone(layer_7);
        let rule = Arc::clone(&layer_7.rule);
        let with = match binding.step(sender, pass.packet, &mut connection.state.shift) {
            Step::Pass => return None,
            Step::Ignore => return Some(Forwarding::Consumed),
            Step::Answer(answer) => {
                self.table.observe(pass.now, id, sender, pass.packet);
                self.table.observe(pass.now, id, sender.peer(), &answer);
                pass.effects.emit_new(pass.ingress, answer);
                "SYN/ACK"
            }
            Step::Read => {
                self.table.observe(pass.now, id, sender, pass.packet);
                return Some(self.read(pass, id, &layer_7));
            }
            Step::Splice(packets) => {
                let to = connection.translated.dst;
                for mut packet in packets {
                    (packet.dst, packet.dst_port) = (to.ip(), to.port());
                    pass.effects.emit_new(pass.ingress, packet);
                }
                let by = connection.state.shift.by[Sender::Responder as usize];
                pass.sign(&rule, Change::SequenceShifted { by });
                "ACK"
            }
        };
        pass.sign(&rule, Change::Answered { with });
        Some(Forwarding::Consumed)
    }

    /// More of the request has come: chooses and calls a server when it is enough.
    fn read(&mut self, pass: &mut Pass<'_>, id: ConnectionId, layer_7: &Layer7) -> Forwarding {
        let Some(connection) = self.table.get(id) else { return Forwarding::Drop };
        let Some((binding, _)) = &connection.state.binding else { return Forwarding::Drop };
        let opened = connection.opened;
        if !layer_7.is_enough(binding) {
            if binding.request().len() < PARSE_MAX {
                return Forwarding::Consumed;
            }
            let reset = forge::reset(connection, Sender::Initiator, (opened.dst, opened.src), None);
            pass.effects.emit_new(pass.ingress, reset);
            pass.sign(&layer_7.rule, Change::Reset { reason: "length exceeded" });
            return self.drop(pass, &layer_7.rule, "length exceeded");
        }
        let head = binding.request().to_vec();
        let request = Request::new(&head, opened);
        let Some(choice) = layer_7.choice(&request) else {
            return self.drop(pass, &layer_7.rule, "no class of the policy");
        };
        let Target::Pool(pool, sticky) = choice.target else {
            return self.drop(pass, &choice.rule, "policy");
        };
        let cookie = choice.cookie.as_deref().and_then(|name| request.cookie(name));
        let known = cookie.and_then(|value| self.cookies.get(&(pool, value.to_vec())).copied());
        let chosen =
            match known.filter(|&server| self.policy.pools[pool].servers[server].in_service) {
                Some(server) => Some((server, Arc::clone(&choice.rule))),
                None => self.choose(pass.now, opened, pool, sticky),
            };
        let Some((server, rule)) = chosen else {
            let rule = Arc::clone(&self.no_server);
            return self.drop(pass, &rule, "no server");
        };
        if let Some(value) = cookie {
            self.cookies.insert((pool, value.to_vec()), server);
        }
        let real = &mut self.policy.pools[pool].servers[server];
        (real.connections, real.total) = (real.connections + 1, real.total + 1);
        let to = real.socket(opened.dst.port());
        pass.sign(&rule, Change::Balanced { server: real.name.clone(), address: to });
        self.table.translate(id, Flow { src: opened.src, dst: to });
        let Some(connection) = self.table.get_mut(id) else { return Forwarding::Drop };
        connection.state.server = Some((pool, server, rule));
        if let Some((binding, _)) = &mut connection.state.binding {
            let mut syn = binding.call();
            (syn.dst, syn.dst_port) = (to.ip(), to.port());
            pass.effects.emit_new(pass.ingress.peer(), syn);
        }
        pass.sign(&layer_7.rule, Change::Answered { with: "SYN" });
        Forwarding::Consumed
    }
}
