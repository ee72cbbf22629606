//! SIP over TCP (RFC 3261 §18.3): messages one after the other; what is none is blocked.

use sim_core::wire::seq::Seq;

use super::lines::Lines;
use super::{Engine, Finding};
use crate::steps::track::Sender;

/// The engine.
#[derive(Debug, Default)]
pub struct Sip {
    lines: [Lines; 2],
    reading: [Reading; 2],
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Reading {
    #[default]
    StartLine,
    /// With the body's length, as far as a header has told it.
    Headers(u32),
    /// So many bytes are left of the body.
    Body(u32),
}

impl Engine for Sip {
    fn read(&mut self, sender: Sender, at: Seq, bytes: &[u8], found: &mut Vec<Finding>) {
        let reading = &mut self.reading[sender as usize];
        let mut rest = bytes;
        let mut at = at;
        while !rest.is_empty() {
            if let Reading::Body(left) = *reading {
                let taken = (left as usize).min(rest.len());
                rest = &rest[taken..];
                at = at.add(taken as u32);
                let left = left - taken as u32;
                *reading = if left == 0 { Reading::StartLine } else { Reading::Body(left) };
                continue;
            }
            let end = rest.iter().position(|b| *b == b'\n').map_or(rest.len(), |end| end + 1);
            let lines = self.lines[sender as usize].take(at, &rest[..end]);
            rest = &rest[end..];
            at = at.add(end as u32);
            for line in lines {
                let text = line.text();
                *reading = match *reading {
                    // Blank lines keep a connection alive (RFC 5626 §3.5.1).
                    Reading::StartLine if text.is_empty() => Reading::StartLine,
                    Reading::StartLine if is_start_line(&text) => Reading::Headers(0),
                    Reading::StartLine => {
                        found.push(Finding::Block { reason: "inspect-sip", rule: 0, reset: false });
                        return;
                    }
                    Reading::Headers(0) if text.is_empty() => Reading::StartLine,
                    Reading::Headers(length) if text.is_empty() => Reading::Body(length),
                    Reading::Headers(length) => {
                        Reading::Headers(content_length(&text).unwrap_or(length))
                    }
                    body @ Reading::Body(_) => body,
                };
            }
        }
    }
}

fn is_start_line(text: &str) -> bool {
    let words: Vec<&str> = text.split(' ').collect();
    match words.as_slice() {
        ["SIP/2.0", code, ..] => code.len() == 3 && code.parse::<u16>().is_ok(),
        [method, _, "SIP/2.0"] => method.chars().all(|c| c.is_ascii_uppercase()),
        _ => false,
    }
}

fn content_length(header: &str) -> Option<u32> {
    let (name, value) = header.split_once(':')?;
    let is_length = name.trim().eq_ignore_ascii_case("content-length") || name.trim() == "l";
    is_length.then(|| value.trim().parse().ok())?
}

#[cfg(test)]
mod tests {
    use super::super::testing::{blocked, findings};
    use super::*;
    use Sender::{Initiator, Responder};

    #[test]
    fn messages_pass_and_parts_of_messages_do_not() {
        let invite = "INVITE sip:b@x SIP/2.0\r\nContent-Length: 5\r\n\r\nv=0\r\n";
        let check = |turns: &[(Sender, &str)], expected| {
            assert_eq!(blocked(&findings(Sip::default(), turns)), expected, "{turns:?}");
        };
        check(
            &[(Initiator, invite), (Initiator, invite), (Responder, "SIP/2.0 200 OK\r\n\r\n")],
            None,
        );
        check(&[(Initiator, &invite[..30]), (Initiator, &invite[30..])], None);
        check(&[(Initiator, &invite[30..])], Some("inspect-sip"));
    }
}
