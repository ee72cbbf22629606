//! Functions of a shell script: what stands in one is done when something calls it.

use std::ops::RangeInclusive;

use crate::config::{Diagnostics, Line, quoted};

use super::shell::is_iptables;

struct Function<'a> {
    name: &'a str,
    /// Places of its lines.
    lines: RangeInclusive<usize>,
    is_called: bool,
}

/// Places of lines in functions that nothing in the text calls; each such function with a rule in it is warned of. Where
/// none is called, the text is a piece of a script, and all of them count.
pub(super) fn uncalled(lines: &[Line<'_>], found: &mut Diagnostics) -> Vec<RangeInclusive<usize>> {
    let mut all = functions(lines);
    let outside = |at: usize| !all.iter().any(|function| function.lines.contains(&at));
    let mut to_read: Vec<usize> = (0..lines.len()).filter(|at| outside(*at)).collect();
    while let Some(at) = to_read.pop() {
        for word in lines[at].words.iter() {
            let word = word.trim_matches([';', '"', '\'', '`', '(', ')']).trim_start_matches("$(");
            let function = all.iter_mut().find(|function| function.name == word);
            if let Some(function) = function.filter(|function| !function.is_called) {
                function.is_called = true;
                to_read.extend(function.lines.clone());
            }
        }
    }
    if all.iter().all(|function| !function.is_called) {
        return Vec::new();
    }
    all.retain(|function| !function.is_called);
    for function in &all {
        let mut words = function.lines.clone().flat_map(|at| lines[at].words.iter());
        if words.any(|word| is_iptables(word)) {
            let message = format!(
                "nothing in this text calls the function {}: its commands are taken as not given",
                quoted(function.name)
            );
            found.warn(&lines[*function.lines.start()], "", message);
        }
    }
    all.into_iter().map(|function| function.lines).collect()
}

/// The functions of a script, by lines of their own: `name() {` or `function name {`, down to `}`.
fn functions<'a>(lines: &[Line<'a>]) -> Vec<Function<'a>> {
    let mut all = Vec::new();
    let mut at = 0;
    while at < lines.len() {
        let words = lines[at].words.as_slice();
        let name = match words {
            [name, "()", ..] | ["function", name, ..] => Some(name.trim_end_matches("()")),
            [name, ..] => name.strip_suffix("()").or_else(|| name.strip_suffix("(){")),
            [] => None,
        };
        let braced =
            |at: usize| lines.get(at).is_some_and(|l| l.words.iter().any(|w| w.ends_with('{')));
        let Some(name) = name.filter(|_| braced(at) || braced(at + 1)) else {
            at += 1;
            continue;
        };
        let closes =
            |line: &Line<'_>| matches!(line.words.as_slice(), ["}" | "};", ..] | [.., "}"]);
        let end = lines[at..].iter().position(closes).map_or(lines.len() - 1, |more| at + more);
        all.push(Function { name, lines: at..=end, is_called: false });
        at = end + 1;
    }
    all
}
