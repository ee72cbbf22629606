//! The two texts of a dialogue, and when each part of them is due.

use std::collections::VecDeque;
use std::sync::Arc;

use super::Turn;
use crate::record::story::End;
use crate::time::{SimDuration, SimTime};

/// One end's view of a dialogue.
#[derive(Clone, Debug)]
pub struct Script {
    /// Everything that this end says.
    own: Arc<[u8]>,
    /// Everything that the peer says.
    peer: Arc<[u8]>,
    /// The own turns that are still to come, the next one first.
    turns: VecDeque<Due>,
    /// When the next own turn is said, once what must be read before it was read.
    due_at: Option<SimTime>,
    said: u64,
}

/// When an own turn is due.
#[derive(Clone, Copy, Debug)]
struct Due {
    /// How much must have been read before.
    needs: u64,
    /// How long this end waits then.
    pause: SimDuration,
    /// Where the turn ends, as an offset of what this end says.
    end: u64,
}

impl Script {
    /// The view of `end`.
    #[must_use]
    pub fn new(turns: &[Turn], end: End) -> Self {
        let (mut own, mut peer, mut due) = (Vec::new(), Vec::new(), VecDeque::new());
        let mut pause = SimDuration::ZERO;
        for turn in turns {
            match turn {
                Turn::Pause(longer) => pause = pause + *longer,
                Turn::Says { by, text } if *by == end => {
                    own.extend_from_slice(text);
                    let (needs, end) = (peer.len() as u64, own.len() as u64);
                    due.push_back(Due { needs, pause: std::mem::take(&mut pause), end });
                }
                Turn::Says { text, .. } => {
                    peer.extend_from_slice(text);
                    pause = SimDuration::ZERO;
                }
            }
        }
        Self { own: own.into(), peer: peer.into(), turns: due, due_at: None, said: 0 }
    }

    /// How much is to have been said by `now`, when `read` bytes of the peer's were read.
    pub fn say(&mut self, now: SimTime, read: u64) -> u64 {
        while let Some(turn) = self.turns.front().filter(|turn| turn.needs <= read) {
            let at = *self.due_at.get_or_insert(now + turn.pause);
            if now < at {
                break;
            }
            self.said = turn.end;
            self.due_at = None;
            self.turns.pop_front();
        }
        self.said
    }

    /// When there is something to say without reading more.
    #[must_use]
    pub fn next_at(&self) -> SimTime {
        self.due_at.unwrap_or(SimTime::NEVER)
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
        let turn = |by, text: &[u8]| Turn::Says { by, text: text.into() };
        let turns = [
            turn(End::Client, b"hello"),
            Turn::Pause(SimDuration(5)),
            turn(End::Client, b"!"),
            turn(End::Server, b"yes?"),
            turn(End::Client, b"bye"),
        ];
        let mut client = Script::new(&turns, End::Client);
        assert_eq!((client.say(SimTime(1), 0), client.next_at()), (5, SimTime(6)));
        assert_eq!([3, 6, 7].map(|at| client.say(SimTime(at), 0)), [5, 6, 6]);
        assert_eq!((client.say(SimTime(8), 4), client.next_at()), (9, SimTime::NEVER));
        let mut server = Script::new(&turns, End::Server);
        assert_eq!([0, 5, 6].map(|read| server.say(SimTime(9), read)), [0, 0, 4]);
        assert_eq!(client.own(5, 4), b"!bye");
        assert_eq!(client.own(9, 4), b"");
        assert_eq!(client.wrong(0, b"yes?"), None);
        assert_eq!(client.wrong(1, b"eX"), Some(2));
        assert_eq!(client.wrong(2, b"s?more"), Some(4), "more than was said");
        assert!(!client.is_over(9, 0, true) && client.is_over(9, 4, true));
        assert!(server.is_over(4, 0, false));
    }
}
