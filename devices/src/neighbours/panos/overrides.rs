//! Rules that give connections an application without a look at their data (PAN-OS Administrator's Guide, Application
//! Override: a rule is of TCP or of UDP).

use std::collections::BTreeMap;

use sim_core::engine::device::ConfigLine;

use super::ports::Ports;
use super::rule::Base;
use super::statements::Statement;

/// What a rule says.
#[derive(Debug, Default)]
struct Override<'t> {
    application: Option<(&'t str, ConfigLine)>,
    ports: Ports,
    is_of_udp: bool,
    is_disabled: bool,
}

/// The rules of a text.
#[derive(Debug, Default)]
pub(super) struct Overrides<'t>(BTreeMap<(Option<&'t str>, Base, &'t str), Override<'t>>);

impl<'t> Overrides<'t> {
    /// Takes settings of a rule.
    pub(super) fn take(
        &mut self,
        key: (Option<&'t str>, Base, &'t str),
        rest: &[&'t str],
        statement: &Statement<'_, 't>,
    ) {
        let rule = self.0.entry(key).or_default();
        for (at, setting) in rest.windows(2).enumerate() {
            match setting {
                ["port", _] => rule.ports.take(&rest[at + 1..]),
                ["application", name] => rule.application = Some((name, statement.place())),
                ["protocol", protocol] => rule.is_of_udp = *protocol == "udp",
                ["disabled", value] => rule.is_disabled = *value == "yes",
                _ => {}
            }
        }
    }

    /// The line that gives connections of TCP this application.
    pub(super) fn of_tcp(&self, application: &str) -> Option<&ConfigLine> {
        self.that_give(application).next().map(|(line, _)| line)
    }

    /// True when the rules that give this application are there, and none of them does so to these ports.
    pub(super) fn are_apart(&self, application: &str, ports: &Ports) -> bool {
        let mut rules = self.that_give(application).peekable();
        rules.peek().is_some() && rules.all(|(_, mine)| mine.are_apart(ports))
    }

    fn that_give(&self, application: &str) -> impl Iterator<Item = (&ConfigLine, &Ports)> {
        let rules = self.0.values().filter(|rule| !rule.is_of_udp && !rule.is_disabled);
        rules.filter_map(move |rule| {
            let (name, line) = rule.application.as_ref()?;
            (*name == application).then_some((line, &rule.ports))
        })
    }
}

#[cfg(test)]
mod tests {
    use crate::audit::audit;
    use crate::config::ConfigText;

    /// One that is of UDP, or disabled, gives no connection of TCP its application.
    #[test]
    fn overrides_of_udp() {
        let reasons = |settings: &str| {
            let text = format!(
                "set rulebase security rules R from a to b application ssh action allow\nset rulebase application-override rules O application ssh\nset rulebase application-override rules O {settings}\n"
            );
            let verdicts = audit(ConfigText::new("p", &text), None).1.verdicts;
            verdicts[0].because.iter().filter_map(|because| because.line).collect::<Vec<_>>()
        };
        assert_eq!(reasons("protocol tcp"), [1, 2]);
        assert_eq!(reasons("port 22 protocol udp"), [1]);
        assert_eq!(reasons("protocol tcp disabled yes"), [1]);
    }

    /// A rule lets nothing through where its application is given to other ports than those of its services.
    #[test]
    fn overrides_of_other_ports() {
        let has_row = |more: &str| {
            let text = format!(
                "set application OWN category networking\nset service S protocol tcp port 7653\nset rulebase security rules R from a to b application OWN service S action allow\nset rulebase application-override rules O application OWN protocol tcp port 7600-7652,8000\n{more}"
            );
            let verdicts = audit(ConfigText::new("p", &text), None).1.verdicts;
            verdicts.iter().any(|row| row.traffic == "TCP that rule R names")
        };
        assert!(!has_row(""));
        assert!(!has_row("set service S port 9000\n"));
        assert!(has_row("set service S protocol tcp port 8000\n"));
        assert!(has_row("set rulebase security rules R service any\n"));
        // Ports that cannot be read may be any, whatever else is said.
        assert!(has_row("set service S protocol tcp port many\n"));
        assert!(has_row(
            "set service S protocol tcp port 70000\nset service S protocol tcp port 9000\n"
        ));
        assert!(has_row("set rulebase application-override rules O port any\n"));
        assert!(has_row("set application OWN signature s and-condition a\n"));
        assert!(has_row("set rulebase application-override rules P application OWN port 7653\n"));
    }
}
