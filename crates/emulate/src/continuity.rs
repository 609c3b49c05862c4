//! Whether a solver's answers jump or have kinks: segments between neighbours are halved again and again,
//! towards what is least smooth. What is smooth becomes ever straighter; a jump stays, and so does the angle of a
//! kink.

use serde::{Deserialize, Serialize};

use crate::cascade::error;
use crate::points::Points;

/// Rows among which neighbours are looked for.
const ROWS: usize = 1_000;
/// Halvings in search of a jump: the distance falls to some 1e-8 of itself.
const HALVINGS: usize = 26;
/// Halvings in search of a kink, and the middle of these.
const BENDS: usize = 12;
const MIDDLE: usize = BENDS / 2;
/// Halvings that are looked at together: how a bend looks depends on where in the segment it lies.
const TOGETHER: usize = 3;
/// An angle that keeps this share of itself over half of the halvings is a kink; of what is smooth, 1/64 is left.
const KEPT: f64 = 0.3;
/// What changes by less than this share of the largest answers may be rounding, or the solver's own error.
const NOISE: f64 = 1e-6;
/// The same of differences of differences.
const NOISE_OF_BENDS: f64 = 1e-9;
/// Values of one sign whose ratio is larger have their geometric mean in the middle.
const WIDE: f64 = 1e3;

/// A query and its answer.
pub type Side = (Vec<f64>, Vec<f64>);

/// Two queries with their answers.
pub type Segment = [Side; 2];

/// A place where answers are not smooth: two queries that hardly differ.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Break {
    /// On one side.
    pub from: Vec<f64>,
    /// On the other.
    pub to: Vec<f64>,
    /// The output that jumps or bends most.
    pub output: usize,
    /// Its value on both sides.
    pub values: [f64; 2],
}

/// What is known of a solver.
#[derive(Clone, Copy, Debug)]
pub struct Solved<'a> {
    /// Queries, one a row, and the answers.
    pub queries: &'a Points,
    /// One row a query.
    pub answers: &'a Points,
    /// Where the prior has the queries: distances are measured there.
    pub places: &'a Points,
}

impl Solved<'_> {
    fn side(&self, row: usize) -> Side {
        let (query, answer) = (self.queries.row(row), self.answers.row(row));
        (query.to_vec(), answer.to_vec())
    }

    /// The squared distance of a row from a place.
    fn distance(&self, row: usize, place: &[f64]) -> f64 {
        let steps = self.places.row(row).iter().zip(place);
        steps.map(|(a, b)| (a - b) * (a - b)).sum()
    }
}

/// The `count` segments between nearest neighbours in which the answer changes most for their distance, in
/// `tolerances`. Queries differ in no column for which `is_discrete`.
#[must_use]
pub fn steepest(
    known: &Solved<'_>,
    tolerances: &[f64],
    is_discrete: impl Fn(usize) -> bool,
    count: usize,
) -> Vec<Segment> {
    let rows = known.queries.rows().min(ROWS);
    let alike = alike(is_discrete, known.queries.columns());
    let nearest = |a: usize| {
        let others = (0..rows).filter(|&b| b != a);
        let others = others.filter(|&b| alike(known.queries.row(a), known.queries.row(b)));
        let near = others.map(|b| (b, known.distance(b, known.places.row(a))));
        near.filter(|near| near.1 > 0.0)
            .min_by(|x, y| x.1.total_cmp(&y.1))
    };
    let mut pairs: Vec<(f64, [usize; 2])> = (0..rows)
        .filter_map(|a| {
            let (b, squared) = nearest(a)?;
            let change = error(known.answers.row(a), known.answers.row(b), tolerances);
            Some((change / squared.sqrt(), [a.min(b), a.max(b)]))
        })
        .collect();
    pairs.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));
    pairs.dedup_by_key(|pair| pair.1);
    let steepest = pairs.into_iter().take(count);
    steepest
        .map(|(_, [a, b])| [known.side(a), known.side(b)])
        .collect()
}

