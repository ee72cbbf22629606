//! What in a zone-based firewall's configuration is undefined or not in effect.

use sim_core::engine::device::ConfigLine;

use crate::config::words::nearest;
use crate::config::{ConfigText, Diagnostics, Line};
use crate::ios::{Interface, IosConfig};

use super::policy::zones_of;
use super::zones::{Action, On, SELF};

/// Says which names are undefined and what is not in effect, between these sides.
pub(crate) fn warn(
    config: &IosConfig,
    sides: &[Option<Interface>; 2],
    text: ConfigText<'_>,
    found: &mut Diagnostics,
) {
    let all = text.lines();
    warn_of_names(config, &all, found);
    let zones = &config.zones;
    if let Some(first) = all.first()
        && zones_of(config, sides).iter().any(Option::is_none)
        && !zones.pairs.is_empty()
    {
        let message = "which zones the clients and the servers are in cannot be told from the text: name the interfaces in the scenario";
        found.warn(first, "", message);
    }
}

/// Says which names are undefined and what is not in effect.
/// `all` are the lines of its text.
pub(crate) fn warn_of_names(config: &IosConfig, all: &[Line<'_>], found: &mut Diagnostics) {
    let zones = &config.zones;
    let mut say = |place: &ConfigLine, word: &str, message: String, near: Option<&str>| {
        let Ok(at) = all.binary_search_by_key(&place.line, |l| l.number) else { return };
        let word = all[at].words.iter().rev().find(|w| **w == word).copied().unwrap_or("");
        let report = found.warn(&all[at], word, message);
        if let Some(near) = near {
            report.help(format!("names are case sensitive; {near} is defined"));
        }
    };
    let defined = |zone: &str| zone == SELF || zones.zones.iter().any(|z| z.name == zone);
    let zone_names = || zones.zones.iter().map(|z| &*z.name);
    let members = config.interfaces.iter().filter_map(|i| i.zone.as_ref());
    for (zone, place) in members
        .map(|m| (&m.name, &m.place))
        .chain(zones.pairs.iter().flat_map(|p| [(&p.source, &p.place), (&p.destination, &p.place)]))
    {
        if !defined(zone) {
            let message = format!("zone security {zone} is not defined");
            say(place, zone, message, nearest(zone, zone_names()));
        }
    }
    for pair in &zones.pairs {
        match &pair.policy {
            None => {
                // Where zones have no policy nothing crosses; what the router itself sends and is sent is
                // permitted until a policy speaks of it.
                let does = match pair.is_of_router() {
                    true => "everything to and from the router itself passes this way",
                    false => "it drops everything",
                };
                let message = format!("zone-pair {} has no service-policy: {does}", pair.name);
                say(&pair.place, &pair.name, message, None);
            }
            Some(named) if zones.policy(&named.name).is_none() => {
                let message = format!("policy-map type inspect {} is not defined", named.name);
                let near = nearest(&named.name, zones.policies.iter().map(|p| &*p.name));
                say(&named.place, &named.name, message, near);
            }
            Some(_) => {}
        }
    }
    for class in zones.policies.iter().flat_map(|p| &p.classes) {
        if class.name != "class-default" && zones.class(&class.name).is_none() {
            let message = format!("class-map type inspect {} is not defined", class.name);
            let near = nearest(&class.name, zones.classes.iter().map(|c| &*c.name));
            say(&class.place, &class.name, message, near);
        }
        if let Some((Action::Inspect(Some(name)), place)) = &class.action
            && !zones.parameters.iter().any(|p| p.name == *name)
        {
            let message =
                format!("parameter-map type inspect {name} is not defined: the defaults rule");
            say(place, name, message, nearest(name, zones.parameters.iter().map(|p| &*p.name)));
        }
        if let Some(http) = &class.http
            && !zones.layer7.has_policy(&http.name)
        {
            let message = format!("policy-map type inspect http {} is not defined", http.name);
            let near = nearest(&http.name, zones.layer7.policy_names());
            say(&http.place, &http.name, message, near);
        }
        if class.action.is_none() && class.name != "class-default" {
            let message = format!("class {} has no action: it drops", class.name);
            say(&class.place, &class.name, message, None);
        }
    }
    for (place, word, message) in zones.layer7.faults() {
        say(place, &word, message, None);
    }
    for criterion in zones.classes.iter().flat_map(|c| &c.criteria) {
        if let On::AccessGroup(name) = &criterion.on
            && !config.access_lists.contains_key(name)
        {
            let message = format!("access list {name} is not defined");
            let near = nearest(name, config.access_lists.keys().map(String::as_str));
            say(&criterion.place, name, message, near);
        }
    }
}
