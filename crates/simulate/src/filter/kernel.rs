//! A step's normal kernel between the points of a grid.

use gnomon_mechanism::elementary::exp;

use super::density::Density;
use super::{MOST_POINTS, Misfit, STEEP};
use crate::lanes::{InstructionSet, WIDTH, dispatched};

const SQRT_TAU: f64 = 2.506_628_274_631_000_7;
/// The start of a row of a point from where a step leads nowhere, and of one from where it leads too far.
const LOST: i64 = i64::MAX;
const FAR: i64 = i64::MAX - 1;
/// Rows are whole registers wide.
const REGISTER: usize = 8;

/// The kernels of the points that a density has come by: where a step leads from each.
#[derive(Clone, Debug, Default)]
pub(super) struct Kernel {
    /// The step's length, and how many sds a row reaches.
    of: (f64, f64),
    /// The grid's spacing in sds.
    delta: f64,
    /// Points from a row's middle to its start, and in a row.
    half: i64,
    width: usize,
    /// The number of the first block.
    first: i64,
    blocks: Vec<Option<Box<Rows>>>,
}

/// The kernels of [`WIDTH`] points.
#[derive(Clone, Debug)]
struct Rows {
    /// The point at which each row starts.
    starts: [i64; WIDTH],
    /// How far the points after each have parted, in spacings; 0 where one goes astray.
    slopes: [f64; WIDTH],
    is_steep: bool,
    /// Row after row.
    values: Vec<f64>,
}

impl Kernel {
    /// Of steps of length `h`, whose ends have this sd.
    pub fn new(h: f64, reach: f64, sd: f64, spacing: f64) -> Self {
        let half = (reach * sd / spacing).ceil() as i64;
        Self {
            of: (h, reach),
            delta: spacing / sd,
            half,
            width: (2 * half as usize + 1).next_multiple_of(REGISTER),
            ..Self::default()
        }
    }

    /// Whether it is that of such steps.
    pub fn is_of(&self, h: f64, reach: f64) -> bool {
        let (own, own_reach) = self.of;
        (own - h).abs() <= 1e-9 * own && own_reach == reach
    }

    fn place(&self, block: i64) -> Option<usize> {
        usize::try_from(block - self.first).ok()
    }

    /// Whether the rows of a block are there.
    pub fn has(&self, block: i64) -> bool {
        let place = self.place(block).and_then(|place| self.blocks.get(place));
        place.is_some_and(Option::is_some)
    }

    /// Makes the rows of a block from where the step leads on average, in spacings from the origin.
    pub fn insert(&mut self, set: InstructionSet, block: i64, means: &[f64; WIDTH]) {
        let slope = |j: usize| {
            let j = j.min(WIDTH - 2);
            let apart = (means[j + 1] - means[j]).abs();
            if apart.is_finite() { apart } else { 0.0 }
        };
        let start = |j: usize| match means[j] {
            mean if !mean.is_finite() => LOST,
            mean if mean.abs() > 1e9 => FAR,
            mean => mean.round() as i64 - self.half,
        };
        let starts: [i64; WIDTH] = std::array::from_fn(start);
        let offset = |j: usize| match starts[j] {
            LOST | FAR => f64::INFINITY,
            start => start as f64 - means[j],
        };
        let offsets: [f64; WIDTH] = std::array::from_fn(offset);
        let mut values = vec![0.0; WIDTH * self.width];
        fill(set, &offsets, self.delta, self.width, &mut values);
        if self.blocks.is_empty() {
            self.first = block;
        }
        while block < self.first {
            self.blocks.insert(0, None);
            self.first -= 1;
        }
        let place = self.place(block).unwrap_or_default();
        if place >= self.blocks.len() {
            self.blocks.resize(place + 1, None);
        }
        let slopes: [f64; WIDTH] = std::array::from_fn(slope);
        self.blocks[place] = Some(Box::new(Rows {
            starts,
            is_steep: slopes.iter().any(|&slope| slope > STEEP),
            slopes,
            values,
        }));
    }

