//! Times at which entries of access lists are in force, as ASA, IOS and NX-OS name them.

use std::collections::BTreeSet;

use super::{ConfigText, Diagnostics, Line};

/// Says of each `time-range` that entries of access lists name, once, that the text does not define it.
pub(crate) fn warn(text: ConfigText<'_>, lines: &[Line<'_>], found: &mut Diagnostics) {
    if !text.text.contains("time-range") {
        return;
    }
    let defined = lines.iter().filter_map(|line| match line.words.as_slice() {
        ["time-range", name] => Some(*name),
        _ => None,
    });
    let mut known: BTreeSet<&str> = defined.collect();
    for line in lines {
        let Some(at) = line.words.iter().position(|word| *word == "time-range") else { continue };
        let acts = line.words[..at].iter().any(|word| matches!(*word, "permit" | "deny"));
        if let Some(name) = line.words.get(at + 1).filter(|_| acts)
            && known.insert(name)
        {
            found.warn(line, name, format!("time-range {name} is not defined in the text"));
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::audit::audit;
    use crate::config::ConfigText;

    #[test]
    fn a_time_that_is_not_defined() {
        let told = |text: &str| -> Vec<u32> {
            let warnings = audit(ConfigText::new("x", text), None).1.warnings;
            let warnings = warnings.into_iter().filter(|w| w.message.contains("is not defined"));
            warnings.map(|w| w.line).collect()
        };
        let asa = "ASA Version 9.1\naccess-list L extended permit tcp any any eq 25 time-range W\naccess-list L extended permit tcp any any eq 80 time-range W\n";
        assert_eq!(told(asa), [2]);
        assert_eq!(told(&format!("{asa}time-range W\n periodic daily 8:00 to 18:00\n")), [0; 0]);
        let ios =
            "version 15.2\nip access-list extended L\n permit tcp any any eq 25 time-range W\n";
        assert_eq!(told(ios), [3]);
    }
}
