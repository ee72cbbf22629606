//! What in a configuration is undefined or not in effect, apart from zones.

use sim_core::engine::device::ConfigLine;

use crate::config::words::nearest;
use crate::config::{ConfigText, Diagnostics, Line};
use crate::nat::config::{Dynamic, Global, To};

use super::{Interface, IosConfig};

/// Says which names are undefined and what is not in effect, between these sides.
pub(super) fn warn(
    config: &IosConfig,
    sides: &[Option<Interface>; 2],
    text: ConfigText<'_>,
    found: &mut Diagnostics,
) {
    let all = text.lines();
    names(config, &all, found);
    sides_told(config, sides, &all, found);
}

/// Says which names are undefined and what is not in effect.
/// `all` are the lines of its text.
pub(super) fn names(config: &IosConfig, all: &[Line<'_>], found: &mut Diagnostics) {
    let mut say = |place: &ConfigLine, word: &str, message: String, known: Vec<&str>| {
        let Ok(at) = all.binary_search_by_key(&place.line, |l| l.number) else { return };
        let few = found.len() < super::skipped::SUGGESTIONS_MAX;
        let meant = few.then(|| nearest(word, known)).flatten().map(str::to_owned);
        let word = all[at].words.iter().rev().find(|w| **w == word).copied().unwrap_or("");
        let report = found.warn(&all[at], word, message);
        if let Some(meant) = meant {
            report.help(format!("{meant} is defined"));
        }
    };
    let lists = || config.access_lists.keys().map(String::as_str).collect::<Vec<_>>();
    for interface in &config.interfaces {
        let lists_of = interface.access.iter().chain(&interface.access_v6);
        let mut named = lists_of.chain(&interface.inspect).flatten().chain(&interface.zone);
        if let Some(place) = &interface.shut_down
            && named.next().is_some()
        {
            let message =
                "the interface is shut down: what is said of it holds once it is brought up";
            say(place, "shutdown", message.into(), Vec::new());
        }
        for named in interface.inspect.iter().flatten() {
            if !config.inspections.rules.contains_key(&named.name) {
                let known = config.inspections.rules.keys().map(String::as_str).collect();
                let message =
                    format!("no ip inspect name {}: nothing is inspected here", named.name);
                say(&named.place, &named.name, message, known);
            }
        }
        for named in interface.access.iter().chain(&interface.access_v6).flatten() {
            let why = match config.access_lists.get(&named.name) {
                Some(list) if list.has_entries => continue,
                Some(_) => "has no entries",
                None => "is not defined",
            };
            let message = format!("access list {} {why}: everything is permitted", named.name);
            let known = if why == "has no entries" { Vec::new() } else { lists() };
            say(&named.place, &named.name, message, known);
        }
        for named in interface.service.iter().flatten() {
            if config.quality.policy(&named.name).is_none() {
                let known = config.quality.policies.iter().map(|p| &*p.name).collect();
                let message = format!("policy-map {} is not defined: it does nothing", named.name);
                say(&named.place, &named.name, message, known);
            }
        }
    }
    // Where a route-map sends what it names, lists of another interface are asked than those of the routing table's.
    let filters_out = |i: &Interface| i.access[1].is_some() || i.access_v6[1].is_some();
    let is_filtered = config.interfaces.iter().any(filters_out);
    for interface in config.interfaces.iter().filter(|_| is_filtered) {
        for named in interface.policy.iter().flatten() {
            let entries = config.route_maps.get(&named.name).map_or(&[][..], Vec::as_slice);
            if entries.iter().any(|entry| entry.permit && entry.has_next_hop) {
                let message = format!(
                    "what route-map {} names goes where that says: lists of what comes out of other interfaces are not asked for it then, which is not followed",
                    named.name
                );
                say(&named.place, "", message, Vec::new());
            }
        }
    }
    if let Some(named) = &config.intercept.list
        && !config.access_lists.contains_key(&named.name)
    {
        let message = format!(
            "access list {} is not defined: which connections are intercepted is not known",
            named.name
        );
        say(&named.place, &named.name, message, lists());
    }
    quality(config, &mut say);
    translation(config, &mut say);
}

/// Says which side cannot be told.
fn sides_told(
    config: &IosConfig,
    sides: &[Option<Interface>; 2],
    all: &[Line<'_>],
    found: &mut Diagnostics,
) {
    let Some(first) = all.first() else { return };
    let firewalled = config.interfaces.iter().any(|i| {
        i.inspect.iter().chain(&i.access).chain(&i.service).any(Option::is_some) || i.nat.is_some()
    }) || !config.inspections.rules.is_empty();
    let zoned = !config.zones.pairs.is_empty();
    for (side, name) in sides.iter().zip(["inside (clients)", "outside (servers)"]) {
        if side.is_none() && firewalled && !zoned {
            let message = format!(
                "which interface is {name} cannot be told from the text: none of its rules applies there; name it in the scenario"
            );
            found.warn(first, "", message);
        }
    }
}

type Say<'s> = dyn FnMut(&ConfigLine, &str, String, Vec<&str>) + 's;

fn quality(config: &IosConfig, say: &mut Say<'_>) {
    let q = &config.quality;
    for class in q.policies.iter().flat_map(|p| &p.classes) {
        if class.name != "class-default" && q.class(&class.name).is_none() {
            let known = q.classes.iter().map(|c| &*c.name).collect();
            let message = format!("class-map {} is not defined: it matches nothing", class.name);
            say(&class.place, &class.name, message, known);
        }
    }
    for criterion in q.classes.iter().flat_map(|class| &class.criteria) {
        if let crate::nbar::config::On::AccessGroup(name) = &criterion.on
            && !config.access_lists.contains_key(name)
        {
            let known = config.access_lists.keys().map(String::as_str).collect();
            let message = format!("access list {name} is not defined: this matches nothing");
            say(&criterion.place, name, message, known);
        }
    }
    let attached = |name: &str| {
        let of_interface = config.interfaces.iter().flat_map(|i| i.service.iter().flatten());
        let nested = q.policies.iter().flat_map(|p| &p.classes).flat_map(|c| &c.actions);
        of_interface.map(|n| &*n.name).any(|n| n == name)
            || config.control_plane.iter().any(|n| n == name)
            || nested.into_iter().any(
                |(action, _)| matches!(action, crate::nbar::config::Action::Nested(n) if n == name),
            )
    };
    for policy in q.policies.iter().filter(|p| !attached(&p.name)) {
        let message = format!("no interface has service-policy {}: it does nothing", policy.name);
        say(&policy.place, &policy.name, message, Vec::new());
    }
}

/// Lists that a router of Catalyst SD-WAN has of its own, and that no configuration shows (Cisco Catalyst SD-WAN NAT
/// Configuration Guide).
const OF_SDWAN: [&str; 2] = ["global-list", "nat-dia-vpn-hop-access-list"];

/// The first line by which the router translates something: none does where no interface is of a side, nor without the
/// list, the pool and the interface that it names.
pub(super) fn translating(config: &IosConfig) -> Option<&ConfigLine> {
    if !has_sides(config) {
        return None;
    }
    let nat = &config.nat;
    let is_defined = |dynamic: &&Dynamic| {
        let is_selected = match dynamic.is_route_map {
            true => config.route_maps.contains_key(&dynamic.list),
            false => {
                config.access_lists.contains_key(&dynamic.list)
                    || OF_SDWAN.contains(&&*dynamic.list)
            }
        };
        is_selected
            && match &dynamic.to {
                To::Pool(name) => nat.pool(name).is_some(),
                To::Interface(name) => config.interface(name).is_some(),
            }
    };
    let is_there = |global: &Global| match global {
        Global::Interface(name) => config.interface(name).is_some(),
        Global::Address(_) => true,
    };
    let dynamics = nat.dynamics.iter().filter(is_defined).map(|dynamic| &dynamic.place);
    let statics = nat.statics.iter().filter(|fixed| is_there(&fixed.global));
    dynamics.chain(statics.map(|fixed| &fixed.place)).min_by_key(|place| place.line)
}

/// True where an interface is `ip nat inside` or `ip nat outside`.
fn has_sides(config: &IosConfig) -> bool {
    config.interfaces.iter().any(|interface| interface.nat.is_some())
}

fn translation(config: &IosConfig, say: &mut Say<'_>) {
    let nat = &config.nat;
    let lines = nat.dynamics.iter().map(|d| &d.place).chain(nat.statics.iter().map(|s| &s.place));
    if let Some(first) = lines.min_by_key(|place| place.line)
        && !has_sides(config)
    {
        let message = "no interface is ip nat inside or ip nat outside: nothing is translated";
        say(first, "", message.to_owned(), Vec::new());
    }
    for dynamic in nat.dynamics.iter().chain(&nat.destinations) {
        sources(config, dynamic, say);
    }
    for fixed in &nat.statics {
        if let Global::Interface(name) = &fixed.global {
            address_of(config, name, &fixed.place, say);
        }
    }
}

fn sources(config: &IosConfig, dynamic: &Dynamic, say: &mut Say<'_>) {
    let (place, list) = (&dynamic.place, &dynamic.list);
    let (defined, what, known) = if dynamic.is_route_map {
        let known: Vec<&str> = config.route_maps.keys().map(String::as_str).collect();
        (config.route_maps.contains_key(list), "route-map", known)
    } else {
        let known: Vec<&str> = config.access_lists.keys().map(String::as_str).collect();
        (config.access_lists.contains_key(list), "access list", known)
    };
    if !defined && OF_SDWAN.contains(&&**list) {
        let message = format!(
            "access list {list} is the router's own, and not in the text: a simulation translates nothing by this line"
        );
        say(place, list, message, Vec::new());
    } else if !defined {
        let message = format!("{what} {list} is not defined: nothing is translated by this line");
        say(place, list, message, known);
    }
    match &dynamic.to {
        To::Pool(name) if config.nat.pool(name).is_none() => {
            let known = config.nat.pools.iter().map(|p| &*p.name).collect();
            let message = format!("pool {name} is not defined: nothing is translated by this line");
            say(place, name, message, known);
        }
        To::Pool(name) => {
            let is_destination = config.nat.destinations.iter().any(|d| d.place == *place);
            if is_destination && config.nat.pool(name).is_some_and(|pool| !pool.rotary) {
                let message = format!(
                    "pool {name} is not type rotary: its hosts are taken in turn here all the same"
                );
                say(place, name, message, Vec::new());
            }
        }
        To::Interface(name) => address_of(config, name, place, say),
    }
}

fn address_of(config: &IosConfig, name: &str, place: &ConfigLine, say: &mut Say<'_>) {
    let message = match config.interface(name) {
        None => format!("interface {name} is not in this text: nothing is translated by this line"),
        Some(interface) if interface.address.is_none() => format!(
            "the text does not say the address of {name}: a simulation translates nothing by this line; put an ip \
             address there"
        ),
        Some(_) => return,
    };
    let known = config.interfaces.iter().map(|i| &*i.name).collect();
    say(place, name, message, known);
}
