//! Whether a solver's answers jump: pairs of neighbours between which the answer changes most are halved
//! again and again, towards the larger change. What is smooth changes ever less, a jump stays.

use serde::{Deserialize, Serialize};

use crate::cascade::error;
use crate::points::Points;

/// Rows among which neighbours are looked for.
const ROWS: usize = 1_000;
/// Pairs that are followed.
const PAIRS: usize = 8;
/// Halvings: the distance falls to some 1e-8 of itself.
const HALVINGS: usize = 26;

/// A jump: two queries that hardly differ, and an answer that does.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Jump {
    /// On one side.
    pub from: Vec<f64>,
    /// On the other.
    pub to: Vec<f64>,
    /// The output that jumps most.
    pub output: usize,
    /// Its value on both sides.
    pub values: [f64; 2],
}

/// What is known of a solver before jumps are looked for.
#[derive(Clone, Copy, Debug)]
pub struct Solved<'a> {
    /// Queries, one a row, and the answers.
    pub queries: &'a Points,
    /// One row a query.
    pub answers: &'a Points,
    /// Where the prior has the queries: distances are measured there.
    pub places: &'a Points,
    /// What a jump is measured by, one an output.
    pub tolerances: &'a [f64],
}

/// Asks the solver between neighbours: `solve` answers some queries (a row each), `None` where it fails.
/// A jump is a change by more than the tolerance over some 1e-8 of the neighbours' distance; the largest one
/// is told. Columns of a query for which `is_discrete` are never between two values.
///
/// # Errors
/// As the solver.
pub fn jump<E>(
    known: &Solved<'_>,
    is_discrete: impl Fn(usize) -> bool,
    mut solve: impl FnMut(&Points) -> Result<Vec<Option<Vec<f64>>>, E>,
) -> Result<Option<Jump>, E> {
    let side = |row: usize| {
        let (query, answer) = (known.queries.row(row), known.answers.row(row));
        (query.to_vec(), answer.to_vec())
    };
    let mut pairs: Vec<[(Vec<f64>, Vec<f64>); 2]> = steepest(known, is_discrete)
        .into_iter()
        .map(|[a, b]| [side(a), side(b)])
        .collect();
    for _ in 0..HALVINGS {
        let mut middles = Points::zeros(0, known.queries.columns());
        for [(a, _), (b, _)] in &pairs {
            let middle: Vec<f64> = a.iter().zip(b).map(|(a, b)| a + 0.5 * (b - a)).collect();
            // Rows have the queries' columns.
            let _ = middles.push(&middle);
        }
        if middles.rows() == 0 {
            return Ok(None);
        }
        let solved = solve(&middles)?;
        let both = pairs.into_iter().zip(solved).zip(middles.iter());
        pairs = both
            .filter_map(|(([a, b], solved), middle)| {
                let middle = (middle.to_vec(), solved?);
                let to_a = error(&middle.1, &a.1, known.tolerances);
                let to_b = error(&middle.1, &b.1, known.tolerances);
                Some(if to_a >= to_b {
                    [a, middle]
                } else {
                    [middle, b]
                })
            })
            .collect();
    }
    let size = |pair: &[(Vec<f64>, Vec<f64>); 2]| error(&pair[0].1, &pair[1].1, known.tolerances);
    let largest = pairs.into_iter().max_by(|a, b| size(a).total_cmp(&size(b)));
    Ok(largest.filter(|pair| size(pair) > 1.0).map(|[from, to]| {
        let change = |k: &usize| (from.1[*k] - to.1[*k]).abs() / known.tolerances[*k];
        let output = (0..known.tolerances.len())
            .max_by(|a, b| change(a).total_cmp(&change(b)))
            .unwrap_or(0);
        Jump {
            output,
            values: [from.1[output], to.1[output]],
            from: from.0,
            to: to.0,
        }
    }))
}

/// The pairs of nearest neighbours between which the answer changes most for their distance.
fn steepest(known: &Solved<'_>, is_discrete: impl Fn(usize) -> bool) -> Vec<[usize; 2]> {
    let rows = known.queries.rows().min(ROWS);
    let discrete: Vec<usize> = (0..known.queries.columns())
        .filter(|&c| is_discrete(c))
        .collect();
    let alike = |a: usize, b: usize| {
        let (a, b) = (known.queries.row(a), known.queries.row(b));
        discrete.iter().all(|&column| a[column] == b[column])
    };
    let distance = |a: usize, b: usize| {
        let steps = known.places.row(a).iter().zip(known.places.row(b));
        steps.map(|(a, b)| (a - b) * (a - b)).sum::<f64>().sqrt()
    };
    let nearest = |a: usize| {
        let others = (0..rows).filter(|&b| b != a && alike(a, b));
        let near = others.map(|b| (b, distance(a, b)));
        near.filter(|near| near.1 > 0.0)
            .min_by(|x, y| x.1.total_cmp(&y.1))
    };
    let mut pairs: Vec<(f64, [usize; 2])> = (0..rows)
        .filter_map(|a| {
            let (b, distance) = nearest(a)?;
            let change = error(known.answers.row(a), known.answers.row(b), known.tolerances);
            Some((change / distance, [a.min(b), a.max(b)]))
        })
        .collect();
    pairs.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));
    pairs.dedup_by_key(|pair| pair.1);
    pairs.into_iter().take(PAIRS).map(|pair| pair.1).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use gnomon_mechanism::random::{Purpose, Stream};
    use std::convert::Infallible;

    fn found(of: impl Fn(&[f64]) -> f64) -> Option<Jump> {
        let mut stream = Stream::new(9, Purpose::PARAMETERS, 0);
        let queries = Points::new(2, (0..600).map(|_| stream.uniform()).collect()).unwrap();
        let answers = Points::new(1, queries.iter().map(&of).collect()).unwrap();
        let known = Solved {
            queries: &queries,
            answers: &answers,
            places: &queries,
            tolerances: &[0.01],
        };
        let solve =
            |asked: &Points| Ok::<_, Infallible>(asked.iter().map(|q| Some(vec![of(q)])).collect());
        jump(&known, |_| false, solve).unwrap()
    }

    #[test]
    fn a_jump_is_found_and_steepness_is_none() {
        let step = found(|q| f64::from(u8::from(q[0] + q[1] > 1.1))).unwrap();
        assert_eq!(
            (step.output, (step.values[0] - step.values[1]).abs()),
            (0, 1.0)
        );
        let middle = |at: &[f64]| at[0] + at[1];
        assert!((middle(&step.from) - 1.1).abs() < 1e-6, "{step:?}");
        assert!((middle(&step.to) - 1.1).abs() < 1e-6, "{step:?}");
        assert_eq!(found(|q| (40.0 * (q[0] - 0.5)).tanh()), None);
        assert_eq!(found(|_| 1.0), None);
    }
}
