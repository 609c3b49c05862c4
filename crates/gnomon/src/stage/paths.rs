//! Quantities of the whole paths that series may take which are not given: they need the joint density of
//! all entries.

use gnomon_mechanism::Study;
use gnomon_mechanism::study::{Part, SeriesHead};

/// Draws of a joint density from which quantiles are, at least.
pub(super) const FEWEST: usize = 1000;

/// What is made of the entries of a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum OfPath {
    /// What they add up to.
    Total,
    /// The largest of them.
    Largest,
}

impl OfPath {
    pub(super) const ALL: [Self; 2] = [Self::Total, Self::Largest];

    /// What users read.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Total => "total",
            Self::Largest => "largest",
        }
    }

    pub(super) fn of(self, entries: &[f64]) -> f64 {
        match self {
            Self::Total => entries.iter().sum(),
            Self::Largest => entries.iter().copied().fold(f64::NEG_INFINITY, f64::max),
        }
    }
}

/// Parts that have paths, each with its places among all entries that are not given; none where no joint
/// density is learned.
fn parts(study: &Study) -> Vec<(&Part, std::ops::Range<usize>)> {
    if study.learn.series != SeriesHead::Density {
        return Vec::new();
    }
    let mut first = 0;
    let all = study.unseen.iter().map(|part| {
        let places = first..first + part.times.len();
        first = places.end;
        (part, places)
    });
    all.filter(|(_, places)| places.len() > 1).collect()
}

/// The name of every quantity, and what it is of.
pub(super) fn asked(study: &Study) -> Vec<(String, String)> {
    let each = parts(study).into_iter().flat_map(|(part, _)| {
        let name = |of: OfPath| format!("the {} of {}", of.name(), part.label);
        OfPath::ALL.map(|of| (name(of), part.label.clone()))
    });
    each.collect()
}

/// The quantities of one path (one number for each entry that is not given), in the order of [`asked`].
pub(super) fn quantities(study: &Study, path: &[f64]) -> Vec<f64> {
    let each = parts(study).into_iter();
    each.flat_map(|(_, places)| OfPath::ALL.map(|of| of.of(&path[places.clone()])))
        .collect()
}
