//! What rules of iptables do to a packet.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::net::IpAddr;

use sim_core::wire::options::kind;

use crate::config::words::nearest;
use crate::config::{Diagnostics, Line, quoted};

use super::answer::Afterwards;
use super::translation::Destination;

/// What a rule does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Target {
    Accept,
    Return,
    Drop,
    Reject {
        reset: bool,
    },
    /// Kinds of options that become NOPs.
    Strip(Vec<u8>),
    Mss(u16),
    SynProxy,
    /// This host answers in the place of who is called, who hears nothing: `TARPIT`, `DELUDE`.
    Answer(Afterwards),
    /// `CT --notrack`: conntrack does not see the packet.
    Untrack,
    /// A process of this host takes the connection, which keeps its destination: `TPROXY`.
    Take {
        /// Later rules are asked, too (Linux, net/netfilter/nft_tproxy.c).
        goes_on: bool,
        /// What another socket than a proxy's has is dropped (Linux, net/netfilter/xt_TPROXY.c); else the rule does nothing
        /// to it.
        drops_others: bool,
    },
    /// The connection comes from another address: `SNAT`; none: from one of this host, `MASQUERADE`.
    Mask(Option<IpAddr>),
    /// The connection gets another destination: `DNAT`, `REDIRECT`, `NETMAP`.
    Translate(Destination),
    /// Nothing to the packet: `LOG`, no target at all.
    Count,
    /// On in this chain of a user's, and back at its end.
    Jump(String),
    /// On in this chain, and then back to where the present one was jumped to from.
    Goto(String),
    /// Not modelled, or a chain that the text does not hold.
    Unknown(String),
}

/// Targets that leave a packet and its options as they are.
const COUNTING: [&str; 29] = [
    "ACCOUNT",
    "AUDIT",
    "CHECKSUM",
    "CLASSIFY",
    "CONNMARK",
    "CONNSECMARK",
    "CT",
    "DSCP",
    "ECN",
    "FLOWOFFLOAD",
    "HL",
    "HMARK",
    "IDLETIMER",
    "LED",
    "LOG",
    "MARK",
    "NETFLOW",
    "NFLOG",
    "RATEEST",
    "SECMARK",
    "SAME",
    "SET",
    "SYNCOOKIE",
    "TCPOPTLOG",
    "TEE",
    "TOS",
    "TRACE",
    "TTL",
    "ULOG",
];

/// True for a target that leaves a packet and its options as they are.
pub(super) fn only_counts(name: &str) -> bool {
    COUNTING.contains(&name)
}

/// True for chains of ufw that only log, which its own rules make.
fn only_logs(name: &str) -> bool {
    let of = name.strip_prefix("ufw-").or_else(|| name.strip_prefix("ufw6-"));
    matches!(of, Some("logging-deny" | "logging-allow"))
}

/// Options of targets that have a value, and those that have none (iptables-extensions(8)).
const VALUED: [&str; 19] = [
    "--to-destination",
    "--to-source",
    "--to-ports",
    "--to-port",
    "--to",
    "--reject-with",
    "--set-mss",
    "--strip-options",
    "--on-port",
    "--on-ip",
    "--tproxy-mark",
    "--set-mark",
    "--set-xmark",
    "--nfmask",
    "--ctmask",
    "--log-prefix",
    "--log-level",
    "--nflog-prefix",
    "--nflog-group",
];
const BARE: [&str; 6] = [
    "--clamp-mss-to-pmtu",
    "--notrack",
    "--random",
    "--persistent",
    "--save-mark",
    "--restore-mark",
];

/// The option of a target that a word is: how many words are its value.
pub(super) fn option_of_target(word: &str) -> Option<usize> {
    let valued = VALUED.contains(&word).then_some(1);
    valued.or_else(|| BARE.contains(&word).then_some(0))
}

/// True for the first word of a condition, which may stand behind a target, too.
fn begins_condition(word: &str) -> bool {
    matches!(word, "!" | "-p" | "-s" | "-d" | "-i" | "-o" | "-m" | "-t" | "--dport" | "--sport")
}

/// The words behind a target that are its own: how many stand before the first condition, and all, with its options
/// behind that.
pub(super) fn own_words<'w, 'a>(words: &'w [&'a str]) -> (usize, Cow<'w, [&'a str]>) {
    let first = words.iter().position(|word| begins_condition(word)).unwrap_or(words.len());
    let (own, mut rest) = words.split_at(first);
    let mut all = Cow::Borrowed(own);
    while let [word, tail @ ..] = rest {
        let values = option_of_target(word).unwrap_or(0).min(tail.len());
        if option_of_target(word).is_some() {
            all.to_mut().extend(&rest[..=values]);
        }
        rest = &tail[values..];
    }
    (first, all)
}

