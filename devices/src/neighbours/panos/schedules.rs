//! Rules that are in force only while a schedule is (PAN-OS Administrator's Guide, Create a Schedule for a Security Policy
//! Rule): what becomes of their traffic then, and at other times.

use crate::audit::Effect;

use super::rule::{Rule, is_any};

/// Rules after one that are looked through for what takes its traffic.
const AFTER_MAX: usize = 1000;

/// What takes all of a rule's traffic while the rule is not in force.
pub(super) struct Next {
    allows: bool,
    called: String,
    /// A rule between the two may take some of it.
    is_last: bool,
}

/// The first rule of those after it that takes all that a rule names, or else the default of its zones (`defaults`: what
/// intrazone-default and interzone-default do); `None` where that does not show.
pub(super) fn next(
    rule: &Rule<'_>,
    after: &[&Rule<'_>],
    defaults: [bool; 2],
    has_scopes: bool,
) -> Option<Next> {
    let after = after.get(..AFTER_MAX).unwrap_or(after);
    let found = after.iter().position(|other| other.shadows(rule));
    let is_last = after[..found.unwrap_or(after.len())].iter().any(|other| meets(rule, other));
    if let Some(taking) = found.map(|at| after[at]) {
        let (action, place) = taking.action.as_ref()?;
        let called = format!("rule {}, line {}", taking.title(has_scopes), place.line);
        return Some(Next { allows: *action == "allow", called, is_last });
    }
    if after.len() == AFTER_MAX {
        return None;
    }
    let is_within = rule.of_type == Some("intrazone")
        || rule.from == rule.to && rule.from.len() == 1 && !is_any(&rule.from);
    let (at, name) = match is_within {
        true => (0, "intrazone-default"),
        false if is_apart(&rule.from, &rule.to) => (1, "interzone-default"),
        false => return None,
    };
    Some(Next { allows: defaults[at], called: name.to_owned(), is_last })
}

/// What becomes of a rule's traffic, and why. `passing`: of what is allowed.
pub(super) fn told(
    rule: &Rule<'_>,
    schedule: &str,
    next: Option<&Next>,
    passing: Effect,
) -> (Effect, String) {
    let does = |allows: bool| if allows { passing } else { Effect::Drop };
    let within = does(matches!(rule.action, Some(("allow", _))));
    let (otherwise, then) = match next {
        Some(Next { allows, called, is_last: false }) => {
            (does(*allows), format!("{} at other times ({called})", does(*allows)))
        }
        Some(Next { allows, called, is_last: true }) => {
            let last = format!("the last of them {} ({called})", does(*allows));
            (Effect::Unknown, format!("what the rules after it say at other times, {last}"))
        }
        None => (Effect::Unknown, "what the rules after it say at other times".to_owned()),
    };
    let effect = if otherwise == within { within } else { Effect::Unknown };
    (effect, format!("{within} while schedule {schedule} is in force, {then}"))
}

/// True where two rules may name the same connection, by their zones.
fn meets(one: &Rule<'_>, other: &Rule<'_>) -> bool {
    !is_apart(&one.from, &other.from) && !is_apart(&one.to, &other.to)
}

fn is_apart(some: &[&str], others: &[&str]) -> bool {
    !is_any(some) && !is_any(others) && !some.iter().any(|zone| others.contains(zone))
}

#[cfg(test)]
mod tests {
    use crate::audit::audit;
    use crate::config::ConfigText;

    /// The row of a rule under a schedule says both answers; where they are one, that is the answer.
    #[test]
    fn rules_at_times() {
        let told = |rules: &str| {
            let text: String =
                rules.lines().map(|rule| format!("set rulebase security rules {rule}\n")).collect();
            let row = audit(ConfigText::new("p", &text), None).1.verdicts.swap_remove(0);
            format!("{}: {}", row.effect, row.because[0].rule)
        };
        let rule = "R from a to b application ssh action allow schedule S\n";
        let all = "D from any to any action deny\n";
        let check = |rules: &str, expected: &str| {
            assert!(told(rules).ends_with(expected), "{}", told(rules))
        };
        assert!(told(rule).starts_with("unknown: "), "{}", told(rule));
        check(
            &format!("{rule}{all}"),
            "strip while schedule S is in force, drop at other times (rule D, line 2)",
        );
        check(rule, "strip while schedule S is in force, drop at other times (interzone-default)");
        check(
            &rule.replace("to b", "to a"),
            "strip: strip while schedule S is in force, strip at other times (intrazone-default)",
        );
        check(
            &rule.replace("to b", "to any"),
            "strip while schedule S is in force, what the rules after it say at other times",
        );
        check(
            &format!("{}{all}", rule.replace("allow", "deny")),
            "drop: drop while schedule S is in force, drop at other times (rule D, line 2)",
        );
        let between = "M from a to any source x action allow\n";
        check(
            &format!("{rule}{between}{all}"),
            "what the rules after it say at other times, the last of them drop (rule D, line 3)",
        );
        let elsewhere = between.replace("from a", "from c");
        check(&format!("{rule}{elsewhere}{all}"), "drop at other times (rule D, line 3)");
    }
}
