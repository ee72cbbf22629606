//! What a configuration does to MPTCP, told without a scenario.
//!
//! Each platform has an entry in [`platforms`]: how its text is recognised, and the function that
//! reads a text and says, for each kind of traffic, what becomes of option 30. That function builds
//! the model that the simulation uses and passes a connection through it ([`probe`]), so the two
//! cannot disagree.

pub mod platform;
pub mod probe;
mod shown;

use std::fmt;

use sim_core::engine::device::{ConfigLine, Origin, Rule};

use crate::config::{ConfigDiagnostic, ConfigText, Diagnostics, Line, has_tags, is_tag, lines};
use platform::Guess;

pub use platform::{Platform, platforms, recognise};

/// What becomes of a connection that asks for MPTCP.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Effect {
    /// Option 30 arrives as it was sent.
    Pass,
    /// Option 30 is blanked or removed; the segment goes on.
    Strip,
    /// Segments are dropped.
    Drop,
    /// The device is the TCP peer of one end or of both.
    Terminate,
    /// The text does not say.
    Unknown,
}

impl Effect {
    /// The word for it.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Pass => "pass",
            Self::Strip => "strip",
            Self::Drop => "drop",
            Self::Terminate => "terminate",
            Self::Unknown => "unknown",
        }
    }
}

impl fmt::Display for Effect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

/// A reason for a verdict: a line of the configuration, or a default.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Because {
    /// The line, from 1; `None` when the text has none about it.
    pub line: Option<u32>,
    /// The line's text; empty without a line.
    pub text: String,
    /// What it does, or the default that rules, with the reason why.
    pub rule: String,
}

impl Because {
    /// A line and what it does.
    #[must_use]
    pub fn line(place: &ConfigLine, rule: impl Into<String>) -> Self {
        Self { line: Some(place.line), text: place.text.clone(), rule: rule.into() }
    }

    /// A reason that no line gives.
    #[must_use]
    pub fn default(rule: impl Into<String>) -> Self {
        Self { line: None, text: String::new(), rule: rule.into() }
    }

    /// The rule that a model signed a change with.
    #[must_use]
    pub fn rule(rule: &Rule) -> Self {
        match &rule.origin {
            Origin::Config(place) => Self::line(place, rule.text.clone()),
            Origin::Scenario | Origin::Default { because: None, near: None } => {
                Self::default(format!("{}, by default", rule.text))
            }
            Origin::Default { because, near } => {
                let why = because.as_ref().map_or(String::new(), |why| format!(": {why}"));
                let text = format!("{}, by default{why}", rule.text);
                match near {
                    Some(place) => Self::line(place, text),
                    None => Self::default(text),
                }
            }
        }
    }
}

/// What becomes of one kind of traffic.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verdict {
    /// Which connections: `class web: tcp port 80`, `all other TCP`.
    pub traffic: String,
    /// Which way they cross: `interface outside, both directions`, `zone A to zone B`.
    pub direction: String,
    /// What becomes of their option 30.
    pub effect: Effect,
    /// The lines and defaults that decide, the most telling first.
    pub because: Vec<Because>,
}

/// What a configuration does to MPTCP.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Audit {
    /// The operating system's version, where the text gives it.
    pub version: Option<String>,
    /// One for each kind of traffic that is told from the rest; never empty.
    pub verdicts: Vec<Verdict>,
    /// What is wrong in the text, what is missing for it to take effect, and what else touches MPTCP;
    /// in the order of the lines.
    pub warnings: Vec<ConfigDiagnostic>,
}

impl Audit {
    /// An audit that cannot say more than why it cannot say more.
    #[must_use]
    pub fn unknown(version: Option<String>, why: impl Into<String>) -> Self {
        Self::uniform(version, Effect::Unknown, vec![Because::default(why)])
    }

    /// The same for all TCP.
    #[must_use]
    pub fn uniform(version: Option<String>, effect: Effect, because: Vec<Because>) -> Self {
        let verdict = Verdict {
            traffic: "all TCP".into(),
            direction: "every interface, both directions".into(),
            effect,
            because,
        };
        Self { version, verdicts: vec![verdict], warnings: Vec::new() }
    }
}

/// Audits a text, as the configuration of `platform` or of the one that it is recognised to be; with
/// the platform that it was taken for.
#[must_use]
pub fn audit(
    text: ConfigText<'_>,
    platform: Option<&'static Platform>,
) -> (Option<&'static Platform>, Audit) {
    let read = lines(text.text);
    let text = text.with_lines(&read);
    if let Some((name, audit)) = shown::audit(text) {
        let printing = platforms().iter().find(|platform| platform.name == name);
        return (platform.or(printing), audit);
    }
    let given = platform.map(|platform| Guess { platform, is_certain: true });
    let Guess { platform, is_certain } = match given.map_or_else(|| platform::guess(text), Ok) {
        Ok(guess) => guess,
        Err(why) => return (None, Audit::unknown(None, why)),
    };
    let mut audit = (platform.audit)(text);
    if !is_certain && let Some(first) = read.first() {
        let mut found = Diagnostics::new(text.file);
        let message = format!(
            "taken for a configuration of {} by commands that other systems have, too",
            platform.product
        );
        found
            .warn(first, "", message)
            .help(format!("--platform {} says that it is one", platform.name));
        audit.warnings.splice(0..0, found.into_all());
    }
    warn_of_template(text, &mut audit);
    if platform.name == "linux" {
        warn_of_routers(text, &mut audit);
    }
    warn_of_several(text, &mut audit);
    (Some(platform), audit)
}

