//! The nearest known word, for messages that end in "did you mean …?".

/// The candidate nearest to `word`, if one is near enough to be what was meant: at most a third of
/// its letters differ (inserted, left out, exchanged or swapped with a neighbour; case is not
/// counted). The first of equally near ones. A word that only says more than a candidate
/// (`Asa5505`) is near to it, too.
#[must_use]
pub fn nearest<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let wanted: Vec<char> = word.to_lowercase().chars().collect();
    let mut best: Option<(usize, &str)> = None;
    // Of a text in a foreign language every line is asked for: room is made once.
    let (mut letters, mut rows) = (Vec::new(), Rows::default());
    for candidate in candidates {
        letters.clear();
        letters.extend(candidate.chars().flat_map(char::to_lowercase));
        let limit = (wanted.len().max(letters.len()) / 3).max(1);
        let says_more = says_more(&wanted, &letters);
        // So many letters at least are left out.
        if !says_more && wanted.len().abs_diff(letters.len()) > limit {
            continue;
        }
        let far = rows.distance(&wanted, &letters);
        let near = (far <= limit && far < letters.len()) || says_more;
        if near && best.is_none_or(|(least, _)| far < least) {
            best = Some((far, candidate));
        }
    }
    best.map(|(_, candidate)| candidate)
}

/// Whether `word` is `candidate`, of three letters or more, with something after it.
fn says_more(word: &[char], candidate: &[char]) -> bool {
    candidate.len() >= 3 && word.starts_with(candidate)
}

/// Rows of the table of distances between the beginnings of two words: this one, and those before it.
#[derive(Default)]
struct Rows {
    row: Vec<usize>,
    above: Vec<usize>,
    before: Vec<usize>,
}

impl Rows {
    /// Optimal string alignment distance: Levenshtein's, with swapped neighbours counted once.
    fn distance(&mut self, a: &[char], b: &[char]) -> usize {
        let Self { row, above, before } = self;
        above.clear();
        above.extend(0..=b.len());
        for i in 1..=a.len() {
            row.clear();
            row.push(i);
            for j in 1..=b.len() {
                let exchanged = above[j - 1] + usize::from(a[i - 1] != b[j - 1]);
                let mut least = exchanged.min(above[j] + 1).min(row[j - 1] + 1);
                if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                    least = least.min(before[j - 2] + 1);
                }
                row.push(least);
            }
            std::mem::swap(before, above);
            std::mem::swap(above, row);
        }
        above[b.len()]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn near_and_far_words() {
        let check = |word, candidates: &[&'static str], expect| {
            assert_eq!(nearest(word, candidates.iter().copied()), expect, "{word}");
        };
        check("Mbbs", &["bps", "kbps", "Mbps", "Gbps"], Some("Mbps"));
        check("dealy", &["rate", "delay", "device"], Some("delay"));
        check("MPTCP", &["Mptcp", "Fallback"], Some("Mptcp"));
        check("edgee", &["edge", "core"], Some("edge"));
        check("zebra", &["edge", "core"], None);
        check("Asa5505", &["Ace", "Asa"], Some("Asa"));
        check("x", &["y"], None);
        check("", &["s"], None);
    }
}
