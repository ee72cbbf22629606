//! What is wrong with the questions of a sweep file.

use scenarios::Diagnostic;
use scenarios::tree::Step;

use super::{Reader, axes_of};
use crate::axis::Axis;
use reports::sweep::Question;

impl Reader<'_> {
    /// Every axis that a question names is there, and is what the question needs.
    pub(super) fn questions(&self, axes: &[Axis]) -> Vec<Diagnostic> {
        let mut faults = Vec::new();
        for (i, question) in self.sweep.report.iter().enumerate() {
            let here = [Step::Key("report"), Step::Index(i)];
            for (field, index, name) in axes_of(question) {
                let steps = [here[0], here[1], Step::Key(field), Step::Index(index)];
                match axes.iter().find(|axis| axis.name == name) {
                    None => {
                        let known = axes.iter().map(|axis| axis.name.as_str());
                        let fault = self.at(&steps, format!("there is no axis \"{name}\""));
                        faults.push(fault.label("not defined").suggest(name, known));
                    }
                    Some(axis) if field == "by" && !axis.has_groups() => {
                        let message = format!("\"{name}\" is a random number: it has no groups");
                        let fault = self.at(&steps, message).label("cannot be grouped by");
                        faults.push(fault.help("Mean(…, over: …) shows a figure against it"));
                    }
                    Some(_) => {}
                }
            }
            if let Question::Verdicts { by, .. } = question
                && by.len() > 2
            {
                let steps = [here[0], here[1], Step::Key("by")];
                let fault = self.at(&steps, "verdicts can be shown by two axes at most");
                faults.push(fault.label("too many"));
            }
        }
        faults
    }
}
