//! Sizes of a network that make no sense.

use super::{Embedding, Head, Network, NetworkError, Tokens};

impl Network {
    /// Checks sizes that a file or a user may have got wrong.
    ///
    /// # Errors
    /// Names the size that makes no sense.
    pub fn check(&self) -> Result<(), NetworkError> {
        const MOST: usize = 1 << 20;
        let positive = |what: &str, n: usize| {
            if (1..=MOST).contains(&n) {
                Ok(())
            } else {
                Err(NetworkError(format!(
                    "{what} is {n}, and must be in 1..={MOST}"
                )))
            }
        };
        positive("the number of given columns", self.given)?;
        positive("the number of predicted columns", self.predict)?;
        positive("the number of features", self.features())?;
        match &self.embedding {
            Embedding::Identity => {}
            Embedding::Mlp { widths, .. } => {
                widths.iter().try_for_each(|&w| positive("a width", w))?;
            }
            Embedding::ResidualMlp { width, .. } => positive("the width", *width)?,
            Embedding::Convolution {
                series,
                layers,
                widths,
                ..
            } => {
                widths.iter().try_for_each(|&w| positive("a width", w))?;
                for layer in layers {
                    positive("the number of channels", layer.channels)?;
                    positive("the stride", layer.stride)?;
                    if layer.kernel.is_multiple_of(2) || layer.kernel > MOST {
                        let kernel = layer.kernel;
                        return Err(NetworkError(format!(
                            "a kernel is {kernel}, and must be odd"
                        )));
                    }
                }
                let mut free = 0;
                for one in series {
                    positive("the length of a series", one.length)?;
                    positive("the number of channels", one.channels)?;
                    if one.start < free || one.columns().end > self.given {
                        return Err(NetworkError(format!(
                            "series `{}` takes columns {:?}, which overlap another series or \
                             exceed the {} given columns",
                            one.name,
                            one.columns(),
                            self.given
                        )));
                    }
                    free = one.columns().end;
                }
            }
            Embedding::DeepSets {
                sets,
                trial,
                widths,
                ..
            } => {
                positive("the number of layers of a trial", trial.len())?;
                for &width in trial.iter().chain(widths) {
                    positive("a width", width)?;
                }
                Tokens::check(sets, self.given)?;
            }
            Embedding::Attention {
                series,
                heads,
                blocks,
                widths,
                ..
            } => {
                positive("the number of series", series.len())?;
                positive("the number of heads", *heads)?;
                positive("the number of blocks", *blocks)?;
                widths.iter().try_for_each(|&w| positive("a width", w))?;
                Tokens::check(series, self.given)?;
            }
        }
        match &self.head {
            Head::Mean | Head::Classes => Ok(()),
            Head::Quantiles { levels } => {
                let inside = levels.iter().all(|&q| q > 0.0 && q < 1.0);
                if levels.is_empty() || !inside || !levels.is_sorted_by(|a, b| a < b) {
                    return Err(NetworkError(format!(
                        "quantile levels {levels:?} must increase inside (0, 1)"
                    )));
                }
                Ok(())
            }
            Head::FlowMatching(flow) => {
                positive("the number of hidden units", flow.hidden)?;
                positive("the number of blocks", flow.blocks)?;
                if !(1e-7..=0.1).contains(&flow.tolerance) {
                    return Err(NetworkError(format!(
                        "the tolerance is {}, and must be in 1e-7..=0.1",
                        flow.tolerance
                    )));
                }
                Ok(())
            }
            Head::Spline(flow) | Head::Coupling(flow) => {
                positive("the number of transforms", flow.transforms)?;
                positive("the number of hidden units", flow.hidden)?;
                if !(2..=64).contains(&flow.bins) {
                    return Err(NetworkError(format!(
                        "{} bins, must be in 2..=64",
                        flow.bins
                    )));
                }
                if !(flow.tail_bound.is_finite() && flow.tail_bound > 0.0) {
                    return Err(NetworkError(format!(
                        "the tail bound is {}",
                        flow.tail_bound
                    )));
                }
                Ok(())
            }
        }
    }
}
