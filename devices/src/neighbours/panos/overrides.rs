//! Rules that give connections an application without a look at their data (PAN-OS Administrator's Guide, Application
//! Override: a rule is of TCP or of UDP).

use std::collections::BTreeMap;

use sim_core::engine::device::ConfigLine;

use super::rule::Base;
use super::statements::Statement;

/// What a rule says.
#[derive(Debug, Default)]
struct Override<'t> {
    application: Option<(&'t str, ConfigLine)>,
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
        for setting in rest.windows(2) {
            match setting {
                ["application", name] => rule.application = Some((name, statement.place())),
                ["protocol", protocol] => rule.is_of_udp = *protocol == "udp",
                ["disabled", value] => rule.is_disabled = *value == "yes",
                _ => {}
            }
        }
    }

    /// The line that gives connections of TCP this application.
    pub(super) fn of_tcp(&self, application: &str) -> Option<&ConfigLine> {
        let mut rules = self.0.values().filter(|rule| !rule.is_of_udp && !rule.is_disabled);
        rules.find_map(|rule| {
            rule.application.as_ref().filter(|(name, _)| *name == application).map(|(_, line)| line)
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
}
