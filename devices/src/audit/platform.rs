//! The platforms whose configurations are known, and how a text is recognised as one of theirs.
//!
//! A header (`ASA Version 9.8(2)`, `!! IOS XR Configuration`) decides by itself. A text without one, a
//! few pasted lines, is recognised by the commands that only one platform has: each counts, and the
//! most count. What only other vendors write counts against all of them, and so do commands that the
//! platform does not have.

use std::net::Ipv4Addr;
use std::sync::LazyLock;

use crate::config::lines::break_of;
use crate::config::{ConfigText, Diagnostics, Line, management_plane, reachability};

use super::{Audit, Because, Effect};
use crate::ios::audit as ios;
use crate::ios::lists::Undefined;
use crate::neighbours::audit as neighbours;
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
    /// True when a line may be one of the platform's commands; where most begin with one of a known few,
    /// this tells strangers that look like it.
    pub knows: Option<fn(&Line<'_>) -> bool>,
    /// Reads a text and says what it does to MPTCP.
    pub audit: fn(ConfigText<'_>) -> Audit,
}

/// A header: it decides against any number of commands.
pub const HEADER: u32 = 100_000;

pub(crate) const SEED: &str = "Cisco 116519, MPTCP and Product Support Overview";

/// Every platform.
#[must_use]
pub fn platforms() -> &'static [Platform] {
    const ALL: &[Platform] = &[
        asa::PLATFORM,
        ftd::PLATFORM,
        asa::PIX,
        asa::FWSM,
        ios::IOS,
        ios::IOS_XE,
        IOS_XR,
        NX_OS,
        ace::PLATFORM,
        ips::PLATFORM,
        STAROS,
        WAAS,
        neighbours::LINUX,
        neighbours::PAN_OS,
        neighbours::SNORT,
    ];
    ALL
}

/// Beginnings of lines of other vendors' configurations: a text that has them is not taken for one of
/// ours because of a word that both have.
const FOREIGN: &[(&str, u32)] = &[
    ("set system ", 50),
    ("set interfaces ", 50),
    ("set security ", 50),
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
    ("ip nat source dynamic access-list ", 50),
    ("ip nat destination static ", 50),
    ("! boot system flash:", 50),
    ("transceiver qsfp", 200),
    ("management api http-commands", 500),
    ("user-view ", 50),
    ("version \"", 500),
    ("hostname \"", 50),
    ("ver V", 500),
    ("ver 0", 500),
    ("!System Description ", 500),
    ("! Version ", 500),
    ("stack-unit ", 20),
    ("interface breakout", 20),
    ("lag \"", 20),
    ("tagged ethe", 20),
    ("untagged ethe", 20),
    ("router-interface ve", 50),
    ("switch-attributes ", 50),
    ("dpod ", 20),
    ("wlan ssid-profile", 50),
    ("ip access-list session ", 50),
    ("prompt \"", 500),
    ("vlacp ", 500),
    ("ipv4 access-group-in ", 500),
    ("ipv4 access-group-out ", 500),
];

/// Marks of ours that other systems write word for word (EOS has VRFs as IOS has them, and classes as NX-OS has; so has
/// OS10).
const SHARED: [&str; 10] = [
    "vrf definition ",
    "class-map type qos ",
    "class-map type queuing ",
    "class-map type network-qos ",
    "policy-map type qos ",
    "policy-map type queuing ",
    "policy-map type network-qos ",
    "service-policy type qos ",
    "system qos",
    "priority-flow-control ",
];

/// Fewest points by which a text without a header is recognised.
const FEWEST: u32 = 3;

/// The beginning of a line, and what it tells.
#[derive(Clone, Copy)]
struct Mark {
    text: &'static str,
    /// Others write it, too: it makes nothing certain.
    is_shared: bool,
    /// It has a `*`.
    has_gap: bool,
    weight: u32,
    /// Place of the platform that it speaks for; `None`: against all.
    platform: Option<usize>,
}

