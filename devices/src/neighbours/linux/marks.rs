//! Marks of packets and of connections, which rules give them and later rules ask for (iptables-extensions(8): MARK,
//! CONNMARK, TPROXY; nft(8), META EXPRESSIONS).

use super::matches::Match;

/// How a rule changes a mark: of the old one it keeps some bits, and turns over those that it takes of the other kind of
/// mark, or that it gives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Marking {
    /// The connection's mark is changed, not the packet's.
    pub(super) of_connection: bool,
    keeps: u32,
    takes: u32,
    gives: u32,
    /// To what, the text does not tell.
    is_open: bool,
}

impl Marking {
    /// The mark as it is.
    pub(super) const fn kept(of_connection: bool) -> Self {
        Self { of_connection, keeps: u32::MAX, takes: 0, gives: 0, is_open: false }
    }

    /// The mark of the other kind.
    pub(super) const fn other(of_connection: bool) -> Self {
        Self { of_connection, keeps: 0, takes: u32::MAX, gives: 0, is_open: false }
    }

    /// This value.
    pub(super) const fn value(of_connection: bool, value: u32) -> Self {
        Self { of_connection, keeps: 0, takes: 0, gives: value, is_open: false }
    }

    /// One that the text does not tell.
    pub(super) const fn open(of_connection: bool) -> Self {
        Self { of_connection, keeps: 0, takes: 0, gives: 0, is_open: true }
    }

    pub(super) const fn and(self, bits: u32) -> Self {
        let Self { keeps, takes, gives, .. } = self;
        Self { keeps: keeps & bits, takes: takes & bits, gives: gives & bits, ..self }
    }

    pub(super) const fn or(self, bits: u32) -> Self {
        self.and(!bits).xor(bits)
    }

    pub(super) const fn xor(self, bits: u32) -> Self {
        Self { gives: self.gives ^ bits, ..self }
    }

    /// True when it depends on the other kind of mark.
    pub(super) const fn takes(self) -> bool {
        self.takes != 0
    }

    /// The mark afterwards; `other`: of the other kind. Nothing: one that is not told.
    pub(super) fn of(self, old: Option<u32>, other: Option<u32>) -> Option<u32> {
        let part = |bits: u32, mark: Option<u32>| match bits {
            0 => Some(0),
            bits => mark.map(|mark| mark & bits),
        };
        let gives = (!self.is_open).then_some(self.gives)?;
        Some(part(self.keeps, old)? ^ part(self.takes, other)? ^ gives)
    }

    /// True when it may be this rule that gives a mark for which a condition asks.
    pub(super) fn may_give(self, mask: u32, holds: impl Fn(u32) -> bool) -> bool {
        self.is_open || holds(self.gives & mask)
    }

    /// What targets of iptables do (Linux, net/netfilter/xt_mark.c, xt_connmark.c, xt_TPROXY.c).
    pub(super) fn of_target(name: &str, words: &[&str]) -> Option<Self> {
        let of_connection = match name {
            "MARK" | "TPROXY" | "HMARK" => false,
            "CONNMARK" => true,
            // Of sets that hold marks.
            "SET" if words.contains(&"--map-mark") => return Some(Self::open(false)),
            _ => return None,
        };
        let after = |flag: &str| {
            let at = words.iter().position(|word| *word == flag)?;
            Some(words.get(at + 1).copied().unwrap_or(""))
        };
        let bits = |flag: &str| {
            let either = after(flag).or_else(|| after("--mask"));
            either.map_or(Some(u32::MAX), number)
        };
        let set = |word: &str, clears: fn(u32, u32) -> u32| {
            let (value, mask) = masked(word)?;
            Some(Self::kept(of_connection).and(!clears(mask, value)).xor(value))
        };
        let kept = Self::kept(of_connection);
        let read = if let Some(word) = after("--set-xmark").or_else(|| after("--tproxy-mark")) {
            set(word, |mask, _| mask)
        } else if let Some(word) = after("--set-mark") {
            set(word, |mask, value| mask | value)
        } else if let Some(word) = after("--and-mark") {
            number(word).map(|bits| kept.and(bits))
        } else if let Some(word) = after("--or-mark") {
            number(word).map(|bits| kept.or(bits))
        } else if let Some(word) = after("--xor-mark") {
            number(word).map(|bits| kept.xor(bits))
        } else if words.contains(&"--save-mark") {
            let both = [bits("--nfmask"), bits("--ctmask")];
            both[0].zip(both[1]).map(|(of_packet, own)| Self {
                keeps: !own,
                takes: of_packet,
                ..Self::other(true)
            })
        } else if words.contains(&"--restore-mark") {
            let both = [bits("--nfmask"), bits("--ctmask")];
            return Some(both[0].zip(both[1]).map_or(Self::open(false), |(own, of_connection)| {
                Self { keeps: !own, takes: of_connection, ..Self::other(false) }
            }));
        } else if name == "TPROXY" {
            return None;
        } else {
            None
        };
        Some(read.unwrap_or(Self::open(of_connection)))
    }
}

