//! Output of `show access-list` (ASA) and `show access-lists` (IOS, NX-OS): it looks like a configuration and
//! is none. It says neither where its lists are applied nor what becomes of options.

use crate::config::{ConfigText, Line};

use super::{Audit, Because, Effect};

/// The platform that prints so, and what is said of such a text; `None` for a configuration, one with such
/// output in it included.
pub(super) fn audit(text: ConfigText<'_>) -> Option<(&'static str, Audit)> {
    let all = text.lines();
    let (first, (platform, command)) =
        all.iter().find_map(|line| Some((line, printed_by(line)?)))?;
    let is_printed = |line: &Line<'_>| match line.words.as_slice() {
        ["show" | "sh", ..] => true,
        ["access-list", ..] | ["ipv6", "access-list", _, _, ..] | ["alert-interval", _] => {
            platform == "asa"
        }
        _ if platform == "asa" => false,
        ["permit" | "deny" | "evaluate" | "remark" | "statistics", ..] => true,
        [number, _, ..] if number.parse::<u32>().is_ok() => true,
        _ => printed_by(line).is_some(),
    };
    if !all.iter().all(is_printed) {
        return None;
    }
    let why = format!(
        "this is the output of {command}, not a configuration: it does not say where its lists are applied, \
         nor what becomes of options; give the output of show running-config"
    );
    let because = vec![Because::line(&text.place(first), why)];
    Some((platform, Audit::uniform(None, Effect::Unknown, because)))
}

/// The platform and the command that print this heading, or this count of hits.
fn printed_by(line: &Line<'_>) -> Option<(&'static str, &'static str)> {
    const OF_ASA: (&str, &str) = ("asa", "show access-list");
    let is_heading =
        |words: &[&str]| matches!(words, ["IP" | "IPv6" | "MAC", "access", "list", _, ..]);
    Some(match line.words.as_slice() {
        ["access-list", "cached", "ACL", "log", ..] => OF_ASA,
        ["access-list", name, _, elements, ..]
            if name.ends_with(';') && elements.starts_with("element") =>
        {
            OF_ASA
        }
        ["access-list", .., count, hash]
            if count.starts_with("(hitcnt=") && hash.starts_with("0x") =>
        {
            OF_ASA
        }
        ["Standard" | "Extended" | "Reflexive", heading @ ..] if is_heading(heading) => {
            ("ios", "show access-lists")
        }
        heading @ ["IPv6", ..] if is_heading(heading) => ("ios", "show access-lists"),
        heading if is_heading(heading) => ("nx-os", "show access-lists"),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(text: &str) -> Option<(&'static str, u32)> {
        let (platform, audit) = super::super::audit(ConfigText::new("fw", text), None);
        let [verdict] = audit.verdicts.as_slice() else { return None };
        let because = &verdict.because[0];
        let says = because.rule.starts_with("this is the output of show access-list");
        let only = verdict.effect == Effect::Unknown && audit.warnings.is_empty();
        (says && only).then(|| Some((platform?.name, because.line?)))?
    }

    #[test]
    fn output_is_no_configuration() {
        let heading = "access-list cached ACL log flows: total 0, denied 0 (deny-flow-max 4096)\n            alert-interval 300\n";
        let list = "access-list T; 1 elements; name hash: 0xaa83124c\n";
        let entry = "access-list T line 1 extended deny tcp any any eq www (hitcnt=0) 0x849e9e8f\n";
        assert_eq!(told(&format!("{heading}{list}{entry}")), Some(("asa", 1)));
        assert_eq!(told(&format!("fw# show access-list\n{list}{entry}")), Some(("asa", 2)));
        assert_eq!(told(&format!("{entry}  {entry}")), Some(("asa", 1)));
        // Where a configuration stands beside it, that is read.
        assert_eq!(told(&format!("{list}{entry}access-group T in interface outside\n")), None);
        let router = "r1#show access-lists\nStandard IP access list 1\n    10 permit 10.0.0.0, wildcard bits \
                      0.0.0.255 (7 matches)\nExtended IP access list A\n    10 permit tcp any any eq www\nIPv6 \
                      access list B\n    permit tcp any any sequence 10\n";
        assert_eq!(told(router), Some(("ios", 2)));
        let switch = "IP access list A\n        statistics per-entry\n        10 permit tcp any any [match=0]\n";
        assert_eq!(told(switch), Some(("nx-os", 1)));
        assert_eq!(told("ip access-list extended A\n permit tcp any any eq www\n"), None);
    }
}
