//! What rules name that a text may define, or not: addresses and applications. PAN-OS does not commit a rule that names
//! what is defined nowhere; a text may be a part, whose objects are shared or come from Panorama.

use std::collections::BTreeSet;
use std::net::IpAddr;

/// The names that a text defines.
#[derive(Debug, Default)]
pub(super) struct Objects<'t> {
    /// Addresses, groups of them, external lists and regions, which share one place in rules.
    addresses: BTreeSet<&'t str>,
    /// Applications and filters; groups and those with default ports are known elsewhere.
    applications: BTreeSet<&'t str>,
    /// Applications that the text has signatures for: data shows them.
    recognised: BTreeSet<&'t str>,
}

impl<'t> Objects<'t> {
    pub(super) fn address(&mut self, name: &'t str) {
        self.addresses.insert(name);
    }

    pub(super) fn application(&mut self, name: &'t str) {
        self.applications.insert(name);
    }

    /// Takes an application that a signature recognises.
    pub(super) fn recognised(&mut self, name: &'t str) {
        self.applications.insert(name);
        self.recognised.insert(name);
    }

    /// True for an application of the text's own that no signature recognises: it is given, or there is none of it (PAN-OS
    /// Administrator's Guide, Manage Custom or Unknown Applications).
    pub(super) fn is_given_alone(&self, name: &str) -> bool {
        self.applications.contains(name) && !self.recognised.contains(name)
    }

    /// True when the text defines none: it may be a part of a configuration.
    pub(super) fn is_empty(&self) -> bool {
        self.addresses.is_empty() && self.applications.is_empty()
    }

    /// True for an address that is neither defined nor predefined nor written out.
    pub(super) fn lacks_address(&self, name: &str) -> bool {
        !(name == "any" || is_literal(name) || is_predefined(name) || self.addresses.contains(name))
    }

    /// True for an application that is not defined and not named as those of the device are, in small letters with
    /// hyphens: which of these there are changes from week to week.
    pub(super) fn lacks_application(&self, name: &str) -> bool {
        let is_own = |c: char| c.is_ascii_uppercase() || matches!(c, '_' | ' ');
        name.contains(is_own) && !self.applications.contains(name)
    }
}

/// An address, a prefix or a range.
fn is_literal(name: &str) -> bool {
    let (first, last) = name.split_once('-').unwrap_or((name, name));
    let is_address =
        |text: &str| text.split('/').next().is_some_and(|text| text.parse::<IpAddr>().is_ok());
    is_address(first) && is_address(last)
}

/// A region by its country's code (ISO 3166), or a list of addresses that Palo Alto Networks keeps.
fn is_predefined(name: &str) -> bool {
    name.starts_with("panw-") || name.len() == 2 && name.bytes().all(|b| b.is_ascii_uppercase())
}

#[cfg(test)]
mod tests {
    use crate::audit::audit;
    use crate::config::ConfigText;

    /// The first row, and the warnings.
    fn told(text: &str) -> (String, Vec<String>) {
        let audit = audit(ConfigText::new("p", text), None).1;
        let row = format!("{} {}", audit.verdicts[0].effect, audit.verdicts[0].traffic);
        (row, audit.warnings.iter().map(|w| format!("{}: {}", w.line, w.message)).collect())
    }

    /// A text that has objects has those that its rules name, or a rule does not hold.
    #[test]
    fn names_that_are_defined_nowhere() {
        let text = "set address A ip-netmask 10.0.0.1/32\nset rulebase security rules R from a to b action allow\n";
        let rule = |what: &str| told(&format!("{text}set rulebase security rules R {what}\n"));
        let (row, warnings) = rule("service service-mysql");
        assert_eq!(row, "unknown TCP that rule R names");
        assert_eq!(
            warnings,
            ["3: rule R names service service-mysql, which is not defined in the text"]
        );
        for known in ["service-http", "service-https", "application-default", "any"] {
            assert_eq!(rule(&format!("service {known}")).1, [""; 0], "{known}");
        }
        let (row, warnings) = rule("source [ A B ]");
        assert_eq!(row, "strip TCP that rule R names");
        assert_eq!(warnings, ["3: rule R names address B, which is not defined in the text"]);
        for known in ["10.0.0.0/8", "10.0.0.1-10.0.0.9", "2001:db8::/32", "any", "A", "US"] {
            assert_eq!(rule(&format!("destination {known}")).1, [""; 0], "{known}");
        }
        let (_, warnings) = rule("application [ ms-office365 Own_App ]");
        assert_eq!(
            warnings,
            ["3: rule R names application Own_App, which is not defined in the text"]
        );
        // Once for each name.
        let two = rule("source B\nset rulebase security rules S from c to d source B action allow");
        assert_eq!(two.1.len(), 1, "{two:?}");
    }

    /// Of a part of a configuration, which has no objects, the first name tells.
    #[test]
    fn names_of_a_part() {
        let text = "set rulebase security rules R from a to b source S action allow\nset rulebase security rules R service Web\n";
        let (row, warnings) = told(text);
        assert_eq!(row, "strip TCP that rule R names");
        let message = "2: rule R names service Web, which is not defined in the text: it is taken for one of TCP";
        assert_eq!(warnings, [message]);
    }

    #[test]
    fn objects_of_an_export() {
        let text = "<config version=\"10.1.0\"><devices><entry name=\"d\"><vsys><entry name=\"vsys1\">\n<address><entry name=\"A\"><ip-netmask>10.0.0.1</ip-netmask></entry></address>\n<address-group><entry name=\"G\"><dynamic><filter>'x'</filter></dynamic></entry></address-group>\n<application><entry name=\"Own_App\"><category>networking</category></entry></application>\n<rulebase><security><rules><entry name=\"R\"><from><member>a</member></from><to><member>b</member></to>\n<source><member>A</member><member>G</member></source><destination><member>H</member></destination>\n<application><member>Own_App</member></application><action>allow</action></entry></rules></security></rulebase>\n</entry></vsys></entry></devices></config>\n";
        let warnings = told(text).1;
        assert_eq!(warnings, ["6: rule R names address H, which is not defined in the text"]);
    }
}
