//! Priors of whole vectors, entry by entry: each entry has a distribution given the entries before it.
//!
//! `MultivariateNormal(mean, covariance)` and `MultivariateNormal(mean, cholesky = L)`: with L = M D, M of
//! unit diagonal and D diagonal, D z = M^-1 (x - mean), so that entry k is Normal with mean
//! mean_k - sum over j < k of M^-1_kj (x_j - mean_j) and sd D_k.
//!
//! `Dirichlet(a)`: by breaking a stick (Connor & Mosimann 1969), entry k is the share Beta(a_k, a_k+1 +
//! ... + a_n) of what the entries before it left; the last entry is the rest.

use super::lower::{Lowering, Scope};
use super::names::Meaning;
use super::vectors::INDEX;
use super::written::Named;
use crate::distribution::Family;
use crate::expression::syntax::{Call, Kind};
use crate::expression::{Expression, Input, Node};
use crate::model::Distribution;
use crate::source::{ReadError, Span};

/// Priors of whole vectors.
pub(crate) const FAMILIES: [&str; 2] = ["MultivariateNormal", "Dirichlet"];
/// Entries of a vector with a covariance.
const MOST_ENTRIES: usize = 500;

/// A covariance, factored: M^-1 (row after row) and D.
#[derive(Clone, Debug)]
pub(crate) struct Factor {
    inverse: Vec<f64>,
    sds: Vec<f64>,
}

impl Lowering<'_> {
    /// The prior of parameter number `position`, where it is an entry of a vector with one of
    /// [`FAMILIES`].
    pub fn of_vector(
        &mut self,
        named: &Named,
        position: usize,
    ) -> Result<Option<Distribution>, ReadError> {
        let Kind::Call(call) = &named.value.kind else {
            return Ok(None);
        };
        if !FAMILIES.contains(&call.function.as_str()) {
            return Ok(None);
        }
        let size = match named.entry {
            Some(entry) => (entry, self.size_of(named, entry)),
            None => {
                return Err(self
                    .source
                    .error(
                        call.function_at,
                        format!("`{}` is the prior of a vector", call.function),
                        "of how many entries?",
                    )
                    .with_help(format!(
                        "write {} = {{ prior = \"{}(...)\", size = 3 }}",
                        named.name, call.function
                    )));
            }
        };
        if call.function == "Dirichlet" {
            self.dirichlet(call, size, position).map(Some)
        } else {
            self.multivariate_normal(call, size, position).map(Some)
        }
    }

    /// Entries of the vector that `named` is entry number `entry` of.
    fn size_of(&self, named: &Named, entry: usize) -> usize {
        let vector = named.name.strip_suffix(&format!("_{entry}"));
        match vector.and_then(|vector| self.names.get(vector)) {
            Some(Meaning::Vector(size)) => size,
            _ => entry,
        }
    }

    /// `expression` for entry `entry`, of constants and the parameters before the vector.
    fn at_entry(
        &mut self,
        expression: &Expression,
        entry: usize,
        known: usize,
    ) -> Result<Node, ReadError> {
        let number = self.graph.constant(entry as f64);
        self.with_index(INDEX, number, |own| {
            own.lower(expression, Scope::Parameters(known))
        })
    }

    fn dirichlet(
        &mut self,
        call: &Call,
        (entry, size): (usize, usize),
        position: usize,
    ) -> Result<Distribution, ReadError> {
        let [weight] = call.arguments.as_slice() else {
            return Err(self
                .source
                .error(call.function_at, "`Dirichlet` takes 1 argument", "here")
                .with_help("write Dirichlet(1), or Dirichlet(a[i]) with a list `a` of constants"));
        };
        let before = position + 1 - entry;
        let mut rest = self.graph.constant(1.0);
        for k in before..position {
            let taken = self.graph.input(Input::Parameter(k));
            rest = self.graph.subtract(rest, taken);
        }
        if entry == size {
            return Ok(Distribution {
                family: Family::Exact,
                arguments: vec![rest],
            });
        }
        let mut weights = Vec::new();
        for k in entry..=size {
            let node = self.at_entry(&weight.value, k, before)?;
            if let Some(value) = self.graph.as_constant(node)
                && !(value > 0.0 && value.is_finite())
            {
                return Err(self
                    .source
                    .error(
                        weight.value.at,
                        format!("a weight is {value}, but must be positive"),
                        format!("entry {k}"),
                    )
                    .with_help("Dirichlet(1) is uniform over all shares"));
            }
            weights.push(node);
        }
        let mut others = weights[1];
        for &weight in &weights[2..] {
            others = self.graph.add(others, weight);
        }
        let low = self.graph.constant(0.0);
        Ok(Distribution {
            family: Family::Beta,
            arguments: vec![weights[0], others, low, rest],
        })
    }

    fn multivariate_normal(
        &mut self,
        call: &Call,
        (entry, size): (usize, usize),
        position: usize,
    ) -> Result<Distribution, ReadError> {
        let mut found: [Option<&Expression>; 3] = [None; 3];
        for (place, argument) in call.arguments.iter().enumerate() {
            let slot = match &argument.name {
                None => (place < 2).then_some(place),
                Some((name, _)) => ["mean", "covariance", "cholesky"]
                    .iter()
                    .position(|known| known == name),
            };
            match slot {
                Some(slot) if found[slot].is_none() => found[slot] = Some(&argument.value),
                _ => return Err(self.how_to_write(argument.value.at)),
            }
        }
        let (Some(mean), matrix, is_covariance) = (match found {
            [mean, Some(covariance), None] => (mean, covariance, true),
            [mean, None, Some(cholesky)] => (mean, cholesky, false),
            _ => return Err(self.how_to_write(call.function_at)),
        }) else {
            return Err(self.how_to_write(call.function_at));
        };
        let factor = self.factor(matrix, size, is_covariance)?;
        let before = position + 1 - entry;
        let mut center = self.at_entry(mean, entry, before)?;
        for j in 1..entry {
            let weight = factor.inverse[(entry - 1) * size + j - 1];
            if weight == 0.0 {
                continue;
            }
            let value = self.graph.input(Input::Parameter(before + j - 1));
            let own_mean = self.at_entry(mean, j, before)?;
            let off = self.graph.subtract(value, own_mean);
            let weight = self.graph.constant(weight);
            let shift = self.graph.multiply(weight, off);
            center = self.graph.subtract(center, shift);
        }
        let sd = self.graph.constant(factor.sds[entry - 1]);
        Ok(Distribution {
            family: Family::Normal,
            arguments: vec![center, sd],
        })
    }

    fn how_to_write(&self, at: Span) -> ReadError {
        self.source
            .error(at, "not the arguments of `MultivariateNormal`", "here")
            .with_help(
                "write MultivariateNormal(mean = 0, covariance = S), or cholesky = L, with a matrix of constants",
            )
    }

    /// The factors of the matrix of constants that `written` names.
    fn factor(
        &mut self,
        written: &Expression,
        size: usize,
        is_covariance: bool,
    ) -> Result<Factor, ReadError> {
        let table = match &written.kind {
            Kind::Name(name) => match self.names.get(name) {
                Some(Meaning::Data(table)) => Some(table),
                _ => None,
            },
            _ => None,
        };
        let Some(table) = table else {
            return Err(self.how_to_write(written.at));
        };
        if let Some(factor) = self.factors.get(&(table, is_covariance)) {
            return Ok(factor.clone());
        }
        let data = &self.data[table];
        let refused = |problem: String| {
            Err(self
                .source
                .error(written.at, problem, "this matrix")
                .with_help("a covariance is symmetric and positive definite; its Cholesky factor is lower triangular with a positive diagonal"))
        };
        if data.rows != size || data.columns != size || size > MOST_ENTRIES {
            return refused(format!(
                "{} are given for {size} entries (at most {MOST_ENTRIES})",
                data.described()
            ));
        }
        let lower = if is_covariance {
            cholesky(&data.values, size)
        } else {
            let upper =
                (0..size).flat_map(|row| (row + 1..size).map(move |column| row * size + column));
            let triangular = upper.map(|place| data.values[place]).all(|x| x == 0.0);
            let positive = (0..size).all(|k| data.values[k * size + k] > 0.0);
            (triangular && positive).then(|| data.values.clone())
        };
        let Some(lower) = lower else {
            return refused(if is_covariance {
                "this covariance is not symmetric and positive definite".into()
            } else {
                "this is not a Cholesky factor".into()
            });
        };
        let factor = Factor::new(&lower, size);
        self.factors.insert((table, is_covariance), factor.clone());
        Ok(factor)
    }
}

