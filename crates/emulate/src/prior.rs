//! What a query means to a mechanism: all of its parameters, and where the prior has them.

use gnomon_mechanism::expression::{Inputs, Tape};
use gnomon_mechanism::{Family, Mechanism};
use rayon::prelude::*;

use crate::points::Points;

/// The priors of a mechanism's parameters, some of which a query gives; the others are fixed by these.
#[derive(Clone, Debug)]
pub struct Prior {
    priors: Vec<(Family, Tape)>,
    given: Vec<usize>,
}

impl Prior {
    /// The priors of `mechanism`; `given` are the positions of the parameters that a query holds, in its
    /// order.
    #[must_use]
    pub fn new(mechanism: &Mechanism, given: &[usize]) -> Self {
        let tape = |arguments: &[_]| Tape::compile(&mechanism.graph, arguments);
        let parameters = mechanism.parameters.iter();
        Self {
            priors: parameters
                .map(|p| (p.prior.family, tape(&p.prior.arguments)))
                .collect(),
            given: given.to_vec(),
        }
    }

    /// Positions of the parameters that a query holds, in its order.
    #[must_use]
    pub fn given(&self) -> &[usize] {
        &self.given
    }

    /// Whether a column of a query takes values without numbers between them.
    #[must_use]
    pub fn is_discrete(&self, column: usize) -> bool {
        self.priors[self.given[column]].0.is_discrete()
    }

    /// All parameters of the mechanism at a query; NaN where the query has no number.
    #[must_use]
    pub fn parameters(&self, query: &[f64]) -> Vec<f64> {
        let mut all = Vec::with_capacity(self.priors.len());
        for (place, (_, tape)) in self.priors.iter().enumerate() {
            let value = match self.given.iter().position(|&given| given == place) {
                Some(column) => query[column],
                None => arguments(tape, &all).first().copied().unwrap_or(f64::NAN),
            };
            all.push(value);
        }
        all
    }

    /// Where a query lies: for each of its columns the probability, given the parameters above it, of a
    /// smaller value (counting half of that of a discrete value itself), in [0, 1]. Under the prior these
    /// are independent and uniform (Rosenblatt 1952). `None` outside the prior's support.
    #[must_use]
    pub fn place(&self, query: &[f64]) -> Option<Vec<f64>> {
        let all = self.parameters(query);
        let mut places = vec![0.0; query.len()];
        for (column, &parameter) in self.given.iter().enumerate() {
            let (family, tape) = &self.priors[parameter];
            let arguments = arguments(tape, &all[..parameter]);
            let value = all[parameter];
            let density = family.log_density(&arguments, value);
            if density.is_nan() || density == f64::NEG_INFINITY {
                return None;
            }
            let own = match family.is_discrete() {
                true => 0.5 * density.exp(),
                false => 0.0,
            };
            places[column] = family.cdf(&arguments, value) - own;
        }
        places
            .iter()
            .all(|place| place.is_finite())
            .then_some(places)
    }

    /// [`Prior::place`] of many queries.
    #[must_use]
    pub fn places(&self, queries: &Points) -> Vec<Option<Vec<f64>>> {
        let rows: Vec<&[f64]> = queries.iter().collect();
        rows.into_par_iter()
            .map(|query| self.place(query))
            .collect()
    }
}

fn arguments(tape: &Tape, parameters: &[f64]) -> Vec<f64> {
    tape.evaluate(&Inputs {
        parameters,
        ..Inputs::default()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mechanism() -> Mechanism {
        let text = "[parameters]\nlow = \"Uniform(0, 10)\"\ntwice = \"2 * low\"\n\
                    high = \"Uniform(low, 20)\"\nn = \"Poisson(2)\"\n[observed]\ny = \"high + n\"\n";
        Mechanism::parse("m.toml", text, ".").unwrap()
    }

    #[test]
    fn fixed_parameters_follow_and_the_prior_places_the_others() {
        // The study's order is its own.
        let prior = Prior::new(&mechanism(), &[2, 0, 3]);
        assert_eq!(prior.parameters(&[15.0, 5.0, 1.0]), [5.0, 10.0, 15.0, 1.0]);
        let place = prior.place(&[15.0, 5.0, 1.0]).unwrap();
        assert!((place[0] - 2.0 / 3.0).abs() < 1e-12 && (place[1] - 0.5).abs() < 1e-12);
        // P(N < 1) + P(N = 1) / 2 = 2 exp(-2).
        assert!((place[2] - 2.0 * (-2.0_f64).exp()).abs() < 1e-12);
        assert!(prior.is_discrete(2) && !prior.is_discrete(0));
    }

    #[test]
    fn outside_the_support_there_is_no_place() {
        let prior = Prior::new(&mechanism(), &[0, 2, 3]);
        for query in [
            [5.0, 4.0, 1.0],
            [-1.0, 4.0, 1.0],
            [5.0, 6.0, 1.5],
            [5.0, f64::NAN, 1.0],
        ] {
            assert_eq!(prior.place(&query), None, "{query:?}");
        }
    }
}
