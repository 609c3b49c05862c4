//! Nearest neighbours among many points, exactly: points lie in blocks of lanes, coordinate by
//! coordinate, and a block is left as soon as all of its lanes are too far.

use gnomon_learn::matrix::Matrix;
use rayon::prelude::*;

/// Points measured side by side.
const LANES: usize = 16;
/// Coordinates between two looks at whether a block is too far.
const STRIDE: usize = 8;
/// Blocks that one thread takes at a time.
const SHARE: usize = 2048;

/// Points in blocks of [`LANES`]: coordinate `c` of the points of a block is together.
#[derive(Clone, Debug, PartialEq)]
pub struct Index {
    rows: usize,
    dimension: usize,
    blocks: Vec<f32>,
}

/// A point that is near.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Neighbour {
    /// Its row.
    pub row: usize,
    /// How far it is.
    pub distance: f64,
}

impl Index {
    /// An index of the rows of `points`.
    #[must_use]
    pub fn new(points: &Matrix) -> Self {
        let (rows, dimension) = (points.rows(), points.columns());
        let mut index = Self {
            rows: 0,
            dimension,
            blocks: Vec::with_capacity(rows.next_multiple_of(LANES) * dimension),
        };
        (0..rows).for_each(|row| index.push(points.row(row)));
        index
    }

    /// Adds a point.
    pub(super) fn push(&mut self, point: &[f32]) {
        let lane = self.rows % LANES;
        if lane == 0 {
            // Lanes without a point are at no finite distance.
            let blocks = self.blocks.len() + LANES * self.dimension;
            self.blocks.resize(blocks, f32::INFINITY);
        }
        let block = self.blocks.len() - LANES * self.dimension;
        for (coordinate, &value) in point.iter().enumerate() {
            self.blocks[block + coordinate * LANES + lane] = value;
        }
        self.rows += 1;
    }

    /// Number of points.
    #[must_use]
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// Number of coordinates.
    #[must_use]
    pub fn dimension(&self) -> usize {
        self.dimension
    }

    /// One point.
    #[must_use]
    pub fn point(&self, row: usize) -> Vec<f32> {
        let block = row / LANES * LANES * self.dimension;
        let lane = row % LANES;
        let at = |coordinate: usize| self.blocks[block + coordinate * LANES + lane];
        (0..self.dimension).map(at).collect()
    }

    /// The `count` points nearest to `point`, the nearest first; of equally near ones the first rows.
    /// Points with coordinates that are not finite are never near. The same at any number of threads.
    #[must_use]
    pub fn nearest(&self, point: &[f32], count: usize) -> Vec<Neighbour> {
        let width = LANES * self.dimension;
        if count == 0 || width == 0 || point.len() != self.dimension {
            return Vec::new();
        }
        let shares = self.blocks.par_chunks(width * SHARE).enumerate();
        let found: Vec<Vec<Near>> = shares
            .map(|(share, blocks)| {
                let mut nearest = Nearest::new(count);
                for (number, block) in blocks.chunks_exact(width).enumerate() {
                    nearest.see(point, block, (share * SHARE + number) * LANES);
                }
                nearest.found
            })
            .collect();
        let mut all = found.concat();
        keep(&mut all, count);
        all.sort_unstable_by(Near::order);
        let neighbour = |near: &Near| Neighbour {
            row: near.row as usize,
            distance: f64::from(near.square).sqrt(),
        };
        all.iter().map(neighbour).collect()
    }
}

/// A squared distance and whose it is.
#[derive(Clone, Copy)]
struct Near {
    square: f32,
    row: u32,
}

impl Near {
    fn order(&self, other: &Self) -> std::cmp::Ordering {
        let squares = self.square.total_cmp(&other.square);
        squares.then(self.row.cmp(&other.row))
    }
}

/// Leaves the `count` nearest.
fn keep(all: &mut Vec<Near>, count: usize) {
    if all.len() > count {
        all.select_nth_unstable_by(count - 1, Near::order);
        all.truncate(count);
    }
}

/// The nearest points seen so far, and some more.
struct Nearest {
    count: usize,
    found: Vec<Near>,
    /// Farther ones are not among the nearest.
    limit: f32,
}

impl Nearest {
    fn new(count: usize) -> Self {
        Self {
            count,
            found: Vec::new(),
            limit: f32::MAX,
        }
    }

    fn see(&mut self, point: &[f32], block: &[f32], first: usize) {
        let mut squares = [0.0_f32; LANES];
        let strides = point.chunks(STRIDE).zip(block.chunks(STRIDE * LANES));
        for (point, coordinates) in strides {
            let (coordinates, _) = coordinates.as_chunks::<LANES>();
            for (&x, lanes) in point.iter().zip(coordinates) {
                for (square, &y) in squares.iter_mut().zip(lanes) {
                    *square += (x - y) * (x - y);
                }
            }
            let mut near = false;
            squares
                .iter()
                .for_each(|&square| near |= square <= self.limit);
            if !near {
                return;
            }
        }
        for (lane, &square) in squares.iter().enumerate() {
            if square <= self.limit {
                let row = (first + lane) as u32;
                self.found.push(Near { square, row });
            }
        }
        if self.found.len() >= 2 * self.count + 2 * LANES {
            keep(&mut self.found, self.count);
            let farthest = self.found.iter().map(|near| near.square);
            self.limit = farthest.fold(0.0, f32::max);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use gnomon_mechanism::random::{Purpose, Stream};

    fn points(rows: usize, columns: usize, seed: u64) -> Matrix {
        let mut stream = Stream::new(seed, Purpose::CLAIM, 0);
        // A coarse grid, so that there are ties.
        let value = |x: f64| (4.0 * x).round() as f32 / 4.0;
        let values = (0..rows * columns).map(|_| value(stream.normal()));
        Matrix::new(columns, values.collect())
    }

    /// Against a scan that sorts all distances, ties and unfilled blocks among them.
    #[test]
    fn the_nearest_are_those_of_a_plain_scan() {
        for (rows, columns, count) in [(1, 1, 3), (33, 3, 5), (5000, 11, 40), (70_000, 2, 100)] {
            let points = points(rows, columns, 5);
            let index = Index::new(&points);
            assert_eq!((index.rows(), index.dimension()), (rows, columns));
            assert_eq!(index.point(rows - 1), points.row(rows - 1));
            let asked = points_row(&points, rows / 2);
            let mut plain: Vec<(f32, usize)> = (0..rows)
                .map(|row| {
                    let both = points.row(row).iter().zip(&asked);
                    (both.map(|(a, b)| (a - b) * (a - b)).sum(), row)
                })
                .collect();
            plain.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
            let found = index.nearest(&asked, count);
            assert_eq!(found.len(), count.min(rows));
            for (near, (square, row)) in found.iter().zip(plain) {
                assert_eq!((near.row, near.distance), (row, f64::from(square).sqrt()));
            }
        }
    }

    fn points_row(points: &Matrix, row: usize) -> Vec<f32> {
        points.row(row).to_vec()
    }

    #[test]
    fn what_is_not_finite_is_not_near() {
        let index = Index::new(&Matrix::new(1, vec![f32::NAN, 1.0, f32::INFINITY]));
        let found = index.nearest(&[0.0], 3);
        assert_eq!(found.len(), 1);
        assert_eq!((found[0].row, found[0].distance), (1, 1.0));
        assert!(index.nearest(&[0.0, 1.0], 3).is_empty());
    }
}