/// Segments from a suspect, which has a query, an answer and a place, to its `count` nearest neighbours among
/// what is known.
#[must_use]
pub fn beside(
    known: &Solved<'_>,
    suspect: &Side,
    place: &[f64],
    is_discrete: impl Fn(usize) -> bool,
    count: usize,
) -> Vec<Segment> {
    let alike = alike(is_discrete, known.queries.columns());
    let rows = (0..known.queries.rows()).filter(|&row| alike(known.queries.row(row), &suspect.0));
    let mut near: Vec<(f64, usize)> = rows
        .map(|row| (known.distance(row, place), row))
        .filter(|(squared, _)| *squared > 0.0)
        .collect();
    near.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
    let nearest = near.into_iter().take(count);
    nearest
        .map(|(_, row)| [suspect.clone(), known.side(row)])
        .collect()
}

fn alike(is_discrete: impl Fn(usize) -> bool, columns: usize) -> impl Fn(&[f64], &[f64]) -> bool {
    let discrete: Vec<usize> = (0..columns).filter(|&c| is_discrete(c)).collect();
    move |a, b| discrete.iter().all(|&column| a[column] == b[column])
}

/// How answers are measured.
#[derive(Clone, Copy, Debug)]
pub struct Measure<'a> {
    /// How far an answer may be off, one an output.
    pub tolerances: &'a [f64],
    /// The largest size of each output.
    pub sizes: &'a [f64],
}

impl Measure<'_> {
    /// The output with the largest number, and that number in tolerances; what is below its share of the
    /// size counts as 0.
    fn largest(&self, numbers: impl Fn(usize) -> f64, noise: f64) -> (usize, f64) {
        let each = (0..self.tolerances.len()).map(|k| {
            let number = numbers(k).abs();
            let told = number > noise * self.sizes[k];
            (
                k,
                if told {
                    number / self.tolerances[k]
                } else {
                    0.0
                },
            )
        });
        each.fold(
            (0, 0.0),
            |most, own| if own.1 > most.1 { own } else { most },
        )
    }
}

/// Half-way between two queries.
fn between(a: &[f64], b: &[f64]) -> Vec<f64> {
    let middle = |(&a, &b): (&f64, &f64)| {
        let ratio = a / b;
        match ratio > WIDE || (ratio > 0.0 && ratio < 1.0 / WIDE) {
            true => a.signum() * (a.abs().sqrt() * b.abs().sqrt()),
            false => a + 0.5 * (b - a),
        }
    };
    a.iter().zip(b).map(middle).collect()
}

fn points(queries: &[Vec<f64>], columns: usize) -> Points {
    let mut all = Points::zeros(0, columns);
    for query in queries {
        // Rows have the queries' columns.
        let _ = all.push(query);
    }
    all
}

/// The largest jump: a change by more than the tolerance over some 1e-8 of a segment, and by more than a millionth
/// of the largest answers. `solve` answers some queries (a row each), `None` where it fails.
///
/// # Errors
/// As the solver.
pub fn jump<E>(
    segments: Vec<Segment>,
    measure: &Measure<'_>,
    mut solve: impl FnMut(&Points) -> Result<Vec<Option<Vec<f64>>>, E>,
) -> Result<Option<Break>, E> {
    let mut segments = segments;
    for _ in 0..HALVINGS {
        let Some(columns) = segments.first().map(|segment| segment[0].0.len()) else {
            return Ok(None);
        };
        let middles: Vec<Vec<f64>> = segments.iter().map(|[a, b]| between(&a.0, &b.0)).collect();
        let solved = solve(&points(&middles, columns))?;
        let both = segments.into_iter().zip(solved).zip(middles);
        segments = both
            .filter_map(|(([a, b], solved), middle)| {
                let middle = (middle, solved?);
                let to_a = error(&middle.1, &a.1, measure.tolerances);
                let to_b = error(&middle.1, &b.1, measure.tolerances);
                Some(if to_a >= to_b {
                    [a, middle]
                } else {
                    [middle, b]
                })
            })
            .collect();
    }
    let sized = segments.into_iter().map(|[from, to]| {
        let (output, size) = measure.largest(|k| from.1[k] - to.1[k], NOISE);
        (size, of(from, to, output))
    });
    let largest = sized.max_by(|a, b| a.0.total_cmp(&b.0));
    Ok(largest
        .filter(|(size, _)| *size > 1.0)
        .map(|(_, found)| found))
}

