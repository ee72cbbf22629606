//! Crypto maps of IOS and ASA: names that they, or the interfaces that they stand on, use and the text does not
//! define. What they encrypt keeps its TCP options.

use std::collections::BTreeMap;

use super::words::{interface_key, is_interface};
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

/// Says which access lists of an IOS router's interfaces what comes out of a tunnel does not meet: it was asked as it came,
/// encrypted (Cisco, *Crypto Access Check on Clear-Text Packets*).
pub(crate) fn beside_lists(lines: &[Line<'_>], found: &mut Diagnostics) {
    let mut maps: BTreeMap<String, &str> = BTreeMap::new();
    let mut lists: Vec<(String, &Line<'_>)> = Vec::new();
    let mut interface = String::new();
    for line in lines {
        match line.words.as_slice() {
            [first, name @ ..] if is_interface(first) && !name.is_empty() => {
                interface = interface_key(&name.concat());
            }
            ["crypto", "map", name] => _ = maps.insert(interface.clone(), name),
            ["ip", "access-group", _, "in"] | ["ipv6", "traffic-filter", _, "in"] => {
                lists.push((interface.clone(), line));
            }
            _ => {}
        }
    }
    for (interface, line) in lists {
        if let Some(map) = maps.get(&interface) {
            let message = format!(
                "what comes out of the tunnels of crypto map {map} this list does not see, from 12.3(8)T on: it lets them in, and \
                 not what they carry"
            );
            found.warn(line, "", message);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::lines;
    use crate::testing::lines_told;

    #[test]
    fn lists_that_what_is_decrypted_does_not_meet() {
        let text = "interface a\n ip access-group L in\n crypto map M\ninterface b\n ip access-group L in\n";
        assert_eq!(lines_told(text, beside_lists), [2]);
        let apart = text.replace(" crypto map M\n", "") + " crypto map M\n";
        assert_eq!(lines_told(&apart, beside_lists), [4]);
        let again = format!("{text}int b\n crypto map M\n");
        assert_eq!(lines_told(&again, beside_lists), [2, 5]);
        assert_eq!(lines_told(&text.replace("L in", "L out"), beside_lists), [0; 0]);
    }

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