/// `0x539/0xfff`: a value, and the bits that count.
pub(super) fn masked(word: &str) -> Option<(u32, u32)> {
    match word.split_once('/') {
        Some((value, mask)) => Some((number(value)?, number(mask)?)),
        None => Some((number(word)?, u32::MAX)),
    }
}

/// `0x539`, `1337`.
pub(super) fn number(word: &str) -> Option<u32> {
    let hexadecimal = word.strip_prefix("0x").or_else(|| word.strip_prefix("0X"));
    match hexadecimal {
        Some(digits) => u32::from_str_radix(digits, 16).ok(),
        // As `strtoul` reads it: of base 8.
        None if word.len() > 1 && word.starts_with('0') => u32::from_str_radix(word, 8).ok(),
        None => word.parse().ok(),
    }
}

/// Whom a word names, as a number: names, and a shell's variables, have one of their own.
pub(super) fn user(word: &str) -> Option<u32> {
    let is_name = |c: char| c.is_ascii_alphanumeric() || "_-.${}".contains(c);
    match word {
        "root" => Some(0),
        word if word.starts_with(|c: char| c.is_ascii_digit()) => word.parse().ok(),
        word if !word.is_empty() && word.chars().all(is_name) => {
            let hash = |all: u32, byte: u8| (all ^ u32::from(byte)).wrapping_mul(0x0100_0193);
            Some(word.bytes().fold(0x811c_9dc5, hash) | 1 << 31)
        }
        _ => None,
    }
}

/// What the text does not tell of a connection, and rules ask for: as it is supposed to be.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Supposed {
    /// Of the packets of who opens it, before any rule, and of the connection.
    pub(super) marks: [u32; 2],
    /// The user and the group that the process of this host belongs to: none that a rule names.
    pub(super) owner: [Option<u32>; 2],
    /// The MSS that who opens it offers: the usual one.
    pub(super) mss: Option<u16>,
}

impl Supposed {
    /// What the one supposes, and where that is nothing the other.
    pub(super) fn or(self, other: Self) -> Self {
        let mark = |at: usize| match self.marks[at] {
            0 => other.marks[at],
            mark => mark,
        };
        let owner = |at: usize| self.owner[at].or(other.owner[at]);
        let mss = self.mss.or(other.mss);
        Self { marks: [mark(0), mark(1)], owner: [owner(0), owner(1)], mss }
    }
}

/// True when no rule gives a mark for which this condition asks: who does stands in no text.
pub(super) fn is_given_by_none(asked: &Match, all: impl Iterator<Item = Marking>) -> bool {
    let Match::Mark { mask, values, .. } = asked else { return true };
    let holds = |mark: u32| values.iter().any(|of| of.contains(&mark));
    let mut all = all;
    !all.any(|marking| marking.may_give(*mask, holds))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn targets() {
        let of = |words: &str| {
            let words: Vec<&str> = words.split(' ').collect();
            let marking = Marking::of_target(words[0], &words[1..]).unwrap();
            (marking.of_connection, marking.of(Some(0xf0f), Some(0x123)))
        };
        assert_eq!(of("MARK --set-mark 0x10"), (false, Some(0x10)));
        assert_eq!(of("MARK --set-mark 0x10/0xff"), (false, Some(0xf10)));
        assert_eq!(of("MARK --set-mark 0x10/0x0f"), (false, Some(0xf10)));
        assert_eq!(of("MARK --set-xmark 0x10/0x0f"), (false, Some(0xf10)));
        assert_eq!(of("MARK --set-xmark 0x1/0x0"), (false, Some(0xf0e)));
        assert_eq!(of("MARK --or-mark 0xf0"), (false, Some(0xfff)));
        assert_eq!(of("MARK --and-mark 0xff"), (false, Some(0x0f)));
        assert_eq!(of("MARK --xor-mark 15"), (false, Some(0xf00)));
        assert_eq!(of("CONNMARK --set-xmark 0x111/0xfff"), (true, Some(0x111)));
        assert_eq!(of("CONNMARK --save-mark"), (true, Some(0x123)));
        assert_eq!(of("CONNMARK --save-mark --nfmask 0xff --ctmask 0xff"), (true, Some(0xf23)));
        assert_eq!(of("CONNMARK --restore-mark --mask 0xf"), (false, Some(0xf03)));
        assert_eq!(of("TPROXY --on-port 80 --tproxy-mark 0x1/0x1"), (false, Some(0xf0f)));
        assert_eq!(of("MARK --set-mark $MARK"), (false, None));
        assert_eq!(Marking::of_target("TPROXY", &["--on-port", "80"]), None);
        assert_eq!(Marking::of_target("LOG", &[]), None);
    }

    #[test]
    fn numbers() {
        assert_eq!(["0x1f", "10", "010", "x"].map(number), [Some(31), Some(10), Some(8), None]);
        assert_eq!(masked("0x1/0xf"), Some((1, 15)));
        assert_eq!([user("root"), user("1000")], [Some(0), Some(1000)]);
        assert_ne!(user("squid"), user("proxy"));
        assert_ne!(user("$UID"), None);
        assert_eq!(user("$(id -u squid)"), None);
    }
}
