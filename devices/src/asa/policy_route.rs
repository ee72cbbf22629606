//! Policy-based routing of an ASA (`policy-route route-map`, from 9.4(1) on), as far as it drops: `set interface Null0`
//! (ASA General Operations CLI Configuration Guide, Policy Based Routing). Where else it sends packets does nothing to
//! their options.

use crate::audit::{Because, Effect, Verdict};
use crate::config::ConfigText;

use super::config::AsaConfig;

/// What the route-maps of interfaces drop of what comes in.
pub(super) fn refused(config: &AsaConfig, text: ConfigText<'_>) -> Vec<Verdict> {
    let routed =
        config.interfaces.iter().filter_map(|i| i.policy_route.as_ref().zip(i.name.as_ref()));
    let verdict = |(map, (interface, _)): (&String, &(String, _))| {
        Some(Verdict {
            traffic: format!("TCP that route-map {map} sends to Null0"),
            direction: format!("interface {interface}, opened from its side"),
            effect: Effect::Drop,
            because: vec![to_null(map, text)?],
        })
    };
    routed.filter_map(verdict).collect()
}

/// The line of a route-map that drops.
fn to_null(map: &str, text: ConfigText<'_>) -> Option<Because> {
    let mut permits = false;
    for line in text.lines().iter() {
        match line.words.as_slice() {
            ["route-map", name, rest @ ..] => {
                permits = *name == map && rest.first() != Some(&"deny")
            }
            ["set", "interface", name, ..]
                if permits && name.to_ascii_lowercase().starts_with("null") =>
            {
                return Some(Because::line(&text.place(line), "what the entry names is dropped"));
            }
            ["match" | "set" | "description", ..] => {}
            _ => permits &= line.indent > 0,
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use crate::asa::PLATFORM;
    use crate::audit::Effect;
    use crate::config::ConfigText;

    #[test]
    fn what_goes_to_null() {
        let text = "interface G0\n nameif inside\n policy-route route-map R\nroute-map R permit 10\n match ip address A\n set interface Null0\naccess-list A extended permit tcp any any eq 25\n";
        let dropped = |text: &str| {
            let audit = (PLATFORM.audit)(ConfigText::new("fw", text));
            let row = audit.verdicts.into_iter().find(|v| v.traffic.contains("Null0"));
            row.map(|v| (v.effect, v.direction, v.because[0].line))
        };
        let row = (Effect::Drop, "interface inside, opened from its side".to_owned(), Some(6));
        assert_eq!(dropped(text), Some(row));
        assert_eq!(dropped(&text.replace("interface Null0", "ip next-hop 10.0.0.2")), None);
        assert_eq!(dropped(&text.replace("permit 10", "deny 10")), None);
        assert_eq!(dropped(&text.replace(" policy-route route-map R\n", "")), None);
    }
}
