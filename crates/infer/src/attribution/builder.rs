//! Simulations as they are read -> an [`Attributor`], with the features of a few in memory at a time.

use gnomon_learn::matrix::Matrix;

use super::{Attributor, Index, Metric, Simulations, Targets};

/// Simulations that a metric is measured on.
const MEASURED: usize = 50_000;

/// How features become coordinates.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Measure {
    /// [`Metric::scaled`].
    Scaled,
    /// [`Metric::predictive`].
    Predictive,
}

/// Collects simulations for an [`Attributor`].
#[derive(Debug)]
pub struct Builder {
    measure: Measure,
    most: usize,
    /// Features until there are enough for a metric.
    waiting: Vec<f32>,
    features: usize,
    placed: Option<(Metric, Index)>,
    simulations: Option<Simulations>,
}

impl Builder {
    /// Of at most `most` simulations.
    #[must_use]
    pub fn new(measure: Measure, most: usize) -> Self {
        Self {
            measure,
            most,
            waiting: Vec::new(),
            features: 0,
            placed: None,
            simulations: None,
        }
    }

    /// How many simulations more it takes.
    #[must_use]
    pub fn room(&self) -> usize {
        let have = self.simulations.as_ref().map_or(0, |own| own.numbers.len());
        self.most.saturating_sub(have)
    }

    /// Adds simulations and their features, row by row, equally many.
    pub fn add(&mut self, features: &Matrix, simulations: Simulations) {
        match &mut self.simulations {
            None => self.simulations = Some(simulations),
            Some(own) => own.append(simulations),
        }
        if let Some((metric, index)) = &mut self.placed {
            extend(index, &metric.apply(features));
            return;
        }
        self.features = features.columns();
        self.waiting.extend_from_slice(features.values());
        if self.waiting.len() >= MEASURED * self.features.max(1) {
            self.place();
        }
    }

    fn place(&mut self) {
        let Some(simulations) = &self.simulations else {
            return;
        };
        let features = Matrix::new(self.features, std::mem::take(&mut self.waiting));
        let metric = match self.measure {
            Measure::Scaled => Metric::scaled(&features),
            Measure::Predictive => Metric::predictive(&features, &simulations.targets.told()),
        };
        let index = Index::new(&metric.apply(&features));
        self.placed = Some((metric, index));
    }

    /// All of them; `None` where there were none, or their features never vary.
    #[must_use]
    pub fn finish(mut self) -> Option<Attributor> {
        if self.placed.is_none() {
            self.place();
        }
        let ((metric, index), simulations) = self.placed.zip(self.simulations)?;
        (index.rows() > 1).then(|| Attributor::new(metric, index, simulations))
    }
}

fn extend(index: &mut Index, points: &Matrix) {
    (0..points.rows()).for_each(|row| index.push(points.row(row)));
}

impl Simulations {
    /// Appends simulations of which the same is known.
    fn append(&mut self, more: Self) {
        self.numbers.extend(more.numbers);
        self.shards.extend(more.shards);
        match (&mut self.targets, more.targets) {
            (Targets::Scores(own), Targets::Scores(more)) => {
                let columns = own.columns();
                let values = [own.values(), more.values()].concat();
                *own = Matrix::new(columns, values);
            }
            (Targets::Classes { of, .. }, Targets::Classes { of: more, .. }) => of.extend(more),
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    /// In parts or at once, before the metric is measured and after.
    #[test]
    fn parts_make_the_same_whole() {
        let rows = MEASURED + 3000;
        let value = |row: usize| (row as f32 * 0.37).sin();
        let part = |from: usize, to: usize| {
            let features = (from..to).flat_map(|row| [value(row), value(row + 9)]);
            let simulations = Simulations {
                numbers: (from as u64..to as u64).collect(),
                shards: vec![0; to - from],
                targets: Targets::Scores(Matrix::new(1, (from..to).map(value).collect())),
            };
            (Matrix::new(2, features.collect()), simulations)
        };
        let built = |cuts: &[usize]| {
            let mut builder = Builder::new(Measure::Predictive, rows);
            for ends in cuts.windows(2) {
                let (features, simulations) = part(ends[0], ends[1]);
                builder.add(&features, simulations);
            }
            assert_eq!(builder.room(), 0);
            builder.finish().unwrap()
        };
        let whole = built(&[0, MEASURED, rows]);
        assert_eq!(built(&[0, 10, MEASURED, MEASURED + 77, rows]), whole);
        assert!(Builder::new(Measure::Scaled, 5).finish().is_none());
    }
}
