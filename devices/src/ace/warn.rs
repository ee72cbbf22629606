//! What in a configuration is undefined or not in effect.

use sim_core::engine::device::ConfigLine;

use crate::config::words::nearest;
use crate::config::{ConfigText, Diagnostics, Line};

use super::config::{AceConfig, To};
use super::policy::virtuals;

pub(super) fn warn(config: &AceConfig, text: ConfigText<'_>, found: &mut Diagnostics) {
    let all = text.lines();
    let mut say = |place: &ConfigLine, word: &str, message: String, known: Vec<&str>| {
        let Ok(at) = all.binary_search_by_key(&place.line, |l| l.number) else { return };
        let meant = nearest(word, known);
        let word = all[at].words.iter().rev().find(|w| **w == word).copied().unwrap_or("");
        let report = found.warn(&all[at], word, message);
        if let Some(meant) = meant {
            report.help(format!("{meant} is defined"));
        }
    };
    for farm in &config.farms {
        for member in &farm.members {
            match config.rservers.iter().find(|r| r.name == member.name) {
                None => {
                    let known = config.rservers.iter().map(|r| &*r.name).collect();
                    let message = format!("rserver {} is not defined", member.name);
                    say(&member.place, &member.name, message, known);
                }
                Some(server) if server.address.is_none() => {
                    let message = format!("rserver {} has no ip address", server.name);
                    say(&server.place, &server.name, message, Vec::new());
                }
                Some(server) if !server.in_service || !member.in_service => {
                    let message = match server.in_service {
                        true => format!("rserver {} is not in service here", member.name),
                        false => format!(
                            "rserver {} is not in service: its own block, line {}, does not say so",
                            member.name, server.place.line
                        ),
                    };
                    say(&member.place, &member.name, message, Vec::new());
                }
                Some(_) => {}
            }
        }
    }
    let by_address = config.sticky.iter().map(|s| (&s.name, &s.farm, &s.place));
    let by_cookie = config.cookies.iter().map(|s| (&s.name, &s.farm, &s.place));
    for (group, farm, place) in by_address.chain(by_cookie) {
        match farm {
            None => {
                let message = format!("sticky group {group} has no serverfarm");
                say(place, group, message, Vec::new());
            }
            Some(name) if config.farm(name).is_none() => {
                let known = config.farms.iter().map(|f| &*f.name).collect();
                say(place, name, format!("serverfarm {name} is not defined"), known);
            }
            Some(_) => {}
        }
    }
    for class in config.balancing.iter().flat_map(|b| &b.classes) {
        let defined = config.http_classes.iter().any(|c| c.name == class.name);
        if class.name != "class-default" && class.inline.is_none() && !defined {
            let known = config.http_classes.iter().map(|c| &*c.name).collect();
            let message = format!("class-map {} is not defined: no request fits it", class.name);
            say(&class.place, &class.name, message, known);
        }
        match &class.to {
            Some((To::Farm(name), place)) if config.farm(name).is_none() => {
                let known = config.farms.iter().map(|f| &*f.name).collect();
                say(place, name, format!("serverfarm {name} is not defined"), known);
            }
            Some((To::Sticky(name), place))
                if !config
                    .sticky
                    .iter()
                    .map(|s| &s.name)
                    .chain(config.cookies.iter().map(|s| &s.name))
                    .any(|n| n == name) =>
            {
                let known = config.sticky.iter().map(|s| &*s.name).collect();
                say(place, name, format!("sticky group {name} is not defined"), known);
            }
            _ => {}
        }
    }
    for map in &config.multi {
        if !config.services.iter().any(|(name, ..)| *name == map.name) {
            let message = format!("no service-policy input applies policy-map {}", map.name);
            say(&map.place, &map.name, message, Vec::new());
        }
        for class in &map.classes {
            if class.name != "class-default" && config.class(&class.name).is_none() {
                let known = config.classes.iter().map(|c| &*c.name).collect();
                let message = format!("class-map {} is not defined", class.name);
                say(&class.place, &class.name, message, known);
            }
            if let Some((name, place)) = &class.connection
                && config.parameters(name).is_none()
            {
                let known = config.parameters.iter().map(|p| &*p.name).collect();
                let message = format!("parameter-map type connection {name} is not defined");
                say(place, name, message, known);
            }
            if let Some((name, place)) = &class.balance {
                if !config.balancing.iter().any(|b| b.name == *name) {
                    let known = config.balancing.iter().map(|b| &*b.name).collect();
                    let message = format!("policy-map type loadbalance {name} is not defined");
                    say(place, name, message, known);
                } else if !class.in_service {
                    let message = format!("class {} is not in service", class.name);
                    say(&class.place, &class.name, message, Vec::new());
                }
            }
        }
    }
    for (name, _, place) in &config.services {
        let other = config.other_policies.contains(name);
        if !other && !config.multi.iter().any(|m| m.name == *name) {
            let known = config.multi.iter().map(|m| &*m.name).collect();
            say(place, name, format!("policy-map multi-match {name} is not defined"), known);
        }
    }
    for parameters in &config.parameters {
        let used = config
            .multi
            .iter()
            .flat_map(|m| &m.classes)
            .any(|c| c.connection.as_ref().is_some_and(|(name, _)| *name == parameters.name));
        if !used {
            let message = format!("no class uses parameter-map {}", parameters.name);
            say(&parameters.place, &parameters.name, message, Vec::new());
        }
    }
    let groups = config.interfaces.iter().flat_map(|i| [&i.access_group, &i.access_group_out]);
    for (name, place) in groups.chain([&config.access_group]).flatten() {
        if !config.access_lists.contains_key(name) {
            let known = config.access_lists.keys().map(String::as_str).collect();
            say(
                place,
                name,
                format!("access list {name} is not defined: it permits nothing"),
                known,
            );
        }
    }
    // The system's own text allots interfaces to contexts.
    let is_context =
        |line: &&Line<'_>| matches!(line.words.as_slice(), ["context", name] if *name != "Admin");
    let allots = all.iter().any(|line| line.words[0] == "allocate-interface");
    if let Some(context) = all.iter().find(is_context).filter(|_| allots) {
        let message = "what contexts do stands in configurations of their own: nothing is said of what comes in by the \
                       interfaces that are allocated to them";
        found.warn(context, "context", message);
    }
    if let Some(first) = all.first()
        && virtuals(config).is_empty()
    {
        found
            .warn(first, "", "no virtual address is in service")
            .help("virtual address and real servers are taken from the topology, where it has any");
    }
}
