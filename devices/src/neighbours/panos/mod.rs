//! Palo Alto Networks PAN-OS: strips the MPTCP option unless told not to.

mod policy;

use std::sync::Arc;

use sim_core::engine::device::{
    Change, ConfigLine, Device, Effects, Forwarding, PortId, Remedy, Rule,
};
use sim_core::time::SimTime;
use sim_core::wire::options::kind;
use sim_core::wire::packet::Packet;
use sim_core::wording;

use crate::catalogue::{MODELLED, ModelInfo};
use crate::config::{ConfigDiagnostic, ConfigText, Diagnostics, quoted};
use crate::steps::Pass;
use crate::steps::options::{Edit, edit};

use policy::Policy;

const SETTING: &str = "PAN-OS CLI: set deviceconfig setting tcp strip-mptcp-option";
const PROFILE: &str =
    "PAN-OS Web Interface Help: Zone Protection profile, Packet Based Attack Protection, TCP drop";

/// In the catalogue.
pub(crate) const INFO: ModelInfo = ModelInfo {
    name: "PanOs",
    product: "Palo Alto Networks firewalls (PAN-OS)",
    summary: "As it comes: strips the MPTCP option, so that MPTCP falls back. A setting of the device, or \
              of a zone protection profile, lets it pass.",
    defaults: &[
        ("setting tcp strip-mptcp-option", "yes", SETTING),
        ("zone protection profile, MPTCP Options", "global: as the setting says", PROFILE),
        ("what strips", "every byte of the option becomes NOP", MODELLED),
    ],
    settings: &[("config", "path of the configuration, as set commands or as XML")],
    configuration: "set deviceconfig setting tcp strip-mptcp-option, set network profiles \
                    zone-protection-profile NAME strip-mptcp-option, set zone NAME network \
                    zone-protection-profile",
    example: "set deviceconfig setting tcp strip-mptcp-option no\n",
    notes: &[
        "Only the MPTCP option is modelled: sessions, policies and App-ID are not.",
        "The profile's keyword in the CLI is a modelling decision; a profile that a zone uses rules \
         before the setting.",
    ],
};

/// The device.
#[derive(Debug)]
pub(crate) struct PanOs {
    strips: bool,
    rule: Arc<Rule>,
    passage_signed: bool,
    stripped: u64,
}

/// Builds the device.
///
/// # Errors
/// Values that PAN-OS would refuse.
pub(crate) fn build(
    text: Option<ConfigText<'_>>,
) -> Result<(PanOs, Vec<ConfigDiagnostic>), Vec<ConfigDiagnostic>> {
    read(text.unwrap_or(ConfigText::new("", ""))).map(|read| (read.device, read.warnings))
}

/// What a text says.
pub(super) struct Read<'t> {
    pub(super) device: PanOs,
    /// Which connections are allowed.
    pub(super) policy: Policy<'t>,
    pub(super) warnings: Vec<ConfigDiagnostic>,
}

