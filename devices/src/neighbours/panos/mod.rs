//! Palo Alto Networks PAN-OS: strips the MPTCP option unless told not to.

mod applications;
mod commands;
mod continued;
mod decryption;
mod objects;
mod overrides;
mod policy;
mod ports;
mod rule;
mod schedules;
mod statements;
mod systems;

use std::collections::BTreeMap;
use std::sync::Arc;

use sim_core::engine::device::{
    Change, ConfigLine, Device, Effects, Forwarding, Origin, PortId, Remedy, Rule,
};
use sim_core::time::SimTime;
use sim_core::wire::options::kind;
use sim_core::wire::packet::Packet;
use sim_core::wording;

use crate::catalogue::{MODELLED, ModelInfo};
use crate::config::{ConfigDiagnostic, ConfigText, Diagnostics, quoted};
use crate::steps::Pass;
use crate::steps::options::{Edit, edit};

pub(super) use continued::whole;
use decryption::numbers;
use policy::{COOKIES, Policy};
use statements::each_statement;

const SETTING: &str = "PAN-OS CLI: set deviceconfig setting tcp strip-mptcp-option";
const OLD: &str =
    "Palo Alto Networks Knowledge Base, Multi-Path TCP on Palo Alto Networks Firewalls";
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
        "A profile that a zone uses rules before the setting.",
    ],
};

/// The device.
#[derive(Clone, Debug)]
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
    whole(text.unwrap_or(ConfigText::new("", "")), build_whole)
}

fn build_whole(
    text: ConfigText<'_>,
) -> Result<(PanOs, Vec<ConfigDiagnostic>), Vec<ConfigDiagnostic>> {
    let Read { device, of_zones, elsewhere, mut warnings, .. } = read(text)?;
    if let Some((zone, profile)) = of_zones.iter().find(|(_, p)| p.strips != elsewhere.strips)
        && let Origin::Config(place) = &profile.rule.origin
        && let Some(line) = text.lines().iter().find(|l| l.number == place.line)
    {
        let mut found = Diagnostics::new(text.file);
        let message = format!(
            "this zone protection profile rules what enters by zone {zone}; here it rules everything"
        );
        found.warn(line, "", message);
        warnings.extend(found.into_all());
    }
    Ok((device, warnings))
}

/// What a text says.
pub(super) struct Read<'t> {
    /// As far as one device without zones can do it.
    pub(super) device: PanOs,
    /// What the zones do whose protection profile rules in place of the device's setting.
    pub(super) of_zones: BTreeMap<String, PanOs>,
    /// What all others do.
    pub(super) elsewhere: PanOs,
    /// Which connections are allowed.
    pub(super) policy: Policy<'t>,
    /// The version that an export names.
    pub(super) version: Option<String>,
    pub(super) warnings: Vec<ConfigDiagnostic>,
}

/// Reads a text.
///
/// # Errors
/// Values that PAN-OS would refuse.
pub(super) fn read(text: ConfigText<'_>) -> Result<Read<'_>, Vec<ConfigDiagnostic>> {
    let mut found = Diagnostics::new(text.file);
    let mut setting: Option<(bool, Arc<Rule>)> = None;
    let mut profiles: Vec<(String, Option<bool>, Arc<Rule>)> = Vec::new();
    let mut used: Vec<(String, String, ConfigLine)> = Vec::new();
    let mut floods: Vec<(String, ConfigLine)> = Vec::new();
    let mut off: Vec<String> = Vec::new();
    let mut policy = Policy::default();
    let unread = each_statement(text, |statement| {
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
            // A piece of an export may begin anywhere.
            [.., "setting", "tcp", "strip-mptcp-option", value]
            | ["tcp", "strip-mptcp-option", value]
            | ["strip-mptcp-option", value] => {
                if let Some(value) = switch(value, &["yes", "no"]) {
                    setting = Some((value == "yes", rule(SETTING)));
                }
            }
            [.., "zone-protection-profile", name, "strip-mptcp-option", value] => {
                if let Some(value) = switch(value, &["yes", "no", "global"]) {
                    let strips = (value != "global").then_some(value == "yes");
                    profiles.push(((*name).to_owned(), strips, rule(PROFILE)));
                }
            }
            [.., "zone-protection-profile", name, "flood", "tcp-syn", "syn-cookies", _, _]
            | [.., "zone-protection-profile", name, "flood", "tcp-syn", "syn-cookies"] => {
                floods.push(((*name).to_owned(), statement.place()));
            }
            [.., "zone-protection-profile", name, "flood", "tcp-syn", "enable", "no"] => {
                off.push((*name).to_owned());
            }
            [.., "zone", zone, "network", "zone-protection-profile", name] => {
                used.push(((*zone).to_owned(), (*name).to_owned(), statement.place()));
            }
            _ => {}
        }
    });
    let all = text.lines();
    for line in all.iter().filter(|line| unread.contains(&line.number)) {
        let message =
            "this command is not followed: the text has nothing before it that it could change";
        found.warn(line, "", message);
    }
    floods.dedup_by(|a, b| a.0 == b.0);
    // A piece of a configuration need not have the zones.
    let is_piece = !policy.has_zones();
    let is_used = |name: &String| is_piece || used.iter().any(|(_, profile, _)| profile == name);
    if let Some((_, place)) = floods.iter().find(|(name, _)| is_used(name) && !off.contains(name))
        && let Some(line) = all.iter().find(|line| line.number == place.line)
    {
        found.warn(line, "", COOKIES);
    }
    for (name, _, rule) in profiles.iter().filter(|(_, strips, _)| strips.is_some()) {
        if !used.iter().any(|(_, profile, _)| profile == name)
            && let Origin::Config(place) = &rule.origin
            && let Some(line) = text.lines().iter().find(|l| l.number == place.line)
        {
            let message = format!("no zone uses the zone protection profile {name}");
            found.warn(line, name, message);
        }
    }
    let version = version_of(text.text);
    // The option was left alone before there was the setting.
    let is_old = version.as_deref().and_then(numbers).is_some_and(|version| version < (8, 0));
    let (strips, rule) = setting.unwrap_or_else(|| match is_old {
        true => (false, Rule::default("option 30 is left alone before PAN-OS 8.0", OLD)),
        false => (true, Rule::default("strip-mptcp-option yes", SETTING)),
    });
    let elsewhere = PanOs::new(strips, rule, None);
    let of_zones: BTreeMap<String, PanOs> = used
        .into_iter()
        .filter_map(|(zone, used, _)| {
            let (name, strips, rule) = profiles.iter().rfind(|(name, ..)| *name == used)?;
            Some((zone, PanOs::new((*strips)?, rule.clone(), Some(name))))
        })
        .collect();
    let passes = !elsewhere.strips || of_zones.values().any(|zone| !zone.strips);
    policy.warn(passes, text, &mut found);
    let warnings = found.into_result()?;
    let device = of_zones.values().next_back().unwrap_or(&elsewhere).clone();
    Ok(Read { device, of_zones, elsewhere, policy, version, warnings })
}

