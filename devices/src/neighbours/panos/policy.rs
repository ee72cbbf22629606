//! The security policy of PAN-OS, as far as it says between which zones connections open: rules in their
//! order, then `intrazone-default` (allow) and `interzone-default` (deny) (PAN-OS Administrator's Guide,
//! Security Policy Rules).

use std::collections::{BTreeMap, BTreeSet};

use sim_core::engine::device::ConfigLine;

use crate::audit::{Because, Effect, Verdict};

use super::Statement;

const SOURCE: &str = "PAN-OS Administrator's Guide, Security Policy Rules";

/// A security rule.
#[derive(Debug)]
struct Rule<'t> {
    name: &'t str,
    from: Vec<&'t str>,
    to: Vec<&'t str>,
    /// Allows; denies, drops or resets; `None`: not said.
    allows: Option<(bool, ConfigLine)>,
    disabled: bool,
    /// It names addresses, applications, services or users: not all TCP.
    is_narrow: bool,
}

impl Rule<'_> {
    /// No rule after it is asked.
    fn is_of_all(&self) -> bool {
        let any = |zones: &[&str]| zones.iter().all(|zone| *zone == "any");
        any(&self.from) && any(&self.to) && !self.is_narrow
    }
}

/// Zones and rules.
#[derive(Debug, Default)]
pub(in crate::neighbours) struct Policy<'t> {
    zones: BTreeSet<&'t str>,
    rules: Vec<Rule<'t>>,
    /// Of each rule, by its name.
    places: BTreeMap<&'t str, usize>,
    /// What `intrazone-default` and `interzone-default` were made to do.
    defaults: [Option<(bool, ConfigLine)>; 2],
}

impl<'t> Policy<'t> {
    /// Takes what a statement says of zones and rules.
    pub(super) fn take(&mut self, statement: &Statement<'_, 't>) {
        let allows = |action: &str| (action == "allow", statement.place());
        for (at, pair) in statement.words.windows(2).enumerate() {
            match (pair, &statement.words[at + 2..]) {
                (["zone", name], ["network", ..]) => {
                    self.zones.insert(name);
                }
                (["default-security-rules", "rules"], [name, "action", action]) => {
                    let at = usize::from(*name == "interzone-default");
                    self.defaults[at] = Some(allows(action));
                }
                (["security", "rules"], [name, setting, values @ ..]) => {
                    self.rule(name, setting, values, allows);
                    return;
                }
                _ => {}
            }
        }
    }

