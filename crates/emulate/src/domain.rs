//! Where a bank can speak: the box of its simulations (and of queries at which it was found right) in the
//! prior's own coordinates, and nearness to one of them. Coordinates are the prior's probabilities ([`Prior::place`](crate::prior::Prior::place)),
//! in which a bank from the prior is uniform, so that one distance means the same everywhere.

use serde::{Deserialize, Serialize};

use crate::error::EmulateError;
use crate::points::Points;

/// Simulations that nearness is measured to: the first ones of a larger bank, which the prior drew alike.
const MOST: usize = 2_000;

/// A bank's domain.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Domain {
    /// The box of the simulations that succeeded, and what it was widened to.
    low: Vec<f64>,
    high: Vec<f64>,
    /// Simulations, those that failed among them.
    near: Points,
    failed: Vec<bool>,
    /// The farthest that one of them is from the next.
    reach: f64,
}

/// Why a query lies outside a domain.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Outside {
    /// Beyond every simulation that succeeded, in this column.
    Box(usize),
    /// Farther from all simulations than any of them is from the next.
    Far,
    /// The nearest simulation failed.
    Failed,
}

impl Domain {
    /// The domain of a bank: where its simulations lie, one a row, and which of them failed.
    ///
    /// # Errors
    /// [`EmulateError::Shape`] when the two do not fit, or no simulation succeeded.
    pub fn of(places: &Points, failed: &[bool]) -> Result<Self, EmulateError> {
        if failed.len() != places.rows() {
            return Err(EmulateError::Shape {
                what: "rows that say what failed".into(),
                expected: places.rows(),
                found: failed.len(),
            });
        }
        let succeeded = || places.iter().zip(failed).filter(|(_, failed)| !**failed);
        if succeeded().next().is_none() {
            return Err(EmulateError::Shape {
                what: "simulations that succeeded".into(),
                expected: 1,
                found: 0,
            });
        }
        let hull = |column: usize, ends: f64, pick: fn(f64, f64) -> f64| {
            succeeded().fold(ends, |end, (row, _)| pick(end, row[column]))
        };
        let columns = 0..places.columns();
        let kept: Vec<usize> = (0..places.rows().min(MOST)).collect();
        let mut domain = Self {
            low: columns
                .clone()
                .map(|c| hull(c, f64::INFINITY, f64::min))
                .collect(),
            high: columns
                .map(|c| hull(c, f64::NEG_INFINITY, f64::max))
                .collect(),
            near: places.select(&kept),
            failed: failed[..kept.len()].to_vec(),
            reach: 0.0,
        };
        domain.reach = kept
            .iter()
            .filter_map(|&row| domain.nearest(domain.near.row(row), Some(row)))
            .fold(0.0, |most, (_, distance)| f64::max(most, distance));
        Ok(domain)
    }