/// The marks by the byte that they begin with.
static MARKS: LazyLock<Vec<Vec<Mark>>> = LazyLock::new(|| {
    let mut by_byte = vec![Vec::new(); 256];
    let mut add = |(text, weight): (&'static str, u32), platform| {
        let (is_shared, has_gap) = (SHARED.contains(&text), text.contains('*'));
        let mark = Mark { text, is_shared, has_gap, weight, platform };
        by_byte[usize::from(text.as_bytes()[0])].push(mark);
    };
    for (at, platform) in platforms().iter().enumerate() {
        platform.marks.iter().for_each(|mark| add(*mark, Some(at)));
    }
    FOREIGN.iter().for_each(|mark| add(*mark, None));
    by_byte
});

/// The platform that a text was written by, if it shows.
#[must_use]
pub fn recognise(text: &str) -> Option<&'static Platform> {
    guess(ConfigText::new("", text)).ok().map(|guess| guess.platform)
}

/// What a text is taken for.
#[derive(Clone, Copy, Debug)]
pub struct Guess {
    /// The platform.
    pub platform: &'static Platform,
    /// False when only commands speak for it that other systems have, too.
    pub is_certain: bool,
}

/// The platform that a text was written by.
///
/// # Errors
/// Why it is not recognised.
pub fn guess(text: ConfigText<'_>) -> Result<Guess, String> {
    let all = platforms();
    let mut scores = vec![0u32; all.len()];
    let mut strongest = vec![0u32; all.len()];
    let (mut foreign, mut prefixes, mut wildcards, mut lists) = (0u32, 0u32, 0u32, 0u32);
    let mut of_others = 0u32;
    let marks = &*MARKS;
    let mut judge = |line: &str| {
        // In whose name a script runs a command says nothing of the command.
        let line = line.strip_prefix("sudo ").map_or(line, str::trim_start);
        let Some(first) = line.as_bytes().first() else { return };
        for mark in marks[usize::from(*first)].iter().filter(|mark| mark.begins(line)) {
            let score = mark.platform.map_or(&mut foreign, |at| &mut scores[at]);
            *score = score.saturating_add(mark.weight);
            if let Some(at) = mark.platform.filter(|_| !mark.is_shared) {
                strongest[at] = strongest[at].max(mark.weight);
            }
        }
        prefixes += u32::from(has_prefix_length(line));
        wildcards += u32::from(has_wildcard(line));
        lists += u32::from(is_list_of_no_kind(line));
        of_others += u32::from(is_type_of_no_asa(line));
    };
    let read = text.lines();
    let text = text.text;
    // Braces around blocks and semicolons after statements are none of Cisco's.
    let mut braces = 0;
    for line in read.iter().map(Line::written_out) {
        judge(&line);
        braces += usize::from(line.ends_with(['{', '}', ';']));
    }
    // Headers may stand in comments, which are none of the configuration's lines.
    let comments = text.split(break_of(text)).filter(|l| l.starts_with(['!', ':', ';', '#']));
    let mut said = None;
    comments.for_each(|line| {
        judge(line);
        said = said.or_else(|| declared(line));
    });
    if let Some(Err(other)) = said {
        return Err(format!("its header says that the text is one of {other}"));
    }
    // Of XML the elements speak.
    if text.trim_start().starts_with('<') {
        text.lines().map(str::trim_start).for_each(judge);
    }
    let of_ours = || {
        let known: Vec<&str> = all.iter().map(|p| p.name).collect();
        format!(
            "the text is not recognised as the configuration of a known platform ({})",
            known.join(", ")
        )
    };
    let with_braces =
        scores.iter().zip(&strongest).zip(all).any(|((score, strongest), platform)| {
            let is_script = platform.name == "linux" && *strongest >= OF_A_PROGRAM;
            WITH_BRACES.contains(&platform.name) && (*score >= HEADER || is_script)
        });
    if !with_braces && braces * 3 > read.len() {
        return Err(of_ours());
    }
    // Only some write addresses of interfaces and routes with the length of the prefix.
    for (score, platform) in scores.iter_mut().zip(all) {
        if !PREFIX_LENGTHS.contains(&platform.name) {
            *score = score.saturating_sub(prefixes.saturating_mul(5));
        }
    }
    let place = |name: &str| all.iter().position(|p| p.name == name).unwrap_or(0);
    let (asa, ios, nexus) = (place("asa"), place("ios"), place("nx-os"));
    scores[ios] = scores[ios].saturating_add(wildcards.min(FEWEST));
    scores[asa] = scores[asa].saturating_sub((wildcards + of_others).saturating_mul(5));
    scores[nexus] = scores[nexus].saturating_add(lists.saturating_mul(FEWEST));
    if let Some(Ok((name, weight))) = said {
        let at = place(name);
        scores[at] = scores[at].saturating_add(weight);
        strongest[at] = strongest[at].max(weight);
    }
    let best = scores.iter().copied().max().unwrap_or(0);
    if best < FEWEST.max(foreign) {
        return Err(of_ours());
    }
    // Of two that score alike, the one that comes first in the list.
    let Some(at) = scores.iter().position(|score| *score == best) else {
        return Err(of_ours());
    };
    let platform = &all[at];
    if let Some(knows) = platform.knows.filter(|_| best < HEADER) {
        of_its_own(platform, knows, &read)?;
    }
    Ok(Guess { platform, is_certain: strongest[at] >= FEWEST })
}

