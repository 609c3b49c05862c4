//! The order of a sparse matrix's rows and columns in which it is a narrow band: reverse
//! Cuthill-McKee (E. Cuthill & J. McKee 1969; A. George 1971), each connected part begun at an end
//! of it (N. Gibbs, W. Poole & P. Stockmeyer 1976).

/// The numbers 0..n in an order in which the pattern's entries lie close to the diagonal; a ring
/// comes out as a band of two. The pattern is taken as symmetric.
pub(crate) fn narrow(n: usize, entries: &[(usize, usize)]) -> Vec<usize> {
    let mut neighbours: Vec<Vec<usize>> = vec![Vec::new(); n];
    for &(row, column) in entries.iter().filter(|(row, column)| row != column) {
        neighbours[row].push(column);
        neighbours[column].push(row);
    }
    for list in &mut neighbours {
        list.sort_unstable();
        list.dedup();
    }
    let mut order = Vec::with_capacity(n);
    let mut taken = vec![false; n];
    for first in 0..n {
        if taken[first] {
            continue;
        }
        let start = end_of(&neighbours, first);
        let (part, _) = breadth_first(&neighbours, start);
        part.iter().for_each(|&node| taken[node] = true);
        order.extend(part);
    }
    order.reverse();
    order
}

/// A node from which the farthest one of its part is as far as from any that were tried.
fn end_of(neighbours: &[Vec<usize>], first: usize) -> usize {
    let (mut start, mut depth) = (first, 0);
    loop {
        let (part, levels) = breadth_first(neighbours, start);
        if levels <= depth {
            return start;
        }
        depth = levels;
        start = part[part.len() - 1];
    }
}

/// The part of `start`, nearest first, neighbours with few neighbours first; and how far it reaches.
fn breadth_first(neighbours: &[Vec<usize>], start: usize) -> (Vec<usize>, usize) {
    let mut level = std::collections::HashMap::from([(start, 1)]);
    let mut part = vec![start];
    let mut next = 0;
    while next < part.len() {
        let node = part[next];
        let depth = level[&node];
        next += 1;
        let new = neighbours[node].iter().filter(|n| !level.contains_key(n));
        let mut new: Vec<usize> = new.copied().collect();
        new.sort_by_key(|&n| neighbours[n].len());
        new.iter().for_each(|&n| {
            level.insert(n, depth + 1);
        });
        part.extend(new);
    }
    let depth = level[&part[part.len() - 1]];
    (part, depth)
}

#[cfg(test)]
mod tests {
    use super::narrow;

    fn width(n: usize, entries: &[(usize, usize)]) -> usize {
        let order = narrow(n, entries);
        let mut place = vec![usize::MAX; n];
        for (position, &node) in order.iter().enumerate() {
            place[node] = position;
        }
        assert!(place.iter().all(|&p| p < n));
        let apart = entries.iter().map(|&(r, c)| place[r].abs_diff(place[c]));
        apart.max().unwrap_or(0)
    }

    /// Lines, rings, two fields on one line one after the other, and parts that do not touch.
    #[test]
    fn known_patterns_come_out_narrow() {
        let n = 50;
        let line: Vec<_> = (1..n).map(|k| (k - 1, k)).collect();
        assert_eq!(width(n, &line), 1);
        let ring: Vec<_> = (0..n).map(|k| (k, (k + 1) % n)).collect();
        assert_eq!(width(n, &ring), 2);
        let mut wave: Vec<_> = (0..n).map(|k| (k, n + k)).collect();
        wave.extend((1..n).flat_map(|k| [(n + k, k - 1), (n + k - 1, k)]));
        assert!(width(2 * n, &wave) <= 3);
        let apart: Vec<_> = (0..n / 2).map(|k| (k, k + n / 2)).collect();
        assert_eq!(width(n, &apart), 1);
        assert_eq!(width(3, &[]), 0);
    }
}
