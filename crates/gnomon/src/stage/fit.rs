//! Maximum-likelihood fits of every mechanism, and what AIC and BIC make of them.

use gnomon_infer::DrawTable;
use gnomon_infer::fit::{Fit, FitError, Likelihood, weights};
use gnomon_mechanism::Study;
use rayon::prelude::*;

use super::answer::incomparable;
use crate::context::Context;
use crate::failure::Failure;
use crate::interrupt;
use crate::population::Population;

/// Data sets between two looks at the interrupt flag.
const AT_ONCE: usize = 64;

/// Every mechanism fitted to one data set.
pub struct Fits {
    /// One a mechanism; why there is none.
    pub each: Vec<Result<Fit, String>>,
    /// Why the criteria of different mechanisms cannot be compared, if they cannot.
    pub incomparable: Option<String>,
}

impl Fits {
    /// Each mechanism's weight by a criterion; NaN where they cannot be compared.
    #[must_use]
    pub fn weights(&self, criterion: impl Fn(&Fit) -> f64) -> Vec<f64> {
        if self.incomparable.is_some() {
            return vec![f64::NAN; self.each.len()];
        }
        let all = self.each.iter();
        weights(
            &all.map(|fit| fit.as_ref().map_or(f64::INFINITY, &criterion))
                .collect::<Vec<_>>(),
        )
    }
}

/// The mechanisms' likelihoods, and where the study's data lie among what each observes.
struct Fitter<'a> {
    study: &'a Study,
    likelihoods: Vec<Result<Likelihood, String>>,
    places: Vec<Vec<usize>>,
    seed: u64,
}

impl<'a> Fitter<'a> {
    fn new(context: &'a Context) -> Result<Self, Failure> {
        let study = &context.study;
        let population = Population::new(study)?;
        let count = study.mechanisms.len();
        let likelihood = |mechanism| match Likelihood::new(mechanism, &study.given_names()) {
            Ok(likelihood) => Ok(Ok(likelihood)),
            Err(FitError::Simulate(error)) => Err(Failure::simulation(error)),
            Err(other) => Ok(Err(other.to_string())),
        };
        let all = study.mechanisms.iter().map(likelihood);
        let likelihoods: Vec<Result<Likelihood, String>> = all.collect::<Result<_, _>>()?;
        if let Some(why) = likelihoods.iter().find_map(|l| l.as_ref().err())
            && likelihoods.iter().all(Result::is_err)
        {
            return Err(Failure::refused(
                format!("no mechanism can be fitted: {why}"),
                "fits need a likelihood: deterministic dynamics that are observed with noise, or [likelihood]",
            ));
        }
        Ok(Self {
            study,
            likelihoods,
            places: (0..count).map(|m| population.given_places(m)).collect(),
            seed: context.seed_for("maximum likelihood"),
        })
    }

    /// Fits every mechanism to a data set, one number a given column.
    fn fit(&self, data: &[f64]) -> Result<Vec<Result<Fit, String>>, Failure> {
        let each = self
            .likelihoods
            .iter()
            .zip(&self.places)
            .zip(&self.study.mechanisms);
        each.map(|((likelihood, places), mechanism)| {
            let likelihood = match likelihood {
                Ok(likelihood) => likelihood,
                Err(why) => return Ok(Err(why.clone())),
            };
            let mut own = vec![f64::NAN; mechanism.observed_count()];
            for (&place, &value) in places.iter().zip(data) {
                own[place] = value;
            }
            match likelihood.maximise(&own, self.seed) {
                Ok(fit) => Ok(Ok(fit)),
                Err(FitError::Simulate(error)) => Err(Failure::simulation(error)),
                Err(other) => Ok(Err(other.to_string())),
            }
        })
        .collect()
    }
}

/// Fits every mechanism to one data set.
///
/// # Errors
/// Where no mechanism has a likelihood, or one cannot be run.
pub fn one(context: &Context, data: &[f64]) -> Result<Fits, Failure> {
    Ok(Fits {
        each: Fitter::new(context)?.fit(data)?,
        incomparable: incomparable(&context.study),
    })
}

/// Fits every mechanism to many data sets (one column a given entry, one row a data set): a row with ln
/// likelihood, AIC, AICc, BIC, the starts that agree and the parameters of each mechanism, named after it.
///
/// # Errors
/// As [`one`], and where the user interrupts.
pub fn each(context: &Context, data: &[Vec<f64>]) -> Result<DrawTable, Failure> {
    let fitter = Fitter::new(context)?;
    let rows = data.first().map_or(0, Vec::len);
    let bar = context.progress.bar("fitting", "data sets", rows as u64);
    let mut all = Vec::with_capacity(rows);
    for first in (0..rows).step_by(AT_ONCE) {
        interrupt::check()?;
        let chunk = first..rows.min(first + AT_ONCE);
        let count = chunk.len() as u64;
        let fits = chunk.into_par_iter().map(|row| {
            let data: Vec<f64> = data.iter().map(|column| column[row]).collect();
            fitter.fit(&data)
        });
        all.extend(fits.collect::<Result<Vec<_>, _>>()?);
        bar.inc(count);
    }
    bar.finish_and_clear();
    let mut table = DrawTable::default();
    let mut add = |name: String, column: Vec<f64>| {
        table.names.push(name);
        table.columns.push(column);
    };
    add(
        "data_set".into(),
        (1..=rows).map(|row| row as f64).collect(),
    );
    for (number, mechanism) in context.study.mechanisms.iter().enumerate() {
        let numbers = |of: &dyn Fn(&Fit) -> f64| -> Vec<f64> {
            let fits = all.iter().map(|fits| fits[number].as_ref());
            fits.map(|fit| fit.map_or(f64::NAN, of)).collect()
        };
        let name = &mechanism.name;
        add(
            format!("{name}_log_likelihood"),
            numbers(&|fit| fit.log_likelihood),
        );
        add(format!("{name}_aic"), numbers(&Fit::aic));
        add(format!("{name}_aicc"), numbers(&Fit::aicc));
        add(format!("{name}_bic"), numbers(&Fit::bic));
        add(
            format!("{name}_agreeing"),
            numbers(&|fit| fit.agreeing as f64),
        );
        for (place, parameter) in mechanism.parameters.iter().enumerate() {
            add(
                format!("{name}_{}", parameter.name),
                numbers(&|fit| fit.parameters[place]),
            );
        }
    }
    Ok(table)
}
