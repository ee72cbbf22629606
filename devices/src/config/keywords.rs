//! Keywords as Cisco's systems take them: in capitals or not, and cut as long as what is left begins one only (Cisco IOS
//! Configuration Fundamentals, Using the Command-Line Interface: Abbreviating Commands). Grammars see them written out.
//!
//! A line is changed only where a whole command is found in it, so that words of a page stay what they are. Names, which
//! are case sensitive, are left alone.

use std::sync::LazyLock;

use super::words::{PORTS, PROTOCOLS};

/// Commands. `*` stands for a name, `#` for the name of an interface, `%` for a protocol, `a|b` for either; at the end,
/// `$` stands for the end of the line and `@` for an access list's entry. What stands behind any other is left alone.
const COMMANDS: &[&str] = &[
    "access-list * permit|deny @",
    "access-list * extended|standard permit|deny @",
    "access-list * line * extended permit|deny @",
    "access-list * remark",
    "access-group * in|out interface",
    "access-group * global $",
    "class * $",
    "class type inspect * $",
    "class-map * $",
    "class-map match-any|match-all * $",
    "class-map type inspect * $",
    "class-map type inspect match-any|match-all * $",
    "configure terminal $",
    "deny @",
    "description",
    "drop $",
    "drop log $",
    "end $",
    "exit $",
    "hostname * $",
    "inspect $",
    "inspect * $",
    "interface #",
    "interface range #",
    "ip access-group * in|out",
    "ip access-list extended|standard * $",
    "ip address",
    "ip inspect * in|out",
    "ip inspect name * %",
    "ip mtu *",
    "ip nat inside|outside",
    "ip nat inside|outside source list|static|route-map",
    "ip nat pool *",
    "ip policy route-map * $",
    "ip route *",
    "ip tcp adjust-mss *",
    "ip tcp intercept list|mode *",
    "ipv4 access-group * ingress|egress",
    "ipv4 access-list * $",
    "ipv6 access-list * $",
    "ipv6 address",
    "ipv6 traffic-filter * in|out",
    "match access-group * $",
    "match access-group name * $",
    "match access-list * $",
    "match any $",
    "match class-map * $",
    "match default-inspection-traffic $",
    "match ip address *",
    "match not protocol %",
    "match port tcp eq|range *",
    "match protocol %",
    "max-incomplete low|high *",
    "nameif * $",
    "object network|service * $",
    "object-group network|service *",
    "one-minute low|high *",
    "parameter-map type inspect * $",
    "parameter-map type ooo global $",
    "pass $",
    "pass log $",
    "permit @",
    "policy-map * $",
    "policy-map type inspect * $",
    "remark",
    "route-map * permit|deny *",
    "same-security-traffic permit inter-interface|intra-interface $",
    "security-level * $",
    "service-policy * global $",
    "service-policy * interface * $",
    "service-policy input|output * $",
    "service-policy type inspect * $",
    "set connection advanced-options *",
    "shutdown $",
    "tcp-map * $",
    "tcp-options range * * allow|clear|drop $",
    "zone security * $",
    "zone-member security * $",
    "zone-pair security * source * destination * $",
];

/// Words that are commands themselves, however many others begin so.
const WHOLE: [&str; 13] = [
    "class", "host", "ip", "max", "name", "object", "policy", "route", "security", "service",
    "set", "tcp", "zone",
];

/// Keywords of an entry of an access list, with the fewest letters that are taken for each.
const OF_ENTRIES: &[(&str, usize)] = &[
    ("any", 2),
    ("any4", 4),
    ("any6", 4),
    ("eq", 2),
    ("established", 3),
    ("gt", 2),
    ("host", 2),
    ("log", 3),
    ("log-input", 5),
    ("lt", 2),
    ("neq", 2),
    ("object", 6),
    ("object-group", 8),
    ("range", 3),
    ("reflect", 4),
    ("time-range", 6),
];

/// Keywords behind which a name stands.
pub(super) const BEFORE_NAMES: [&str; 13] = [
    "addrgroup",
    "host",
    "ifc",
    "interface",
    "net-group",
    "object",
    "object-group",
    "port-group",
    "portgroup",
    "reflect",
    "security-group",
    "time-range",
    "user",
];