/// What a line that calls iptables weighs: the functions of its script have braces.
const OF_A_PROGRAM: u32 = 500;

/// Platforms whose text may have braces around blocks.
const WITH_BRACES: [&str; 3] = ["snort", "linux", "pan-os"];

/// Platforms that write `ip address 10.0.0.1/24`.
const PREFIX_LENGTHS: [&str; 3] = ["nx-os", "ios-xr", "staros"];

fn has_prefix_length(line: &str) -> bool {
    let address = |word: &str| {
        word.split_once('/').is_some_and(|(address, length)| {
            address.contains('.')
                && length.parse::<u8>().is_ok()
                && address.parse::<Ipv4Addr>().is_ok()
        })
    };
    let rest = line.strip_prefix("ip address ").or_else(|| line.strip_prefix("ip route "));
    rest.and_then(|rest| rest.split_whitespace().next()).is_some_and(address)
}

/// An entry of an access list with a wildcard such as 0.0.0.255, as IOS writes and an ASA does not.
fn has_wildcard(line: &str) -> bool {
    let is_wildcard = |word: &str| {
        word.starts_with("0.")
            && word.parse::<Ipv4Addr>().is_ok_and(|mask| {
                let mask = u32::from(mask);
                mask != 0 && mask & mask.wrapping_add(1) == 0
            })
    };
    line.starts_with("access-list ") && line.split_whitespace().skip(4).any(is_wildcard)
}

/// `ip access-list NAME`, as NX-OS writes (and EOS); IOS says `extended` or `standard`.
fn is_list_of_no_kind(line: &str) -> bool {
    line.strip_prefix("ip access-list ").is_some_and(|name| !name.contains(' '))
}

/// A map of a type that an ASA does not have, or a policy that is put in effect by its type: an ASA knows maps of the
/// types inspect, management and regex, and `service-policy NAME` (Cisco ASA Series Command Reference).
fn is_type_of_no_asa(line: &str) -> bool {
    let mut words = line.split(' ').filter(|word| !word.is_empty());
    match [words.next(), words.next(), words.next()] {
        [Some("class-map" | "policy-map"), Some("type"), Some(kind)] => {
            !matches!(kind, "inspect" | "management" | "regex")
        }
        [Some("class" | "service-policy"), Some("type"), Some(_)] => true,
        _ => false,
    }
}