    /// Takes a setting of a rule.
    fn rule(
        &mut self,
        name: &'t str,
        setting: &str,
        values: &[&'t str],
        allows: impl Fn(&str) -> (bool, ConfigLine),
    ) {
        let new = self.rules.len();
        let at = *self.places.entry(name).or_insert(new);
        if at == new {
            self.rules.push(Rule {
                name,
                from: Vec::new(),
                to: Vec::new(),
                allows: None,
                disabled: false,
                is_narrow: false,
            });
        }
        let rule = &mut self.rules[at];
        let mut values = values.iter().filter(|v| !matches!(**v, "[" | "]" | "member"));
        match setting {
            "from" => rule.from.extend(values),
            "to" => rule.to.extend(values),
            "action" => rule.allows = values.next().map(|action| allows(action)),
            "disabled" => rule.disabled = values.next() == Some(&"yes"),
            "source" | "destination" | "application" | "service" | "source-user" | "category" => {
                rule.is_narrow |= values.any(|v| *v != "any");
            }
            _ => {}
        }
    }

    /// What becomes of connections, `allowed` being what becomes of those that are allowed; nothing when
    /// the text has neither rules nor zones.
    pub(in crate::neighbours) fn verdicts(&self, allowed: &(Effect, Vec<Because>)) -> Vec<Verdict> {
        if self.rules.is_empty() && self.zones.len() < 2 {
            return Vec::new();
        }
        let verdict = |traffic: String, direction: &str, allows: bool, because: Because| Verdict {
            traffic,
            direction: direction.to_owned(),
            effect: if allows { allowed.0 } else { Effect::Drop },
            because: match allows {
                true => allowed.1.iter().cloned().chain([because]).collect(),
                false => vec![because],
            },
        };
        let mut verdicts = Vec::new();
        let mut all_is_ruled = false;
        for rule in self.rules.iter().filter(|rule| !rule.disabled) {
            let Some((allows, place)) = &rule.allows else { continue };
            let traffic = match rule.is_narrow {
                true => format!("TCP that rule {} names", rule.name),
                false => format!("all TCP, rule {}", rule.name),
            };
            let zones = |of: &[&str]| if of.is_empty() { "any".into() } else { of.join(", ") };
            let direction = format!("zone {} to zone {}", zones(&rule.from), zones(&rule.to));
            let does = if *allows { "the rule allows it" } else { "the rule drops it" };
            verdicts.push(verdict(traffic, &direction, *allows, Because::line(place, does)));
            all_is_ruled = rule.is_of_all();
            if all_is_ruled {
                break;
            }
        }
        if !all_is_ruled {
            let names = ["intrazone-default", "interzone-default"];
            let ways = ["within a zone", "between zones"];
            for (at, by_default) in [(1, false), (0, true)] {
                let (allows, because) = match &self.defaults[at] {
                    Some((allows, place)) => (*allows, Because::line(place, names[at])),
                    None => {
                        let does = if by_default { "allow" } else { "deny" };
                        let rule = format!("{} {does}, by default ({SOURCE})", names[at]);
                        (by_default, Because::default(rule))
                    }
                };
                let traffic = "TCP that no rule names".to_owned();
                verdicts.push(verdict(traffic, ways[at], allows, because));
            }
        }
        verdicts
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::ConfigText;

    #[test]
    fn rules_and_what_none_names() {
        let check = |text: &str, expected: &[(Effect, &str, Option<u32>)]| {
            let read =
                super::super::read(ConfigText::new("p", text)).unwrap_or_else(|e| panic!("{e:?}"));
            let allowed = (Effect::Strip, vec![Because::default("strips")]);
            let verdicts = read.policy.verdicts(&allowed);
            let told: Vec<_> = verdicts
                .iter()
                .map(|v| (v.effect, &*v.direction, v.because.last().and_then(|b| b.line)))
                .collect();
            assert_eq!(told, expected, "{text}");
        };
        use Effect::{Drop, Strip};
        check("set deviceconfig system hostname fw\n", &[]);
        let rest = [(Drop, "between zones", None), (Strip, "within a zone", None)];
        let zones = "set zone a network layer3 ethernet1/1\nset vsys vsys1 zone b network layer3 [ ethernet1/2 ]\n";
        check(zones, &rest);
        let rule = "set rulebase security rules \"Web out\" from a\nset rulebase security rules \"Web out\" to [ b c ]\nset rulebase security rules \"Web out\" service service-http\nset rulebase security rules \"Web out\" action allow\n";
        check(rule, &[(Strip, "zone a to zone b, c", Some(4)), rest[0], rest[1]]);
        let denied = rule.replace("action allow", "action reset-both");
        check(&denied, &[(Drop, "zone a to zone b, c", Some(4)), rest[0], rest[1]]);
        let disabled = format!("{rule}set rulebase security rules \"Web out\" disabled yes\n");
        check(&disabled, &rest);
        let last = "set rulebase security rules Last from any\nset rulebase security rules Last to any\nset rulebase security rules Last source any\nset rulebase security rules Last action deny\n";
        check(last, &[(Drop, "zone any to zone any", Some(4))]);
        let opened = "set rulebase default-security-rules rules interzone-default action allow\n";
        check(
            &format!("{zones}{opened}"),
            &[(Strip, "between zones", Some(3)), (Strip, "within a zone", None)],
        );
        let xml = "<config version=\"9.0\"><vsys><entry name=\"vsys1\">\n<zone><entry name=\"a\"><network><layer3><member>e1</member></layer3></network></entry></zone>\n<rulebase><security><rules><entry name=\"R\">\n<from><member>a</member></from><to><member>b</member></to>\n<action>deny</action>\n</entry></rules></security></rulebase></entry></vsys></config>\n";
        check(xml, &[(Drop, "zone a to zone b", Some(5)), rest[0], rest[1]]);
    }
}