/// A target, and how many of its own words it takes. `chains` are those of users.
pub(super) fn target_of(
    name: &str,
    words: &[&str],
    chains: &BTreeSet<String>,
    line: &Line<'_>,
    found: &mut Diagnostics,
) -> Option<(Target, usize)> {
    let value = |flag: &str| {
        words.iter().position(|w| *w == flag).and_then(|at| words.get(at + 1)).copied()
    };
    let all = words.len();
    Some(match name {
        "ACCEPT" => (Target::Accept, 0),
        "RETURN" => (Target::Return, 0),
        "DROP" => (Target::Drop, 0),
        "REJECT" => (Target::Reject { reset: value("--reject-with") == Some("tcp-reset") }, all),
        "TCPOPTSTRIP" => {
            let Some(list) = value("--strip-options") else {
                found.error(line, name, "TCPOPTSTRIP needs --strip-options LIST");
                return None;
            };
            let mut kinds = Vec::new();
            for word in list.split(',') {
                match option_kind(word) {
                    Some(kind) => kinds.push(kind),
                    None => {
                        let message =
                            format!("{} is no TCP option that iptables knows", quoted(word));
                        found.error(line, list, message);
                        return None;
                    }
                }
            }
            (Target::Strip(kinds), all)
        }
        "TCPMSS" => match value("--set-mss").map(str::parse) {
            Some(Ok(mss)) => (Target::Mss(mss), all),
            Some(Err(_)) => {
                found.error(line, name, "expected a number after --set-mss");
                return None;
            }
            None => {
                let message =
                    "--clamp-mss-to-pmtu knows an MTU that the model does not: it clamps nothing";
                found.warn(line, name, message);
                (Target::Count, all)
            }
        },
        "TPROXY" => (Target::Take { goes_on: false, drops_others: true }, all),
        "DNAT" => {
            let to = value("--to-destination").or_else(|| value("--to"));
            (Target::Translate(to.map_or_else(Destination::open, Destination::of)), all)
        }
        "MASQUERADE" => (Target::Mask(None), all),
        "SNAT" => {
            let to = value("--to-source").or_else(|| value("--to"));
            (Target::Mask(to.and_then(source_of)), all)
        }
        "REDIRECT" => {
            let to = value("--to-ports").or_else(|| value("--to-port")).or_else(|| value("--to"));
            (Target::Translate(Destination::here(to)), all)
        }
        // Each address of a network becomes another's.
        "NETMAP" => (Target::Translate(Destination::open()), all),
        // xtables-addons(8); STEAL is a DROP of which nobody is told.
        "TARPIT" if words.contains(&"--reset") => (Target::Reject { reset: true }, all),
        "TARPIT" => (Target::Answer(Afterwards::Silence), all),
        "DELUDE" => (Target::Answer(Afterwards::Reset), all),
        "STEAL" => (Target::Drop, all),
        "SYNPROXY" => (Target::SynProxy, all),
        "NOTRACK" => (Target::Untrack, all),
        "CT" if words.contains(&"--notrack") => (Target::Untrack, all),
        chain if chains.contains(chain) => (Target::Jump(chain.to_owned()), 0),
        other if only_counts(other) || only_logs(other) => (Target::Count, all),
        other => {
            let known = ["ACCEPT", "DROP", "REJECT", "TCPOPTSTRIP", "TCPMSS", "SYNPROXY", "RETURN"];
            if let Some(meant) = nearest(other, known) {
                found
                    .error(line, other, format!("unknown target {}", quoted(other)))
                    .help(format!("did you mean {meant}?"));
                return None;
            }
            let message =
                format!("target {} is not modelled: this rule does nothing", quoted(other));
            found.warn(line, other, message);
            (Target::Unknown(other.to_owned()), all)
        }
    })
}

/// The address that connections are to come from, where it is one: `192.0.2.1:1024-2048`.
pub(super) fn source_of(word: &str) -> Option<IpAddr> {
    let of = word.parse().or_else(|_| word.split(':').next().unwrap_or("").parse());
    of.ok()
}

/// The names that iptables has for options (iptables-extensions(8), TCPOPTSTRIP).
fn option_kind(word: &str) -> Option<u8> {
    match word {
        "mss" => Some(kind::MSS),
        "wscale" => Some(kind::WINDOW_SCALE),
        "sack-permitted" => Some(kind::SACK_PERMITTED),
        "sack" => Some(kind::SACK),
        "timestamp" => Some(kind::TIMESTAMPS),
        "md5" => Some(kind::MD5),
        number => number.parse().ok().filter(|kind| *kind >= 2),
    }
}
