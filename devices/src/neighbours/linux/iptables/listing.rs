//! What `iptables -L -n -v` prints, as the commands that make it. Without `-v` a listing leaves interfaces out.

use std::collections::BTreeSet;
use std::fmt::Write as _;

/// The flags of TCP by their bits (iptables, extensions/libxt_tcp.c).
const FLAGS: [(u8, &str); 6] =
    [(1, "FIN"), (2, "SYN"), (4, "RST"), (8, "PSH"), (16, "ACK"), (32, "URG")];

/// Chains that only some tables have, and the tables that have all of them.
const TABLES: [(&[&str], &str); 4] = [
    (&["PREROUTING", "FORWARD"], "mangle"),
    (&["POSTROUTING"], "nat"),
    (&["PREROUTING"], "raw"),
    (&[], "filter"),
];

/// The columns that a listing with `-v` has.
const COLUMNS: &str = "pkts bytes target prot";

/// The text line by line as commands; nothing where it is no such listing.
pub(super) fn read_out(text: &str) -> Option<String> {
    let words = |line: &str| line.split_whitespace().collect::<Vec<_>>().join(" ");
    let mut lines = text.lines().map(str::trim);
    if !lines.any(|line| line.starts_with("pkts") && words(line).starts_with(COLUMNS)) {
        return None;
    }
    let is_six = text.contains("::/0");
    let tables = tables(text);
    let mut out = String::with_capacity(text.len());
    let (mut chain, mut table) = ("", "filter");
    for (at, line) in text.lines().enumerate() {
        let words: Vec<&str> = line.split_whitespace().collect();
        let program = if is_six { "ip6tables" } else { "iptables" };
        match words.as_slice() {
            ["Chain", name, rest @ ..] => {
                chain = name;
                table = tables.iter().rfind(|(from, _)| *from <= at).map_or("filter", |(_, of)| of);
                match rest {
                    ["(policy", policy, ..] => {
                        let policy = policy.trim_end_matches(')');
                        let _ = write!(out, "{program} -t {table} -P {name} {policy}");
                    }
                    _ => {
                        let _ = write!(out, "{program} -t {table} -N {name}");
                    }
                }
            }
            [packets, _, rest @ ..] if !chain.is_empty() && counted(packets) => {
                if let Some(rule) = rule(rest) {
                    let _ = write!(out, "{program} -t {table} -A {chain}{rule}");
                }
            }
            _ => {}
        }
        out.push('\n');
    }
    Some(out)
}

/// A number of packets or bytes: `0`, `12K`.
fn counted(word: &str) -> bool {
    let digits = word.trim_end_matches(['K', 'M', 'G', 'T']);
    !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit())
}

/// Where each table begins, and which one it is: one has no chain twice.
fn tables(text: &str) -> Vec<(usize, &'static str)> {
    let mut all: Vec<(usize, BTreeSet<&str>)> = Vec::new();
    for (at, line) in text.lines().enumerate() {
        let Some(rest) = line.trim_start().strip_prefix("Chain ") else { continue };
        let name = rest.split_whitespace().next().unwrap_or("");
        if all.last().is_none_or(|(_, names)| names.contains(name)) {
            all.push((at, BTreeSet::new()));
        }
        if let Some((_, names)) = all.last_mut() {
            names.insert(name);
        }
    }
    let table = |names: &BTreeSet<&str>| {
        let mut known = TABLES.iter();
        let known = known.find(|(has, _)| has.iter().all(|name| names.contains(name)));
        known.map_or("filter", |(_, table)| *table)
    };
    all.into_iter().map(|(at, names)| (at, table(&names))).collect()
}

/// ` -i eth0 -p tcp -m tcp --dport 80 -j ACCEPT` of what follows a rule's counters.
fn rule(words: &[&str]) -> Option<String> {
    // An option column that says nothing is blank in those of IPv6, and a rule may have no target.
    let is_opt = |word: Option<&&str>| matches!(word, Some(&("--" | "-f" | "!f")));
    let (target, rest) = match words {
        [proto, rest @ ..] if is_opt(rest.first()) => (None, [&[*proto], &rest[1..]].concat()),
        [target, proto, rest @ ..] => {
            let rest = if is_opt(rest.first()) { &rest[1..] } else { rest };
            (Some(*target), [&[*proto], rest].concat())
        }
        _ => return None,
    };
    let [proto, from, to, source, destination, extra @ ..] = rest.as_slice() else { return None };
    let mut out = String::new();
    let mut option = |name: &str, value: &str| {
        let (no, value) = match value.strip_prefix('!') {
            Some(value) => (" !", value),
            None => ("", value),
        };
        if !matches!(value, "*" | "any" | "all" | "0" | "0.0.0.0/0" | "::/0") || !no.is_empty() {
            let _ = write!(out, "{no} {name} {value}");
        }
    };
    option("-i", from);
    option("-o", to);
    option("-s", source);
    option("-d", destination);
    option("-p", proto);
    let mut after = String::new();
    let is_goto = extra.first() == Some(&"[goto]");
    conditions(&extra[usize::from(is_goto)..], target.unwrap_or(""), &mut out, &mut after);
    if let Some(target) = target {
        let _ = write!(out, " {} {target}{after}", if is_goto { "-g" } else { "-j" });
    }
    Some(out)
}

