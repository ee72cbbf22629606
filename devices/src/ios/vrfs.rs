//! Virtual routing and forwarding: interfaces of different VRFs reach each other only where something leads from one table
//! to another (Cisco, *VRF-lite*; RFC 4364 §4.3.1 for route targets).

use std::collections::BTreeMap;

use crate::audit::{Because, Effect, Verdict};
use crate::config::words::{interface_key, interface_names, is_interface};
use crate::config::{ConfigText, Line};

use super::IosConfig;

/// What a text says of a VRF.
#[derive(Default)]
struct Vrf<'t> {
    imports: Vec<&'t str>,
    exports: Vec<&'t str>,
}

/// That nothing crosses between interfaces of different VRFs, where that is so.
pub(super) fn apart(config: &IosConfig, text: ConfigText<'_>, all: &[Line<'_>]) -> Option<Verdict> {
    let mut vrfs: BTreeMap<&str, Vrf<'_>> = BTreeMap::new();
    let mut of_interfaces: BTreeMap<String, &str> = BTreeMap::new();
    let mut first: Option<&Line<'_>> = None;
    let (mut open_vrf, mut open): (Option<&str>, Vec<String>) = (None, Vec::new());
    // Routes by interfaces, with the table that they stand in.
    let mut routes: Vec<(Option<&str>, &[&str])> = Vec::new();
    for line in all {
        match line.words.as_slice() {
            ["vrf", "definition", name] | ["ip", "vrf", name] => {
                (open_vrf, open) = (Some(*name), Vec::new());
                vrfs.entry(name).or_default();
            }
            [word, name @ ..] if is_interface(word) && !name.is_empty() => {
                let names = interface_names(name).into_iter();
                (open_vrf, open) = (None, names.map(|name| interface_key(&name)).collect());
            }
            ["vrf", "forwarding", name, ..] | ["ip", "vrf", "forwarding", name, ..] => {
                first.get_or_insert(line);
                of_interfaces.extend(open.iter().map(|key| (key.clone(), *name)));
            }
            ["route-target", way, target] if open_vrf.is_some() => {
                let vrf = vrfs.entry(open_vrf.unwrap_or_default()).or_default();
                if matches!(*way, "import" | "both") {
                    vrf.imports.push(target);
                }
                if matches!(*way, "export" | "both") {
                    vrf.exports.push(target);
                }
            }
            ["import" | "export", ..] | ["route-replicate", ..] if open_vrf.is_some() => {
                return None;
            }
            // Routes and policies that lead to another table.
            ["ip" | "ipv6", "route", rest @ ..] if rest.contains(&"global") => return None,
            ["ip" | "ipv6", "route", "vrf", name, rest @ ..] => routes.push((Some(*name), rest)),
            ["ip" | "ipv6", "route", rest @ ..] => routes.push((None, rest)),
            ["set", "vrf" | "global", ..] | ["set", "ip", "global" | "vrf", ..] => return None,
            _ => {}
        }
    }
    let mut exporters: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for (name, vrf) in &vrfs {
        vrf.exports.iter().for_each(|target| exporters.entry(target).or_default().push(name));
    }
    let is_of_another = |name: &str, target: &&str| {
        exporters.get(target).is_some_and(|names| names.iter().any(|other| *other != name))
    };
    let imports =
        vrfs.iter().any(|(name, vrf)| vrf.imports.iter().any(|target| is_of_another(name, target)));
    let routed = config.interfaces.iter().filter(|i| i.has_address || i.has_v6);
    let tables: BTreeMap<String, Option<&str>> = routed
        .map(|i| interface_key(&i.name))
        .map(|key| (key.clone(), of_interfaces.get(&key).copied()))
        .collect();
    let leads_away = |(table, words): &(Option<&str>, &[&str])| {
        words.iter().any(|word| tables.get(&interface_key(word)).is_some_and(|of| of != table))
    };
    let one = tables.values().next()?;
    if imports || routes.iter().any(leads_away) || tables.values().all(|other| other == one) {
        return None;
    }
    let why = "each VRF routes by itself, and nothing in the text leads from one to another";
    Some(Verdict {
        traffic: "all TCP".to_owned(),
        direction: "between interfaces of different VRFs".to_owned(),
        effect: Effect::Drop,
        because: vec![Because::line(&text.place(first?), why)],
    })
}
