//! A network in words, on one line.

use super::{Embedding, FlowMatching, Head, Network, SplineFlow, Tokens};
use std::fmt;

fn joined(numbers: &[usize]) -> String {
    numbers
        .iter()
        .map(ToString::to_string)
        .collect::<Vec<_>>()
        .join("-")
}

impl fmt::Display for Embedding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Identity => write!(f, "identity"),
            Self::Mlp { widths, activation } => {
                write!(f, "MLP ({}, {})", joined(widths), activation.name())
            }
            Self::ResidualMlp {
                width,
                blocks,
                activation,
                ..
            } => {
                write!(
                    f,
                    "residual MLP ({width} wide, {blocks} blocks, {})",
                    activation.name()
                )
            }
            Self::Convolution {
                series,
                layers,
                widths,
                activation,
            } => {
                let names: Vec<&str> = series.iter().map(|s| s.name.as_str()).collect();
                write!(f, "convolution over {} (", names.join(", "))?;
                for layer in layers {
                    write!(f, "{} channels of kernel {}", layer.channels, layer.kernel)?;
                    if layer.stride > 1 {
                        write!(f, " stride {}", layer.stride)?;
                    }
                    write!(f, ", ")?;
                }
                write!(f, "then {}, {})", joined(widths), activation.name())
            }
            Self::DeepSets {
                sets,
                trial,
                widths,
                activation,
            } => {
                let of = |set: &Tokens| format!("{} trials of {}", set.length, set.name);
                let sets: Vec<String> = sets.iter().map(of).collect();
                let (each, after) = (joined(trial), joined(widths));
                let (sets, name) = (sets.join(" and "), activation.name());
                write!(
                    f,
                    "deep sets over {sets} (each {each}, their mean, then {after}, {name})"
                )
            }
            Self::Attention {
                series,
                heads,
                blocks,
                widths,
                activation,
            } => {
                let of = |one: &Tokens| format!("{} entries of {}", one.length, one.name);
                let series: Vec<String> = series.iter().map(of).collect();
                let (series, after) = (series.join(" and "), joined(widths));
                let name = activation.name();
                write!(
                    f,
                    "attention over {series} ({heads} heads, {blocks} blocks, their mean, then \
                     {after}, {name})"
                )
            }
        }
    }
}

impl fmt::Display for Head {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Mean => write!(f, "mean"),
            Self::Classes => write!(f, "classes"),
            Self::Quantiles { levels } => match levels.as_slice() {
                [first, .., last] => write!(f, "{} quantiles ({first} to {last})", levels.len()),
                levels => write!(f, "quantiles ({levels:?})"),
            },
            Self::Spline(flow) => write!(f, "spline flow ({flow})"),
            Self::Coupling(flow) => write!(f, "coupling spline flow ({flow})"),
            Self::FlowMatching(FlowMatching {
                hidden,
                blocks,
                tolerance,
            }) => write!(
                f,
                "flow matching ({hidden} hidden, {blocks} blocks, tolerance {tolerance})"
            ),
        }
    }
}

impl fmt::Display for SplineFlow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} transforms, {} hidden, {} blocks, {} bins on [-{bound}, {bound}]",
            self.transforms,
            self.hidden,
            self.blocks,
            self.bins,
            bound = self.tail_bound
        )
    }
}

impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} given -> {} -> {} features -> {} -> {} predicted",
            self.given,
            self.embedding,
            self.features(),
            self.head,
            self.predict
        )
    }
}
