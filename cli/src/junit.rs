//! The report of `check` as CI servers read it: a test suite for each scenario, a test case for each
//! expectation; for a file of kept probes, one for each probe and each packet that came otherwise.

use reports::Expectation;
use scenarios::diagnostic::Diagnostic;

use crate::check::Checked;

/// The file's text.
pub(crate) fn xml(checked: &[Checked]) -> String {
    let mut out = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites>\n");
    for scenario in checked {
        let file = escape(&scenario.file);
        let (cases, failures, errors) = match &scenario.result {
            Ok(expectations) => {
                let cases = expectations.iter().map(|e| case(&file, e)).collect::<Vec<_>>();
                (cases, expectations.iter().filter(|e| !e.passed).count(), 0)
            }
            Err(diagnostics) => (vec![unreadable(&file, diagnostics)], 0, 1),
        };
        out.push_str(&format!(
            "  <testsuite name=\"{file}\" tests=\"{}\" failures=\"{failures}\" errors=\"{errors}\">\n{}  \
             </testsuite>\n",
            cases.len(),
            cases.concat()
        ));
    }
    out + "</testsuites>\n"
}

fn case(file: &str, expectation: &Expectation) -> String {
    let (name, line) = (escape(&expectation.name), expectation.line);
    let open = format!("    <testcase classname=\"{file}\" name=\"{name} (line {line})\"");
    if expectation.passed {
        return format!("{open}/>\n");
    }
    let sentence = escape(&expectation.sentence);
    format!("{open}>\n      <failure message=\"{sentence}\"/>\n    </testcase>\n")
}

fn unreadable(file: &str, diagnostics: &[Diagnostic]) -> String {
    let errors = diagnostics.iter().map(|diagnostic| {
        let (message, text) = (escape(&diagnostic.message), escape(&diagnostic.render(false)));
        format!("      <error message=\"{message}\">{text}</error>\n")
    });
    let errors: String = errors.collect();
    format!("    <testcase classname=\"{file}\" name=\"can be read\">\n{errors}    </testcase>\n")
}

/// Text as XML takes it, in an attribute too; characters that XML has no way to write are replaced.
fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '&' => out.push_str("&amp;"),
            '"' => out.push_str("&quot;"),
            '\n' => out.push_str("&#10;"),
            '\t' => out.push_str("&#9;"),
            c if c.is_control() || matches!(c, '\u{fffe}' | '\u{ffff}') => out.push('\u{fffd}'),
            c => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_suite_for_each_scenario_and_a_case_for_each_expectation() {
        let expectation = |passed| Expectation {
            name: "Goodput \"a<b\"".into(),
            line: 7,
            passed,
            measured: "1 Mbps".into(),
            sentence: "a<b: expected at least 8 Mbps,\nbut it was: 1 Mbps\u{1}".into(),
        };
        let checked = [
            Checked::for_test("a.ron", Ok(vec![expectation(true), expectation(false)])),
            Checked::for_test("b.ron", Err(vec![Diagnostic::of_file("b.ron", "no such & file")])),
        ];
        let xml = xml(&checked);
        for expect in [
            "<testsuite name=\"a.ron\" tests=\"2\" failures=\"1\" errors=\"0\">",
            "name=\"Goodput &quot;a&lt;b&quot; (line 7)\"/>",
            "<failure message=\"a&lt;b: expected at least 8 Mbps,&#10;but it was: 1 Mbps\u{fffd}\"/>",
            "<testsuite name=\"b.ron\" tests=\"1\" failures=\"0\" errors=\"1\">",
            "<error message=\"no such &amp; file\">",
        ] {
            assert!(xml.contains(expect), "{expect} is missing in\n{xml}");
        }
    }
}
