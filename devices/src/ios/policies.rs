//! What policies drop on IOS XR and NX-OS, which write classes and policies much as IOS does: a class that is
//! dropped, and a policer that drops what conforms to its rate (IOS XR Modular QoS Command Reference, police rate;
//! Nexus 9000 QoS Configuration Guide, Policing).

use crate::config::Line;
use crate::nbar::config::Action;

use super::{IosConfig, Through};

/// True for a line by which a policy may drop all of a class.
pub(super) fn drops(line: &Line<'_>) -> bool {
    let conforms = |two: &[&str]| matches!(two, ["conform" | "conform-action", "drop"]);
    matches!(line.words.as_slice(), ["drop"]) || line.words.windows(2).any(conforms)
}

/// The policy that a line puts on an interface, and the direction.
pub(super) fn attached<'l>(line: &'l Line<'_>) -> Option<(&'l str, Through)> {
    let (direction, name) = match line.words.as_slice() {
        ["service-policy", direction, name, ..] if *direction != "type" => (*direction, *name),
        ["service-policy", "type", "qos", direction, name, ..] => (*direction, *name),
        _ => return None,
    };
    match direction {
        "input" => Some((name, Through::In)),
        "output" => Some((name, Through::Out)),
        _ => None,
    }
}

/// A line as IOS writes it.
pub(super) fn as_ios<'l>(line: &Line<'l>) -> Line<'l> {
    let mut line = line.clone();
    match line.words.as_slice() {
        [opens @ ("class-map" | "policy-map" | "class"), "type", "qos", rest @ ..] => {
            line.words = [*opens].into_iter().chain(rest.iter().copied()).collect();
        }
        ["match", "access-group", "ipv4" | "ipv6", name] => {
            line.words = ["match", "access-group", *name].into_iter().collect();
        }
        [police @ "police", rest @ ..] => {
            let rate = rest.iter().find(|word| word.parse::<u64>().is_ok());
            let at = rest.iter().position(|word| word.starts_with("conform"));
            let actions = at.map_or(&[][..], |at| &rest[at..]);
            // The last word stays the line's own, by which its text is found.
            let named = actions.iter().enumerate().map(|(at, word)| match *word {
                "conform" if at + 1 < actions.len() => "conform-action",
                word => word,
            });
            if let Some(rate) = rate {
                line.words = [*police, rate].into_iter().chain(named).collect();
            }
        }
        _ => {}
    }
    line
}

/// Takes off their interfaces the policies that drop no class, and from all of them what only limits a rate.
pub(super) fn forget_harmless(config: &mut IosConfig) {
    for class in config.quality.policies.iter_mut().flat_map(|policy| &mut policy.classes) {
        class.actions.retain(|(action, _)| matches!(action, Action::Drop | Action::Nested(_)));
    }
    let services =
        config.interfaces.iter().flat_map(|interface| interface.service.iter().flatten());
    let harmless: Vec<String> = services
        .filter(|policy| config.dropped_classes(&policy.name).is_empty())
        .map(|policy| policy.name.clone())
        .collect();
    for slot in config.interfaces.iter_mut().flat_map(|interface| &mut interface.service) {
        if slot.as_ref().is_some_and(|policy| harmless.contains(&policy.name)) {
            *slot = None;
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::audit::Effect;
    use crate::config::{ConfigText, Diagnostics};
    use crate::ios::lists::{Undefined, verdicts};

    fn dropped(text: &str) -> Vec<String> {
        let mut found = Diagnostics::new("r");
        let rows = verdicts(ConfigText::new("r", text), "routers", Undefined::Unknown, &mut found);
        let rows = rows.into_iter().filter(|v| v.effect == Effect::Drop);
        rows.map(|v| format!("{} | {}", v.direction, v.because[0].line.unwrap_or(0))).collect()
    }

    #[test]
    fn policers_that_drop_what_conforms() {
        let ways = |line: u32| {
            ["opened from its side", "opened towards it"]
                .map(|way| format!("interface a1, {way} | {line}"))
        };
        let xr = "class-map match-any ALL\n match protocol tcp\n end-class-map\n!\npolicy-map P\n class ALL\n  police rate 8 kbps\n   conform-action drop\n   exceed-action drop\n  !\n !\n class class-default\n !\n end-policy-map\n!\ninterface a1\n service-policy input P\n!\n";
        assert_eq!(dropped(xr), ways(8));
        assert!(dropped(&xr.replace("conform-action drop", "conform-action transmit")).is_empty());
        let nexus = "class-map type qos match-all W\n  match access-group name L\npolicy-map type qos P\n  class type qos W\n    police cir 8 kbps bc 200 ms conform drop violate drop\ninterface a1\n  service-policy type qos input P\nip access-list L\n  permit tcp any any eq 23\n";
        // Answers come from that port, and are called at another.
        assert_eq!(dropped(nexus), [ways(5)[0].clone()]);
        // A policy that is on no interface, or that only limits, is told of nowhere.
        assert!(dropped(&nexus.replace("conform drop", "conform transmit")).is_empty());
        assert!(
            dropped(
                &nexus.replace("interface a1\n  service-policy", "interface a1\n  description")
            )
            .is_empty()
        );
    }
}