/// What stands behind the columns: what a rule asks for besides, and (`after`) what its target is given.
fn conditions(mut words: &[&str], target: &str, out: &mut String, after: &mut String) {
    while let [first, rest @ ..] = words {
        // `! ctstate NEW`, `mark match ! 0x1`.
        let (no, first, rest) = match (*first, rest) {
            ("!", [first, rest @ ..]) => ("! ", *first, rest),
            (first, rest) => ("", first, rest),
        };
        let mut ask = |what: std::fmt::Arguments<'_>| {
            let _ = write!(out, " {what}");
        };
        let negated = |value: &'_ str| match value.strip_prefix('!') {
            Some(value) => format!("! \u{0} {value}"),
            None => format!("\u{0} {value}"),
        };
        // The sign stands before the option that the value is of.
        let signed = |option: &str, value: &str| negated(value).replace('\u{0}', option);
        let taken = match (first, rest) {
            ("/*", rest) => {
                rest.iter().position(|word| *word == "*/").map_or(rest.len(), |at| at + 1)
            }
            ("tcp" | "udp" | "icmp" | "match" | "random" | "random-fully" | "persistent", _) => 0,
            ("LOG" | "ULOG" | "NFLOG", rest) => rest.len(),
            ("state" | "ctstate", [states, ..]) => {
                ask(format_args!("-m conntrack {no}--ctstate {states}"));
                1
            }
            ("multiport", [ports @ ("dports" | "sports" | "ports"), list, ..]) => {
                ask(format_args!("-m multiport {}", signed(&format!("--{ports}"), list)));
                2
            }
            (of @ ("mark" | "connmark"), ["match", "!", value, ..]) => {
                ask(format_args!("-m {of} ! --mark {value}"));
                3
            }
            (of @ ("mark" | "connmark"), ["match", value, ..]) => {
                ask(format_args!("-m {of} --mark {value}"));
                2
            }
            ("ADDRTYPE", ["match", rest @ ..]) => {
                let kinds = rest.chunks_exact(2).take_while(|pair| pair[0].ends_with("-type"));
                let kinds: Vec<_> = kinds.collect();
                ask(format_args!("-m addrtype"));
                for pair in &kinds {
                    ask(format_args!("{}", signed(&format!("--{}", pair[0]), pair[1])));
                }
                1 + 2 * kinds.len()
            }
            ("statistic", ["mode", mode, what, value, ..]) => {
                ask(format_args!("-m statistic --mode {mode} --{what} {value}"));
                4
            }
            ("limit:", ["avg", rate, "burst", burst, ..]) => {
                ask(format_args!("-m limit --limit {rate} --limit-burst {burst}"));
                4
            }
            (end @ ("source" | "destination"), ["IP", "range", range, ..]) => {
                let end = if end == "source" { "--src-range" } else { "--dst-range" };
                ask(format_args!("-m iprange {}", signed(end, range)));
                3
            }
            ("match-set", [set, ends, ..]) => {
                ask(format_args!("-m set {no}--match-set {set} {ends}"));
                2
            }
            ("owner", ["!", of @ ("UID" | "GID"), "match", who, ..]) => {
                ask(format_args!("-m owner ! --{}-owner {who}", of.to_ascii_lowercase()));
                4
            }
            ("owner", [of @ ("UID" | "GID"), "match", who, ..]) => {
                ask(format_args!("-m owner {no}--{}-owner {who}", of.to_ascii_lowercase()));
                3
            }
            ("#conn", [_, ">", most, ..]) => {
                ask(format_args!("-m connlimit --connlimit-above {most}"));
                3
            }
            ("PKTTYPE", ["=", kind, ..]) => {
                ask(format_args!("-m pkttype --pkt-type {kind}"));
                2
            }
            ("reject-with", [kind, ..]) => {
                let _ = write!(after, " --reject-with {kind}");
                1
            }
            ("redir", ["ports", ports, ..]) => {
                let _ = write!(after, " --to-ports {ports}");
                2
            }
            ("MARK" | "CONNMARK", [how @ ("set" | "xset" | "or" | "and" | "xor"), value, ..]) => {
                let how =
                    if *how == "xset" { "set-xmark".to_owned() } else { format!("{how}-mark") };
                let _ = write!(after, " --{how} {value}");
                2
            }
            ("CONNMARK", [how @ ("save" | "restore"), ..]) => {
                let _ = write!(after, " --{how}-mark");
                1
            }
            ("TPROXY", ["redirect", to, "mark", mark, ..]) => {
                let port = to.rsplit(':').next().unwrap_or(to);
                let _ = write!(after, " --on-port {port} --tproxy-mark {mark}");
                4
            }
            ("TCPMSS", ["set", most, ..]) => {
                let _ = write!(after, " --set-mss {most}");
                2
            }
            ("TCPMSS", ["clamp", "to", "PMTU", ..]) => {
                after.push_str(" --clamp-mss-to-pmtu");
                3
            }
            ("TCPOPTSTRIP", ["options", kinds, ..]) => {
                let _ = write!(after, " --strip-options {kinds}");
                2
            }
            ("CT", ["notrack", ..]) => {
                after.push_str(" --notrack");
                1
            }
            ("NFQUEUE", ["num", number, ..]) => {
                let _ = write!(after, " --queue-num {number}");
                2
            }
            ("recent:", [how, rest @ ..]) => {
                let after = |name: &str| {
                    let at = rest.iter().position(|word| *word == name)?;
                    rest.get(at + 1).copied()
                };
                let how =
                    if *how == "CHECK" { "rcheck".to_owned() } else { how.to_ascii_lowercase() };
                ask(format_args!("-m recent {no}--{how}"));
                for (what, option) in
                    [("seconds:", "seconds"), ("hit_count:", "hitcount"), ("name:", "name")]
                {
                    if let Some(value) = after(what) {
                        ask(format_args!("--{option} {value}"));
                    }
                }
                rest.iter().position(|word| *word == "mask:").map_or(rest.len(), |at| at + 3)
            }
            _ => match first.split_once(':') {
                Some((ports @ ("dpt" | "dpts" | "spt" | "spts"), value)) => {
                    let option = if ports.starts_with('d') { "--dport" } else { "--sport" };
                    ask(format_args!("{}", signed(option, value)));
                    0
                }
                Some(("to", to)) => {
                    let option = if target == "SNAT" { "--to-source" } else { "--to-destination" };
                    let _ = write!(after, " {option} {to}");
                    0
                }
                Some(("flags", value)) => {
                    ask(format_args!("{}", signed("--tcp-flags", &flags(value))));
                    0
                }
                // Which rules it is of is open.
                _ => {
                    ask(format_args!("-m {}", first.trim_end_matches(':')));
                    rest.len()
                }
            },
        };
        words = rest.get(taken..).unwrap_or(&[]);
    }
}