impl Factor {
    /// From a lower triangular matrix with a positive diagonal.
    fn new(lower: &[f64], size: usize) -> Self {
        let at = |row: usize, column: usize| lower[row * size + column];
        let mut inverse = vec![0.0; size * size];
        for column in 0..size {
            inverse[column * size + column] = 1.0;
            for row in column + 1..size {
                let terms =
                    (column..row).map(|k| at(row, k) / at(k, k) * inverse[k * size + column]);
                inverse[row * size + column] = -terms.sum::<f64>();
            }
        }
        Self {
            inverse,
            sds: (0..size).map(|k| at(k, k)).collect(),
        }
    }
}

/// The lower triangular L with L L^T = `covariance`; `None` where it is not symmetric and positive
/// definite.
fn cholesky(covariance: &[f64], size: usize) -> Option<Vec<f64>> {
    let mut lower = vec![0.0; size * size];
    for row in 0..size {
        for column in 0..=row {
            let (here, there) = (
                covariance[row * size + column],
                covariance[column * size + row],
            );
            let asymmetry = (here - there).abs();
            if asymmetry.is_nan() || asymmetry > 1e-9 * (here.abs() + there.abs()) {
                return None;
            }
            let done: f64 = (0..column)
                .map(|k| lower[row * size + k] * lower[column * size + k])
                .sum();
            lower[row * size + column] = if row == column {
                let square = here - done;
                (square > 0.0 && square.is_finite()).then(|| square.sqrt())?
            } else {
                (here - done) / lower[column * size + column]
            };
        }
    }
    Some(lower)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn factors_give_back_the_covariance() {
        let covariance = [4.0, 2.0, -1.0, 2.0, 3.0, 0.5, -1.0, 0.5, 2.0];
        let lower = cholesky(&covariance, 3).unwrap();
        for row in 0..3 {
            for column in 0..3 {
                let product: f64 = (0..3)
                    .map(|k| lower[row * 3 + k] * lower[column * 3 + k])
                    .sum();
                assert!((product - covariance[row * 3 + column]).abs() < 1e-12);
            }
        }
        // M^-1 L = D.
        let factor = Factor::new(&lower, 3);
        for row in 0..3 {
            for column in 0..3 {
                let product: f64 = (0..3)
                    .map(|k| factor.inverse[row * 3 + k] * lower[k * 3 + column])
                    .sum();
                let expected = if row == column { factor.sds[row] } else { 0.0 };
                assert!((product - expected).abs() < 1e-12);
            }
        }
        assert!(cholesky(&[1.0, 2.0, 2.0, 1.0], 2).is_none());
        assert!(cholesky(&[1.0, 0.1, 0.2, 1.0], 2).is_none());
    }
}
