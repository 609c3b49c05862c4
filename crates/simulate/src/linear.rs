//! Linear systems of one pattern, one in each lane: the pattern decides how they are stored and
//! factored, dense or as a band ([`Pattern`]); then [`System`] is filled, factored and solved.
//!
//! In a band the components stand in an order that makes it narrow. Those on which no other
//! depends, such as accumulated flows, stay outside: they follow from the others.

mod band;
mod dense;
pub(crate) mod order;

use crate::lanes::Lanes;
use band::Band;
use dense::Exchanges;

/// Up to here the dense loops are short, and some of them unrolled.
const SMALL: usize = 8;
/// Right-hand sides that are solved for with one factorisation, to compare costs.
const SOLVES: usize = 8;

/// Where the entries of n by n matrices lie, and how they are factored.
#[derive(Clone, Debug)]
pub(crate) struct Pattern {
    n: usize,
    /// Where each of the entries lies that it was made for.
    pub places: Vec<usize>,
    /// Where each diagonal entry lies.
    pub diagonal: Vec<usize>,
    /// Numbers that a matrix holds.
    size: usize,
    sparse: Option<Sparse>,
}

#[derive(Clone, Debug)]
struct Sparse {
    band: Band,
    /// The component at each row of the band.
    order: Vec<usize>,
    /// What depends on components of the band alone, and nothing on it.
    outside: Vec<Outside>,
}

#[derive(Clone, Debug)]
struct Outside {
    component: usize,
    diagonal: usize,
    /// Place and column of its other entries.
    entries: Vec<(usize, usize)>,
}

impl Pattern {
    /// For matrices that are 0 but on the diagonal and at these (row, column), none of them twice.
    pub fn new(n: usize, entries: &[(usize, usize)]) -> Self {
        let dense_work = n * n * n / 3 + SOLVES * n * n;
        match Self::sparse(n, entries) {
            (pattern, work) if n > SMALL && 2 * work < dense_work => pattern,
            _ => Self::dense(n, entries),
        }
    }

    fn dense(n: usize, entries: &[(usize, usize)]) -> Self {
        Self {
            n,
            places: entries.iter().map(|&(r, c)| r * n + c).collect(),
            diagonal: (0..n).map(|j| j * n + j).collect(),
            size: n * n,
            sparse: None,
        }
    }

    /// As a band, and about what it costs.
    fn sparse(n: usize, entries: &[(usize, usize)]) -> (Self, usize) {
        let mut needed = vec![false; n];
        for &(row, column) in entries {
            needed[column] |= row != column;
        }
        let mut number = vec![usize::MAX; n];
        let inside: Vec<usize> = (0..n).filter(|&j| needed[j]).collect();
        for (position, &component) in inside.iter().enumerate() {
            number[component] = position;
        }
        let within: Vec<(usize, usize)> = entries
            .iter()
            .filter(|&&(row, column)| needed[row] && needed[column])
            .map(|&(row, column)| (number[row], number[column]))
            .collect();
        let order = order::narrow(inside.len(), &within);
        let order: Vec<usize> = order.iter().map(|&position| inside[position]).collect();
        for (position, &component) in order.iter().enumerate() {
            number[component] = position;
        }
        let (mut lower, mut upper) = (0, 0);
        for &(row, column) in entries.iter().filter(|&&(row, _)| needed[row]) {
            let (row, column) = (number[row], number[column]);
            lower = lower.max(row.saturating_sub(column));
            upper = upper.max(column.saturating_sub(row));
        }
        let band = Band {
            n: order.len(),
            lower,
            upper,
        };
        let mut size = band.n * band.width();
        let mut diagonal = vec![0; n];
        let mut outside = Vec::new();
        for component in 0..n {
            let place = if needed[component] {
                band.place(number[component], number[component])
            } else {
                number[component] = outside.len();
                outside.push(Outside {
                    component,
                    diagonal: size,
                    entries: Vec::new(),
                });
                size += 1;
                size - 1
            };
            diagonal[component] = place;
        }
        let places: Vec<usize> = entries
            .iter()
            .map(|&(row, column)| {
                if needed[row] {
                    band.place(number[row], number[column])
                } else if row == column {
                    diagonal[row]
                } else {
                    outside[number[row]].entries.push((size, column));
                    size += 1;
                    size - 1
                }
            })
            .collect();
        let solve = band.n * (2 * lower + upper + 1) + entries.len();
        let work = band.work() + SOLVES * solve;
        let sparse = Sparse {
            band,
            order,
            outside,
        };
        let pattern = Self {
            n,
            places,
            diagonal,
            size,
            sparse: Some(sparse),
        };
        (pattern, work)
    }

    /// Multiplications of a factorisation and a solution, about.
    pub fn work(&self) -> usize {
        let dense = || self.n * self.n * (self.n / 3 + 1);
        let band = self.sparse.as_ref().map(|sparse| sparse.band);
        band.map_or_else(dense, |band| band.work() + self.size)
    }

    /// How many columns of a matrix an evaluation of a Jacobian is worth: those that a row holds.
    pub fn columns(&self) -> usize {
        let band = self.sparse.as_ref().map(|sparse| sparse.band);
        band.map_or(self.n, |band| band.lower + band.upper + 1)
    }
}

/// A matrix in each lane, to be filled through [`Pattern::places`], then factored, then solved with.
#[derive(Clone, Debug)]
pub(crate) struct System<const W: usize> {
    pub matrix: Vec<Lanes<W>>,
    exchanges: Exchanges<W>,
    ordered: Vec<Lanes<W>>,
}

