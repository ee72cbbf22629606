//! HTTP/1: requests and responses (RFC 9112), held against rules about their parts.

use regex::bytes::{Regex, RegexBuilder};
use sim_core::wire::seq::Seq;

use super::lines::Lines;
use super::{Engine, Finding};
use crate::steps::track::Sender;

/// What a rule looks at, in requests.
#[derive(Clone, Debug)]
pub enum Part {
    /// The target.
    Uri(Regex),
    /// The method.
    Method(Regex),
    /// A header's value; any header when there is no name.
    Header(Option<String>, Regex),
    /// A target of more bytes.
    LongerUri(u64),
    /// Header lines of more bytes together.
    LongerHeaders(u64),
    /// A body that is said to have more bytes.
    LongerBody(u64),
    /// What is no HTTP where HTTP is expected.
    Violation,
    /// What does not hold.
    Not(Box<Part>),
}

impl Part {
    /// What follows `match` in a class-map for HTTP, on the ASA and on IOS: `request uri regex NAME`,
    /// `request header length gt N`; `regex` is what the last word stands for, where it names one.
    /// `None`: not modelled.
    #[must_use]
    pub fn of_criterion(words: &[&str], regex: Option<Regex>) -> Option<Self> {
        Some(match (words, regex) {
            (["not", rest @ ..], regex) => Self::Not(Box::new(Self::of_criterion(rest, regex)?)),
            (["request", "uri", "length", "gt", most], _) => Self::LongerUri(most.parse().ok()?),
            (["request", "header", "length", "gt", most], _) => {
                Self::LongerHeaders(most.parse().ok()?)
            }
            (["request", "body", "length", "gt", most], _) => Self::LongerBody(most.parse().ok()?),
            (["req-resp", "protocol-violation"], _) => Self::Violation,
            (["request", "uri", "regex", ..], Some(regex)) => Self::Uri(regex),
            (["request", "method", "regex", ..], Some(regex)) => Self::Method(regex),
            (["request", "method", name], _) => {
                // Without Unicode's tables, which a test's dependencies bring along and the command has not.
                let built = RegexBuilder::new(&format!("^{}$", regex::escape(name)))
                    .case_insensitive(true)
                    .unicode(false)
                    .build();
                Self::Method(built.ok()?)
            }
            (["request", "header", "regex", ..], Some(regex)) => Self::Header(None, regex),
            (["request", "header", name, "regex", ..], Some(regex)) => {
                Self::Header(Some((*name).to_owned()), regex)
            }
            _ => return None,
        })
    }

    fn holds(&self, request: &Request) -> bool {
        match self {
            Self::Uri(regex) => regex.is_match(&request.uri),
            Self::Method(regex) => regex.is_match(&request.method),
            Self::Header(name, regex) => request.headers.iter().any(|(known, value)| {
                name.as_ref().is_none_or(|name| known.eq_ignore_ascii_case(name))
                    && regex.is_match(value)
            }),
            Self::LongerUri(most) => request.uri.len() as u64 > *most,
            Self::LongerHeaders(most) => request.header_bytes > *most,
            Self::LongerBody(most) => request.body_bytes > *most,
            Self::Violation => false,
            Self::Not(part) => !part.holds(request),
        }
    }
}

/// A rule: what it looks at and what is done.
#[derive(Clone, Debug)]
pub struct HttpRule {
    /// All must hold of one request. A violation stands by itself.
    pub parts: Vec<Part>,
    /// True: a reset is sent; false: packets are dropped.
    pub reset: bool,
}

/// The engine.
#[derive(Debug)]
pub struct Http {
    rules: Vec<HttpRule>,
    lines: [Lines; 2],
    reading: [Reading; 2],
    request: Request,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Reading {
    #[default]
    StartLine,
    Headers(u64),
    Body(u64),
    /// No HTTP, or a body whose end is not told: nothing is read any more.
    Opaque,
}

#[derive(Clone, Debug, Default)]
struct Request {
    method: Vec<u8>,
    uri: Vec<u8>,
    headers: Vec<(String, Vec<u8>)>,
    header_bytes: u64,
    /// As its header says; 0 when it says nothing.
    body_bytes: u64,
}

impl Http {
    /// With these rules; the first that holds acts.
    #[must_use]
    pub fn new(rules: Vec<HttpRule>) -> Self {
        Self {
            rules,
            lines: [Lines::default(), Lines::default()],
            reading: [Reading::StartLine; 2],
            request: Request::default(),
        }
    }

    fn blocked_by(&self) -> Option<(usize, bool)> {
        let holds = |part: &Part| part.holds(&self.request);
        let at =
            self.rules.iter().position(|r| !r.parts.is_empty() && r.parts.iter().all(holds))?;
        Some((at, self.rules[at].reset))
    }

