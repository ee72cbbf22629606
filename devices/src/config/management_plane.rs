//! The management plane: what ends in the box itself, of which rows on what crosses it say nothing. Management ports forward
//! nothing, and terminal lines let in whom a list names.

use super::{Diagnostics, Line};

/// Says where the first of each stands.
pub(crate) fn warn(all: &[Line<'_>], found: &mut Diagnostics) {
    management(all, found);
    let guards = |line: &&Line<'_>| matches!(line.words.as_slice(), ["access-class", _, ..]);
    if let Some(line) = all.iter().find(guards) {
        let message = "connections to the terminal lines of the box itself (ssh, telnet) end there, and this list says whose: \
                       verdicts are of what crosses the box";
        found.warn(line, "", message);
    }
}

/// Ports of management (Cisco ASR 9000 Interface and Hardware Component Configuration Guide: forwarding between them and
/// line cards is disabled by default; Cisco Nexus 9000 Fundamentals: mgmt0 is of a VRF of its own).
fn management(all: &[Line<'_>], found: &mut Diagnostics) {
    let forwards =
        |line: &Line<'_>| matches!(line.words.as_slice(), ["rp", "mgmtethernet", "forwarding"]);
    for (at, line) in all.iter().enumerate() {
        let ["interface", name] = line.words.as_slice() else { continue };
        let name = name.to_ascii_lowercase();
        let message = if name == "mgmt0" {
            "a management port forwards nothing: what comes in here ends in the box itself, or is dropped"
        } else if name.starts_with("mgmteth") && !all.iter().any(forwards) {
            "a management port forwards nothing to other ports without rp mgmtethernet forwarding, by default: what comes in \
             here ends in the box itself, or is dropped"
        } else {
            continue;
        };
        let mut block = all[at + 1..].iter().take_while(|of| of.indent > line.indent);
        if !block.any(|of| of.words.as_slice() == ["shutdown"]) {
            found.warn(line, "", message);
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::testing::lines_told;

    #[test]
    fn the_first_of_each_is_told() {
        let lines = |text: &str| lines_told(text, super::warn);
        assert_eq!(
            lines("interface mgmt0\n ip address 10.0.0.1/24\nline vty\n access-class L in\n"),
            [1, 4]
        );
        let two = "interface MgmtEth0/RP0/CPU0/0\n shutdown\n!\ninterface MgmtEth0/RP1/CPU0/0\n ipv4 address 10.0.0.1 255.0.0.0\n";
        assert_eq!(lines(two), [4]);
        assert_eq!(lines(&format!("{two}rp mgmtethernet forwarding\n")), [0; 0]);
        assert_eq!(lines("interface mgmt0\n shutdown\n!\ninterface Ethernet1/1\n"), [0; 0]);
    }
}
