//! Crypto maps of IOS and ASA: names that they, or the interfaces that they stand on, use and the text does not
//! define. What they encrypt keeps its TCP options.

use super::{Diagnostics, Line};

/// Says which crypto maps and which of their access lists are not defined. A map without a valid access list is
/// incomplete and protects nothing (Cisco IOS and ASA command references, `crypto map`).
pub(crate) fn warn(lines: &[Line<'_>], is_list: impl Fn(&str) -> bool, found: &mut Diagnostics) {
    let opens_map = |line: &Line<'_>| match line.words.as_slice() {
        ["crypto", "map" | "dynamic-map", name, number, ..] if number.parse::<u32>().is_ok() => {
            Some((*name).to_owned())
        }
        _ => None,
    };
    let defined: Vec<String> = lines.iter().filter_map(opens_map).collect();
    let mut inside = false;
    for line in lines {
        let words = line.words.as_slice();
        let list = match words {
            ["crypto", "map" | "dynamic-map", _, _, "match", "address", list, ..] => Some(list),
            ["match", "address", list, ..] if inside => Some(list),
            ["crypto", "map", name] | ["crypto", "map", name, "interface", _] => {
                if !defined.iter().any(|d| d == name) {
                    let message =
                        format!("crypto map {name} is not defined: nothing is encrypted here");
                    found.warn(line, name, message);
                }
                None
            }
            _ => None,
        };
        if let Some(list) = list.filter(|list| !is_list(list)) {
            let message = format!(
                "access list {list} is not defined: this entry is incomplete and encrypts nothing"
            );
            found.warn(line, list, message);
        }
        inside = opens_map(line).is_some() || (inside && line.indent > 0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::lines;

    #[test]
    fn names_that_are_not_defined() {
        let said = |text: &str| {
            let mut found = Diagnostics::new("t");
            warn(&lines(text), |list| list == "101", &mut found);
            found.into_all().into_iter().map(|d| d.line).collect::<Vec<_>>()
        };
        let ios = "crypto map M 10 ipsec-isakmp\n set peer 192.0.2.9\n match address 101\ninterface a\n crypto map M\n";
        assert_eq!(said(ios), []);
        assert_eq!(said(&ios.replace("101", "102")), [3]);
        assert_eq!(said(&ios.replace("crypto map M\n", "crypto map N\n")), [5]);
        let asa = "crypto map M 10 match address L\ncrypto map M interface outside\n";
        assert_eq!(said(asa), [1]);
        assert_eq!(said("crypto map N interface outside\n"), [1]);
        assert_eq!(said("route-map R permit 10\n match address 150\n"), []);
    }
}