    /// Each block that a density lies in, with its weights there and the first one's place among the block's
    /// points.
    fn parts<'a>(&'a self, of: &'a Density) -> impl Iterator<Item = (&'a Rows, &'a [f64], usize)> {
        of.blocks().filter_map(move |block| {
            let first = block * WIDTH as i64;
            let from = (of.first - first).max(0);
            let to = (of.first + of.weights.len() as i64 - first).min(WIDTH as i64);
            let own = (first + from - of.first) as usize..(first + to - of.first) as usize;
            let rows = self.blocks.get(self.place(block)?)?.as_deref()?;
            Some((rows, &of.weights[own], from as usize))
        })
    }

    /// The density after the step; of a state that goes astray nothing is left.
    pub fn apply(
        &self,
        set: InstructionSet,
        from: &Density,
        steepest: f64,
        sums: &mut [Vec<f64>; 4],
    ) -> Result<Density, Misfit> {
        let (mut low, mut high, mut is_steep) = (i64::MAX, i64::MIN, false);
        for (rows, weights, first) in self.parts(from) {
            is_steep |= rows.is_steep;
            for &start in &rows.starts[first..first + weights.len()] {
                match start {
                    LOST => {}
                    FAR => return Err(Misfit::Wide),
                    _ => (low, high) = (low.min(start), high.max(start)),
                }
            }
        }
        if low > high {
            return Ok(Density::nothing());
        }
        if high - low > MOST_POINTS {
            return Err(Misfit::Wide);
        }
        if is_steep {
            let each = |(rows, weights, first): (&'_ Rows, &[f64], usize)| {
                rows.slopes[first..][..weights.len()].to_vec()
            };
            let slopes: Vec<f64> = self.parts(from).flat_map(each).collect();
            from.check_steepness(steepest, |j| slopes[j])?;
        }
        let count = (high - low) as usize + self.width;
        for sum in sums.iter_mut() {
            sum.clear();
            sum.resize(count, 0.0);
        }
        for (rows, weights, first) in self.parts(from) {
            let starts = &rows.starts[first..][..weights.len()];
            let values = &rows.values[first * self.width..];
            add_rows(set, weights, starts, low, (values, self.width), sums);
        }
        let [a, b, c, d] = sums;
        let both = a.iter().zip(b.iter()).zip(c.iter().zip(d.iter()));
        Ok(Density {
            first: low,
            weights: both.map(|((a, b), (c, d))| (a + b) + (c + d)).collect(),
            ..Density::nothing()
        })
    }
}

dispatched! {
    fn fill[]<>(offsets: &[f64; WIDTH], delta: f64, width: usize, to: &mut [f64]) = fill_body
}

#[inline(always)]
fn fill_body(offsets: &[f64; WIDTH], delta: f64, width: usize, to: &mut [f64]) {
    let scale = delta / SQRT_TAU;
    for (row, &offset) in to.chunks_exact_mut(width).zip(offsets) {
        for (k, value) in row.iter_mut().enumerate() {
            let u = (offset + k as f64) * delta;
            *value = scale * exp(-0.5 * u * u);
        }
    }
}

dispatched! {
    fn add_rows[]<>(
        weights: &[f64],
        starts: &[i64],
        low: i64,
        rows: (&[f64], usize),
        sums: &mut [Vec<f64>; 4],
    ) = add_rows_body
}

/// Adds weight times row, neighbours to different sums: a sum would have to wait for what was just written.
#[inline(always)]
fn add_rows_body(
    weights: &[f64],
    starts: &[i64],
    low: i64,
    (rows, width): (&[f64], usize),
    sums: &mut [Vec<f64>; 4],
) {
    let all = rows.chunks_exact(width).zip(weights.iter().zip(starts));
    for (j, (row, (&weight, &start))) in all.enumerate() {
        if start == LOST {
            continue;
        }
        let to = &mut sums[j % 4][(start - low) as usize..][..width];
        for (to, row) in to
            .chunks_exact_mut(REGISTER)
            .zip(row.chunks_exact(REGISTER))
        {
            for k in 0..REGISTER {
                to[k] = weight.mul_add(row[k], to[k]);
            }
        }
    }
}

dispatched! {
    /// Adds to each point of `to` the normal kernels of all places (in spacings from the first of them), as far
    /// as they reach: `shape` is the spacing in sds, and half a kernel's width in spacings.
    pub(super) fn add_normals[]<>(
        places: &[f64],
        weights: &[f64],
        shape: [f64; 2],
        to: &mut [f64],
    ) = add_normals_body
}

#[inline(always)]
fn add_normals_body(places: &[f64], weights: &[f64], shape: [f64; 2], to: &mut [f64]) {
    let [delta, half] = shape;
    let count = to.len() as f64;
    for (&place, &weight) in places.iter().zip(weights) {
        let middle = place.round();
        let first = (middle - half).max(0.0);
        let end = (middle + half + 1.0).min(count);
        // False for what goes astray, too.
        if !(first < end && weight > 0.0) {
            continue;
        }
        let scale = weight * delta / SQRT_TAU;
        let offset = first - place;
        for (k, to) in to[first as usize..end as usize].iter_mut().enumerate() {
            let u = (offset + k as f64) * delta;
            *to = scale.mul_add(exp(-0.5 * u * u), *to);
        }
    }
}