fn of(from: Side, to: Side, output: usize) -> Break {
    Break {
        output,
        values: [from.1[output], to.1[output]],
        from: from.0,
        to: to.0,
    }
}

/// A segment with its middle, and how much it bends at every halving: the second difference, in tolerances, scaled
/// to the length of the whole segment.
struct Bent {
    sides: [Side; 3],
    bends: Vec<f64>,
    output: usize,
}

/// The strongest kink: the direction of the answers changes within some 1e-4 of a segment, so much that over the
/// whole segment it makes more than the tolerance. Of the segments the `followed` most bent ones are halved; `solve`
/// is as for [`jump`].
///
/// # Errors
/// As the solver.
pub fn kink<E>(
    segments: Vec<Segment>,
    measure: &Measure<'_>,
    followed: usize,
    mut solve: impl FnMut(&Points) -> Result<Vec<Option<Vec<f64>>>, E>,
) -> Result<Option<Break>, E> {
    let Some(columns) = segments.first().map(|segment| segment[0].0.len()) else {
        return Ok(None);
    };
    let bend = |sides: &[Side; 3]| {
        let [a, m, b] = sides;
        measure.largest(|k| a.1[k] - 2.0 * m.1[k] + b.1[k], NOISE_OF_BENDS)
    };
    let middles: Vec<Vec<f64>> = segments.iter().map(|[a, b]| between(&a.0, &b.0)).collect();
    let solved = solve(&points(&middles, columns))?;
    let both = segments.into_iter().zip(solved).zip(middles);
    let mut all: Vec<Bent> = both
        .filter_map(|(([a, b], solved), middle)| {
            let sides = [a, (middle, solved?), b];
            let (output, size) = bend(&sides);
            Some(Bent {
                sides,
                bends: vec![size],
                output,
            })
        })
        .collect();
    all.sort_by(|a, b| b.bends[0].total_cmp(&a.bends[0]));
    all.truncate(followed);
    let mut halved = 1.0;
    for _ in 0..BENDS {
        halved *= 2.0;
        let halves = |bent: &Bent| {
            let [a, m, b] = &bent.sides;
            [between(&a.0, &m.0), between(&m.0, &b.0)]
        };
        let middles: Vec<Vec<f64>> = all.iter().flat_map(halves).collect();
        let solved = solve(&points(&middles, columns))?;
        let mut each = middles.into_iter().zip(solved);
        all = all
            .into_iter()
            .filter_map(|bent| {
                let (left, right) = (each.next()?, each.next()?);
                let (left, right) = ((left.0, left.1?), (right.0, right.1?));
                let [a, m, b] = bent.sides;
                let (first, second) = ([a, left, m.clone()], [m, right, b]);
                let (of_first, of_second) = (bend(&first), bend(&second));
                let (sides, (output, size)) = match of_first.1 >= of_second.1 {
                    true => (first, of_first),
                    false => (second, of_second),
                };
                let mut bends = bent.bends;
                bends.push(halved * size);
                Some(Bent {
                    sides,
                    bends,
                    output,
                })
            })
            .collect();
    }
    let strongest = |bends: &[f64], until: usize| {
        let last = &bends[until + 1 - TOGETHER..=until];
        last.iter().copied().fold(0.0, f64::max)
    };
    let kinks = all.into_iter().filter_map(|bent| {
        let (middle, end) = (
            strongest(&bent.bends, MIDDLE),
            strongest(&bent.bends, BENDS),
        );
        let [from, _, to] = bent.sides;
        (end > 1.0 && end > KEPT * middle).then(|| (end, of(from, to, bent.output)))
    });
    let strongest = kinks.max_by(|a, b| a.0.total_cmp(&b.0));
    Ok(strongest.map(|(_, found)| found))
}

