//! What an interface is given and does not ask of what is routed: lists of the other version of IP, and what stands on the
//! members of a bridge group, whose routed packets come by its BVI.

use std::collections::BTreeSet;

use sim_core::engine::device::ConfigLine;

use crate::config::words::interface_key;
use crate::config::{Diagnostics, Line};

use super::IosConfig;

/// Names of access lists by version of IP.
#[derive(Clone, Debug, Default)]
pub(super) struct Versions {
    pub(super) four: BTreeSet<String>,
    pub(super) six: BTreeSet<String>,
}

/// Takes it off the interfaces, and says so.
pub(super) fn take_off(
    config: &mut IosConfig,
    versions: &Versions,
    all: &[Line<'_>],
    found: &mut Diagnostics,
) {
    let mut say = |place: &ConfigLine, message: String| {
        if let Ok(at) = all.binary_search_by_key(&place.line, |line| line.number) {
            found.warn(&all[at], "", message);
        }
    };
    let Versions { four, six } = versions;
    let routed: BTreeSet<String> = config
        .interfaces
        .iter()
        .filter(|interface| interface.has_address || interface.has_v6)
        .map(|interface| interface_key(&interface.name))
        .collect();
    for interface in &mut config.interfaces {
        let of_other = [
            (&mut interface.access, six, four, "IPv6: `ipv6 traffic-filter` puts it here"),
            (&mut interface.access_v6, four, six, "IPv4: `ip access-group` puts it here"),
        ];
        for (groups, other, own, what) in of_other {
            for group in groups {
                let is_other = |name: &str| other.contains(name) && !own.contains(name);
                if let Some(named) = group.take_if(|named| is_other(&named.name)) {
                    let message =
                        format!("access list {} is one of {what}, this does nothing", named.name);
                    say(&named.place, message);
                }
            }
        }
        let Some(bridge) = &interface.bridge_group else { continue };
        let bvi = format!("BVI{bridge}");
        if !routed.contains(&interface_key(&bvi)) {
            continue;
        }
        let given = [
            &mut interface.access,
            &mut interface.access_v6,
            &mut interface.policy,
            &mut interface.inspect,
        ];
        for named in given.into_iter().flatten().filter_map(Option::take) {
            let message = format!(
                "{} is in bridge group {bridge}: what is routed comes by {bvi}, this is asked of what is bridged alone",
                interface.name
            );
            say(&named.place, message);
        }
    }
}