/// What may follow the words so far.
#[derive(Default)]
struct Node {
    keywords: Vec<(&'static str, Node)>,
    name: Option<Box<Node>>,
    end: Option<End>,
}

/// What ends a command.
#[derive(Clone, Copy, PartialEq, Eq)]
enum End {
    Line,
    Anything,
    Interface,
    Protocol,
    Entry,
}

static ROOT: LazyLock<Node> = LazyLock::new(|| {
    let mut root = Node::default();
    for command in COMMANDS {
        let words: Vec<&'static str> = command.split(' ').collect();
        root.add(&words);
    }
    root
});

impl Node {
    fn add(&mut self, words: &[&'static str]) {
        let Some((first, rest)) = words.split_first() else {
            self.end = Some(End::Anything);
            return;
        };
        match *first {
            "$" => self.end = Some(End::Line),
            "#" => self.end = Some(End::Interface),
            "%" => self.end = Some(End::Protocol),
            "@" => self.end = Some(End::Entry),
            "*" => self.name.get_or_insert_default().add(rest),
            either => either.split('|').for_each(|keyword| self.keyword(keyword).add(rest)),
        }
    }

    fn keyword(&mut self, keyword: &'static str) -> &mut Self {
        let known = self.keywords.iter().position(|(known, _)| *known == keyword);
        let at = known.unwrap_or_else(|| {
            self.keywords.push((keyword, Self::default()));
            self.keywords.len() - 1
        });
        &mut self.keywords[at].1
    }

    /// Adds the words with the keywords written out; false, and nothing added, where they are no command.
    fn write<'a>(&self, words: &[&'a str], out: &mut Vec<&'a str>) -> bool {
        let before = out.len();
        let Some((word, rest)) = words.split_first() else {
            return matches!(self.end, Some(End::Line | End::Anything));
        };
        let mut take = |taken: &'a str, node: &Self| {
            out.push(taken);
            let is_command = node.write(rest, out);
            if !is_command {
                out.truncate(before);
            }
            is_command
        };
        let exact = self.keywords.iter().find(|(keyword, _)| keyword == word);
        if exact.is_some_and(|(_, node)| take(word, node)) {
            return true;
        }
        if self.name.as_deref().is_some_and(|node| take(word, node)) {
            return true;
        }
        let equal = self.keywords.iter().find(|(keyword, _)| keyword.eq_ignore_ascii_case(word));
        if equal.is_some_and(|(keyword, node)| take(keyword, node)) {
            return true;
        }
        // One keyword only that begins so leads to a command.
        let is_cut = |keyword: &str| begins(keyword, word) && !WHOLE.contains(word);
        let begun = self.keywords.iter().filter(|(keyword, _)| is_cut(keyword));
        let mut leading = begun.filter(|(_, node)| node.write(rest, &mut Vec::new()));
        if let (Some((keyword, node)), None) = (leading.next(), leading.next()) {
            return take(keyword, node);
        }
        match self.end {
            Some(End::Anything) => out.extend(words),
            Some(End::Protocol) => {
                out.push(protocol(word).unwrap_or(word));
                out.extend(rest);
            }
            Some(End::Interface) if words.iter().any(|word| word.contains(is_digit)) => {
                out.extend(words);
            }
            Some(End::Entry) => return entry(words, out),
            _ => return false,
        }
        true
    }
}

const fn is_digit(c: char) -> bool {
    c.is_ascii_digit()
}

/// True where a keyword begins with a word, in capitals or not.
fn begins(keyword: &str, word: &str) -> bool {
    keyword.get(..word.len()).is_some_and(|begin| begin.eq_ignore_ascii_case(word))
}

/// A protocol that is written in capitals.
fn protocol(word: &str) -> Option<&'static str> {
    let ports = PORTS.iter().map(|(name, _)| *name);
    let mut all = ["tcp", "ip", "ipv4", "ipv6"].into_iter().chain(PROTOCOLS.iter().copied());
    all.find(|name| name.eq_ignore_ascii_case(word))
        .or_else(|| ports.into_iter().find(|name| name.eq_ignore_ascii_case(word)))
}

