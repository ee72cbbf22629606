//! The platforms whose configurations are known, and how a text is recognised as one of theirs.
//!
//! A header (`ASA Version 9.8(2)`, `!! IOS XR Configuration`) decides by itself. A text without one, a
//! few pasted lines, is recognised by the commands that only one platform has: each counts, and the
//! most count.

use crate::config::ConfigText;

use super::{Audit, Because, Effect};
use crate::ios::audit as ios;
use crate::{ace, asa, ftd, ips};

/// A platform: an operating system with its configuration language.
#[derive(Clone, Copy, Debug)]
pub struct Platform {
    /// Short name, as a user gives it: `asa`, `ios-xe`.
    pub name: &'static str,
    /// The product.
    pub product: &'static str,
    /// Beginnings of lines that only this platform writes (`*` stands for a word), and how much each
    /// tells.
    pub marks: &'static [(&'static str, u32)],
    /// Reads a text and says what it does to MPTCP.
    pub audit: fn(ConfigText<'_>) -> Audit,
}

/// A header: it decides against any number of commands.
pub const HEADER: u32 = 100_000;

const SEED: &str = "Cisco 116519, MPTCP and Product Support Overview";

/// Every platform.
#[must_use]
pub fn platforms() -> &'static [Platform] {
    const ALL: &[Platform] = &[
        asa::PLATFORM,
        ftd::PLATFORM,
        PIX,
        FWSM,
        ios::IOS,
        ios::IOS_XE,
        IOS_XR,
        NX_OS,
        ace::PLATFORM,
        ips::PLATFORM,
        STAROS,
        WAAS,
    ];
    ALL
}

/// Beginnings of lines of other vendors' configurations: a text that has them is not taken for one of
/// ours because of a word that both have.
const FOREIGN: &[(&str, u32)] = &[
    ("set system ", 50),
    ("set interfaces ", 50),
    ("set security ", 50),
    ("set deviceconfig ", 50),
    ("config system ", 50),
    ("config firewall ", 50),
    ("ltm ", 50),
    ("net vlan ", 50),
    ("sys ", 20),
    ("sysname ", 5000),
    ("; J", 5000),
    ("## Last commit", 500),
    ("! device: ", 2 * HEADER),
    ("daemon ", 20),
    ("transceiver qsfp", 200),
    ("management api http-commands", 500),
    ("user-view ", 50),
];

/// Fewest points by which a text without a header is recognised.
const FEWEST: u32 = 3;

/// The platform that a text was written by, if it shows.
#[must_use]
pub fn recognise(text: &str) -> Option<&'static Platform> {
    let all = platforms();
    let mut scores = vec![0u32; all.len()];
    let (mut foreign, mut braces, mut count) = (0u32, 0u32, 0u32);
    for line in text.lines() {
        let line = line.trim();
        count += u32::from(!line.is_empty());
        braces += u32::from(line.ends_with(['{', '}', ';']) && !line.starts_with('!'));
        let marked = FOREIGN.iter().filter(|(mark, _)| line.starts_with(mark));
        foreign = foreign.saturating_add(marked.map(|(_, weight)| weight).sum());
        for (score, platform) in scores.iter_mut().zip(all) {
            for (mark, weight) in platform.marks {
                if begins(line, mark) {
                    *score = score.saturating_add(*weight);
                }
            }
        }
    }
    // Braces around blocks and semicolons after statements are none of Cisco's.
    if braces * 3 > count {
        return None;
    }
    let best = scores.iter().copied().max().filter(|&best| best >= FEWEST.max(foreign))?;
    // Of two that score alike, the one that comes first in the list.
    all.iter().zip(scores).find(|(_, score)| *score == best).map(|(platform, _)| platform)
}

/// True when a line begins like this; `*` in it stands for one word.
fn begins(line: &str, mark: &str) -> bool {
    match mark.split_once('*') {
        None => line.starts_with(mark),
        Some((before, after)) => line.strip_prefix(before).is_some_and(|rest| {
            let word = rest.find(' ').unwrap_or(rest.len());
            word > 0 && rest[word..].starts_with(after)
        }),
    }
}

/// The version that a header line of the form `BEFORE VERSION …` gives.
#[must_use]
pub fn version_after(text: &str, before: &[&str]) -> Option<String> {
    text.lines().map(str::trim).find_map(|line| {
        let rest = before.iter().find_map(|b| line.strip_prefix(b))?;
        let version = rest.split_whitespace().next()?;
        version
            .starts_with(|c: char| c.is_ascii_digit())
            .then(|| version.trim_end_matches(',').to_owned())
    })
}

const PIX: Platform = Platform {
    name: "pix",
    product: "Cisco PIX 6",
    marks: &[("PIX Version 6", HEADER), ("PIX Version 5", HEADER), ("fixup protocol", 20)],
    audit: |text| {
        let why = "PIX 6 has fixups and no tcp-map; what it does to option 30 is not documented";
        Audit::unknown(version_after(text.text, &["PIX Version "]), why)
    },
};

