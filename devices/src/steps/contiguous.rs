//! How far a stream has been seen without a hole.

use sim_core::wire::seq::Seq;

/// Ranges beyond a hole that are remembered.
const RANGES_MAX: usize = 64;

/// One direction of a connection.
#[derive(Clone, Debug, Default)]
pub struct Contiguous {
    next: Option<Seq>,
    beyond: Vec<(Seq, Seq)>,
}

impl Contiguous {
    /// Takes note of the range `start..end`; `first` is where the stream begins, for the first call.
    /// Returns up to where everything was seen.
    pub fn add(&mut self, first: Seq, start: Seq, end: Seq) -> Seq {
        let mut next = self.next.unwrap_or(first);
        if next.before(start) {
            if self.beyond.len() < RANGES_MAX {
                self.beyond.push((start, end));
            }
        } else if next.before(end) {
            next = end;
            while let Some(at) = self.beyond.iter().position(|(start, _)| !next.before(*start)) {
                let (_, end) = self.beyond.swap_remove(at);
                if next.before(end) {
                    next = end;
                }
            }
        }
        self.next = Some(next);
        next
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn holes_hold_back_until_filled() {
        let mut c = Contiguous::default();
        let mut add = |start, end| c.add(Seq(10), Seq(start), Seq(end)).0;
        assert_eq!(add(10, 20), 20);
        assert_eq!(add(30, 40), 20);
        assert_eq!(add(40, 50), 20);
        assert_eq!(add(10, 20), 20);
        assert_eq!(add(20, 30), 50);
    }
}