    fn violation(&self) -> Option<(usize, bool)> {
        let is_violation = |r: &HttpRule| r.parts.iter().any(|p| matches!(p, Part::Violation));
        let at = self.rules.iter().position(is_violation)?;
        Some((at, self.rules[at].reset))
    }
}

impl Engine for Http {
    fn read(&mut self, sender: Sender, at: Seq, bytes: &[u8], found: &mut Vec<Finding>) {
        let side = sender as usize;
        let (mut rest, mut at) = (bytes, at);
        while !rest.is_empty() {
            match self.reading[side] {
                Reading::Opaque => return,
                Reading::Body(left) => {
                    let taken = left.min(rest.len() as u64);
                    rest = &rest[taken as usize..];
                    at = at.add(taken as u32);
                    let left = left - taken;
                    self.reading[side] =
                        if left == 0 { Reading::StartLine } else { Reading::Body(left) };
                    continue;
                }
                Reading::StartLine | Reading::Headers(_) => {}
            }
            let end = rest.iter().position(|b| *b == b'\n').map_or(rest.len(), |end| end + 1);
            let lines = self.lines[side].take(at, &rest[..end]);
            rest = &rest[end..];
            at = at.add(end as u32);
            // A start line that cannot become one is not waited for.
            let early = self.reading[side] == Reading::StartLine
                && sender == Sender::Initiator
                && !plausible_method(self.lines[side].partial());
            let judged = if early {
                self.reading[side] = Reading::Opaque;
                self.violation()
            } else {
                lines.iter().find_map(|line| self.line(sender, &line.text()))
            };
            if let Some((rule, reset)) = judged {
                self.reading[side] = Reading::Opaque;
                found.push(Finding::Block { reason: "inspect-http", rule, reset });
                return;
            }
        }
    }
}

impl Http {
    /// Takes a line of a message's head; the rule that blocks it.
    fn line(&mut self, sender: Sender, text: &str) -> Option<(usize, bool)> {
        let side = sender as usize;
        match self.reading[side] {
            Reading::StartLine if text.is_empty() => None,
            Reading::StartLine => {
                let words: Vec<&str> = text.split(' ').collect();
                self.reading[side] = Reading::Headers(0);
                match (sender, words.as_slice()) {
                    (Sender::Initiator, [method, uri, version])
                        if version.starts_with("HTTP/") && plausible_method(method.as_bytes()) =>
                    {
                        self.request = Request {
                            method: method.as_bytes().to_vec(),
                            uri: uri.as_bytes().to_vec(),
                            ..Request::default()
                        };
                        None
                    }
                    (Sender::Responder, [version, _, ..]) if version.starts_with("HTTP/") => None,
                    _ => {
                        self.reading[side] = Reading::Opaque;
                        self.violation()
                    }
                }
            }
            Reading::Headers(length) if text.is_empty() => {
                if sender == Sender::Initiator {
                    self.request.body_bytes = length;
                }
                self.reading[side] = match length {
                    0 => Reading::StartLine,
                    length => Reading::Body(length),
                };
                if sender == Sender::Initiator { self.blocked_by() } else { None }
            }
            Reading::Headers(_) => {
                if sender == Sender::Initiator {
                    self.request.header_bytes += text.len() as u64 + 2;
                }
                if let Some((name, value)) = text.split_once(':') {
                    let value = value.trim();
                    if name.eq_ignore_ascii_case("content-length")
                        && let Ok(length) = value.parse()
                    {
                        self.reading[side] = Reading::Headers(length);
                    }
                    if name.eq_ignore_ascii_case("transfer-encoding") {
                        // The ends of chunked bodies are not followed.
                        self.reading[side] = Reading::Opaque;
                    }
                    if sender == Sender::Initiator {
                        self.request.headers.push((name.to_owned(), value.as_bytes().to_vec()));
                    }
                }
                None
            }
            Reading::Body(_) | Reading::Opaque => None,
        }
    }
}

/// True for what may be the beginning of a request line: a token in capitals, then a blank.
fn plausible_method(bytes: &[u8]) -> bool {
    let token = bytes.split(|b| *b == b' ').next().unwrap_or(&[]);
    token.len() <= 16 && token.iter().all(|b| b.is_ascii_uppercase() || *b == b'-')
}

#[cfg(test)]
mod tests {
    use super::super::testing::{blocked, findings};
    use super::*;
    use Sender::{Initiator, Responder};

    fn rules(parts: Vec<Part>) -> Http {
        Http::new(vec![HttpRule { parts, reset: false }])
    }

    #[test]
    fn requests_and_their_parts() {
        let uri = || rules(vec![Part::Uri(Regex::new("attack").unwrap())]);
        let check = |engine: Http, turns: &[(Sender, &str)], blocks: bool| {
            assert_eq!(blocked(&findings(engine, turns)).is_some(), blocks, "{turns:?}");
        };
        let get = "GET /attack HTTP/1.1\r\nHost: x\r\n\r\n";
        check(uri(), &[(Initiator, get)], true);
        check(uri(), &[(Initiator, &get[..8]), (Initiator, &get[8..])], true);
        check(uri(), &[(Initiator, "GET /ok HTTP/1.1\r\n\r\n"), (Initiator, get)], true);
        check(uri(), &[(Initiator, &get[8..])], false);
        check(uri(), &[(Responder, "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nGET")], false);
        let post = "POST / HTTP/1.1\r\nContent-Length: 34\r\n\r\n";
        check(uri(), &[(Initiator, post), (Initiator, get)], false);
        let host = || rules(vec![Part::Header(Some("host".into()), Regex::new("^x$").unwrap())]);
        check(host(), &[(Initiator, get)], true);
        let longer = |words: &str| {
            let words: Vec<&str> = words.split(' ').collect();
            rules(vec![Part::of_criterion(&words, None).unwrap()])
        };
        check(longer("request uri length gt 6"), &[(Initiator, get)], true);
        check(longer("request uri length gt 7"), &[(Initiator, get)], false);
        check(longer("request header length gt 8"), &[(Initiator, get)], true);
        check(longer("request header length gt 9"), &[(Initiator, get)], false);
        check(longer("request body length gt 33"), &[(Initiator, post)], true);
        check(longer("request body length gt 34"), &[(Initiator, post)], false);
        check(longer("request method get"), &[(Initiator, get)], true);
        check(longer("not request method get"), &[(Initiator, get)], false);
        check(longer("not request method put"), &[(Initiator, get)], true);
        let violation = || rules(vec![Part::Violation]);
        check(violation(), &[(Initiator, get)], false);
        check(violation(), &[(Initiator, "/attack HTTP/1.1\r\n\r\n")], true);
        check(violation(), &[(Initiator, "\u{1}\u{2}\u{3}")], true);
    }
}