impl<const W: usize> System<W> {
    pub fn new(pattern: &Pattern) -> Self {
        let band = pattern.sparse.as_ref().map_or(0, |sparse| sparse.band.n);
        Self {
            matrix: vec![Lanes::all(0.0); pattern.size],
            exchanges: Exchanges::new(),
            ordered: vec![Lanes::all(0.0); band],
        }
    }

    /// Factors what was filled in. A singular lane gets numbers that are not finite. `N` is the size
    /// where it is known to the compiler, else 0.
    #[inline(always)]
    pub fn factor<const N: usize>(&mut self, pattern: &Pattern) {
        match &pattern.sparse {
            None => dense::factor::<N, W>(pattern.n, &mut self.matrix, &mut self.exchanges),
            Some(sparse) => {
                let band = sparse.band;
                let inside = &mut self.matrix[..band.n * band.width()];
                band::factor(band, inside, &mut self.exchanges);
                for outside in &sparse.outside {
                    let pivot = &mut self.matrix[outside.diagonal];
                    for lane in 0..W {
                        pivot.0[lane] = 1.0 / pivot.0[lane];
                    }
                }
            }
        }
    }

    /// Replaces the right-hand sides `x` by the solutions.
    #[inline(always)]
    pub fn solve<const N: usize>(&mut self, pattern: &Pattern, x: &mut [Lanes<W>]) {
        let Some(sparse) = &pattern.sparse else {
            return dense::solve::<N, W>(pattern.n, &self.matrix, &self.exchanges, x);
        };
        let band = sparse.band;
        for (to, &component) in self.ordered.iter_mut().zip(&sparse.order) {
            *to = x[component];
        }
        let inside = &self.matrix[..band.n * band.width()];
        band::solve(band, inside, &self.exchanges, &mut self.ordered);
        for (from, &component) in self.ordered.iter().zip(&sparse.order) {
            x[component] = *from;
        }
        for outside in &sparse.outside {
            let mut sum = x[outside.component];
            for &(place, column) in &outside.entries {
                let entry = &self.matrix[place];
                for lane in 0..W {
                    sum.0[lane] = (-entry.0[lane]).mul_add(x[column].0[lane], sum.0[lane]);
                }
            }
            let pivot = &self.matrix[outside.diagonal];
            for lane in 0..W {
                x[outside.component].0[lane] = sum.0[lane] * pivot.0[lane];
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use gnomon_mechanism::random::{Purpose, Stream};

    crate::lanes::dispatched! {
        fn factor_and_solve[const W: usize]<W>(
            pattern: &Pattern,
            system: &mut System<W>,
            x: &mut [Lanes<W>],
        ) = body
    }

    #[inline(always)]
    fn body<const W: usize>(pattern: &Pattern, system: &mut System<W>, x: &mut [Lanes<W>]) {
        system.factor::<0>(pattern);
        system.solve::<0>(pattern, x);
    }

    /// Solutions by the pattern's own way in every lane and instruction set, against the dense ones.
    fn check<const W: usize>(n: usize, entries: &[(usize, usize)]) {
        let pattern = Pattern::new(n, entries);
        assert!(pattern.sparse.is_some());
        let mut stream = Stream::new(2, Purpose::CLAIM, n as u64);
        let mut normal = || Lanes::<W>(std::array::from_fn(|_| stream.normal()));
        let values: Vec<Lanes<W>> = entries.iter().map(|_| normal()).collect();
        let diagonal: Vec<Lanes<W>> = (0..n).map(|_| normal()).collect();
        let right: Vec<Lanes<W>> = (0..n).map(|_| normal()).collect();
        let solved = |pattern: &Pattern, set| {
            let mut system = System::<W>::new(pattern);
            for (&place, value) in pattern.diagonal.iter().zip(&diagonal) {
                system.matrix[place] = *value;
            }
            for (&place, value) in pattern.places.iter().zip(&values) {
                for lane in 0..W {
                    system.matrix[place].0[lane] += value.0[lane];
                }
            }
            let mut x = right.clone();
            factor_and_solve(set, pattern, &mut system, &mut x);
            x
        };
        let dense = Pattern::dense(n, entries);
        let mut first: Option<Vec<Lanes<W>>> = None;
        for set in crate::lanes::InstructionSet::available() {
            let (own, other) = (solved(&pattern, set), solved(&dense, set));
            for (own, other) in own.iter().zip(&other) {
                for lane in 0..W {
                    let error = (own.0[lane] - other.0[lane]).abs();
                    assert!(
                        error < 1e-7 * (1.0 + other.0[lane].abs()),
                        "{set:?}: {error}"
                    );
                }
            }
            let first = first.get_or_insert_with(|| own.clone());
            for (own, first) in own.iter().zip(first.iter()) {
                assert_eq!(own.0, first.0, "{set:?}");
            }
        }
    }

    /// A line, a ring, and a ring beside which two components only look on.
    #[test]
    fn sparse_solutions_are_the_dense_ones() {
        let line = |n: usize| -> Vec<(usize, usize)> {
            (1..n).flat_map(|k| [(k - 1, k), (k, k - 1)]).collect()
        };
        let mut ring = line(40);
        ring.extend([(0, 39), (39, 0), (3, 3)]);
        check::<8>(30, &line(30));
        check::<64>(40, &ring);
        ring.extend((0..40).map(|k| (40, k)));
        ring.extend([(41, 7), (41, 41)]);
        check::<64>(42, &ring);
    }
}
