//! The bank's simulations -> their places in networks' features, one pass for all networks.

use gnomon_infer::Amortized;
use gnomon_infer::amortized::Question;
use gnomon_infer::attribution::{Attributor, Builder, Measure, Simulations, Targets};
use gnomon_learn::ensemble::Ensemble;
use gnomon_learn::matrix::Matrix;

use crate::context::Context;
use crate::failure::Failure;
use crate::interrupt;
use crate::stage::learn;
use crate::stage::usable::Usable;

/// What data sets are compared by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Embedding {
    /// What the trained networks make of them.
    Trained,
    /// What the same networks would make of them with their starting weights under this seed.
    Untrained(u64),
    /// The standardised series themselves.
    Series,
}

/// Simulations that are asked for.
#[derive(Clone, Copy, Debug)]
pub(super) struct Wanted {
    pub question: Question,
    pub embedding: Embedding,
    /// At most so many.
    pub most: usize,
}

/// A network's question and what its data sets are compared by, at work.
pub(super) struct Eye<'a> {
    context: &'a Context,
    amortized: &'a Amortized,
    networks: Option<Ensemble>,
}

impl<'a> Eye<'a> {
    pub(super) fn new(
        context: &'a Context,
        amortized: &'a Amortized,
        question: Question,
        embedding: Embedding,
    ) -> Self {
        let trained = amortized.networks().of(question);
        let networks = match embedding {
            Embedding::Trained => trained.cloned(),
            Embedding::Untrained(seed) => trained.map(|trained| trained.untrained(seed)),
            Embedding::Series => None,
        };
        Self {
            context,
            amortized,
            networks,
        }
    }

    /// Data sets (the given columns, row after row) as the networks read them, without the entries that
    /// the study's data lack.
    pub(super) fn read(&self, mut given: Vec<f64>) -> Result<Matrix, Failure> {
        let width = self.context.study.given_columns().len();
        let missing = learn::missing_entries(self.context);
        for row in given.chunks_exact_mut(width) {
            missing.iter().for_each(|&entry| row[entry] = f64::NAN);
        }
        let read = self.amortized.standardise(&given);
        read.map_err(|error| Failure::damaged(error, "learn anew"))
    }

    /// Features of data sets as the networks read them.
    pub(super) fn features(&self, given: &Matrix) -> Result<Matrix, Failure> {
        match &self.networks {
            None => Ok(given.clone()),
            Some(networks) => networks
                .representation(given, self.context.threads)
                .map_err(|error| Failure::damaged(error, "learn anew")),
        }
    }
}

/// Simulations as they are asked for, in the order of the bank; `None` where there are none.
pub(super) fn gather(
    context: &Context,
    usable: &Usable<'_>,
    amortized: &Amortized,
    wanted: Vec<Wanted>,
) -> Result<Vec<Option<Attributor>>, Failure> {
    let mut all: Vec<(Wanted, Eye<'_>, Builder)> = wanted
        .into_iter()
        .map(|wanted| {
            let measure = match wanted.embedding {
                Embedding::Series => Measure::Scaled,
                Embedding::Trained | Embedding::Untrained(_) => Measure::Predictive,
            };
            let eye = Eye::new(context, amortized, wanted.question, wanted.embedding);
            (wanted, eye, Builder::new(measure, wanted.most))
        })
        .collect();
    let shards = usable.shards();
    let bar = context
        .progress
        .bar("placing simulations", "shards", shards as u64);
    for shard in 0..shards {
        interrupt::check()?;
        if all.iter().all(|(.., builder)| builder.room() == 0) {
            break;
        }
        let table = usable.read_shard(shard)?;
        for (wanted, eye, builder) in &mut all {
            let mechanism = &table.rows.mechanism;
            let rows: Vec<usize> = (0..table.len())
                .filter(|&row| match wanted.question {
                    Question::Mechanism => true,
                    Question::Parameters(own) => own == mechanism[row] as usize,
                })
                .take(builder.room())
                .collect();
            if rows.is_empty() {
                continue;
            }
            let given = learn::given_rows(context, &table, rows.iter().copied())?;
            let targets = match wanted.question {
                Question::Mechanism => Targets::Classes {
                    of: rows.iter().map(|&row| mechanism[row]).collect(),
                    count: context.study.mechanisms.len(),
                },
                Question::Parameters(own) => {
                    let coordinates = amortized.coordinates(own);
                    Targets::Scores(learn::scores(context, coordinates, &table, own, &rows)?)
                }
            };
            let simulations = Simulations {
                numbers: rows.iter().map(|&row| table.rows.simulation[row]).collect(),
                shards: vec![shard as u32; rows.len()],
                targets,
            };
            builder.add(&eye.features(&eye.read(given)?)?, simulations);
        }
        bar.inc(1);
    }
    bar.finish_and_clear();
    Ok(all
        .into_iter()
        .map(|(.., builder)| builder.finish())
        .collect())
}
