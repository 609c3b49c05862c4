//! The networks' answers to test data sets of the mixture of mechanisms: their probabilities, what they share,
//! and what is not given.

use gnomon_infer::truncation::Inside;
use gnomon_infer::unseen::{Drawn, Paths, Unseen};
use gnomon_learn::matrix::Matrix;
use gnomon_mechanism::Study;
use gnomon_mechanism::random::{Purpose, Stream};

use super::super::{averaged, place};
use super::{Pool, blocks};
use crate::failure::Failure;
use crate::interrupt;
use crate::stage::paths;
use crate::stamp;

/// Answers to the test data sets of the mixture.
#[derive(Default)]
pub(in crate::stage::examine) struct OfMixture {
    pub(super) names: Vec<String>,
    pub truths: Vec<usize>,
    pub probabilities: Vec<f64>,
    /// One a shared quantity: its name, truths and draws.
    pub shared: Vec<(String, Vec<f64>, Vec<f64>)>,
    /// What is observed and not given.
    pub unseen: Vec<OfUnseen>,
    /// One a quantity of its whole paths, as [`paths::asked`] names them: truths and draws.
    pub(super) paths: Vec<(Vec<f64>, Vec<f64>)>,
    pub levels: Vec<f64>,
}

/// A series that is observed and not given: its entries and their quantiles, data set after data set.
#[derive(Default)]
pub(in crate::stage::examine) struct OfUnseen {
    pub truths: Vec<f64>,
    pub quantiles: Vec<f64>,
}

/// Simulated data sets of the mixture.
struct Mixture {
    /// The given columns, row after row.
    given: Vec<f64>,
    /// The mechanism of each.
    chosen: Vec<usize>,
    /// The true values of what was named: one column each.
    truths: Vec<Vec<f64>>,
}

