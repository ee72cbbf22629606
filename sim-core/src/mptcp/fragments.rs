//! The pieces in which what the application has written waits to be acknowledged (Linux's
//! `mptcp_data_frag`): one is sent again at a data-level timeout.

use std::collections::VecDeque;

/// Most bytes of a piece (a page fragment of 32 KiB).
const SIZE: u64 = 32 << 10;

/// Where pieces begin that are not where [`SIZE`] makes them begin.
#[derive(Clone, Debug, Default)]
pub(super) struct Fragments {
    starts: VecDeque<u64>,
    /// The last write filled the send buffer: the next one goes on with it.
    is_full: bool,
}

impl Fragments {
    /// The application has written more, behind `end`, of which everything up to `sent` was sent and up to
    /// `una` acknowledged; `is_full` when the send buffer took not all of it. A piece is continued only while
    /// it waits (`mptcp_frag_can_collapse_to`), or while one write waits for room.
    #[inline]
    pub(super) fn write(&mut self, end: u64, sent: u64, una: u64, is_full: bool) {
        let goes_on = std::mem::replace(&mut self.is_full, is_full);
        while self.starts.front().is_some_and(|start| *start <= una) {
            self.starts.pop_front();
        }
        if sent >= end && end > una && !goes_on {
            self.starts.push_back(end);
        }
    }

    /// The end of the piece that holds the byte at `offset`, the first one not acknowledged. Where a full piece
    /// began is the allocator's matter; all of it is taken to be left.
    pub(super) fn end(&self, offset: u64) -> u64 {
        let next = self.starts.partition_point(|start| *start <= offset);
        let full = offset + SIZE;
        self.starts.get(next).map_or(full, |start| full.min(*start))
    }
}

/// Bytes from `offset` to the end of a piece that is as large as pieces get.
pub(super) const fn left_of_full(offset: u64) -> u64 {
    SIZE - offset % SIZE
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_write_is_a_piece_unless_the_last_one_waits() {
        let mut fragments = Fragments::default();
        fragments.write(0, 0, 0, false); // the first write, of 1400
        fragments.write(1400, 1400, 0, false); // it was sent: another piece
        fragments.write(2800, 2800, 0, false);
        fragments.write(4200, 2800, 0, false); // 2800 to 4200 waits, and is continued
        assert_eq!(
            [0, 1399, 1400, 2800].map(|at| fragments.end(at)),
            [1400, 1400, 2800, 2800 + SIZE]
        );
        fragments.write(5600, 5600, 2000, false);
        assert_eq!(fragments.end(2000), 2800);
        assert_eq!(fragments.starts, [2800, 5600], "what is acknowledged is forgotten");
        assert_eq!(fragments.end(5600), 5600 + SIZE);
        fragments.write(7000, 7000, 2000, true);
        fragments.write(8400, 8400, 2000, false); // one write, as room was made for it
        assert_eq!(fragments.starts, [2800, 5600, 7000]);
        fragments.write(9800, 9800, 9800, false);
        assert!(fragments.starts.is_empty(), "nothing waits to be acknowledged");
    }
}