/// Adds an entry of an access list, from its protocol or its addresses on.
fn entry<'a>(words: &[&'a str], out: &mut Vec<&'a str>) -> bool {
    let is_address = |word: &str| word.starts_with(is_digit) || word.contains(':');
    let keyword = |word: &str| {
        let is_meant = |(keyword, fewest): &&(&'static str, usize)| {
            word.len() >= *fewest && begins(keyword, word)
        };
        OF_ENTRIES.iter().find(is_meant).map(|(keyword, _)| *keyword)
    };
    let Some(first) = words.first() else { return false };
    if !is_address(first) && protocol(first).is_none() && keyword(first).is_none() {
        return false;
    }
    // Ports stand behind the word that compares them; whatever else is called as one is a name.
    let (mut is_name, mut is_port) = (false, true);
    for word in words {
        let known = match (is_name || is_address(word), is_port) {
            (true, _) => None,
            (false, true) => protocol(word).or_else(|| keyword(word)),
            (false, false) => keyword(word),
        };
        is_port = match known {
            Some(known) => {
                matches!(known, "eq" | "neq" | "lt" | "gt" | "range")
                    || is_port && PORTS.iter().any(|(name, _)| *name == known)
            }
            None => is_port && !is_name && word.parse::<u16>().is_ok(),
        };
        let known = known.unwrap_or(word);
        is_name = BEFORE_NAMES.contains(&known);
        out.push(known);
    }
    true
}

/// Puts the words of a line with its keywords written out into `out`; false where none changes.
pub(super) fn write_out<'a>(words: &[&'a str], out: &mut Vec<&'a str>) -> bool {
    let at = match words {
        ["no" | "NO" | "No", _, ..] => 1,
        // An entry with its number.
        [number, ..] if number.bytes().all(|byte| byte.is_ascii_digit()) => 1,
        _ => 0,
    };
    let Some(first) = words.get(at) else { return false };
    let is_entry = |word: &str| ["permit", "deny", "remark"].iter().any(|k| begins(k, word));
    let is_numbered = at == 1 && words[0].starts_with(is_digit);
    if !first.starts_with(|c: char| c.is_ascii_alphabetic())
        || first.len() < 2
        || is_numbered && !is_entry(first)
    {
        return false;
    }
    out.clear();
    out.extend(words[..at].iter().map(|word| if is_numbered { *word } else { "no" }));
    ROOT.write(&words[at..], out) && out != words
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(line: &str, expected: Option<&str>) {
        let words: Vec<&str> = line.split_whitespace().collect();
        let mut out = Vec::new();
        let written = write_out(&words, &mut out).then(|| out.join(" "));
        assert_eq!(written.as_deref(), expected, "{line}");
    }

    #[test]
    fn keywords_in_capitals() {
        check("parameter-map type INSPECT TCP", Some("parameter-map type inspect TCP"));
        check("Class-Map Type Inspect Match-Any Web", Some("class-map type inspect match-any Web"));
        check("Interface GigabitEthernet0/1", Some("interface GigabitEthernet0/1"));
        check("IP ACCESS-GROUP IN in", Some("ip access-group IN in"));
        check("PASS", Some("pass"));
        check("No IP access-group X OUT", Some("no ip access-group X out"));
        check("match protocol HTTP", Some("match protocol http"));
        check(
            "access-list A extended Permit TCP Any host 10.0.0.1 EQ WWW",
            Some("access-list A extended permit tcp any host 10.0.0.1 eq www"),
        );
    }

    #[test]
    fn keywords_that_are_cut() {
        check(
            "ac 120 per tcp any host 172.16.0.2 eq www",
            Some("access-list 120 permit tcp any host 172.16.0.2 eq www"),
        );
        check("ip acc ext LAN", Some("ip access-list extended LAN"));
        check(
            "10 den tcp an ho 10.0.0.1 ran 20 30 est",
            Some("10 deny tcp any host 10.0.0.1 range 20 30 established"),
        );
        check("pol ty ins P", Some("policy-map type inspect P"));
        check("zone-mem sec in", Some("zone-member security in"));
        check("ip access-g 101 i", Some("ip access-group 101 in"));
        check("zone-p sec Z so a dest b", Some("zone-pair security Z source a destination b"));
        check("per ip object-group ANY any", Some("permit ip object-group ANY any"));
    }

    #[test]
    fn what_is_none_or_is_written_out_stays() {
        for line in [
            "access-list 101 permit tcp any any eq 80",
            "access-list 101 permit tcp any any eq time",
            "access-list A extended permit tcp SSH 255.255.255.0 any",
            "class-map type inspect http match-all TYPE",
            "policy-map TYPE",
            "ip access-list extended IN",
            "ip inspect NAME in",
            "interface outside",
            "Interface configuration of the router",
            "Permit what is needed",
            "Drop the rest",
            "description Permit TCP any any",
            "cl ty in X",
            "in e0/0",
            "host 10.0.0.1",
            "name lan",
            "ip access-list WEB",
            "ip traffic-filter X in",
            "-A INPUT -j DROP",
            "ip saddr 10.0.0.1 drop",
            "set rulebase security rules R action allow",
        ] {
            check(line, None);
        }
    }
}