/// The version of an XML export: `<config version="10.1.0" … detail-version="10.1.3">`.
fn version_of(text: &str) -> Option<String> {
    let tag = text.split_once("<config ")?.1.split('>').next()?;
    let of = |name: &str| tag.split_once(name)?.1.split('"').next();
    of("detail-version=\"").or_else(|| of("version=\"")).map(str::to_owned)
}

impl PanOs {
    /// One that strips or not by `rule`, of the zone protection profile of that name or of the device's setting.
    fn new(strips: bool, rule: Arc<Rule>, profile: Option<&str>) -> Self {
        let rule = if strips { rule.remedied(remedy(profile)) } else { rule };
        Self { strips, rule, passage_signed: false, stripped: 0 }
    }
}

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

    /// What a profile says holds where a zone uses it.
    #[test]
    fn profiles_that_no_zone_uses() {
        let warned = |text: &str| -> Vec<_> {
            let read = read(ConfigText::new("p", text)).unwrap_or_else(|e| panic!("{e:?}"));
            assert!(read.elsewhere.strips && read.of_zones.is_empty(), "{text}");
            read.warnings.iter().map(|w| w.line).collect()
        };
        let flood = "set network profiles zone-protection-profile P flood tcp-syn syn-cookies activate-rate 0\n";
        assert_eq!(warned(flood), [1], "a piece of a configuration");
        let other = format!("{flood}set zone a network zone-protection-profile Q\n");
        assert_eq!(warned(&other), [0; 0]);
        assert_eq!(warned(&other.replace("profile Q", "profile P")), [1]);
        assert_eq!(warned(&format!("{flood}set zone a network layer3 ethernet1/1\n")), [0; 0]);
        let disabled = flood.replace("syn-cookies activate-rate 0", "enable no");
        assert_eq!(warned(&format!("{flood}{disabled}")), [0; 0]);
        // The last word on it: the device's setting rules.
        let profile = "set network profiles zone-protection-profile P strip-mptcp-option";
        let global = format!(
            "{profile} no\n{profile} global\nset zone a network zone-protection-profile P\n"
        );
        assert_eq!(warned(&global), [0; 0]);
    }

    /// A service is one of a protocol that has ports.
    #[test]
    fn services_of_other_protocols() {
        let rules = "set rulebase security rules r from any to any source any destination any application any service S action allow\n";
        for (protocol, lines) in [("tcp", &[][..]), ("sctp", &[]), ("gre", &[1])] {
            let text = format!("set service S protocol {protocol} port 47\n{rules}");
            let (_, audit) = crate::audit::audit(ConfigText::new("p", &text), None);
            let said = |w: &&crate::config::ConfigDiagnostic| w.message.contains("is refused");
            let found: Vec<u32> = audit.warnings.iter().filter(said).map(|w| w.line).collect();
            assert_eq!(found, lines, "{protocol}: {:?}", audit.warnings);
        }
    }

    #[test]
    fn nothing_stripped_before_there_was_the_setting() {
        let strips = |version: &str| {
            let text = format!("<config version=\"{version}\">\n</config>\n");
            read(ConfigText::new("p", &text)).unwrap_or_else(|e| panic!("{e:?}")).elsewhere.strips
        };
        assert!(!strips("7.1.0") && strips("8.0.0") && strips("10.1.0"));
    }
}
