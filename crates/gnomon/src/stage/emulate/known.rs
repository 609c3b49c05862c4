//! What the solver answered: the bank, pools of fresh queries, and solves that were kept.

use gnomon_bank::Bank;
use gnomon_emulate::Points;
use gnomon_emulate::prior::Prior;
use gnomon_mechanism::study::Emulation;

use super::solver::failed;
use crate::context::Context;
use crate::failure::Failure;
use crate::population::Population;
use crate::stage::simulate;

/// Queries from the prior, and what the solver made of them.
pub struct Known {
    /// One row a query.
    pub queries: Points,
    /// Where the prior has them.
    pub places: Points,
    /// The solver's answers: NaN where it has none.
    pub answers: Points,
    /// Why it has none.
    pub failures: Vec<Option<String>>,
}

impl Known {
    /// The first `rows` rows of a bank.
    ///
    /// # Errors
    /// Where the bank cannot be read.
    pub fn read(
        context: &Context,
        emulation: &Emulation,
        prior: &Prior,
        bank: &Bank,
        rows: u64,
    ) -> Result<Self, Failure> {
        let parameters = &context.study.mechanisms[0].parameters;
        let given = emulation
            .given
            .iter()
            .map(|&place| parameters[place].name.clone());
        let outputs = emulation.columns();
        let names: Vec<String> = given.chain(outputs.iter().cloned()).collect();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        let table = bank.read_columns(&names)?;
        let columns = &table.rows.columns;
        let (given, outputs) = columns.split_at(emulation.given.len());
        let rows = (table.len() as u64).min(rows) as usize;
        let mut known = Self {
            queries: Points::zeros(0, given.len()),
            places: Points::zeros(0, given.len()),
            answers: Points::zeros(0, outputs.len()),
            failures: Vec::with_capacity(rows),
        };
        let wrong = |error| failed(&error);
        for row in 0..rows {
            let query: Vec<f64> = given.iter().map(|column| column[row]).collect();
            let answer: Vec<f64> = outputs.iter().map(|column| column[row]).collect();
            let place = prior
                .place(&query)
                .unwrap_or_else(|| vec![f64::NAN; query.len()]);
            let is_whole = answer.iter().all(|value| value.is_finite());
            let failure = table.rows.failure[row].clone();
            let missing = || (!is_whole).then(|| "an entry of the answer is missing".to_owned());
            known.queries.push(&query).map_err(wrong)?;
            known.places.push(&place).map_err(wrong)?;
            known.answers.push(&answer).map_err(wrong)?;
            known.failures.push(failure.or_else(missing));
        }
        Ok(known)
    }

    /// The rows that the solver answered.
    #[must_use]
    pub fn answered(&self) -> Vec<usize> {
        let rows = self.failures.iter().enumerate();
        rows.filter(|(_, failure)| failure.is_none())
            .map(|(row, _)| row)
            .collect()
    }

    /// The places in the form that a cascade takes.
    #[must_use]
    pub fn placed(&self) -> Vec<Option<Vec<f64>>> {
        let whole = |place: &[f64]| place.iter().all(|x| x.is_finite()).then(|| place.to_vec());
        self.places.iter().map(whole).collect()
    }

    /// How many simulations there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.failures.len()
    }
}

/// A pool of fresh queries that nothing was fitted to, as a bank of its own: an interrupted one goes on.
/// And the seconds that it took.
///
/// # Errors
/// As [`simulate::run`].
pub fn pool(
    context: &Context,
    population: &Population<'_>,
    prior: &Prior,
    emulation: &Emulation,
    pool: Pool,
) -> Result<(Known, f64), Failure> {
    let own = context.of_pool(pool.name, pool.seed, pool.queries as u64);
    let bank = simulate::run(&own, population)?;
    let known = Known::read(&own, emulation, prior, &bank, pool.queries as u64)?;
    Ok((known, simulate::seconds(&own)))
}

/// Which pool.
#[derive(Clone, Copy, Debug)]
pub struct Pool {
    /// Its name.
    pub name: &'static str,
    /// Its seed.
    pub seed: u64,
    /// How many queries it has.
    pub queries: usize,
}
