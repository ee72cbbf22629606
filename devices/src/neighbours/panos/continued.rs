//! Commands that a page spreads over several lines, each but the last with a `\` at its end.

use std::borrow::Cow;

use crate::config::ConfigText;

/// Reads a text in which each command stands on the line that it begins in.
pub(crate) fn whole<T>(text: ConfigText<'_>, read: impl FnOnce(ConfigText<'_>) -> T) -> T {
    match joined(text.text) {
        Cow::Borrowed(_) => read(text),
        Cow::Owned(joined) => read(ConfigText::new(text.file, &joined)),
    }
}

/// The text with the continued commands on one line; the lines that were theirs are empty, so that the others keep
/// their numbers.
fn joined(text: &str) -> Cow<'_, str> {
    let begin = |line: &'_ str| line.trim_end().strip_suffix('\\').map(str::len);
    let is_continued = |line: &str| line.trim_start().starts_with("set ") && begin(line).is_some();
    if !text.lines().any(is_continued) {
        return Cow::Borrowed(text);
    }
    let mut whole = String::with_capacity(text.len());
    let mut taken = 0;
    for line in text.lines() {
        match begin(line).filter(|_| taken > 0 || is_continued(line)) {
            Some(end) => {
                whole.push_str(&line[..end]);
                taken += 1;
            }
            None => {
                whole.push_str(line);
                whole.extend(std::iter::repeat_n('\n', taken + 1));
                taken = 0;
            }
        }
    }
    Cow::Owned(whole)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audit::audit;

    #[test]
    fn lines_keep_their_numbers() {
        let text = "set a \\\n  b \\ \r\n  c\r\nd \\\nset e";
        assert_eq!(joined(text), "set a   b   c\n\n\nd \\\nset e\n");
        assert!(matches!(joined("set a\nb \\\n"), Cow::Borrowed(_)));
    }

    #[test]
    fn rules_over_several_lines() {
        let text = "set rulebase security rules W \\\n    from untrust to trust \\\n    source any destination any \\\n    application any service any \\\n    action allow\nset rulebase security rules X from trust \\\n  to dmz\n";
        let (_, audit) = audit(ConfigText::new("p", text), None);
        let rows: Vec<_> =
            audit.verdicts.iter().map(|v| (v.effect.word(), v.direction.as_str())).collect();
        assert!(rows.contains(&("strip", "zone untrust to zone trust")), "{rows:?}");
        let warned: Vec<u32> = audit.warnings.iter().map(|w| w.line).collect();
        assert_eq!(warned, [6], "{:?}", audit.warnings);
    }
}