/// Reads a text.
///
/// # Errors
/// Values that PAN-OS would refuse.
pub(super) fn read(text: ConfigText<'_>) -> Result<Read<'_>, Vec<ConfigDiagnostic>> {
    let mut found = Diagnostics::new(text.file);
    let mut setting: Option<(bool, Arc<Rule>)> = None;
    let mut profiles: Vec<(String, bool, Arc<Rule>)> = Vec::new();
    let mut used: Vec<(String, String, ConfigLine)> = Vec::new();
    let mut policy = Policy::default();
    each_statement(text, |statement| {
        policy.take(&statement);
        let rule = |source| Rule::config(statement.text, statement.place(), source);
        let mut switch = |word: &str, values: &[&'static str]| {
            let given = values.iter().find(|value| **value == word).copied();
            if given.is_none() {
                let all = text.lines();
                if let Some(line) = all.iter().find(|l| l.number == statement.line) {
                    let word = line.words.iter().find(|w| **w == word).copied().unwrap_or("");
                    let message =
                        format!("expected {}, found {}", values.join(" or "), quoted(word));
                    found.error(line, word, message);
                }
            }
            given
        };
        match statement.words {
            [.., "deviceconfig", "setting", "tcp", "strip-mptcp-option", value] => {
                if let Some(value) = switch(value, &["yes", "no"]) {
                    setting = Some((value == "yes", rule(SETTING)));
                }
            }
            [.., "zone-protection-profile", name, "strip-mptcp-option", value] => {
                if let Some(value) = switch(value, &["yes", "no", "global"])
                    && value != "global"
                {
                    profiles.push(((*name).to_owned(), value == "yes", rule(PROFILE)));
                }
            }
            [.., "zone", zone, "network", "zone-protection-profile", name] => {
                used.push(((*zone).to_owned(), (*name).to_owned(), statement.place()));
            }
            _ => {}
        }
    });
    let rules_a_zone = |name: &String| used.iter().find(|(_, profile, _)| profile == name);
    let of_zone = profiles.into_iter().rfind(|(name, ..)| rules_a_zone(name).is_some());
    let otherwise = setting.as_ref().is_none_or(|(strips, _)| *strips);
    if let Some((name, strips, _)) = &of_zone
        && *strips != otherwise
        && let Some((zone, _, place)) = rules_a_zone(name)
        && let Some(line) = text.lines().iter().find(|l| l.number == place.line)
    {
        let message = format!(
            "zone protection profile {name} rules what enters by zone {zone}; here it rules everything"
        );
        found.warn(line, name, message);
    }
    let of_zone_profile = of_zone.as_ref().map(|(name, ..)| name.clone());
    let (strips, rule) = of_zone
        .map(|(_, strips, rule)| (strips, rule))
        .or(setting)
        .unwrap_or_else(|| (true, Rule::default("strip-mptcp-option yes", SETTING)));
    let rule = if strips { rule.remedied(remedy(of_zone_profile.as_deref())) } else { rule };
    let warnings = found.into_result()?;
    let device = PanOs { strips, rule, passage_signed: false, stripped: 0 };
    Ok(Read { device, policy, warnings })
}

/// A setting: the words of a `set` command, or the names of the elements around a value in XML.
struct Statement<'s, 't> {
    words: &'s [&'t str],
    file: &'t str,
    line: u32,
    /// Of the line.
    text: &'t str,
}

impl Statement<'_, '_> {
    fn place(&self) -> ConfigLine {
        ConfigLine { file: self.file.to_owned(), line: self.line, text: self.text.to_owned() }
    }
}

/// Hands on the settings of a text, one after the other: of `set` commands, or of the XML that the device
/// exports.
fn each_statement<'t>(text: ConfigText<'t>, mut take: impl FnMut(Statement<'_, 't>)) {
    if text.text.trim_start().starts_with('<') {
        return each_element(text, take);
    }
    let mut quoted = Vec::new();
    for line in text.lines().iter().filter(|line| line.words[0] == "set") {
        let command = line.text();
        let words = if command.contains('"') {
            words_of(command, &mut quoted);
            &quoted
        } else {
            line.words.as_slice()
        };
        take(Statement { words, file: text.file, line: line.number, text: command });
    }
}

/// The words of a command; quotes hold together what has blanks.
fn words_of<'t>(command: &'t str, words: &mut Vec<&'t str>) {
    words.clear();
    for (at, part) in command.split('"').enumerate() {
        match at % 2 {
            0 => words.extend(part.split_whitespace()),
            _ => words.push(part),
        }
    }
}

/// Hands on the values of an XML text, each with the names of the elements around it; an `entry` goes by
/// its name.
fn each_element<'t>(text: ConfigText<'t>, mut take: impl FnMut(Statement<'_, 't>)) {
    let mut open: Vec<&str> = Vec::new();
    let all: Vec<&str> = text.text.lines().collect();
    let (mut at, mut line) = (0, 1);
    while let Some(start) = text.text[at..].find('<').map(|start| at + start) {
        let value = text.text[at..start].trim();
        line += text.text[at..start].matches('\n').count() as u32;
        let rest = &text.text[start..];
        let (end, is_comment) = match rest.strip_prefix("<!--") {
            Some(comment) => (comment.find("-->").map(|end| end + 7), true),
            None => (rest.find('>').map(|end| end + 1), false),
        };
        let Some(end) = end else { break };
        let tag = &rest[..end];
        if !is_comment && tag.starts_with("</") {
            if !value.is_empty() && open.last().is_some_and(|name| WANTED.contains(name)) {
                let raw = all.get(line as usize - 1).map_or("", |raw| raw.trim());
                open.push(value);
                take(Statement { words: &open, file: text.file, line, text: raw });
                open.pop();
            }
            open.pop();
        } else if !is_comment && !tag.starts_with("<?") && !tag.ends_with("/>") {
            let element = tag[1..end - 1].split_whitespace().next().unwrap_or("");
            let name = tag.split_once("name=\"").and_then(|(_, rest)| rest.split('"').next());
            open.push(name.filter(|_| element == "entry").unwrap_or(element));
        }
        line += tag.matches('\n').count() as u32;
        at = start + end;
    }
}