/// What the header of a collected text says that it is (RANCID's content type, Batfish's format): the
/// name of a platform with a weight, or the name of what is none of ours.
fn declared(line: &str) -> Option<Result<(&'static str, u32), &str>> {
    let line = line.trim_start_matches(['!', '#', ';', ' ']);
    let says = |header: &str| line.strip_prefix(header);
    let kind = says("RANCID-CONTENT-TYPE:").or_else(|| says("BATFISH_FORMAT:"))?.trim();
    Some(match kind.to_ascii_lowercase().replace('_', "-").as_str() {
        // RANCID calls IOS and ASA so.
        "cisco" => Ok(("ios", FEWEST)),
        "cisco-ios" => Ok(("ios", HEADER)),
        "cisco-asa" => Ok(("asa", HEADER)),
        "cisco-nx" => Ok(("nx-os", HEADER)),
        "cisco-xr" | "cisco-ios-xr" => Ok(("ios-xr", HEADER)),
        "paloalto" | "palo-alto" => Ok(("pan-os", HEADER)),
        "iptables" => Ok(("linux", HEADER)),
        _ => Err(kind),
    })
}

/// So many lines with the prompt of a configuration mode are what a page shows.
const TYPED_MIN: usize = 3;

/// A text whose lines are to a good part none of the platform's is another system's.
fn of_its_own(
    platform: &'static Platform,
    knows: fn(&Line<'_>) -> bool,
    read: &[Line<'_>],
) -> Result<(), String> {
    // Where a page shows what is typed in a configuration mode, what stands around it is none of the configuration.
    let shows = read.iter().filter(|line| line.is_typed()).count() >= TYPED_MIN;
    let meant = || read.iter().filter(|line| !shows || line.is_typed());
    let mut strangers = meant().filter(|line| !knows(line)).peekable();
    let first = strangers.peek().map(|line| (line.number, line.text().to_owned()));
    let count = strangers.count();
    match first {
        Some((number, text)) if count >= 3 && count * 8 > meant().count() => Err(format!(
            "the text looks like {}'s, but {count} of its {} lines are none of its commands, the first \
             `{text}` in line {number}: it seems to be another system's (--platform {} reads it all the \
             same)",
            platform.product,
            read.len(),
            platform.name
        )),
        _ => Ok(()),
    }
}

impl Mark {
    /// True when a line begins like this.
    fn begins(self, line: &str) -> bool {
        let mark = self.text;
        if !self.has_gap {
            // The last byte tells most apart, without a call.
            let last = mark.len() - 1;
            return line.as_bytes().get(last) == Some(&mark.as_bytes()[last])
                && line.starts_with(mark);
        }
        let mut parts = mark.split('*');
        let Some(mut rest) = parts.next().and_then(|start| line.strip_prefix(start)) else {
            return false;
        };
        for part in parts {
            let word = rest.find(' ').unwrap_or(rest.len());
            match rest[word..].strip_prefix(part) {
                Some(after) if word > 0 => rest = after,
                _ => return false,
            }
        }
        true
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
        ("end-policy-map", 50),
        ("end-class-map", 50),
        ("interface HundredGigE", 3),
        ("ipv4 address", 3),
        ("ipv4 access-list ", 20),
        ("ipv4 access-group ", 20),
        ("interface MgmtEth", 20),
        ("interface preconfigure", 10),
        ("vty-pool", 10),
        ("line template", 10),
        ("line default", 5),
        ("telnet vrf", 10),
        ("domain name ", 3),
        ("taskgroup", 5),
        ("ssh server vrf", 3),
        ("router static", 3),
        ("address-family ipv4 unicast", 1),
    ],
    knows: None,
    audit: |text| {
        let mut audit = with_lists(
            text,
            &["!! IOS XR Configuration version = ", "!! IOS XR Configuration "],
            "routers and CGN",
            Undefined::Unknown,
        );
        let mut found = Diagnostics::new(text.file);
        audit.verdicts.extend(crate::ios::pbr::verdicts(text, &mut found));
        audit.warnings.extend(found.into_all());
        audit.warnings.extend(crate::cgn::warnings(text));
        audit.warnings.sort_by_key(|w| (w.line, w.column_start));
        audit
    },
};

const NX_OS: Platform = Platform {
    name: "nx-os",
    product: "Cisco NX-OS (Nexus switches)",
    marks: &[
        ("vlan access-map ", 1),
        ("vlan filter ", 1),
        ("!Command: show running-config", HEADER / 2),
        ("ip port access-group ", 50),
        ("object-group ip address ", 500),
        ("object-group ip port ", 500),
        ("object-group ipv6 address ", 500),
        ("ipv6 port traffic-filter ", 50),
        ("boot nxos ", HEADER),
        ("boot kickstart bootflash:", HEADER),
        ("boot system bootflash:", 20),
        ("vdc ", 20),
        ("switchname ", 20),
        ("feature ", 5),
        ("vrf context", 10),
        ("install feature-set", 20),
        ("vpc domain", 20),
        // Quality of service (Cisco Nexus 9000 Series NX-OS Quality of Service Configuration Guide).
        ("class-map type qos ", 10),
        ("class-map type queuing ", 20),
        ("class-map type network-qos ", 20),
        ("policy-map type qos ", 10),
        ("policy-map type queuing ", 20),
        ("policy-map type network-qos ", 20),
        ("class type queuing ", 50),
        ("class type network-qos ", 50),
        ("service-policy type qos ", 20),
        ("service-policy type queuing ", 50),
        ("service-policy type network-qos ", 50),
        ("system qos", 20),
        ("priority-flow-control ", 20),
    ],
    knows: None,
    audit: |text| with_lists(text, &["version "], "Ethernet switches", Undefined::Permits),
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
    knows: None,
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
    knows: None,
    audit: |text| {
        let mut audit = transparent(text, &["! WAAS version "], "WAAS");
        audit.warnings = crate::waas::build(Some(text)).map_or_else(|e| e, |(_, w)| w);
        audit
    },
};

/// A platform that leaves TCP options alone; access lists of its interfaces may drop connections.
fn with_lists(text: ConfigText<'_>, header: &[&str], what: &str, undefined: Undefined) -> Audit {
    let mut audit = transparent(text, header, what);
    let mut found = Diagnostics::new(text.file);
    let verdicts = crate::ios::lists::verdicts(text, what, undefined, &mut found);
    reachability::warn(&text.lines(), &mut found);
    management_plane::warn(&text.lines(), &mut found);
    if !verdicts.is_empty() {
        audit.verdicts = verdicts;
    }
    audit.warnings = found.into_all();
    audit
}

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
        check("service-policy x interface outside", Some("asa"));
        // A page around what is typed in a configuration mode is none of the configuration.
        let page = "Ein Router fängt ab\nund antwortet selbst\nHier die Befehle\n";
        let typed = "R1(config)# access-list 101 permit tcp any any\nR1(config)# ip tcp intercept list 101\n";
        check(&format!("{page}{typed}"), None);
        check(&format!("{page}{typed}R1(config)# ip tcp intercept mode watch\n"), Some("ios"));
        // Layer 7 maps have the same names on both.
        let map = "class-map type inspect http match-all trace\n match request method trace\n";
        let asa = "policy-map type inspect http web\n class trace\n  reset\npolicy-map p\n class c\n  inspect http web\n";
        check(&format!("{map}{asa}"), Some("asa"));
        let ios = "policy-map type inspect http web\n class type inspect http trace\n  reset\n";
        check(&format!("{map}{ios}"), Some("ios"));
        check(
            "zone security a\nzone-pair security b source a destination c\n# A remark\n# another\n# more",
            Some("ios"),
        );
        check(
            "vrf definition a\nvrf definition b\nrouter ospf 1\n ip address 1.1.1.1/8",
            Some("ios"),
        );
        check("NGFW VERSION 7.4.0\nhostname x", Some("ftd"));
        check("rserver host a\nserverfarm host f", Some("ace"));
        let list = "access-list a line 8 extended permit tcp any any eq www\n".repeat(30);
        check(&format!("{list}interface vlan 10\n  access-group input a\n"), Some("ace"));
        check(&format!("{list}class-map match-all v\npolicy-map multi-match p\n"), Some("ace"));
        check(&format!("{list}rserver host a\n"), Some("ace"));
        check(&list, Some("asa"));
        // IOS and NX-OS take `interface vlan 10` as well, and headings of a page are no commands.
        let vlans = "interface vlan 10\n ip address 10.0.1.1 255.255.255.0\n".repeat(6);
        let bound = " ip access-group 20 in\nline vty 0 4\n";
        check(&format!("{vlans}{bound}"), Some("ios"));
        let headed = "#IPv4 lists\n\n##Standard\nip access-list standard N\n permit any\n##Named\nint g0/0\n ip access-group N out\n";
        check(headed, Some("ios"));
        let filter = "vlan access-map D 10\nmatch ip add 1\naction forward\nvlan access-map D 20\naction drop\nvlan filter D vlan-list 10\naccess-list 1 permit 10.1.10.0\n";
        check(filter, Some("ios"));
        check("service signature-definition sig0", Some("ips"));
        check("config\n context local\n active-charging service ecs", Some("staros"));
        check("zone security in\nzone-pair security a source in destination out", Some("ios"));
        check("set system host-name srx", None);
        let eos = "access-list A extended permit ip any any\ninterface Ethernet3/1\n ip nat source dynamic access-list A\n";
        check(eos, None);
        check(
            "set config devices localhost.localdomain deviceconfig system hostname x",
            Some("pan-os"),
        );
        check(
            "table inet f {\n chain c {\n  type filter hook forward priority 0\n }\n}",
            Some("linux"),
        );
        check(
            "interface GigabitEthernet0/0\n ip address 1.1.1.1 255.0.0.0\nrouter ospf 1",
            Some("ios"),
        );
        check("ip address 10.0.0.1 255.0.0.0", None);
        check("system {\n    host-name r;\n}\n version 11.4R7.5;", None);
        check(" sysname HP\n version 5.20\n ip address 1.1.1.1 255.0.0.0", None);
        check("access-list in extended permit ip any any", Some("asa"));
        let wildcard = "access-list 101 extended permit ip 10.0.0.0 0.0.0.255 any\n";
        check(&format!("{wildcard}interface Gi0/1\n ip access-group 101 in"), Some("ios"));
        check(&"access-list 101 permit ip any 10.0.0.0 0.0.0.255\n".repeat(3), Some("ios"));
        for (kind, expected) in [
            ("RANCID-CONTENT-TYPE: cisco-nx", Some("nx-os")),
            ("RANCID-CONTENT-TYPE: cisco-xr", Some("ios-xr")),
            ("RANCID-CONTENT-TYPE: cisco", Some("ios")),
            ("BATFISH_FORMAT: palo_alto", Some("pan-os")),
            ("RANCID-CONTENT-TYPE: arista", None),
        ] {
            check(&format!("!{kind}\n!\nhostname x\ninterface Ethernet1\n"), expected);
        }
        check("!RANCID-CONTENT-TYPE: cisco\nASA Version 9.1(2)\n", Some("asa"));
        check("ip access-list WEB\n  10 permit tcp any 10.0.0.0/8 eq 443\n", Some("nx-os"));
        check(
            "ip access-list P\ninterface Ethernet1/5\n  ip port access-group P in\n",
            Some("nx-os"),
        );
        check("interface Gi0/0/0/0\n ipv4 access-group acl_1 ingress\n", Some("ios-xr"));
        check(
            "interface HundredGigE0/0/0/1\n service-policy output E\npolicy-map E\n class T\n  priority level 1\n !\n end-policy-map\n",
            Some("ios-xr"),
        );
        check(
            "hostname S\nboot nxos bootflash:/nxos.9.2.2.bin\ninterface Ethernet1/1\n  no switchport\n",
            Some("nx-os"),
        );
        check("ip access-list extended WEB\n 10 permit tcp any any eq 443\n", Some("ios"));
        check("access-list edge line 4 extended deny tcp any any eq 23", Some("asa"));
        check("object-group network branch\nnetwork-object 10.4.0.0 255.255.0.0", Some("asa"));
        check("interface GigabitEthernet0/3\nip access-group 141 in", Some("ios"));
        check("ipv4 access-list edge\n 20 permit tcp any host 10.4.0.9", Some("ios-xr"));
        check("prompt \"VSP\"\ninterface GigabitEthernet 1/4\nvlacp enable\nrouter ospf 1", None);
        check("nameif ethernet0 outside security0\nfixup protocol ftp 21", Some("pix"));
        check(
            "object-group ip port web\n eq 80\naccess-list x permit tcp any any\nobject-group network n",
            Some("nx-os"),
        );
        let groups = "object-group network of\nnetwork-object 10.0.0.0 255.0.0.0\n".repeat(20);
        check(&format!("nameif ethernet0 outside security0\n{groups}"), Some("pix"));
        check(
            &format!("! Compiled for fwsm 2.3\nnameif e0 outside security0\n{groups}"),
            Some("fwsm"),
        );
        let qos = "class-map type qos match-all R\n match cos 3\npolicy-map type qos M\n class R\n  set qos-group 3\n";
        check(qos, Some("nx-os"));
        check("class-map type network-qos R\nmatch qos-group 3\n", Some("nx-os"));
        check(
            "policy-map type queuing Q\nclass type queuing R\nbandwidth percent 50\n",
            Some("nx-os"),
        );
        check("system qos\nservice-policy type network-qos N\n", Some("nx-os"));
        check("switchport mode trunk\npriority-flow-control mode on\n", Some("nx-os"));
        // What no ASA has speaks against one; more lines that only it has speak for it all the same.
        check(
            "policy-map type control A\nclass type control always\nservice-policy type control A",
            None,
        );
        check(
            "class-map type management m\nclass-map type regex r\nservice-policy p global",
            Some("asa"),
        );
        check("r(config)# ip inspect name x tcp", Some("ios"));
        check("interface Ethernet1\n ip address 10.0.0.1/24\nip route 10.1.0.0/16 10.0.0.2", None);
        check(
            "hostname s\ninterface Gi1/1\n ip address 10.0.0.1 255.0.0.0\nip cef\nfoo a\nbar b\n\
             baz c\nrouter ospf 1",
            None,
        );
        check("", None);
    }

    #[test]
    fn what_others_write_too_is_no_certainty() {
        let certain = |text: &str| guess(ConfigText::new("", text)).map(|guess| guess.is_certain);
        // The beginning of another vendor's configuration, word for word IOS.
        let alike = "hostname foo\ninterface GigabitEthernet0/0\n no ip address\ninterface \
                     GigabitEthernet0/1\n ip address 6.7.8.9 255.255.255.0\n shutdown\n";
        assert_eq!(certain(alike), Ok(false));
        // The beginning of a switch's of another maker.
        let switch =
            "hostname tor7\nvrf definition mgmt\nvrf definition lab\nip domain-name lab.example\n";
        assert_eq!(certain(switch), Ok(false));
        assert_eq!(certain("system qos\nclass-map type qos match-all R\n"), Ok(false));
        assert_eq!(certain("service-policy type queuing output Q\n"), Ok(true));
        assert_eq!(certain(&format!("{alike}line vty 0 4\n")), Ok(true));
        assert_eq!(certain("tcp-map m\n tcp-options range 30 30 allow"), Ok(true));
    }

    #[test]
    fn versions() {
        let text = ": Saved\nASA Version 9.8(2) <context>\n";
        assert_eq!(version_after(text, &["ASA Version "]).as_deref(), Some("9.8(2)"));
        assert_eq!(version_after("version X", &["version "]), None);
    }
}
