//! All figures of a report, each drawn once: the page embeds them, the folder gets them as files.

use std::collections::HashSet;

use crate::{
    content::{Prediction, Report, Series, Unseen},
    figures::{
        Figure, corner, coverage, forest, predictive, probability, sbc, settling, training,
        typicality,
    },
};
use predictive::Predictive;

/// The figures by where they stand in the page.
#[derive(Debug, Default)]
pub struct Gallery {
    /// Prior predictive, one a series.
    pub prior: Vec<Figure>,
    /// Posterior predictive, one a series.
    pub posterior: Vec<Figure>,
    /// What is not given, one a series.
    pub unseen: Vec<Figure>,
    /// Distances of the data from the simulations.
    pub typicality: Vec<Figure>,
    /// The simulations most like the data, one a series.
    pub alike: Vec<Figure>,
    /// Mechanism probabilities.
    pub probability: Vec<Figure>,
    /// Shared quantities.
    pub shared: Vec<Figure>,
    /// Corner plots, in the order of the report's posteriors.
    pub corners: Vec<Option<Figure>>,
    /// How refined answers settle with compute.
    pub settling: Vec<Figure>,
    /// Calibration.
    pub calibration: Vec<Figure>,
    /// Training curves.
    pub training: Vec<Figure>,
}

impl Gallery {
    /// Draws everything that `report` has numbers for.
    pub fn draw(report: &Report) -> Self {
        let mechanisms = &report.mechanisms;
        let calibration = &report.calibration;
        let calibrated = [
            sbc::figure(mechanisms, &calibration.sbc),
            coverage::coverage(mechanisms, &calibration.coverage),
            coverage::reliability(mechanisms, &calibration.reliability),
            forest::gains(mechanisms, &calibration.gains),
        ];
        let mut gallery = Self {
            posterior: predicted(report, Predictive::Posterior),
            unseen: report
                .unseen
                .iter()
                .filter_map(|one| unseen(report, one))
                .collect(),
            typicality: typicality::figure(&report.typicality).into_iter().collect(),
            alike: alike(report),
            probability: probability::figure(mechanisms).into_iter().collect(),
            shared: forest::shared(mechanisms, &report.shared)
                .into_iter()
                .collect(),
            corners: report
                .posteriors
                .iter()
                .map(|p| corner::figure(mechanisms, p))
                .collect(),
            settling: settling::figure(mechanisms, &report.refinement)
                .into_iter()
                .collect(),
            calibration: calibrated.into_iter().flatten().collect(),
            training: training::figure(mechanisms, &report.training)
                .into_iter()
                .collect(),
            ..Self::prior_predictive(report)
        };
        gallery.name_apart();
        gallery
    }

    /// Draws only what is there before anything is learned.
    pub fn prior_predictive(report: &Report) -> Self {
        let prior = predicted(report, Predictive::Prior);
        let mut gallery = Self {
            prior,
            ..Self::default()
        };
        gallery.name_apart();
        gallery
    }

    /// All figures, in the page's order.
    pub fn figures(&self) -> impl Iterator<Item = &Figure> {
        let before = [
            &self.typicality,
            &self.prior,
            &self.posterior,
            &self.unseen,
            &self.alike,
            &self.probability,
            &self.shared,
        ];
        let after = [&self.settling, &self.calibration, &self.training];
        let corners = self.corners.iter().flatten();
        before
            .into_iter()
            .flatten()
            .chain(corners)
            .chain(after.into_iter().flatten())
    }

    /// Names differ even where series or mechanisms differ only in what a file name cannot hold, or
    /// only in case.
    fn name_apart(&mut self) {
        let lists = [
            &mut self.typicality,
            &mut self.prior,
            &mut self.posterior,
            &mut self.unseen,
            &mut self.alike,
            &mut self.calibration,
        ];
        let all = lists
            .into_iter()
            .flatten()
            .chain(self.corners.iter_mut().flatten());
        let mut taken = HashSet::new();
        for figure in all {
            let stem = figure.name.clone();
            let mut number = 2;
            while !taken.insert(figure.name.to_lowercase()) {
                figure.name = format!("{stem}-{number}");
                number += 1;
            }
        }
    }
}

/// Levels of the quantiles that a figure of what is not given shows.
const SHOWN_LEVELS: [f64; 5] = [0.05, 0.25, 0.5, 0.75, 0.95];

/// `None` of a single number, which the table tells.
fn unseen(report: &Report, unseen: &Unseen) -> Option<Figure> {
    let all = &unseen.prediction;
    if all.times.len() < 2 {
        return None;
    }
    let place = |level: &f64| {
        all.levels
            .iter()
            .position(|other| (other - level).abs() < 1e-9)
    };
    let places: Vec<usize> = SHOWN_LEVELS.iter().filter_map(place).collect();
    let shown = Prediction {
        levels: places.iter().map(|&place| all.levels[place]).collect(),
        quantiles: places
            .iter()
            .map(|&place| all.quantiles[place].clone())
            .collect(),
        ..all.clone()
    };
    predictive::figure(
        Predictive::Unseen,
        &report.mechanisms,
        &unseen.given,
        &[shown],
    )
}

/// What the simulations most like the data made of each series.
fn alike(report: &Report) -> Vec<Figure> {
    let figure = |(place, series): (usize, &Series)| {
        let given = report.attribution.given.iter();
        let made = given.map(|alike| Prediction {
            mechanism: Some(alike.mechanism.clone()),
            series: series.name.clone(),
            times: series.times.clone(),
            samples: alike
                .nearest
                .iter()
                .filter_map(|one| one.series.get(place).cloned())
                .collect(),
            ..Prediction::default()
        });
        let made: Vec<Prediction> = made.filter(|made| !made.samples.is_empty()).collect();
        if made.is_empty() {
            return None;
        }
        predictive::figure(Predictive::Alike, &report.mechanisms, series, &made)
    };
    report
        .observed
        .iter()
        .enumerate()
        .filter_map(figure)
        .collect()
}

fn predicted(report: &Report, when: Predictive) -> Vec<Figure> {
    let predictions = match when {
        Predictive::Prior => &report.prior_predictive,
        Predictive::Posterior => &report.posterior_predictive,
        Predictive::Unseen => return Vec::new(),
        Predictive::Alike => return alike(report),
    };
    // Without any prediction, the data alone stand in the first figure.
    let alone = report.prior_predictive.is_empty() && report.posterior_predictive.is_empty();
    if predictions.is_empty() && !(alone && when == Predictive::Prior) {
        return Vec::new();
    }
    let figure = |series| predictive::figure(when, &report.mechanisms, series, predictions);
    report.observed.iter().filter_map(figure).collect()
}