const FWSM: Platform = Platform {
    name: "fwsm",
    product: "Cisco Firewall Services Module",
    marks: &[("FWSM Version", HEADER)],
    audit: asa::PLATFORM.audit,
};

const IOS_XR: Platform = Platform {
    name: "ios-xr",
    product: "Cisco IOS XR (CRS, ASR 9000)",
    marks: &[
        ("!! IOS XR", HEADER),
        ("service cgn", 50),
        ("service-type nat44", 50),
        ("interface Bundle-Ether", 5),
        ("route-policy", 3),
        ("end-policy", 10),
        ("ipv4 address", 3),
    ],
    audit: |text| {
        let mut audit = transparent(
            text,
            &["!! IOS XR Configuration version = ", "!! IOS XR Configuration "],
            "routers and CGN",
        );
        audit.warnings = crate::cgn::warnings(text);
        audit
    },
};

const NX_OS: Platform = Platform {
    name: "nx-os",
    product: "Cisco NX-OS (Nexus switches)",
    marks: &[
        ("!Command: show running-config", HEADER / 2),
        ("vdc ", 20),
        ("switchname ", 20),
        ("feature ", 5),
        ("vrf context", 10),
        ("install feature-set", 20),
        ("vpc domain", 20),
    ],
    audit: |text| transparent(text, &["version "], "Ethernet switches"),
};

const STAROS: Platform = Platform {
    name: "staros",
    product: "Cisco ASR 5000 (StarOS)",
    marks: &[
        ("active-charging service", 100),
        ("ggsn-service", 100),
        ("pgw-service", 100),
        ("sgw-service", 100),
        ("context local", 50),
        ("apn ", 5),
        ("ip pool ", 5),
    ],
    audit: |text| {
        let mut audit = transparent(text, &[], "ASR 5000");
        audit.warnings = crate::asr5000::build(Some(text)).map_or_else(|e| e, |(_, w)| w);
        audit
    },
};

const WAAS: Platform = Platform {
    name: "waas",
    product: "Cisco Wide Area Application Services",
    marks: &[
        ("! WAAS version", HEADER),
        ("! waas-", HEADER),
        ("device mode application-accelerator", 200),
        ("device mode central-manager", 200),
        ("wccp tcp-promiscuous", 100),
        ("central-manager address", 50),
    ],
    audit: |text| {
        let mut audit = transparent(text, &["! WAAS version "], "WAAS");
        audit.warnings = crate::waas::build(Some(text)).map_or_else(|e| e, |(_, w)| w);
        audit
    },
};

/// A platform that leaves TCP options alone, whatever its configuration says.
fn transparent(text: ConfigText<'_>, header: &[&str], what: &str) -> Audit {
    let rule = format!("{what} leave TCP options alone, by default ({SEED})");
    Audit::uniform(version_after(text.text, header), Effect::Pass, vec![Because::default(rule)])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_recognised() {
        let check = |text: &str, expected: Option<&str>| {
            assert_eq!(recognise(text).map(|p| p.name), expected, "{text}");
        };
        check(": Saved\n:\nASA Version 9.8(2)\nhostname fw", Some("asa"));
        check("PIX Version 8.0(4)", Some("asa"));
        check("PIX Version 6.3(5)\nfixup protocol ftp 21", Some("pix"));
        check("FWSM Version 3.1(4)", Some("fwsm"));
        check("NGFW Version 6.4.0\nclass-map x\ntcp-map UM_STATIC_TCP_MAP", Some("ftd"));
        check("!\nversion 15.1\nip nat inside source list 1 pool p", Some("ios"));
        check("version 16.9\nip inspect name x tcp", Some("ios-xe"));
        check("!! IOS XR Configuration 5.3.0\nservice cgn x", Some("ios-xr"));
        check("!Command: show running-config\nversion 7.0(3)I7(1)\nfeature bgp", Some("nx-os"));
        check("tcp-map m\n tcp-options range 30 30 allow", Some("asa"));
        check("service-policy x global", Some("asa"));
        check("rserver host a\nserverfarm host f", Some("ace"));
        check("service signature-definition sig0", Some("ips"));
        check("config\n context local\n active-charging service ecs", Some("staros"));
        check("zone security in\nzone-pair security a source in destination out", Some("ios"));
        check("set system host-name srx", None);
        check(
            "interface GigabitEthernet0/0\n ip address 1.1.1.1 255.0.0.0\nrouter ospf 1",
            Some("ios"),
        );
        check("ip address 10.0.0.1 255.0.0.0", None);
        check("system {\n    host-name r;\n}\n version 11.4R7.5;", None);
        check(" sysname HP\n version 5.20\n ip address 1.1.1.1 255.0.0.0", None);
        check("access-list in extended permit ip any any", Some("asa"));
        check("", None);
    }

    #[test]
    fn versions() {
        let text = ": Saved\nASA Version 9.8(2) <context>\n";
        assert_eq!(version_after(text, &["ASA Version "]).as_deref(), Some("9.8(2)"));
        assert_eq!(version_after("version X", &["version "]), None);
    }
}
