//! Interfaces that lines name and no `nameif` does: an ASA refuses such lines, and where a text has no
//! `nameif` at all, nothing is known of security levels.

use std::collections::BTreeSet;
use std::net::Ipv4Addr;

use crate::config::{ConfigText, Diagnostics, Line};

/// Says of each interface that is only named, at its first line, that there is none; of a text without any
/// `nameif`, once what is missing. `levels`: security levels are in effect.
pub(super) fn warn(levels: bool, text: ConfigText<'_>, found: &mut Diagnostics) {
    let all = text.lines();
    let defined: BTreeSet<&str> = all.iter().filter_map(defined_by).collect();
    let mut told = defined.clone();
    for line in all.iter() {
        for name in named_by(line) {
            if !told.insert(name) {
                continue;
            }
            if !defined.is_empty() {
                // An access group of no interface is told with the access groups.
                if line.words[0] != "access-group" {
                    found.warn(line, name, format!("no interface has the name {name}"));
                }
                continue;
            }
            if levels {
                let message = "no nameif is in the text: what security levels drop is not known";
                found.warn(line, name, message.to_owned());
            }
            return;
        }
    }
}

/// `nameif inside`, and as before 7.0 `nameif ethernet1 inside security100`.
fn defined_by<'a>(line: &Line<'a>) -> Option<&'a str> {
    match line.words.as_slice() {
        ["nameif", name] | ["nameif", _, name, _] => Some(name),
        _ => None,
    }
}

/// The interfaces that a line sends by, translates between, or filters at.
fn named_by<'a>(line: &Line<'a>) -> Vec<&'a str> {
    match line.words.as_slice() {
        ["nat" | "static" | "global", between, ..] => {
            let inner = between.strip_prefix('(').and_then(|rest| rest.strip_suffix(')'));
            let names = inner.into_iter().flat_map(|inner| inner.split(','));
            names.filter(|name| !name.is_empty() && *name != "any").collect()
        }
        ["route", name, network, _, _, ..] if network.parse::<Ipv4Addr>().is_ok() => vec![name],
        ["access-group", _, _, "interface", name, ..] => vec![name],
        _ => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use crate::asa::PLATFORM;
    use crate::config::ConfigText;

    fn told(text: &str) -> Vec<(u32, String)> {
        let audit = (PLATFORM.audit)(ConfigText::new("fw", text));
        audit.warnings.into_iter().map(|w| (w.line, w.message)).collect()
    }

    #[test]
    fn names_that_no_interface_has() {
        let lines = "object network A\n subnet 192.168.10.0 255.255.255.0\n nat (inside,backup) dynamic interface\n\
                     route backup 0.0.0.0 0.0.0.0 198.51.100.2 254\nroute outside 0.0.0.0 0.0.0.0 198.51.100.3\n";
        let none = "no nameif is in the text: what security levels drop is not known";
        assert_eq!(told(lines), [(3, none.to_owned())]);
        let inside = format!("{lines}interface G0\n nameif inside\n security-level 100\n");
        let [backup, outside] =
            ["backup", "outside"].map(|name| format!("no interface has the name {name}"));
        assert_eq!(told(&inside), [(3, backup), (5, outside)]);
        let all = format!("{inside}interface G1\n nameif outside\ninterface G2\n nameif backup\n");
        assert_eq!(told(&all), []);
        assert_eq!(
            told(
                "hostname fw\nroute-map m permit 10\nnat (any,any) source dynamic any interface\n"
            )
            .len(),
            0
        );
    }

    /// A page's words around a configuration that is indented as a whole.
    #[test]
    fn a_configuration_that_is_indented_as_a_whole() {
        let commands = "  tcp-map m\n   tcp-options range 30 30 allow\n  class-map c\n   match any\n  \
                        policy-map p\n   class c\n    set connection advanced-options m\n  service-policy p global\n";
        for before in ["Dual links\n-----\n  ASA# show running-config\n\n", "Dual links\n", ""] {
            for header in ["  ASA Version 9.1(5)\n", ""] {
                let text = format!("{before}{header}{commands}");
                let audit = (PLATFORM.audit)(ConfigText::new("fw", &text));
                assert_eq!(
                    audit.version.as_deref(),
                    (!header.is_empty()).then_some("9.1(5)"),
                    "{text}"
                );
                assert_eq!(audit.verdicts[0].effect, crate::audit::Effect::Pass, "{text}");
            }
        }
    }

    #[test]
    fn a_whole_configuration_without_the_factory_class() {
        let text = "policy-map global_policy\n class inspection_default\n  inspect ftp\n\
                    service-policy global_policy global\n";
        assert_eq!(told(text), []);
        let found = told(&format!("ASA Version 9.0(3)\n{text}"));
        assert_eq!(found.len(), 1, "{found:?}");
        assert!(found[0].0 == 3 && found[0].1.contains("not in the text"), "{found:?}");
    }
}
