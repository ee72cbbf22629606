//! The two texts of a dialogue, and when each part of them is due.

use std::sync::Arc;

use super::Turn;
use crate::record::story::End;

/// One end's view of a dialogue.
#[derive(Clone, Debug)]
pub struct Script {
    /// Everything that this end says.
    own: Arc<[u8]>,
    /// Everything that the peer says.
    peer: Arc<[u8]>,
    /// For each own turn: how much must have been read before it, and where it ends.
    due: Vec<(u64, u64)>,
}

impl Script {
    /// The view of `end`.
    #[must_use]
    pub fn new(turns: &[Turn], end: End) -> Self {
        let (mut own, mut peer, mut due) = (Vec::new(), Vec::new(), Vec::new());
        for turn in turns {
            if turn.by == end {
                own.extend_from_slice(&turn.text);
                due.push((peer.len() as u64, own.len() as u64));
            } else {
                peer.extend_from_slice(&turn.text);
            }
        }
        Self { own: own.into(), peer: peer.into(), due }
    }

    /// How much may have been said once `read` bytes of the peer's were read.
    #[must_use]
    pub fn said_after(&self, read: u64) -> u64 {
        self.due.iter().take_while(|(needs, _)| *needs <= read).last().map_or(0, |(_, end)| *end)
    }

    /// True when this end has said everything and, where `hears` is set, read everything.
    #[must_use]
    pub fn is_over(&self, written: u64, read: u64, hears: bool) -> bool {
        written >= self.own.len() as u64 && (!hears || read >= self.peer.len() as u64)
    }

    /// Own bytes; those past the end are not there.
    #[must_use]
    pub fn own(&self, offset: u64, len: u32) -> &[u8] {
        part(&self.own, offset, len as usize)
    }

    /// The offset of the first of `bytes`, delivered at `offset`, that the peer has not said so.
    #[must_use]
    pub fn wrong(&self, offset: u64, bytes: &[u8]) -> Option<u64> {
        let said = part(&self.peer, offset, bytes.len());
        let same = said.iter().zip(bytes).take_while(|(a, b)| a == b).count();
        (same < bytes.len()).then(|| offset + same as u64)
    }
}

fn part(text: &[u8], offset: u64, len: usize) -> &[u8] {
    let from = usize::try_from(offset).map_or(text.len(), |from| from.min(text.len()));
    &text[from..from.saturating_add(len).min(text.len())]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn turns_wait_for_what_was_said_before() {
        let turn = |by, text: &[u8]| Turn { by, text: text.into() };
        let turns = [
            turn(End::Client, b"hello"),
            turn(End::Client, b"!"),
            turn(End::Server, b"yes?"),
            turn(End::Client, b"bye"),
        ];
        let client = Script::new(&turns, End::Client);
        assert_eq!([0, 3, 4].map(|read| client.said_after(read)), [6, 6, 9]);
        let server = Script::new(&turns, End::Server);
        assert_eq!([0, 5, 6].map(|read| server.said_after(read)), [0, 0, 4]);
        assert_eq!(client.own(5, 4), b"!bye");
        assert_eq!(client.own(9, 4), b"");
        assert_eq!(client.wrong(0, b"yes?"), None);
        assert_eq!(client.wrong(1, b"eX"), Some(2));
        assert_eq!(client.wrong(2, b"s?more"), Some(4), "more than was said");
        assert!(!client.is_over(9, 0, true) && client.is_over(9, 4, true));
        assert!(server.is_over(4, 0, false));
    }
}
