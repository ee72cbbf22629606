//! ESMTP as a Cisco firewall inspects it: commands and keywords outside a short list are overwritten
//! by X, the server's banner by asterisks; lengths stay (ASA CLI guide, ESMTP inspection).

use sim_core::wire::seq::Seq;

use super::lines::{Lines, TextLine};
use super::{Engine, Finding};
use crate::steps::track::Sender;

/// Commands that pass (ASA CLI guide, SMTP and Extended SMTP Inspection).
const COMMANDS: [&str; 15] = [
    "AUTH", "DATA", "EHLO", "ETRN", "HELO", "HELP", "MAIL", "NOOP", "QUIT", "RCPT", "RSET", "SAML",
    "SEND", "SOML", "VRFY",
];
/// Keywords of an EHLO reply that pass.
const KEYWORDS: [&str; 9] =
    ["8BITMIME", "AUTH", "DSN", "ENHANCEDSTATUSCODES", "ETRN", "HELP", "SIZE", "EXPN", "VRFY"];

/// The engine.
#[derive(Debug, Default)]
pub struct Esmtp {
    lines: [Lines; 2],
    /// The client is sending a message, after DATA.
    in_message: bool,
    greeted: bool,
    /// After STARTTLS was let through, nothing can be read.
    encrypted: bool,
    allow_tls: bool,
}

impl Esmtp {
    /// `allow_tls` lets STARTTLS through (`parameters`, `allow-tls`).
    #[must_use]
    pub fn new(allow_tls: bool) -> Self {
        Self { allow_tls, ..Self::default() }
    }

    fn command(&mut self, line: &TextLine) -> Option<Vec<u8>> {
        let text = line.text();
        if self.in_message {
            self.in_message = text != ".";
            return None;
        }
        let verb = text.split([' ', ':']).next().unwrap_or("").to_ascii_uppercase();
        self.in_message = verb == "DATA";
        if COMMANDS.contains(&verb.as_str()) {
            return None;
        }
        if self.allow_tls && verb == "STARTTLS" {
            self.encrypted = true;
            return None;
        }
        Some(over(&line.bytes, |c| !matches!(c, b'\r' | b'\n' | b' '), b'X'))
    }

    fn reply(&mut self, line: &TextLine) -> Option<Vec<u8>> {
        let text = line.text();
        if !std::mem::replace(&mut self.greeted, true) && text.starts_with("220") {
            return Some(over(
                &line.bytes,
                |c| !matches!(c, b'2' | b'0' | b'\r' | b'\n' | b' '),
                b'*',
            ));
        }
        let keyword = text.strip_prefix("250-").or_else(|| text.strip_prefix("250 "))?;
        let name = keyword.split([' ', '=']).next().unwrap_or("").to_ascii_uppercase();
        let known = KEYWORDS.contains(&name.as_str()) || (self.allow_tls && name == "STARTTLS");
        // A keyword is one word in capitals; a line of text is none.
        let looks_like_one = name.len() > 3
            && keyword.split(' ').next() == Some(name.as_str())
            && name.chars().all(|c| c.is_ascii_alphanumeric());
        if known || !looks_like_one {
            return None;
        }
        let mut masked = line.bytes.clone();
        let tail = over(&masked[4..], |c| !matches!(c, b'\r' | b'\n' | b' '), b'X');
        masked[4..].copy_from_slice(&tail);
        Some(masked)
    }
}

impl Engine for Esmtp {
    fn read(&mut self, sender: Sender, at: Seq, bytes: &[u8], found: &mut Vec<Finding>) {
        if self.encrypted {
            return;
        }
        for line in self.lines[sender as usize].take(at, bytes) {
            let masked = match sender {
                Sender::Initiator => self.command(&line),
                Sender::Responder => self.reply(&line),
            };
            let Some(masked) = masked else { continue };
            // What an earlier segment brought of the line has gone on already.
            let gone = at.distance(line.at).max(0) as usize;
            if let Some(with) = masked.get(gone..).filter(|with| !with.is_empty()) {
                found.push(Finding::Mask { at: line.at.add(gone as u32), with: with.to_vec() });
            }
        }
    }
}

fn over(bytes: &[u8], which: impl Fn(u8) -> bool, with: u8) -> Vec<u8> {
    bytes.iter().map(|&b| if which(b) { with } else { b }).collect()
}

#[cfg(test)]
mod tests {
    use super::super::testing::findings;
    use super::*;
    use Sender::{Initiator, Responder};

    fn masked(engine: Esmtp, turns: &[(Sender, &str)]) -> Vec<String> {
        let found = findings(engine, turns).into_iter().map(|f| match f {
            Finding::Mask { with, .. } => String::from_utf8(with).unwrap(),
            other => panic!("{other:?}"),
        });
        found.collect()
    }

    #[test]
    fn what_is_masked() {
        let dialogue = [
            (Responder, "220 mail ESMTP\r\n"),
            (Initiator, "EHLO c\r\n"),
            (Responder, "250-mail at your service\r\n250-PIPELINING\r\n250 SIZE 9\r\n"),
            (Initiator, "STARTTLS\r\n"),
            (Initiator, "DATA\r\n"),
            (Initiator, "hello there\r\n.\r\n"),
            (Initiator, "QUIT\r\n"),
        ];
        assert_eq!(
            masked(Esmtp::default(), &dialogue),
            ["220 **** *****\r\n", "250-XXXXXXXXXX\r\n", "XXXXXXXX\r\n"]
        );
        assert_eq!(masked(Esmtp::new(true), &dialogue).len(), 2);
    }

    #[test]
    fn a_message_whose_data_command_another_subflow_carried_is_taken_for_commands() {
        assert_eq!(
            masked(Esmtp::default(), &[(Initiator, "hello there\r\n")]),
            ["XXXXX XXXXX\r\n"]
        );
    }
}
