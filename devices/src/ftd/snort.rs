//! The TCP normaliser of Snort, which Firepower runs inline: options outside a short list become NOPs.
//!
//! Snort 2 with `normalize_tcp: opts` keeps MSS, window scale, timestamps and what is allowed by name or
//! number (FireSIGHT guide, inline normalization; Snort manual). Snort 3 does so only with
//! `normalizer.tcp.opts = true`, which is not its default (snort3, norm.cc).

use std::sync::Arc;

use serde::Deserialize;
use sim_core::engine::device::Rule;
use sim_core::wire::options::kind;
use sim_core::wire::packet::Flags;

use crate::config::words::nearest;
use crate::steps::Pass;
use crate::steps::options::{Edit, edit};

const SNORT_2: &str =
    "FireSIGHT System User Guide, inline normalization; Snort manual, normalize_tcp";
const SNORT_3: &str = "snort3 source, network_inspectors/normalize, norm.cc";

/// The names of options and their kinds (Snort manual, normalize_tcp).
const NAMES: [(&str, &[u8]); 6] = [
    ("sack", &[4, 5]),
    ("echo", &[6, 7]),
    ("partial_order", &[9, 10]),
    ("conn_count", &[11, 12, 13]),
    ("alt_checksum", &[14, 15]),
    ("md5", &[19]),
];

/// An option that is allowed: a name, a number from 3 to 255, or `any`.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub enum Allowed {
    /// All options: the normalisation of options is off.
    Any,
    /// These kinds.
    Kinds(Vec<u8>),
}

impl TryFrom<String> for Allowed {
    type Error = String;

    fn try_from(word: String) -> Result<Self, String> {
        if word == "any" {
            return Ok(Self::Any);
        }
        if let Some((_, kinds)) = NAMES.iter().find(|(name, _)| *name == word) {
            return Ok(Self::Kinds(kinds.to_vec()));
        }
        match word.parse::<u8>() {
            Ok(number @ 3..) => Ok(Self::Kinds(vec![number])),
            _ => {
                let names: Vec<&str> = NAMES.iter().map(|(name, _)| *name).collect();
                let hint = match nearest(&word, names.iter().copied()) {
                    Some(meant) => format!("; did you mean {meant}?"),
                    None => String::new(),
                };
                let names = names.join(", ");
                Err(format!(
                    "expected any, a TCP option kind from 3 to 255, or one of {names}{hint}"
                ))
            }
        }
    }
}

/// The normaliser as a scenario sets it.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub enum SnortNormalizer {
    /// Options are not normalised.
    #[default]
    Off,
    /// Snort 2, `preprocessor normalize_tcp: opts allow …`.
    Snort2 {
        /// Options that pass besides MSS, window scale and timestamps.
        #[serde(default)]
        allow: Vec<Allowed>,
    },
    /// Snort 3, `normalizer = { tcp = { opts = …, allow_names = …, allow_codes = … } }`.
    Snort3 {
        /// Whether options are normalised; `false` as it comes.
        #[serde(default)]
        opts: bool,
        /// Options that pass besides MSS, window scale and timestamps.
        #[serde(default)]
        allow: Vec<Allowed>,
    },
}

/// The normaliser, ready.
#[derive(Clone, Debug)]
pub struct Normalizer {
    allowed: [bool; 256],
    /// The rule that clears.
    rule: Arc<Rule>,
    /// Options cleared so far.
    pub cleared: u64,
}

impl Normalizer {
    /// As set; `None` when options pass as they are.
    #[must_use]
    pub fn new(set: &SnortNormalizer) -> Option<Self> {
        let (allow, text, source) = match set {
            SnortNormalizer::Off | SnortNormalizer::Snort3 { opts: false, .. } => return None,
            SnortNormalizer::Snort2 { allow } => (allow, "normalize_tcp: opts", SNORT_2),
            SnortNormalizer::Snort3 { allow, .. } => (allow, "normalizer.tcp.opts = true", SNORT_3),
        };
        let mut allowed = [false; 256];
        for kind in [kind::EOL, kind::NOP, kind::MSS, kind::WINDOW_SCALE, kind::TIMESTAMPS] {
            allowed[usize::from(kind)] = true;
        }
        for word in allow {
            match word {
                Allowed::Any => return None,
                Allowed::Kinds(kinds) => {
                    kinds.iter().for_each(|kind| allowed[usize::from(*kind)] = true);
                }
            }
        }
        let rule = Rule::scenario(text, source);
        Some(Self { allowed, rule, cleared: 0 })
    }

    /// Clears the options of a packet that are not allowed, MSS and window scale outside a SYN among
    /// them.
    pub fn apply(&mut self, pass: &mut Pass<'_>) {
        let syn = pass.packet.flags.has(Flags::SYN);
        let (allowed, rule) = (&self.allowed, &self.rule);
        self.cleared += edit(pass, |option| {
            let only_in_syn = matches!(option.kind, kind::MSS | kind::WINDOW_SCALE);
            let passes = allowed[usize::from(option.kind)] && (syn || !only_in_syn);
            (!passes).then_some((Edit::Nop, rule))
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::steps::track::Sender::Initiator;
    use crate::testing::{SYN_OPTIONS, pass, segment, with_options};
    use sim_core::engine::device::Effects;

    fn read(text: &str) -> Result<SnortNormalizer, String> {
        ron::from_str(text).map_err(|e| e.to_string())
    }

    #[test]
    fn what_survives() {
        let check = |text: &str, flags: Flags, kinds: &[u8]| {
            let mut p = with_options(segment(Initiator, flags, 1, 0, 0), &SYN_OPTIONS);
            let mut effects = Effects::default();
            if let Some(mut normalizer) = Normalizer::new(&read(text).unwrap()) {
                normalizer.apply(&mut pass(&mut p, &mut effects));
            }
            let left: Vec<u8> =
                p.options.iter().map(|o| o.kind).filter(|k| *k != kind::NOP).collect();
            assert_eq!(left, kinds, "{text}");
        };
        let all = [2, 4, 8, 3, 30];
        check("Off", Flags::SYN, &all);
        check("Snort2()", Flags::SYN, &[2, 8, 3]);
        check("Snort2()", Flags::ACK, &[8]);
        check(r#"Snort2(allow: ["sack", "30"])"#, Flags::SYN, &all);
        check(r#"Snort2(allow: ["any"])"#, Flags::SYN, &all);
        check("Snort3()", Flags::SYN, &all);
        check(r#"Snort3(opts: true, allow: ["sack"])"#, Flags::SYN, &[2, 4, 8, 3]);
    }

    #[test]
    fn names_are_checked() {
        for (word, says) in
            [("sak", "did you mean sack?"), ("2", "from 3 to 255"), ("300", "from 3")]
        {
            let error = read(&format!("Snort2(allow: [\"{word}\"])")).unwrap_err();
            assert!(error.contains(says), "{error}");
        }
    }
}