#[cfg(test)]
mod tests {
    use super::*;
    use gnomon_mechanism::random::{Purpose, Stream};
    use std::convert::Infallible;

    const TOLERANCE: [f64; 1] = [0.002];

    /// The jump and the kink that are found of a function of the unit square.
    fn found(of: impl Fn(&[f64]) -> f64) -> [Option<Break>; 2] {
        let mut stream = Stream::new(9, Purpose::PARAMETERS, 0);
        let queries = Points::new(2, (0..600).map(|_| stream.uniform()).collect()).unwrap();
        let answers = Points::new(1, queries.iter().map(&of).collect()).unwrap();
        let known = Solved {
            queries: &queries,
            answers: &answers,
            places: &queries,
        };
        let sizes = [answers
            .values()
            .iter()
            .fold(0.0, |most, y| f64::max(most, y.abs()))];
        let measure = Measure {
            tolerances: &TOLERANCE,
            sizes: &sizes,
        };
        let solve =
            |asked: &Points| Ok::<_, Infallible>(asked.iter().map(|q| Some(vec![of(q)])).collect());
        let steep = steepest(&known, &TOLERANCE, |_| false, 8);
        let beside = (0..60)
            .flat_map(|row| beside(&known, &known.side(row), queries.row(row), |_| false, 3));
        [
            jump(steep, &measure, solve).unwrap(),
            kink(beside.collect(), &measure, 8, solve).unwrap(),
        ]
    }

    #[test]
    fn a_jump_is_found_and_steepness_is_none() {
        let [step, _] = found(|q| f64::from(u8::from(q[0] + q[1] > 1.1)));
        let step = step.unwrap();
        assert_eq!(
            (step.output, (step.values[0] - step.values[1]).abs()),
            (0, 1.0)
        );
        let middle = |at: &[f64]| at[0] + at[1];
        assert!((middle(&step.from) - 1.1).abs() < 1e-6, "{step:?}");
        assert!((middle(&step.to) - 1.1).abs() < 1e-6, "{step:?}");
        assert_eq!(found(|q| (40.0 * (q[0] - 0.5)).tanh()), [None, None]);
        assert_eq!(found(|_| 1.0), [None, None]);
    }

    #[test]
    fn a_kink_is_found_and_curvature_is_none() {
        let [jump, kink] = found(|q| (q[0] - 0.37).abs() + (3.0 * q[1]).sin());
        assert_eq!(jump, None);
        let kink = kink.unwrap();
        assert!((kink.from[0] - 0.37).abs() < 1e-4, "{kink:?}");
        assert_eq!(
            found(|q| (9.0 * q[0]).sin() * (5.0 * q[1]).exp()),
            [None, None]
        );
    }

    /// Over thirty orders of magnitude the logarithm is smooth, and rounding is no jump.
    #[test]
    fn wide_scales_and_rounding_are_smooth() {
        let mut stream = Stream::new(3, Purpose::PARAMETERS, 0);
        let places = Points::new(1, (0..400).map(|_| stream.uniform()).collect()).unwrap();
        let queries = places.values().iter().map(|u| 10_f64.powf(60.0 * u - 30.0));
        let queries = Points::new(1, queries.collect()).unwrap();
        let of = |q: &[f64]| q[0].ln();
        let answers = Points::new(1, queries.iter().map(of).collect()).unwrap();
        let known = Solved {
            queries: &queries,
            answers: &answers,
            places: &places,
        };
        let solve =
            |asked: &Points| Ok::<_, Infallible>(asked.iter().map(|q| Some(vec![of(q)])).collect());
        for tolerance in [0.1, 1e-20] {
            let measure = Measure {
                tolerances: &[tolerance],
                sizes: &[70.0],
            };
            let steep = steepest(&known, &[tolerance], |_| false, 8);
            assert_eq!(jump(steep, &measure, solve).unwrap(), None);
        }
    }
}
