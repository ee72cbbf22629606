//! Policies of IOS XR that drop or redirect classes of traffic (`policy-map type pbr`), for flowspec or on
//! an interface. Which traffic the classes name is not read: what becomes of it is unknown.

use crate::audit::{Because, Effect, Verdict};
use crate::config::ConfigText;

/// A verdict for each class that a policy in force drops or redirects.
pub(crate) fn verdicts(text: ConfigText<'_>) -> Vec<Verdict> {
    let all = text.lines();
    let in_force = |policy: &str| {
        all.iter().any(|line| match line.words.as_slice() {
            ["service-policy", "type", "pbr", rest @ ..] => rest.last() == Some(&policy),
            _ => false,
        })
    };
    let (mut policy, mut class) = (None, None);
    let mut verdicts = Vec::new();
    for line in all.iter() {
        match line.words.as_slice() {
            ["policy-map", "type", "pbr", name] => {
                policy = Some(*name).filter(|name| in_force(name))
            }
            ["class", "type", "traffic", name] => class = Some(*name),
            ["end-policy-map"] => (policy, class) = (None, None),
            [action @ ("drop" | "redirect"), ..] => {
                let (Some(policy), Some(class)) = (policy, class) else { continue };
                let does = if *action == "drop" { "dropped" } else { "sent elsewhere" };
                let why = format!(
                    "{does} by policy-map {policy}: which traffic a class names is not read"
                );
                verdicts.push(Verdict {
                    traffic: format!("TCP of class {class}, if there is any"),
                    direction: format!("where policy-map {policy} is in force"),
                    effect: Effect::Unknown,
                    because: vec![Because::line(&text.place(line), why)],
                });
            }
            _ => {}
        }
    }
    verdicts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn policies_in_force_that_drop() {
        let policy = "policy-map type pbr P\n class type traffic BAD\n  drop\n !\n class type traffic class-default\n !\n end-policy-map\n!\n";
        let told = |text: &str| -> Vec<_> {
            let verdicts = verdicts(ConfigText::new("xr", text));
            verdicts.into_iter().map(|v| (v.effect, v.because[0].line)).collect()
        };
        assert_eq!(told(policy), []);
        let used = format!("{policy}flowspec\n address-family ipv6\n  service-policy type pbr P\n");
        assert_eq!(told(&used), [(Effect::Unknown, Some(3))]);
        let on_an_interface = format!("{policy}interface a\n service-policy type pbr input P\n");
        assert_eq!(told(&on_an_interface), [(Effect::Unknown, Some(3))]);
    }
}
