//! All figures of a report, each drawn once: the page embeds them, the folder gets them as files.

use std::collections::HashSet;

use crate::{
    content::Report,
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
    /// Distances of the data from the simulations.
    pub typicality: Vec<Figure>,
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
            typicality: typicality::figure(&report.typicality).into_iter().collect(),
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

fn predicted(report: &Report, when: Predictive) -> Vec<Figure> {
    let predictions = match when {
        Predictive::Prior => &report.prior_predictive,
        Predictive::Posterior => &report.posterior_predictive,
    };
    // Without any prediction, the data alone stand in the first figure.
    let alone = report.prior_predictive.is_empty() && report.posterior_predictive.is_empty();
    if predictions.is_empty() && !(alone && when == Predictive::Prior) {
        return Vec::new();
    }
    let figure = |series| predictive::figure(when, &report.mechanisms, series, predictions);
    report.observed.iter().filter_map(figure).collect()
}
