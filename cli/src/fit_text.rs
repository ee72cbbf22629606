//! `option30 conform --fit`: the rules that explain a box, as text.

use std::collections::BTreeSet;

use replay::crossing::Crossing;
use replay::fit::fit;
use reports::figures::plural;
use reports::{Style, paint};

/// Looks for the rules and says what they explain.
pub(crate) fn rules(crossing: &Crossing, ignored: &BTreeSet<String>) -> String {
    let fit = fit(crossing, ignored);
    let title = paint(Style::Strong, "What the box did, as rules");
    let verdict = match (fit.unexplained, fit.rules.len()) {
        (0, 0) => paint(Style::Good, "the box lets everything pass as it came"),
        (0, 1) => paint(Style::Good, "this rule explains every packet"),
        (0, n) => paint(Style::Good, &format!("these {n} rules explain every packet")),
        (left, _) => {
            let left = plural(left, "packet");
            paint(Style::Bad, &format!("{left} are not explained by these rules"))
        }
    };
    format!("\n{title}\n{}\n{verdict}\n", fit.device())
}