impl Pool<'_> {
    /// Answers to data sets of the mixture.
    pub(super) fn mixture(&self) -> Result<OfMixture, Failure> {
        let study = &self.context.study;
        let draws = study.claims.draws;
        let names = averaged(study);
        let mut own = OfMixture {
            names: study.mechanisms.iter().map(|m| m.name.clone()).collect(),
            shared: names
                .iter()
                .map(|name| (name.clone(), Vec::new(), Vec::new()))
                .collect(),
            ..OfMixture::default()
        };
        own.unseen
            .resize_with(study.unseen.len(), OfUnseen::default);
        own.paths
            .resize_with(paths::asked(study).len(), Default::default);
        let mut named = names.clone();
        named.extend(study.unseen_columns());
        for block in blocks(study.claims.data_sets) {
            interrupt::check()?;
            let numbers: Vec<u64> = block.clone().map(|number| number as u64).collect();
            let Mixture {
                given,
                chosen,
                truths,
            } = self.simulate_mixture(&numbers, &named)?;
            let given = self.standardise(given)?;
            let probabilities = self.amortized.probabilities(&given).map_err(Self::wrong)?;
            let picked = pick_mechanisms(&probabilities, study.mechanisms.len(), draws, |row| {
                Stream::new(self.seed, Purpose::POSTERIOR, (block.start + row) as u64)
            });
            let base = own.truths.len() * draws;
            for (place, (_, all, drawn)) in own.shared.iter_mut().enumerate() {
                all.extend_from_slice(&truths[place]);
                drawn.resize(base + chosen.len() * draws, f64::NAN);
            }
            if !names.is_empty() {
                self.fill_mixture(&given, &picked, block.start, base, &names, &mut own)?;
            }
            self.fill_unseen(&given, &truths[names.len()..], block.start, &mut own)?;
            own.truths.extend(chosen);
            own.probabilities.extend(probabilities);
            self.bar.inc(block.len() as u64);
        }
        Ok(own)
    }

    /// Simulations of the mixture, with the true values of `names`.
    fn simulate_mixture(&self, numbers: &[u64], names: &[String]) -> Result<Mixture, Failure> {
        let schema = self.population.schema(self.seed);
        let rows = self.population.rows(self.seed, numbers)?;
        let kept: Vec<usize> = (0..rows.len())
            .filter(|&row| rows.failure[row].is_none())
            .collect();
        let column = |name: &String| {
            let place = schema.position(name);
            place.map(|place| &rows.columns[place]).ok_or_else(|| {
                Failure::damaged(
                    format!("the simulations have no column `{name}`"),
                    "learn anew",
                )
            })
        };
        let given = self.context.study.given_columns();
        let given = given.iter().map(column).collect::<Result<Vec<_>, _>>()?;
        let shared = names.iter().map(column).collect::<Result<Vec<_>, _>>()?;
        Ok(Mixture {
            given: kept
                .iter()
                .flat_map(|&row| given.iter().map(move |column| column[row]))
                .collect(),
            chosen: kept
                .iter()
                .map(|&row| rows.mechanism[row] as usize)
                .collect(),
            truths: shared
                .iter()
                .map(|column| kept.iter().map(|&row| column[row]).collect())
                .collect(),
        })
    }

    /// Quantiles of what is not given beside its true entries, one column each, of data sets from number
    /// `base` on; and quantities of whole paths.
    fn fill_unseen(
        &self,
        given: &Matrix,
        truths: &[Vec<f64>],
        base: usize,
        own: &mut OfMixture,
    ) -> Result<(), Failure> {
        let drawn = Drawn {
            draws: self.context.study.claims.draws,
            seed: stamp::seed(&["test paths", &self.seed.to_string()]),
            first: base as u64,
        };
        let found = self.amortized.unseen(given, drawn).map_err(Self::wrong)?;
        let Some(Unseen { quantiles, paths }) = found else {
            return Ok(());
        };
        if let Some(paths) = &paths {
            fill_paths(
                &self.context.study,
                paths,
                truths,
                given.rows(),
                &mut own.paths,
            );
        }
        let mut first = 0;
        for (part, own) in self.context.study.unseen.iter().zip(&mut own.unseen) {
            let places = first..first + part.times.len();
            first = places.end;
            for (row, place) in
                (0..given.rows()).flat_map(|row| places.clone().map(move |p| (row, p)))
            {
                own.truths.push(truths[place][row]);
                own.quantiles.extend_from_slice(quantiles.of(row, place));
            }
        }
        own.levels = quantiles.levels;
        Ok(())
    }

    /// Draws of shared quantities: draw `d` of row `r` from mechanism `picked[r * draws + d]`.
    fn fill_mixture(
        &self,
        given: &Matrix,
        picked: &[usize],
        block: usize,
        base: usize,
        names: &[String],
        own: &mut OfMixture,
    ) -> Result<(), Failure> {
        let study = &self.context.study;
        let draws = study.claims.draws;
        for mechanism in 0..study.mechanisms.len() {
            let rows: Vec<usize> = (0..given.rows())
                .filter(|row| picked[row * draws..(row + 1) * draws].contains(&mechanism))
                .collect();
            if rows.is_empty() {
                continue;
            }
            let mut part = Matrix::zeros(rows.len(), given.columns());
            for (to, &from) in rows.iter().enumerate() {
                part.row_mut(to).copy_from_slice(given.row(from));
            }
            let seed = stamp::seed(&["test mixture", &self.seed.to_string(), &block.to_string()]);
            let inside = Inside {
                amortized: self.amortized,
                mechanism,
                region: None,
            };
            let restricted = inside.draw(&part, draws, seed, interrupt::flag());
            let drawn = restricted.map_err(Failure::region)?.draws;
            let quantities: Vec<&[f64]> = drawn.quantities().collect();
            for (name, (_, _, values)) in names.iter().zip(&mut own.shared) {
                let Some(place) = place(study, mechanism, name) else {
                    continue;
                };
                for (position, &row) in rows.iter().enumerate() {
                    for draw in 0..draws {
                        let at = row * draws + draw;
                        if picked[at] == mechanism {
                            values[base + at] = quantities[place][position * draws + draw];
                        }
                    }
                }
            }
        }
        Ok(())
    }
}

/// Appends quantities of whole paths, of the truth (one column an entry) and of every draw.
fn fill_paths(
    study: &Study,
    drawn: &Paths,
    truths: &[Vec<f64>],
    rows: usize,
    own: &mut [(Vec<f64>, Vec<f64>)],
) {
    for row in 0..rows {
        let truth: Vec<f64> = truths.iter().map(|column| column[row]).collect();
        let all = own.iter_mut();
        for ((of_truth, _), value) in all.zip(paths::quantities(study, &truth)) {
            of_truth.push(value);
        }
        for draw in 0..drawn.draws {
            let values = paths::quantities(study, drawn.of(row, draw));
            let all = own.iter_mut();
            all.zip(values)
                .for_each(|((_, of_draws), value)| of_draws.push(value));
        }
    }
}

/// A mechanism for each draw of each row, with the row's probabilities.
fn pick_mechanisms(
    probabilities: &[f64],
    mechanisms: usize,
    draws: usize,
    stream: impl Fn(usize) -> Stream,
) -> Vec<usize> {
    let mut picked = Vec::with_capacity(probabilities.len() / mechanisms * draws);
    for (row, own) in probabilities.chunks_exact(mechanisms).enumerate() {
        let mut stream = stream(row);
        for _ in 0..draws {
            let mut left = stream.uniform() * own.iter().sum::<f64>();
            let reached = own.iter().position(|p| {
                left -= p;
                left < 0.0
            });
            picked.push(reached.unwrap_or(mechanisms - 1));
        }
    }
    picked
}
