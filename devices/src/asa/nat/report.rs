//! `show nat` and `show xlate`.

use std::net::SocketAddr;

use sim_core::engine::device::Side;

use super::config::Section;
use super::{Translator, across};

impl Translator {
    /// In the forms of `show nat` and `show xlate`.
    pub(in crate::asa) fn show(&self) -> Vec<String> {
        let mut lines = vec!["show nat".to_owned()];
        for (section, title) in [
            (Section::Manual, "Manual NAT Policies (Section 1)"),
            (Section::Auto, "Auto NAT Policies (Section 2)"),
            (Section::AfterAuto, "Manual NAT Policies (Section 3)"),
        ] {
            let rules = self.rules.iter().filter(|r| r.nat.section == section);
            for (number, ready) in (1..).zip(rules) {
                if number == 1 {
                    lines.push(title.to_owned());
                }
                let [real, mapped] = &ready.nat.interfaces;
                let name = |name: &Option<String>| name.clone().unwrap_or_else(|| "any".into());
                let words = match &ready.nat.object {
                    None => ready.nat.words.clone(),
                    Some(object) => match ready.nat.words.split_once(' ') {
                        Some((kind, rest)) => format!("source {kind} {object} {rest}"),
                        None => ready.nat.words.clone(),
                    },
                };
                lines.push(format!("{number} ({}) to ({}) {words}", name(real), name(mapped)));
                lines.push(format!(
                    "    translate_hits = {}, untranslate_hits = {}",
                    ready.translated, ready.untranslated
                ));
            }
        }
        lines.push("show xlate".to_owned());
        lines.push(format!("{} in use, {} most used", self.bindings.len(), self.most));
        for binding in self.bindings.values() {
            let ready = &self.rules[binding.rule];
            let real = if binding.flows[1].src == binding.real {
                binding.opened_from
            } else {
                across(binding.opened_from)
            };
            let named = |side: Side| &self.interfaces[side as usize];
            let slash = |a: SocketAddr| format!("{}/{}", a.ip(), a.port());
            let twice = if ready.nat.destination.is_some() { "T" } else { "" };
            let (kind, from, to, flags) = if binding.is_port {
                ("TCP PAT", slash(binding.real), slash(binding.mapped), format!("ri{twice}"))
            } else {
                let kind = if ready.nat.is_static() { "s" } else { "i" };
                let (from, to) = (binding.real.ip().to_string(), binding.mapped.ip().to_string());
                ("NAT", from, to, format!("{kind}{twice}"))
            };
            lines.push(format!(
                "{kind} from {}:{from} to {}:{to} flags {flags}",
                named(real),
                named(across(real))
            ));
        }
        lines
    }
}