    /// The same domain with its box widened, in the columns that are named, to hold all these places as well.
    #[must_use]
    pub fn widened<'a>(&self, places: impl Iterator<Item = &'a [f64]>, columns: &[bool]) -> Self {
        let mut wider = self.clone();
        for place in places {
            for (column, &value) in place.iter().enumerate().filter(|(c, _)| columns[*c]) {
                wider.low[column] = wider.low[column].min(value);
                wider.high[column] = wider.high[column].max(value);
            }
        }
        wider
    }

    /// Whether a place lies beyond the box in this column.
    #[must_use]
    pub fn is_beyond(&self, column: usize, place: &[f64]) -> bool {
        // NaN is in no box.
        !(self.low[column]..=self.high[column]).contains(&place[column])
    }

    /// Adds places where the solver failed: what is nearest to one of them is outside.
    pub fn add_failures(&mut self, places: impl Iterator<Item = Vec<f64>>) {
        for place in places {
            // Places have the domain's columns.
            if self.near.push(&place).is_ok() {
                self.failed.push(true);
            }
        }
    }

    /// Whether a query at this place lies inside.
    ///
    /// # Errors
    /// Why it does not.
    pub fn check(&self, place: &[f64]) -> Result<(), Outside> {
        if let Some(column) = (0..place.len()).find(|&column| self.is_beyond(column, place)) {
            return Err(Outside::Box(column));
        }
        match self.nearest(place, None) {
            Some((row, distance)) if distance <= self.reach => match self.failed[row] {
                true => Err(Outside::Failed),
                false => Ok(()),
            },
            _ => Err(Outside::Far),
        }
    }

    /// The simulation nearest to a place, but for one that is left out, and how far it is.
    fn nearest(&self, place: &[f64], left_out: Option<usize>) -> Option<(usize, f64)> {
        let squared = |row: &[f64]| -> f64 {
            let steps = row.iter().zip(place).map(|(a, b)| (a - b) * (a - b));
            steps.sum()
        };
        let rows = self.near.iter().map(squared).enumerate();
        let others = rows.filter(|(row, _)| Some(*row) != left_out);
        let nearest = others.min_by(|a, b| a.1.total_cmp(&b.1));
        nearest.map(|(row, squared)| (row, squared.sqrt()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use gnomon_mechanism::random::{Purpose, Stream};

    fn uniform(rows: usize, seed: u64) -> Points {
        let mut stream = Stream::new(seed, Purpose::PARAMETERS, 0);
        Points::new(2, (0..2 * rows).map(|_| stream.uniform()).collect()).unwrap()
    }

    /// Of queries from the same distribution, some 4 in 400 lie outside the box, and few are far.
    #[test]
    fn a_bank_speaks_where_it_is() {
        let domain = Domain::of(&uniform(400, 1), &[false; 400]).unwrap();
        let queries = uniform(1000, 2);
        let outside = queries.iter().filter(|q| domain.check(q).is_err()).count();
        assert!(outside < 40, "{outside}");
        assert_eq!(domain.check(&[0.5, 1.0]), Err(Outside::Box(1)));
        assert_eq!(domain.check(&[f64::NAN, 0.5]), Err(Outside::Box(0)));
    }

    #[test]
    fn a_box_is_widened_column_by_column() {
        let domain = Domain::of(&uniform(50, 1), &[false; 50]).unwrap();
        let corner = [0.9999, 0.0001];
        assert!(domain.is_beyond(0, &corner) && domain.is_beyond(1, &corner));
        let wider = domain.widened([&corner[..]].into_iter(), &[true, false]);
        assert!(!wider.is_beyond(0, &corner) && wider.is_beyond(1, &corner));
        assert_eq!(wider.check(&corner), Err(Outside::Box(1)));
        // Nearness is to simulations all the same.
        let wider = domain.widened([&corner[..]].into_iter(), &[true, true]);
        assert_eq!(wider.check(&[0.9999, 0.02]), wider.check(&[0.9998, 0.02]));
    }

    #[test]
    fn where_simulations_failed_or_none_are_it_does_not() {
        let places = uniform(400, 3);
        let failed: Vec<bool> = places.iter().map(|p| p[0] > 0.7).collect();
        let domain = Domain::of(&places, &failed).unwrap();
        assert!(domain.check(&[0.85, 0.5]).is_err());
        assert!(domain.check(&[0.4, 0.5]).is_ok());
        let mut domain = domain;
        domain.add_failures(std::iter::once(vec![0.4, 0.5]));
        assert_eq!(domain.check(&[0.4, 0.501]), Err(Outside::Failed));
        // A hole in the middle.
        let rim: Vec<usize> = (0..400)
            .filter(|&r| places.row(r).iter().any(|x| (x - 0.5).abs() > 0.3))
            .collect();
        let rim = places.select(&rim);
        let domain = Domain::of(&rim, &vec![false; rim.rows()]).unwrap();
        assert_eq!(domain.check(&[0.5, 0.5]), Err(Outside::Far));
        assert!(Domain::of(&rim, &vec![true; rim.rows()]).is_err());
    }
}
