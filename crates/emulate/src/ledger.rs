//! The ledger: what an emulator cost, what a query costs, and after how many queries it has paid.
//!
//! The solver that it is held against is asked in batches, at the tolerance at which its own error is as
//! large as what the emulator is allowed: a speed-up over a solver that is asked one by one, or more
//! accurately than needed, is none (McGreivy & Hakim 2024).

use serde::{Deserialize, Serialize};

/// Something that is paid once.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Paid {
    /// The work, such as "bank".
    pub what: String,
    /// Solver runs that it took; 0 for work without the solver.
    pub solves: u64,
    /// Wall-clock seconds.
    pub seconds: f64,
}

/// Seconds that one answer takes.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Speed {
    /// Alone, from asking to answer.
    pub latency: f64,
    /// Of many that are asked at once, its share.
    pub each: f64,
}

/// What it all costs.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Ledger {
    /// Paid once.
    pub paid: Vec<Paid>,
    /// The solver as the mechanism has it.
    pub solver: Speed,
    /// The solver at equal error.
    pub baseline: Speed,
    /// The learned map with its error estimate.
    pub emulator: Speed,
    /// The share of queries that the solver answers.
    pub fallbacks: f64,
}

impl Ledger {
    /// Seconds paid once.
    #[must_use]
    pub fn seconds(&self) -> f64 {
        self.paid.iter().map(|paid| paid.seconds).sum()
    }

    /// Seconds that an answer of the cascade takes among many: the learned map, and the solver's share.
    #[must_use]
    pub fn cascade_each(&self) -> f64 {
        self.emulator.each + self.fallbacks * self.solver.each
    }

    /// Seconds that an answer of the cascade takes alone, on average.
    #[must_use]
    pub fn cascade_latency(&self) -> f64 {
        self.emulator.latency + self.fallbacks * self.solver.latency
    }

    /// So many solver runs, in batches as the mechanism has it, take as long.
    #[must_use]
    pub fn in_solves(&self, seconds: f64) -> f64 {
        seconds / self.solver.each
    }

    /// After how many queries, asked in batches, the solver at equal error would have taken longer; `None`
    /// where it never does.
    #[must_use]
    pub fn break_even(&self) -> Option<f64> {
        let gained = self.baseline.each - self.cascade_each();
        let queries = self.seconds() / gained;
        (gained > 0.0 && queries.is_finite()).then_some(queries)
    }

    /// The same for queries that are asked one by one.
    #[must_use]
    pub fn break_even_one_by_one(&self) -> Option<f64> {
        let gained = self.baseline.latency - self.cascade_latency();
        let queries = self.seconds() / gained;
        (gained > 0.0 && queries.is_finite()).then_some(queries)
    }
}

/// The exponent of a power law through errors at numbers of simulations: the slope of a line through the
/// logarithms, least squares. `None` without two different points above 0.
#[must_use]
pub fn exponent(simulations: &[f64], errors: &[f64]) -> Option<f64> {
    let points: Vec<(f64, f64)> = simulations
        .iter()
        .zip(errors)
        .filter(|(n, e)| **n > 0.0 && **e > 0.0 && e.is_finite())
        .map(|(n, e)| (n.ln(), e.ln()))
        .collect();
    let count = points.len() as f64;
    let (x, y) = points
        .iter()
        .fold((0.0, 0.0), |sum, p| (sum.0 + p.0, sum.1 + p.1));
    let (x, y) = (x / count, y / count);
    let spread: f64 = points.iter().map(|p| (p.0 - x) * (p.0 - x)).sum();
    let product: f64 = points.iter().map(|p| (p.0 - x) * (p.1 - y)).sum();
    let slope = product / spread;
    (points.len() > 1 && slope.is_finite()).then_some(slope)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ledger(emulator: f64, fallbacks: f64) -> Ledger {
        let speed = |each| Speed {
            latency: 10.0 * each,
            each,
        };
        let paid = |what: &str, seconds| Paid {
            what: what.into(),
            solves: 0,
            seconds,
        };
        Ledger {
            paid: vec![paid("bank", 60.0), paid("training", 40.0)],
            solver: speed(0.2),
            baseline: speed(0.1),
            emulator: speed(emulator),
            fallbacks,
        }
    }

    #[test]
    fn it_pays_where_an_answer_is_cheaper_than_the_baselines() {
        let pays = ledger(0.01, 0.2);
        assert!((pays.break_even().unwrap() - 100.0 / 0.05).abs() < 1e-6);
        assert!((pays.break_even_one_by_one().unwrap() - 100.0 / 0.5).abs() < 1e-6);
        assert!((pays.in_solves(100.0) - 500.0).abs() < 1e-9);
        // Half of the answers are the dearer solver's.
        assert_eq!(ledger(0.01, 0.5).break_even(), None);
        assert_eq!(ledger(0.2, 0.0).break_even(), None);
    }

    #[test]
    fn the_exponent_of_a_power_law_is_found() {
        let n = [100.0, 200.0, 400.0];
        let errors = n.map(|n: f64| 3.0 * n.powf(-1.5));
        assert!((exponent(&n, &errors).unwrap() + 1.5).abs() < 1e-12);
        assert_eq!(exponent(&n[..1], &errors[..1]), None);
        assert_eq!(exponent(&[5.0, 5.0], &[1.0, 2.0]), None);
    }
}
