//! Cisco PIX before 7.0: what it does to options is not documented; what its access lists and security levels deny is
//! dropped all the same.

use crate::audit::platform::{HEADER, Platform};
use crate::audit::{Audit, Verdict};
use crate::config::{ConfigText, Diagnostics, Line};

use super::config::Kind;
use super::tunnels::Tunnels;
use super::{audit, grammar, levels, own};

/// In the list of platforms.
pub(crate) const PLATFORM: Platform = Platform {
    name: "pix",
    product: "Cisco PIX 6",
    marks: &[
        ("PIX Version 6", HEADER),
        ("PIX Version 5", HEADER),
        // Firewall Builder's header.
        ("! Compiled for pix 6", HEADER),
        ("fixup protocol", 50),
        ("conduit ", 50),
        // From 7.0 on a name is given within an interface, and groups, `static` and `global` are common to both.
        ("nameif * * security", 5_000),
        ("ip address * * 255.", 20),
    ],
    knows: None,
    audit,
};

/// Commands that are read of a PIX 6 as of an ASA.
const READ: [&str; 6] = [
    "access-list",
    "access-group",
    "object-group",
    "network-object",
    "port-object",
    "group-object",
];

fn audit(text: ConfigText<'_>) -> Audit {
    let mut found = Diagnostics::new(text.file);
    let config = grammar::read_as(Kind::Pix6, text, &mut found);
    let mut dropped: Vec<Verdict> = own::services(&config, text);
    dropped.extend(audit::refused(&config));
    dropped.extend(audit::unread(&config));
    dropped.extend(levels::refused(&config, &Tunnels::default()));
    let why = "PIX 6 has fixups and no tcp-map; what it does to option 30 is not documented";
    let mut all = Audit::unknown(config.version.clone(), why);
    if let Some(permitted) = all.verdicts.first_mut().filter(|_| !dropped.is_empty()) {
        permitted.traffic = "TCP that is permitted".into();
    }
    all.verdicts.extend(dropped);
    let lines = text.lines();
    let is_read = |number: u32| {
        let at = lines.binary_search_by_key(&number, |line| line.number);
        at.is_ok_and(|at| READ.contains(&lines[at].words[0]))
    };
    all.warnings = found.into_all();
    all.warnings.retain(|warning| is_read(warning.line));
    let translates = |line: &&Line<'_>| matches!(line.words.first(), Some(&("nat" | "static")));
    if let Some(line) = lines.iter().find(translates) {
        let mut found = Diagnostics::new(text.file);
        let message = "nothing crosses a PIX before 7.0 that no nat, static or nat 0 names, whatever its lists permit: which \
                       connections that are is not said";
        found.warn(line, "", message);
        all.warnings.extend(found.into_all());
        all.warnings.sort_by_key(|warning| warning.line);
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    const FOUR: &str = "PIX Version 6.3(5)\nnameif ethernet0 outside security0\nnameif ethernet1 inside security100\nfixup protocol http 80\n";

    fn told(text: &str) -> Vec<String> {
        let audit = audit(ConfigText::new("pix", text));
        let row = |v: &Verdict| {
            let line = v.because[0].line.map_or("default".to_owned(), |line| line.to_string());
            format!("{} | {} | {} | {line}", v.effect, v.traffic, v.direction)
        };
        assert!(audit.warnings.is_empty(), "{:?}", audit.warnings);
        audit.verdicts.iter().map(row).collect()
    }

    /// What is denied is dropped, whatever becomes of the options of the rest.
    #[test]
    fn what_is_denied_is_dropped() {
        let permitted =
            "unknown | TCP that is permitted | every interface, both directions | default";
        let back = "drop | all TCP | back out of the interface that it came in by | default";
        let upwards = "drop | all TCP | opened from interface outside towards inside | 2";
        assert_eq!(told(FOUR), [permitted, upwards, back]);
        let listed = format!(
            "{FOUR}access-list compiled\naccess-list acl_out permit tcp any host 198.51.100.5 eq www\naccess-group acl_out in interface outside\n"
        );
        let refused = "drop | TCP that is not permitted by access list acl_out | interface outside, opened from its side | 7";
        assert_eq!(told(&listed), [permitted, refused, back]);
        let translated = format!("{FOUR}static (inside,outside) 198.51.100.5 10.0.0.5\n");
        let warnings = audit(ConfigText::new("pix", &translated)).warnings;
        assert_eq!(warnings.iter().map(|warning| warning.line).collect::<Vec<_>>(), [5]);
        let conduits = format!("{FOUR}conduit permit tcp host 198.51.100.5 eq www any\n");
        let beside =
            "drop | TCP that no conduit permits | opened from interface outside towards inside | 2";
        assert_eq!(told(&conduits), [permitted, beside, back]);
        assert_eq!(
            told("PIX Version 6.3(5)\n"),
            ["unknown | all TCP | every interface, both directions | default"]
        );
    }
}
