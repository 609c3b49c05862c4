//! Several models of the same question, averaged: densities and class probabilities as equal
//! mixtures, draws from the members in turn.

use crate::matrix::Matrix;
use crate::model::{Model, ModelError};
use gnomon_mechanism::elementary;

/// Models that differ by their seed.
#[derive(Clone, Debug)]
pub struct Ensemble {
    members: Vec<Model>,
}

impl Ensemble {
    /// An ensemble of one or more models.
    ///
    /// # Errors
    /// If there are none, or they read or predict different numbers of columns.
    pub fn new(members: Vec<Model>) -> Result<Self, ModelError> {
        let Some(first) = members.first() else {
            return Err(ModelError::Ensemble("there are none"));
        };
        let shape = |m: &Model| (m.network.given, m.network.predict);
        if members.iter().any(|m| shape(m) != shape(first)) {
            return Err(ModelError::Ensemble(
                "they read or predict different numbers of columns",
            ));
        }
        Ok(Self { members })
    }

    /// Its models.
    #[must_use]
    pub fn members(&self) -> &[Model] {
        &self.members
    }

    /// The members' [representations](Model::representation) side by side, one row for each of `given`.
    ///
    /// # Errors
    /// If `given` has the wrong number of columns.
    pub fn representation(&self, given: &Matrix, threads: usize) -> Result<Matrix, ModelError> {
        let parts = self
            .members
            .iter()
            .map(|member| member.representation(given, threads))
            .collect::<Result<Vec<_>, _>>()?;
        let mut all = Matrix::zeros(given.rows(), parts.iter().map(Matrix::columns).sum());
        for row in 0..given.rows() {
            let mut left = all.row_mut(row);
            for part in &parts {
                let (own, others) = left.split_at_mut(part.columns());
                own.copy_from_slice(part.row(row));
                left = others;
            }
        }
        Ok(all)
    }

    /// The same networks before any training, each from a seed of its own.
    #[must_use]
    pub fn untrained(&self, seed: u64) -> Self {
        let members = (seed..).zip(&self.members);
        Self {
            members: members
                .map(|(seed, member)| member.untrained(seed))
                .collect(),
        }
    }

    /// ln of the mean of the members' densities, row by row, in nats.
    ///
    /// # Errors
    /// As [`Model::log_density`].
    pub fn log_density(
        &self,
        given: &Matrix,
        targets: &Matrix,
        threads: usize,
    ) -> Result<Vec<f64>, ModelError> {
        let logs = self
            .members
            .iter()
            .map(|m| m.log_density(given, targets, threads));
        let logs = logs.collect::<Result<Vec<_>, _>>()?;
        let mixture = |row: usize| {
            let largest = logs
                .iter()
                .map(|l| l[row])
                .fold(f64::NEG_INFINITY, f64::max);
            let sum: f64 = logs.iter().map(|l| elementary::exp(l[row] - largest)).sum();
            largest + elementary::ln(sum / logs.len() as f64)
        };
        Ok((0..targets.rows()).map(mixture).collect())
    }

    /// The mean of the members' class probabilities: rows x classes.
    ///
    /// # Errors
    /// As [`Model::class_probabilities`].
    pub fn class_probabilities(
        &self,
        given: &Matrix,
        threads: usize,
    ) -> Result<Matrix, ModelError> {
        self.average(|m| m.class_probabilities(given, threads))
    }

    /// The mean of the members' conditional means: rows x predicted.
    ///
    /// # Errors
    /// As [`Model::mean`].
    pub fn mean(&self, given: &Matrix, threads: usize) -> Result<Matrix, ModelError> {
        self.average(|m| m.mean(given, threads))
    }

    /// The mean of the members' conditional quantiles (Vincent 1912), in the targets' own units, in
    /// order where a member's cross (Chernozhukov, Fernandez-Val & Galichon 2010): row after row,
    /// target by target, each with all levels.
    ///
    /// # Errors
    /// As [`Model::quantiles`].
    pub fn quantiles(&self, given: &Matrix, threads: usize) -> Result<Vec<f64>, ModelError> {
        let share = 1.0 / self.members.len() as f64;
        let targets = self.members[0].network.predict;
        let mut total = Vec::new();
        for member in &self.members {
            let mut found = member.quantiles(given, threads)?;
            let levels = found.columns() / targets.max(1);
            total.resize(found.values().len(), 0.0);
            let all = found.values_mut().chunks_exact_mut(levels.max(1));
            for (place, own) in all.enumerate() {
                own.sort_unstable_by(f32::total_cmp);
                let column = member
                    .predicted
                    .as_ref()
                    .map(|p| &p.columns[place % targets]);
                for (sum, &z) in total[place * levels..].iter_mut().zip(&*own) {
                    *sum += share * column.map_or(f64::from(z), |column| column.restore(z));
                }
            }
        }
        Ok(total)
    }

    /// [`Ensemble::draw`] in the targets' own units, where they are columns of the bank that training
    /// [spread](crate::standardise::Column::spread): row after row, draw by draw, each with all targets.
    ///
    /// # Errors
    /// As [`Ensemble::draw`].
    pub fn draw_columns(
        &self,
        given: &Matrix,
        draws: usize,
        seed: u64,
        first_row: u64,
        threads: usize,
    ) -> Result<Vec<f64>, ModelError> {
        let drawn = self.draw(given, draws, seed, first_row, threads)?;
        // Members learned from the same simulations, standardised alike.
        let columns = self.members[0].predicted.as_ref().map(|p| &p.columns);
        let targets = drawn.columns().max(1);
        let all = drawn.values().iter().enumerate();
        let own = |(place, &z): (usize, &f32)| match columns {
            Some(columns) => columns[place % targets].gather(z),
            None => f64::from(z),
        };
        Ok(all.map(own).collect())
    }

    fn average(
        &self,
        of: impl Fn(&Model) -> Result<Matrix, ModelError>,
    ) -> Result<Matrix, ModelError> {
        let share = 1.0 / self.members.len() as f32;
        let mut total: Option<Matrix> = None;
        for member in &self.members {
            let mut one = of(member)?;
            one.values_mut().iter_mut().for_each(|x| *x *= share);
            match &mut total {
                None => total = Some(one),
                Some(total) => {
                    let sums = total.values_mut().iter_mut().zip(one.values());
                    sums.for_each(|(sum, x)| *sum += x);
                }
            }
        }
        Ok(total.unwrap_or_default())
    }

    /// `draws` draws for each row of `given`, as [`Model::draw`]; draw `d` is from member
    /// `d % members`, so that each has its equal share.
    ///
    /// # Errors
    /// As [`Model::draw`].
    pub fn draw(
        &self,
        given: &Matrix,
        draws: usize,
        seed: u64,
        first_row: u64,
        threads: usize,
    ) -> Result<Matrix, ModelError> {
        let count = self.members.len();
        if let [only] = self.members.as_slice() {
            return only.draw(given, draws, seed, first_row, threads);
        }
        let columns = self.members[0].network.predict;
        let mut out = Matrix::zeros(given.rows() * draws, columns);
        for (number, member) in self.members.iter().enumerate() {
            let each = draws.saturating_sub(number).div_ceil(count);
            if each == 0 {
                continue;
            }
            // Members draw from streams of their own.
            let rows = first_row + ((number as u64) << 24);
            let drawn = member.draw(given, each, seed, rows, threads)?;
            for row in 0..given.rows() {
                for d in 0..each {
                    out.row_mut(row * draws + d * count + number)
                        .copy_from_slice(drawn.row(row * each + d));
                }
            }
        }
        Ok(out)
    }
}