/// `FIN,SYN,RST,ACK SYN` of `0x17/0x02`.
fn flags(value: &str) -> String {
    let (no, value) = value.strip_prefix('!').map_or(("", value), |value| ("!", value));
    let names = |bits: &str| {
        let bits = u8::from_str_radix(bits.trim_start_matches("0x"), 16).unwrap_or(0);
        let named = FLAGS.iter().filter(|(bit, _)| bits & bit != 0).map(|(_, name)| *name);
        let named: Vec<&str> = named.collect();
        if named.is_empty() { "NONE".to_owned() } else { named.join(",") }
    };
    let (mask, set) = value.split_once('/').unwrap_or((value, ""));
    format!("{no}{} {}", names(mask), names(set))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_of_a_listing() {
        let listing = "Chain PREROUTING (policy ACCEPT 0 packets, 0 bytes)\n pkts bytes target     prot opt in     out     source               destination\n   12   720 KUBE-SERVICES  all  --  *      *       0.0.0.0/0            0.0.0.0/0            /* kubernetes service portals */\n    0     0 DNAT       tcp  --  eth0   *       0.0.0.0/0            192.0.2.1            tcp dpt:80 to:10.0.0.1:8080\n\nChain POSTROUTING (policy ACCEPT)\n pkts bytes target     prot opt in     out     source               destination\n   1K  12M MASQUERADE  all  --  *      !lo     10.0.0.0/8           0.0.0.0/0            mark match 0x4000/0x4000 random-fully\n\nChain KUBE-SERVICES (1 references)\n pkts bytes target     prot opt in     out     source               destination\n    0     0            6    --  *      *      !10.244.0.0/16        10.96.0.10           /* a */ tcp flags:0x17/0x02 ! ctstate NEW\n";
        let lines: Vec<String> = read_out(listing).unwrap().lines().map(str::to_owned).collect();
        assert_eq!(lines.len(), listing.lines().count());
        let rules: Vec<&str> =
            lines.iter().filter(|line| !line.is_empty()).map(String::as_str).collect();
        assert_eq!(
            rules,
            [
                "iptables -t nat -P PREROUTING ACCEPT",
                "iptables -t nat -A PREROUTING -j KUBE-SERVICES",
                "iptables -t nat -A PREROUTING -i eth0 -d 192.0.2.1 -p tcp --dport 80 -j DNAT --to-destination 10.0.0.1:8080",
                "iptables -t nat -P POSTROUTING ACCEPT",
                "iptables -t nat -A POSTROUTING ! -o lo -s 10.0.0.0/8 -m mark --mark 0x4000/0x4000 -j MASQUERADE",
                "iptables -t nat -N KUBE-SERVICES",
                "iptables -t nat -A KUBE-SERVICES ! -s 10.244.0.0/16 -d 10.96.0.10 -p 6 --tcp-flags FIN,SYN,RST,ACK SYN -m conntrack ! --ctstate NEW",
            ]
        );
        let filter = "Chain INPUT (policy DROP 0 packets, 0 bytes)\n pkts bytes target prot opt in out source destination\n 0 0 ACCEPT tcp -- * * 0.0.0.0/0 0.0.0.0/0 multiport dports !22,80\nChain FORWARD (policy ACCEPT 0 packets, 0 bytes)\n";
        let read = read_out(filter).unwrap();
        assert!(read.contains("-A INPUT -p tcp -m multiport ! --dports 22,80 -j ACCEPT"), "{read}");
        assert!(read.contains("-t filter -P FORWARD ACCEPT"), "{read}");
        let asks = |extra: &str| {
            let line = format!("{filter} 0 0 DROP tcp -- * * 0.0.0.0/0 0.0.0.0/0 {extra}\n");
            let read = read_out(&line).unwrap();
            let rule = read.lines().last().unwrap_or_default();
            rule.trim_start_matches("iptables -t filter -A FORWARD -p tcp ").to_owned()
        };
        for (extra, rule) in [
            (
                "tcp dpts:1000:2000 ! match-set bad src",
                "--dport 1000:2000 -m set ! --match-set bad src -j DROP",
            ),
            (
                "recent: UPDATE seconds: 60 hit_count: 3 name: s side: source mask: 255.255.255.255 tcp dpt:22",
                "-m recent --update --seconds 60 --hitcount 3 --name s --dport 22 -j DROP",
            ),
            (
                "owner UID match 1000-1009 ADDRTYPE match dst-type LOCAL",
                "-m owner --uid-owner 1000-1009 -m addrtype --dst-type LOCAL -j DROP",
            ),
            (
                "! owner UID match 5 connmark match ! 0x2/0xff",
                "-m owner ! --uid-owner 5 -m connmark ! --mark 0x2/0xff -j DROP",
            ),
            (
                "limit: avg 3/min burst 5 source IP range 10.0.0.1-10.0.0.9",
                "-m limit --limit 3/min --limit-burst 5 -m iprange --src-range 10.0.0.1-10.0.0.9 -j DROP",
            ),
            ("something new", "-m something -j DROP"),
        ] {
            assert_eq!(asks(extra), rule);
        }
        let two = format!("{filter}{filter}");
        assert_eq!(tables(&two).len(), 2);
        // Without counters, interfaces are left out.
        assert_eq!(
            read_out("Chain INPUT (policy DROP)\ntarget prot opt source destination\n"),
            None
        );
        for broken in [
            "Chain",
            "Chain X",
            " 0 0",
            " 0 0 a b c d",
            " 0 0 ACCEPT tcp -- * * a b recent: SET name: x side:",
        ] {
            let _ = read_out(&format!("{filter}{broken}\n"));
        }
    }

    /// Whatever is written, nothing panics, and each line stays in its place.
    #[test]
    fn broken_listings() {
        let whole = "Chain INPUT (policy DROP 0 packets, 0 bytes)\n pkts bytes target prot opt in out source destination\n 0 0 ACCEPT tcp -- !eth0 * ::/0 0.0.0.0/0 [goto] /* é */ tcp dpts:!1:2 flags:!0x17/0x02 multiport dports !22,80 ADDRTYPE match src-type !LOCAL limit: avg 1/s burst 5 recent: UPDATE seconds: 1 side: source mask: x TPROXY redirect 127.0.0.1:1 mark 0x1/0x1 MARK xset 0x1/0x1 to:[fd00::1]:80 redir ports 80 #conn src/32 > 80 statistic mode random probability 0.5\n";
        let words: Vec<&str> = whole.split(' ').collect();
        for at in 0..words.len() {
            for length in [1, 2, 5] {
                let rest = words.get(at + length..).unwrap_or(&[]);
                let text = [&words[..at], rest].concat().join(" ");
                let lines = read_out(&text).map_or(0, |read| read.lines().count());
                assert!(lines == 0 || lines == text.lines().count(), "{text}");
            }
        }
        for end in (0..whole.len()).filter(|end| whole.is_char_boundary(*end)) {
            let _ = read_out(&whole[..end]);
        }
    }
}
