//! Conditions of a script that ask for what the text itself tells: `[ "$LOG" = yes ]`, where one line sets `LOG=no`.

use super::branches::asked;
use super::calls::asks_for_start;
use super::shell::Variables;

/// True for what ends a command, and not its line.
pub(super) fn ends(word: &&str) -> bool {
    matches!(*word, ";" | "||" | "&&") || word.ends_with(';')
}

/// Whether each of a line's commands holds, as far as they are conditions of what the script sets itself. In the words are the
/// values of loops, and of what a function is given; none of variables.
pub(super) fn of_line(words: &[&str], variables: &Variables<'_>) -> Vec<Option<bool>> {
    let is_condition =
        |word: &&str| matches!(*word, "[" | "[[" | "test" | "if" | "elif") || word.starts_with('$');
    if !words.iter().any(is_condition) {
        return Vec::new();
    }
    let of = |command: &[&str]| match command {
        ["if" | "elif", condition @ ..] => holds(condition, variables),
        condition => holds(condition, variables),
    };
    words.split_inclusive(ends).map(of).collect()
}

/// Whether the branches of a condition are known, one way or another.
pub(super) fn is_told(condition: &[&str], variables: &Variables<'_>) -> bool {
    asked(condition)
        .or_else(|| asks_for_start(condition))
        .or_else(|| holds(condition, variables))
        .is_some()
}

/// Whether a condition holds; nothing where the text does not tell.
fn holds(condition: &[&str], variables: &Variables<'_>) -> Option<bool> {
    let ends = |word: &&&str| !matches!(**word, "then" | ";" | "&&" | "||");
    let words: Vec<&str> =
        condition.iter().take_while(ends).map(|word| word.trim_end_matches(';')).collect();
    let (negated, words) = match words.as_slice() {
        ["!", rest @ ..] => (true, rest),
        all => (false, all),
    };
    let asked = match words {
        ["[", asked @ .., "]"] | ["[[", asked @ .., "]]"] | ["test", asked @ ..] => asked,
        // A variable that is set to the name of a command.
        [command] if command.starts_with('$') => {
            return match value(command, variables)?.as_str() {
                "true" => Some(!negated),
                "false" => Some(negated),
                _ => None,
            };
        }
        _ => return None,
    };
    let value = |word: &&str| value(word, variables);
    let holds = match asked {
        ["-n", word] | [word] => !value(word)?.is_empty(),
        ["-z", word] => value(word)?.is_empty(),
        [mine, "=" | "==", other] => value(mine)? == value(other)?,
        [mine, "!=", other] => value(mine)? != value(other)?,
        [mine, "-eq", other] => number(&value(mine)?)? == number(&value(other)?)?,
        [mine, "-ne", other] => number(&value(mine)?)? != number(&value(other)?)?,
        [mine, "-gt", other] => number(&value(mine)?)? > number(&value(other)?)?,
        _ => return None,
    };
    Some(holds != negated)
}

fn number(text: &str) -> Option<i64> {
    text.parse().ok()
}

/// What a word is, where each of its variables has one value in all of the script.
fn value(word: &str, variables: &Variables<'_>) -> Option<String> {
    let quote = word.chars().next().filter(|first| matches!(first, '"' | '\''));
    let bare = match quote {
        Some(quote) => word.strip_prefix(quote)?.strip_suffix(quote)?,
        None => word,
    };
    let whole = if quote == Some('\'') { bare.to_owned() } else { variables.settled(bare)? };
    // A pattern, or what a shell leaves out.
    let is_plain = !whole.contains(['$', '`', '"', '\'', '*', '?', '[', '(', '|']);
    (is_plain && (quote.is_some() || !whole.is_empty())).then_some(whole)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::ConfigText;

    #[test]
    fn conditions() {
        let text = "LOG=no\nWAN=\"eth0\"\nPORTS=\"22 80\"\nNONE=\"\"\nDEBUG=1\nON=true\nTWICE=a\nif x; then\n  TWICE=b\n  ONCE=c\nfi\nread -r ASKED\nASKED=d\n";
        let text = ConfigText::new("s", text);
        let lines = text.lines();
        let variables = Variables::of(&lines);
        let holds = |text: &str| holds(&text.split(' ').collect::<Vec<_>>(), &variables);
        for such in [
            "[ \"$LOG\" = no ]; then",
            "[ \"$LOG\" != \"yes\" ]; then",
            "[[ $WAN == \"eth0\" ]] &&",
            "[ -n \"$WAN\" ]; then",
            "[ \"${WAN}\" ]",
            "[ -z \"$NONE\" ]",
            "test $DEBUG -eq 1",
            "! [ $DEBUG -gt 1 ]",
            "[ x$LOG = xno ]",
            "$ON; then",
            "[ \"tcp\" = \"tcp\" ]; then",
        ] {
            assert_eq!(holds(such), Some(true), "{such}");
        }
        for such in ["[ \"$LOG\" = \"yes\" ]; then", "[ -z \"$WAN\" ]", "! $ON; then"] {
            assert_eq!(holds(such), Some(false), "{such}");
        }
        for such in [
            "[ \"$UNSET\" = yes ]",
            "[ \"$TWICE\" = a ]",
            "[ \"$ONCE\" = c ]",
            "[ \"$ASKED\" = d ]",
            "[ -f /etc/x ]",
            "[ \"$LOG\" = no -a -n \"$WAN\" ]",
            "[[ $WAN == eth* ]]",
            "[ -n $NONE ]",
            "iptables -C INPUT -j X",
            "[ \"$PORTS\" = \"22 80\" ]",
        ] {
            assert_eq!(holds(such), None, "{such}");
        }
    }
}