/// Says that a text is a template: what it leaves to conditions is all read.
fn warn_of_template(text: ConfigText<'_>, audit: &mut Audit) {
    if !has_tags(text.text) {
        return;
    }
    let mut all = (1u32..).zip(text.text.lines());
    if let Some((number, line)) = all.find(|(_, line)| is_tag(line.trim())) {
        let mut found = Diagnostics::new(text.file);
        let message = "a template's line: which of its parts a device gets is not told, and all of them are read";
        found.warn_of(number, line, message);
        audit.warnings.splice(0..0, found.into_all());
    }
}

/// Says that a page has a router's configuration beside the rules of a Linux host.
fn warn_of_routers(text: ConfigText<'_>, audit: &mut Audit) {
    let all = text.lines();
    let begins = |pair: &&[Line<'_>]| {
        let [first, rest @ ..] = pair else { return false };
        let has_address = |line: &Line<'_>| matches!(line.words.as_slice(), ["ip", "address", _, mask, ..] if mask.contains('.'));
        matches!(first.words.as_slice(), ["interface", _]) && rest.iter().any(has_address)
    };
    if let Some([first, ..]) = all.windows(4).find(begins) {
        let mut found = Diagnostics::new(text.file);
        found
            .warn(first, "", "the text holds a router's configuration, too, which is not read")
            .help("put it into a file of its own");
        audit.warnings.splice(0..0, found.into_all());
    }
}

/// Says where a second configuration begins in the same text: of another context, or of another device.
fn warn_of_several(text: ConfigText<'_>, audit: &mut Audit) {
    const HEADERS: [&str; 4] = ["ASA Version ", "PIX Version ", "FWSM Version ", "NGFW Version "];
    let begins = |line: &str| HEADERS.iter().any(|header| line.starts_with(header));
    let has_headers = text.text.lines().filter(|line| begins(line)).nth(1).is_some();
    let mut found = Diagnostics::new(text.file);
    let all = text.lines();
    let headers = all.iter().filter(|line| has_headers && begins(line.text()));
    let mut several: Vec<&Line<'_>> = headers.skip(1).collect();
    // Contexts, each with a name of its own, and devices by their names; one that is given again is the same.
    let (mut contexts, mut names) = (Vec::new(), Vec::new());
    for line in all.iter().filter(|line| line.indent == 0) {
        let (known, name) = match line.words.as_slice() {
            ["changeto" | "switchto", "context" | "vdc", name] => {
                names.clear();
                (&mut contexts, *name)
            }
            ["hostname", name] => (&mut names, *name),
            _ => continue,
        };
        if !known.contains(&name) {
            several.extend((!known.is_empty()).then_some(line));
            known.push(name);
        }
    }
    several.sort_unstable_by_key(|line| line.number);
    for line in several {
        let message =
            "another configuration begins here; all are read as one, which none of them is";
        found.warn(line, "", message).help("give each context or device a file of its own");
    }
    if !found.is_empty() {
        audit.warnings.extend(found.into_all());
        audit.warnings.sort_by_key(|w| (w.line, w.column_start));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn warned(text: &str) -> Vec<u32> {
        let (_, audit) = audit(ConfigText::new("x", text), None);
        let of_several = |w: &&ConfigDiagnostic| w.message.contains("another configuration");
        audit.warnings.iter().filter(of_several).map(|w| w.line).collect()
    }

    /// A text of several firewalls is read as one, and that is said.
    #[test]
    fn several_configurations_in_one_text() {
        let one = "ASA Version 9.16(4)\nhostname a\ninterface GigabitEthernet0/0\n nameif outside\n security-level 0\n";
        let other = one.replace("ASA Version 9.16(4)\n", "").replace("hostname a", "hostname b");
        let contexts = format!("changeto context A\n{one}changeto context B\n{other}");
        assert_eq!(warned(&contexts), [7]);
        assert_eq!(warned(&format!("changeto context A\n{one}changeto context A\n")), [0; 0]);
        assert_eq!(warned(&format!("{one}{other}")), [6]);
        assert_eq!(warned(&format!("{one}{}", other.replace("hostname b", "hostname a"))), [0; 0]);
        assert_eq!(warned(&format!("{one}{one}")), [6]);
    }

    /// What of a text is not read, or is read though a device may not get it, is said.
    #[test]
    fn pages_and_templates() {
        let said = |text: &str| -> Vec<(u32, String)> {
            let (_, audit) = audit(ConfigText::new("x", text), None);
            audit.warnings.into_iter().map(|w| (w.line, w.message)).collect()
        };
        let rules = "# Generated by iptables-save\n*filter\n:FORWARD ACCEPT [0:0]\nCOMMIT\n";
        let router = "interface Fa0/0\n ip address 10.0.0.1 255.255.255.0\n ip wccp web-cache redirect in\n!\nend\n";
        let page = said(&format!("{rules}{router}"));
        assert!(page[0].0 == 5 && page[0].1.contains("router's configuration"), "{page:?}");
        assert_eq!(said(rules), []);
        let template =
            "version 15.7\nhostname r\n{% if x %}\nip inspect name FW tcp\n{% endif %}\nip cef\n";
        let told = said(template);
        assert!(told[0].0 == 3 && told[0].1.starts_with("a template's line"), "{told:?}");
    }
}
