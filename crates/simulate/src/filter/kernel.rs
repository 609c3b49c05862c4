//! A step's normal kernel between the points of a grid.

use gnomon_mechanism::elementary::exp;

use super::density::{Density, densest};
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
    /// Of a step.
    sd: f64,
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
    /// The point at which each row starts, and how far that is from its middle, in spacings.
    starts: [i64; WIDTH],
    offsets: [f64; WIDTH],
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
            sd,
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
            offsets,
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

    /// Where the rows of a density's points start, with their weights.
    fn moved(&self, of: &Density) -> Vec<(f64, f64)> {
        let each = |(rows, weights, first): (&Rows, &[f64], usize)| {
            let starts = rows.starts[first..][..weights.len()].iter();
            let places = starts.map(|&start| match start {
                LOST | FAR => f64::INFINITY,
                start => start as f64,
            });
            let moved: Vec<(f64, f64)> = places.zip(weights.iter().copied()).collect();
            moved
        };
        self.parts(of).flat_map(each).collect()
    }

    /// The density after the step; of a state that goes astray nothing is left.
    pub fn apply(
        &self,
        set: InstructionSet,
        from: &Density,
        steepest: f64,
        sums: &mut [Vec<f64>; 4],
    ) -> Result<Density, Misfit> {
        let (mut low, mut high) = (i64::MAX, i64::MIN);
        let (mut is_steep, mut is_far) = (false, false);
        for (rows, weights, first) in self.parts(from) {
            is_steep |= rows.is_steep;
            for &start in &rows.starts[first..first + weights.len()] {
                match start {
                    LOST => {}
                    FAR => is_far = true,
                    _ => (low, high) = (low.min(start), high.max(start)),
                }
            }
        }
        let most = MOST_POINTS - self.width as i64;
        if is_far || high.saturating_sub(low) > most && low < high {
            let found = densest(self.moved(from), most as f64);
            let [first, last] = found.ok_or(Misfit::Wide)?;
            (low, high) = (first as i64, last as i64);
        }
        if low > high {
            return Ok(Density::nothing());
        }
        let stays = low..=high;
        if is_steep {
            let each = |(rows, weights, first): (&Rows, &[f64], usize)| {
                let own = first..first + weights.len();
                let slopes = rows.slopes[own.clone()].iter().zip(&rows.starts[own]);
                let slopes = slopes.map(|(slope, start)| match stays.contains(start) {
                    true => *slope,
                    false => 0.0,
                });
                slopes.collect::<Vec<f64>>()
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
            add_rows(
                set,
                weights,
                starts,
                [low, high],
                (values, self.width),
                sums,
            );
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

impl Kernel {
    /// The other way round: what is behind the step, from a grid's point number `first` on, as it is felt before it.
    pub fn pull(
        &self,
        set: InstructionSet,
        from: &Density,
        (first, behind): (i64, &[f64]),
    ) -> Pulled {
        let mut pulled = Pulled::nothing(from.weights.len());
        // Rows may reach beyond what was kept behind the step.
        let width = self.width as i64;
        let mut wide = vec![0.0; behind.len() + 2 * self.width];
        wide[self.width..][..behind.len()].copy_from_slice(behind);
        let low = first - width;
        let mut place = 0;
        for (rows, weights, first) in self.parts(from) {
            for j in first..first + weights.len() {
                let start = match rows.starts[j] {
                    LOST | FAR => None,
                    start => usize::try_from(start - low).ok(),
                };
                let behind = start.and_then(|start| wide.get(start..start + self.width));
                if let Some(behind) = behind {
                    let row = &rows.values[j * self.width..][..self.width];
                    let shape = [rows.offsets[j], self.delta];
                    let sums = moments(set, row, behind, shape);
                    [
                        pulled.rest[place],
                        pulled.by_mean[place],
                        pulled.by_sd[place],
                    ] = sums;
                }
                place += 1;
            }
        }
        pulled.per(self.sd);
        pulled
    }
}

/// What lies behind a step, as it is felt at points before it, for each unit of weight there.
pub(super) struct Pulled {
    /// Through the weights that it makes.
    pub rest: Vec<f64>,
    /// Its derivatives by where the step leads on average, and by its sd.
    pub by_mean: Vec<f64>,
    pub by_sd: Vec<f64>,
}

impl Pulled {
    pub fn nothing(points: usize) -> Self {
        Self {
            rest: vec![0.0; points],
            by_mean: vec![0.0; points],
            by_sd: vec![0.0; points],
        }
    }

    /// From derivatives in sds to those in the state's units.
    pub fn per(&mut self, sd: f64) {
        for slopes in [&mut self.by_mean, &mut self.by_sd] {
            slopes.iter_mut().for_each(|slope| *slope /= sd);
        }
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
        ends: [i64; 2],
        rows: (&[f64], usize),
        sums: &mut [Vec<f64>; 4],
    ) = add_rows_body
}

/// Adds weight times row, neighbours to different sums: a sum would have to wait for what was just written.
#[inline(always)]
fn add_rows_body(
    weights: &[f64],
    starts: &[i64],
    [low, high]: [i64; 2],
    (rows, width): (&[f64], usize),
    sums: &mut [Vec<f64>; 4],
) {
    let all = rows.chunks_exact(width).zip(weights.iter().zip(starts));
    for (j, (row, (&weight, &start))) in all.enumerate() {
        // So is what flies off.
        if start < low || start > high {
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
        let reaches = place.is_finite() && first < end && weight > 0.0;
        if !reaches {
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

dispatched! {
    fn moments[]<>(row: &[f64], behind: &[f64], shape: [f64; 2]) -> [f64; 3] = moments_body
}

/// Sums of row times behind, times u, and times u^2 - 1, where u is the distance from the row's middle in sds.
#[inline(always)]
fn moments_body(row: &[f64], behind: &[f64], [offset, delta]: [f64; 2]) -> [f64; 3] {
    let mut sums = [[0.0; REGISTER]; 3];
    let both = row
        .chunks_exact(REGISTER)
        .zip(behind.chunks_exact(REGISTER));
    for (j, (row, behind)) in both.enumerate() {
        for k in 0..REGISTER {
            let u = (offset + (j * REGISTER + k) as f64) * delta;
            let share = row[k] * behind[k];
            sums[0][k] += share;
            sums[1][k] = share.mul_add(u, sums[1][k]);
            sums[2][k] = share.mul_add(u.mul_add(u, -1.0), sums[2][k]);
        }
    }
    sums.map(|lanes| lanes.iter().sum())
}

dispatched! {
    /// For each of all places (in spacings from the first of `behind`) what [`Kernel::pull`] sums, as far as normal kernels
    /// reach: `shape` as of [`add_normals`].
    pub(super) fn pull_normals[]<>(
        places: &[f64],
        shape: [f64; 2],
        behind: &[f64],
        to: &mut Pulled,
    ) = pull_normals_body
}

#[inline(always)]
fn pull_normals_body(places: &[f64], [delta, half]: [f64; 2], behind: &[f64], to: &mut Pulled) {
    let count = behind.len() as f64;
    let scale = delta / SQRT_TAU;
    for (number, &place) in places.iter().enumerate() {
        let middle = place.round();
        let first = (middle - half).max(0.0);
        let end = (middle + half + 1.0).min(count);
        let reaches = place.is_finite() && first < end;
        if !reaches {
            continue;
        }
        let offset = first - place;
        let mut sums = [0.0; 3];
        for (k, behind) in behind[first as usize..end as usize].iter().enumerate() {
            let u = (offset + k as f64) * delta;
            let share = scale * exp(-0.5 * u * u) * behind;
            sums[0] += share;
            sums[1] = share.mul_add(u, sums[1]);
            sums[2] = share.mul_add(u.mul_add(u, -1.0), sums[2]);
        }
        [to.rest[number], to.by_mean[number], to.by_sd[number]] = sums;
    }
}
