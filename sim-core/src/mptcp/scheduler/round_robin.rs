//! Round robin: a segment to each subflow in turn, over those with room in the congestion window
//! (`num_segments` 1 and `cwnd_limited` of the out-of-tree kernel's `roundrobin`).

use super::{Rule, View};

/// See the module's text.
#[derive(Debug, Default)]
pub(super) struct RoundRobin {
    /// Whose turn it is: the subflow after the one that sent last.
    next: usize,
}

impl Rule for RoundRobin {
    fn pick(&mut self, view: &View<'_>) -> Option<usize> {
        let with_room = || view.candidates.iter().filter(|c| c.has_room).map(|c| c.index);
        with_room().find(|&i| i >= self.next).or_else(|| with_room().next())
    }

    fn on_sent(&mut self, index: usize, _len: u32) {
        self.next = index + 1;
    }
}

#[cfg(test)]
mod tests {
    use super::super::{candidate, first_pick};
    use super::*;

    #[test]
    fn the_next_with_room_has_its_turn() {
        let [a, b, c] = [candidate(0, 10, 9, 0), candidate(1, 90, 9, 0), candidate(2, 50, 9, 0)];
        let full = candidate(1, 90, 9, 9);
        for (last, candidates, expect) in [
            (None, &[a, b, c][..], Some(0)),
            (Some(0), &[a, b, c], Some(1)),
            (Some(0), &[a, full, c], Some(2)),
            (Some(2), &[a, b, c], Some(0)),
            (Some(1), &[b], Some(1)),
            (Some(0), &[full], None),
        ] {
            let mut rule = RoundRobin::default();
            if let Some(last) = last {
                rule.on_sent(last, 1000);
            }
            assert_eq!(first_pick(&mut rule, candidates, 9000, 9000), expect, "after {last:?}");
        }
    }
}
