//! Snort, inline: its TCP normaliser clears the options that it is not told to allow.

use sim_core::engine::device::{Device, Effects, Forwarding, PortId};
use sim_core::time::SimTime;
use sim_core::wire::packet::Packet;

use crate::catalogue::ModelInfo;
use crate::config::{ConfigDiagnostic, ConfigText, Diagnostics, Line};
use crate::ftd::Mode;
use crate::ftd::snort::{Allowed, Normalizer, SnortNormalizer};
use crate::steps::Pass;

const SNORT_2: &str = "Snort manual, normalize_tcp";
const SNORT_3: &str = "snort3 source, network_inspectors/normalize, norm.cc";

/// In the catalogue.
pub(crate) const INFO: ModelInfo = ModelInfo {
    name: "Snort",
    product: "Snort 2 and 3, inline",
    summary: "Leaves options alone unless its configuration normalises them: then all but MSS, window \
              scale, timestamps and what is allowed by name or number become NOPs, and MPTCP falls back.",
    defaults: &[
        ("Snort 3, normalizer.tcp.opts", "false: options pass", SNORT_3),
        (
            "Snort 2, normalize_tcp: opts",
            "off; with it, option 30 becomes NOPs unless allowed",
            SNORT_2,
        ),
        ("passive", "changes nothing", SNORT_2),
    ],
    settings: &[
        ("config", "path of snort.conf or snort.lua"),
        ("mode", "Inline or Passive; default: Inline"),
    ],
    configuration: "preprocessor normalize_tcp (opts, allow); normalizer.tcp (opts, allow_names, \
                    allow_codes)",
    example: "preprocessor normalize_tcp: ips, opts allow sack 30\n",
    notes: &["Rules and their actions are not modelled here; see Ftd for inspection."],
};

/// The device.
#[derive(Debug)]
pub(crate) struct Snort {
    normalizer: Option<Normalizer>,
    forwarded: u64,
}

/// Builds the device.
///
/// # Errors
/// Names and numbers of options that Snort would refuse.
pub(crate) fn build(
    mode: Mode,
    text: Option<ConfigText<'_>>,
) -> Result<(Snort, Vec<ConfigDiagnostic>), Vec<ConfigDiagnostic>> {
    let mut found = Diagnostics::new(text.map_or("", |t| t.file));
    let set = text.map_or(SnortNormalizer::Off, |t| read(t, &mut found));
    let warnings = found.into_result()?;
    let normalizer = Normalizer::new(&set).filter(|_| mode == Mode::Inline);
    Ok((Snort { normalizer, forwarded: 0 }, warnings))
}

/// Reads what a text says of the normaliser.
fn read(text: ConfigText<'_>, found: &mut Diagnostics) -> SnortNormalizer {
    let mut set = SnortNormalizer::Off;
    let mut allow = Vec::new();
    let mut opts = None;
    for line in text.lines().iter().filter(|line| !is_comment(line)) {
        if let ["preprocessor", "normalize_tcp:", rest @ ..] = line.words.as_slice() {
            let at = rest.iter().position(|w| w.trim_end_matches(',') == "opts");
            let Some(at) = at else { continue };
            let mut words = rest[at + 1..].iter().skip_while(|w| **w != "allow").skip(1);
            let allow = words.by_ref().filter_map(|w| allowed(w, line, found)).collect();
            set = SnortNormalizer::Snort2 { allow };
            continue;
        }
        // Lua: a key, an equals sign, a value; several may stand on one line.
        let text = line.text();
        if let Some(value) = value_of(text, "opts") {
            opts = Some(value.starts_with("true"));
        }
        for key in ["allow_names", "allow_codes"] {
            let names = value_of(text, key).map(|v| v.trim_start_matches(['\'', '"']));
            let names = names.map(|v| v.split(['\'', '"']).next().unwrap_or(v));
            for word in names.unwrap_or("").split([' ', ',']).filter(|w| !w.is_empty()) {
                allow.extend(allowed(word, line, found));
            }
        }
    }
    match opts {
        Some(opts) => SnortNormalizer::Snort3 { opts, allow },
        None => set,
    }
}

/// A comment of snort.conf or of Lua.
pub(super) fn is_comment(line: &Line<'_>) -> bool {
    line.words[0].starts_with(['#', '-'])
}

/// What stands after `key =` in a line.
fn value_of<'a>(text: &'a str, key: &str) -> Option<&'a str> {
    let at = text.find(key)?;
    let before = text[..at].chars().next_back();
    let rest = text[at + key.len()..].trim_start().strip_prefix('=')?;
    before.is_none_or(|c| !c.is_ascii_alphanumeric() && c != '_').then(|| rest.trim_start())
}

fn allowed(word: &str, line: &Line<'_>, found: &mut Diagnostics) -> Option<Allowed> {
    match Allowed::try_from(word.trim_end_matches(',').to_owned()) {
        Ok(allowed) => Some(allowed),
        Err(message) => {
            found.error(line, word, message);
            None
        }
    }
}

impl Device for Snort {
    fn model(&self) -> &'static str {
        "snort"
    }

    fn process(
        &mut self,
        now: SimTime,
        ingress: PortId,
        packet: &mut Packet,
        effects: &mut Effects,
    ) -> Forwarding {
        self.forwarded += 1;
        if let Some(normalizer) = &mut self.normalizer {
            normalizer.apply(&mut Pass::new(now, ingress, packet, effects));
        }
        Forwarding::Through
    }

    fn counters(&self) -> Vec<(String, u64)> {
        let cleared = self.normalizer.as_ref().map_or(0, |n| n.cleared);
        vec![
            ("packets forwarded".to_owned(), self.forwarded),
            ("TCP options cleared".to_owned(), cleared),
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::steps::track::Sender::Initiator;
    use crate::testing::{SYN_OPTIONS, segment, send, with_options};
    use sim_core::wire::packet::Flags;

    #[test]
    fn what_passes() {
        let check = |mode: Mode, text: &str, passes: bool| {
            let mut device = build(mode, Some(ConfigText::new("s", text))).unwrap().0;
            let syn = with_options(segment(Initiator, Flags::SYN, 1, 0, 0), &SYN_OPTIONS);
            let out = send(&mut device, 0, syn);
            assert_eq!(out.packet.options.has(30), passes, "{text}");
        };
        let inline = Mode::Inline;
        check(inline, "", true);
        check(inline, "preprocessor normalize_tcp: ips ecn stream\n", true);
        check(inline, "preprocessor normalize_tcp: ips, opts\n", false);
        check(inline, "preprocessor normalize_tcp: ips, opts allow sack\n", false);
        check(inline, "preprocessor normalize_tcp: ips, opts allow sack 30\n", true);
        check(Mode::Passive, "preprocessor normalize_tcp: ips, opts\n", true);
        check(inline, "# preprocessor normalize_tcp: opts\n", true);
        check(inline, "normalizer = { tcp = { ips = true } }\n", true);
        check(inline, "normalizer = { tcp = { opts = true } }\n", false);
        check(
            inline,
            "normalizer =\n{\n  tcp = { opts = true, allow_codes = '30', allow_names = 'sack' }\n}\n",
            true,
        );
        let error = build(
            inline,
            Some(ConfigText::new("s", "preprocessor normalize_tcp: opts allow mptcp\n")),
        );
        assert!(error.unwrap_err()[0].message.contains("from 3 to 255"));
    }
}
