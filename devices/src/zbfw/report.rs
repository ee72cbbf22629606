//! `show policy-map type inspect zone-pair sessions`.

use sim_core::time::SimTime;

use crate::cbac::report::{HEADINGS, counts, handle, state};
use crate::ios::log::clock;

use super::Zbfw;
use super::zones::{Action, On};

impl Zbfw {
    pub(super) fn pairs(&self, now: SimTime) -> Vec<String> {
        let mut shown = vec!["show policy-map type inspect zone-pair sessions".to_owned()];
        let zones = &self.policies.zones;
        for (at, pair) in zones.pairs.iter().enumerate() {
            let Some(policy) = pair.policy.as_ref().and_then(|p| zones.policy(&p.name)) else {
                continue;
            };
            shown.push(format!("policy exists on zp {}", pair.name));
            shown.push(format!(" Zone-pair: {}", pair.name));
            shown.push(String::new());
            shown.push(format!("  Service-policy inspect : {}", policy.name));
            for (number, class) in policy.classes.iter().enumerate() {
                if class.name != "class-default" {
                    let map = zones.class(&class.name);
                    let how = if map.is_some_and(|m| m.all) { "match-all" } else { "match-any" };
                    shown.push(String::new());
                    shown.push(format!("    Class-map: {} ({how})", class.name));
                    for criterion in map.iter().flat_map(|m| &m.criteria) {
                        let matched = match &criterion.on {
                            On::Protocol(name) => format!("protocol {name}"),
                            On::AccessGroup(name) => format!("access-group name {name}"),
                            On::Class(name) => format!("class-map {name}"),
                        };
                        shown.push(format!("      Match: {matched}"));
                    }
                    self.class(at, number, class.action.as_ref().map(|(a, _)| a), now, &mut shown);
                }
            }
            let default = policy.classes.iter().position(|c| c.name == "class-default");
            let number = default.unwrap_or(policy.classes.len());
            let action = default.and_then(|d| policy.classes[d].action.as_ref()).map(|(a, _)| a);
            shown.push(String::new());
            shown.push("    Class-map: class-default (match-any)".to_owned());
            shown.push("      Match: any".to_owned());
            self.class(at, number, Some(action.unwrap_or(&Action::Drop)), now, &mut shown);
        }
        shown
    }

    fn class(
        &self,
        pair: usize,
        class: usize,
        action: Option<&Action>,
        now: SimTime,
        shown: &mut Vec<String>,
    ) {
        let tally = self.tallies.get(&(pair, class)).copied().unwrap_or_default();
        let what = match action {
            Some(Action::Inspect(_)) => "Inspect",
            Some(Action::Pass) => "Pass",
            Some(Action::Drop) | None => "Drop",
        };
        if what != "Inspect" {
            shown.push(format!("      {what}"));
            shown.push(format!("        {} packets, {} bytes", tally.packets, tally.bytes));
            return;
        }
        let sessions: Vec<_> =
            self.table.iter().filter(|c| (c.state.pair, c.state.class) == (pair, class)).collect();
        shown.push(String::new());
        shown.push("   Inspect".to_owned());
        shown.push("        Packet inspection statistics [process switch:fast switch]".to_owned());
        shown.push(format!("        tcp packets: [0:{}]", tally.packets));
        shown.push(String::new());
        let since = "Session creations since subsystem startup or last reset";
        shown.push(format!("        {since} {}", tally.sessions));
        let now_open = counts(sessions.iter().map(|c| c.phase));
        let label = "Current session counts (estab/half-open/terminating)";
        shown.push(format!("        {label} {now_open}"));
        for (title, holds) in HEADINGS {
            let mut titled = false;
            for c in sessions.iter().filter(|c| holds(c.phase)) {
                if !std::mem::replace(&mut titled, true) {
                    shown.push(String::new());
                    shown.push(format!("        {title}"));
                }
                let (src, dst) = (c.opened.src, c.opened.dst);
                let handle = handle(c.state.number);
                let since = |from: SimTime| clock(SimTime(now.since(from).as_nanos()));
                let [sent, answered] = c.ends.each_ref().map(|end| end.bytes);
                shown.push(format!(
                    "         Session {handle} ({src})=>({dst}) tcp {}",
                    state(c.phase)
                ));
                shown.push(format!(
                    "          Created {}, Last heard {}",
                    since(c.since),
                    since(c.last)
                ));
                shown.push(format!(
                    "          Bytes sent (initiator:responder) [{sent}:{answered}]"
                ));
            }
        }
    }
}
