//! An order of the components in which those that act on each other are near.

use std::collections::VecDeque;

/// Where each of `n` components goes, and how far apart two that share an entry are then at most: breadth
/// first from a component with few neighbours (Cuthill & McKee 1969).
pub(super) fn near(n: usize, entries: &[(usize, usize)]) -> (Vec<usize>, usize) {
    let mut neighbours = vec![Vec::new(); n];
    for &(row, column) in entries.iter().filter(|(row, column)| row != column) {
        neighbours[row].push(column);
        neighbours[column].push(row);
    }
    for all in &mut neighbours {
        all.sort_unstable();
        all.dedup();
    }
    let mut place = vec![usize::MAX; n];
    let mut next = 0;
    let mut by_degree: Vec<usize> = (0..n).collect();
    by_degree.sort_by_key(|&c| (neighbours[c].len(), c));
    let mut queue = VecDeque::new();
    for first in by_degree {
        if place[first] != usize::MAX {
            continue;
        }
        place[first] = next;
        next += 1;
        queue.push_back(first);
        while let Some(one) = queue.pop_front() {
            let mut fresh: Vec<usize> = neighbours[one].clone();
            fresh.retain(|&c| place[c] == usize::MAX);
            fresh.sort_by_key(|&c| (neighbours[c].len(), c));
            for c in fresh {
                place[c] = next;
                next += 1;
                queue.push_back(c);
            }
        }
    }
    let apart = entries
        .iter()
        .map(|&(row, column)| place[row].abs_diff(place[column]));
    let reach = apart.max().unwrap_or(0);
    (place, reach)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_and_a_ring_are_narrow() {
        let line: Vec<_> = (0..9).map(|c| (c, c + 1)).collect();
        assert_eq!(near(10, &line).1, 1);
        let ring: Vec<_> = (0..10).map(|c| (c, (c + 1) % 10)).collect();
        assert_eq!(near(10, &ring).1, 2);
        let (mut place, reach) = near(4, &[]);
        place.sort_unstable();
        assert_eq!((place, reach), (vec![0, 1, 2, 3], 0));
    }
}
