//! Where the labels of events stand: in lanes above the plot, so that none overlaps another and no
//! event's line crosses a label.

/// A label's lane, from the plot upwards.
pub(super) type Lane = usize;

/// Gives each label its lane, or none where there is no room in `lanes` lanes.
///
/// `labels` are, in order of time, the left end and the width of each, and whether it matters more
/// than others; a label begins at its event's line. A label stands above every label to its right
/// that it overlaps, so that lines, which go down from the left end, cross none.
pub(super) fn lanes(labels: &[(f64, f64, bool)], lanes: usize) -> Vec<Option<Lane>> {
    let mut chosen: Vec<bool> = vec![true; labels.len()];
    loop {
        let placed = place(labels, &chosen);
        let Some(worst) = placed.iter().flatten().max().filter(|lane| **lane >= lanes) else {
            return placed;
        };
        // The tower is too high: of the labels in it, the least important and latest goes.
        let left = placed.iter().position(|lane| lane.as_ref() == Some(worst)).unwrap_or_default();
        let tower = tower(labels, &placed, left);
        let dropped =
            tower.iter().rev().find(|i| !labels[**i].2).or(tower.last()).copied().unwrap_or(left);
        chosen[dropped] = false;
    }
}

fn place(labels: &[(f64, f64, bool)], chosen: &[bool]) -> Vec<Option<Lane>> {
    let mut placed: Vec<Option<Lane>> = vec![None; labels.len()];
    for i in (0..labels.len()).rev().filter(|i| chosen[*i]) {
        let overlapped = (i + 1..labels.len()).filter(|j| labels[*j].0 < labels[i].0 + labels[i].1);
        let highest = overlapped.filter_map(|j| placed[j]).max();
        placed[i] = Some(highest.map_or(0, |lane| lane + 1));
    }
    placed
}

/// The labels that make the label at `top` stand as high as it does, itself first.
fn tower(labels: &[(f64, f64, bool)], placed: &[Option<Lane>], top: usize) -> Vec<usize> {
    let mut tower = vec![top];
    let mut current = top;
    while let Some(below) = placed[current].and_then(|lane| lane.checked_sub(1)) {
        let end = labels[current].0 + labels[current].1;
        let next =
            (current + 1..labels.len()).find(|j| labels[*j].0 < end && placed[*j] == Some(below));
        let Some(next) = next else { break };
        tower.push(next);
        current = next;
    }
    tower
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(labels: &[(f64, f64, bool)], expect: &[Option<Lane>]) {
        assert_eq!(lanes(labels, 3), expect);
    }

    #[test]
    fn labels_do_not_overlap_and_lines_cross_none() {
        check(&[], &[]);
        check(&[(0.0, 10.0, false), (20.0, 10.0, false)], &[Some(0), Some(0)]);
        check(&[(0.0, 10.0, false), (5.0, 10.0, false)], &[Some(1), Some(0)]);
        // The first overlaps only the second, and must still stand above it.
        check(
            &[(0.0, 10.0, false), (5.0, 10.0, false), (12.0, 9.0, false)],
            &[Some(2), Some(1), Some(0)],
        );
    }

    #[test]
    fn where_there_is_no_room_the_important_stay() {
        let crowd = [
            (0.0, 50.0, false),
            (1.0, 50.0, true),
            (2.0, 50.0, false),
            (3.0, 50.0, true),
            (4.0, 50.0, false),
        ];
        check(&crowd, &[Some(2), Some(1), None, Some(0), None]);
    }
}