/// Elements whose values are looked at.
const WANTED: [&str; 5] =
    ["strip-mptcp-option", "zone-protection-profile", "member", "action", "disabled"];

/// The line that lets the option pass: of the zone protection profile that rules, or of the device.
fn remedy(profile: Option<&str>) -> Remedy {
    let (line, source) = match profile {
        Some(name) => (
            format!("set network profiles zone-protection-profile {name} strip-mptcp-option no"),
            PROFILE,
        ),
        None => ("set deviceconfig setting tcp strip-mptcp-option no".to_owned(), SETTING),
    };
    let advice = wording!(
        en: "let the MPTCP option pass",
        ja: "MPTCP オプションの通過を許可します",
    );
    let caution = wording!(
        en: "each subflow then carries only a part of the data, and what inspects it may miss it",
        ja: "データ フローの一部だけが各サブフローに引き継がれるため、インライン パケット分析が機能しない可能性があります",
    );
    Remedy { advice, lines: vec![line], caution: Some(caution), source }
}

impl Device for PanOs {
    fn model(&self) -> &'static str {
        "panos"
    }

    fn process(
        &mut self,
        now: SimTime,
        ingress: PortId,
        packet: &mut Packet,
        effects: &mut Effects,
    ) -> Forwarding {
        let pass = &mut Pass::new(now, ingress, packet, effects);
        if self.strips {
            let rule = &self.rule;
            self.stripped += edit(pass, |o| (o.kind == kind::MPTCP).then_some((Edit::Nop, rule)));
        } else if pass.packet.options.has(kind::MPTCP)
            && !std::mem::replace(&mut self.passage_signed, true)
        {
            pass.sign(&self.rule, Change::Allowed { what: "option 30" });
        }
        Forwarding::Through
    }

    fn counters(&self) -> Vec<(String, u64)> {
        vec![("MPTCP options stripped".to_owned(), self.stripped)]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{SYN_OPTIONS, packet, send, with_options};

    #[test]
    fn stripped_unless_told_not_to() {
        let check = |text: &str, strips: bool| {
            let mut device = build(Some(ConfigText::new("p", text))).unwrap().0;
            let out = send(&mut device, 0, with_options(packet(), &SYN_OPTIONS));
            assert_eq!(out.packet.options.has(30), !strips, "{text}");
            if strips {
                // What is advised does it.
                let remedy = out.rule("option-30-to-nop").remedy.clone().expect("a remedy");
                let mended = format!("{text}{}\n", remedy.lines.join("\n"));
                let mended = ConfigText::new("p", &mended);
                let out = send(
                    &mut build(Some(mended)).unwrap().0,
                    0,
                    with_options(packet(), &SYN_OPTIONS),
                );
                assert!(out.packet.options.has(30), "{text}");
            }
        };
        check("", true);
        check("set deviceconfig setting tcp strip-mptcp-option yes\n", true);
        check("set deviceconfig setting tcp strip-mptcp-option no\n", false);
        let profile = "set network profiles zone-protection-profile ZP strip-mptcp-option no\n";
        check(profile, true);
        let used = format!("{profile}set zone untrust network zone-protection-profile ZP\n");
        check(&used, false);
        let (_, warnings) = build(Some(ConfigText::new("p", &used))).unwrap();
        assert!(warnings[0].message.contains("by zone untrust"), "{warnings:?}");
        check(&used.replace("option no", "option global"), true);
        let error = build(Some(ConfigText::new(
            "p",
            "set deviceconfig setting tcp strip-mptcp-option maybe\n",
        )));
        assert!(error.unwrap_err()[0].message.contains("expected yes or no"));
    }
}
