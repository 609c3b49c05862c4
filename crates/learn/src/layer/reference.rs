//! An independent forward pass for tests: one example at a time, in f64, by tensor names, with no
//! code shared with the kernels.

use crate::network::{
    Activation, Embedding, FlowMatching, Head, Network, SplineFlow, Tensor, Tokens,
};

/// Weights in f64 with their tensors.
pub(super) struct Reference<'a> {
    pub network: &'a Network,
    pub tensors: &'a [Tensor],
    pub weights: Vec<f64>,
}

impl Reference<'_> {
    fn tensor(&self, name: &str) -> &[f64] {
        let tensor = self.tensors.iter().find(|t| t.name == name).expect(name);
        &self.weights[tensor.range()]
    }

    /// `W x + b` by plain sums; masked weights are zeros.
    fn linear(&self, name: &str, x: &[f64]) -> Vec<f64> {
        let weight = self.tensor(&format!("{name}.weight"));
        let products = weight
            .chunks_exact(x.len())
            .map(|row| row.iter().zip(x).map(|(w, x)| w * x).sum::<f64>());
        let bias = format!("{name}.bias");
        if self.tensors.iter().any(|t| t.name == bias) {
            products
                .zip(self.tensor(&bias))
                .map(|(p, b)| p + b)
                .collect()
        } else {
            products.collect()
        }
    }

    fn features(&self, given: &[f64]) -> Vec<f64> {
        match &self.network.embedding {
            Embedding::Identity => given.to_vec(),
            Embedding::Mlp { widths, activation } => {
                self.mlp("embedding", given, widths.len(), *activation)
            }
            Embedding::ResidualMlp {
                blocks, activation, ..
            } => {
                let mut h = self.linear("embedding.first", given);
                for b in 0..*blocks {
                    let one = activate(*activation, h.clone());
                    let two = self.linear(&format!("embedding.block{b}.0"), &one);
                    let two = activate(*activation, two);
                    let out = self.linear(&format!("embedding.block{b}.1"), &two);
                    h.iter_mut().zip(out).for_each(|(h, o)| *h += o);
                }
                self.linear("embedding.last", &h)
            }
            Embedding::Convolution {
                series,
                layers,
                widths,
                activation,
            } => {
                let mut joined = Vec::new();
                let mut used = vec![false; given.len()];
                for one in series {
                    one.columns().for_each(|c| used[c] = true);
                    let mut x: Vec<Vec<f64>> = (0..one.length)
                        .map(|t| {
                            (0..one.channels)
                                .map(|c| given[one.start + c * one.length + t])
                                .collect()
                        })
                        .collect();
                    for (i, layer) in layers.iter().enumerate() {
                        let name = format!("embedding.{}.{i}", one.name);
                        let channels = x[0].len();
                        let half = (layer.kernel / 2) as isize;
                        x = (0..x.len())
                            .step_by(layer.stride)
                            .map(|t| {
                                let window: Vec<f64> = (-half..=half)
                                    .flat_map(|k| {
                                        let at = t as isize + k;
                                        let inside = at >= 0 && at < x.len() as isize;
                                        if inside {
                                            x[at as usize].clone()
                                        } else {
                                            vec![0.0; channels]
                                        }
                                    })
                                    .collect();
                                activate(*activation, self.linear(&name, &window))
                            })
                            .collect();
                    }
                    if layers.is_empty() {
                        joined.extend_from_slice(&given[one.columns()]);
                    } else {
                        joined.extend(x.into_iter().flatten());
                    }
                }
                joined.extend(
                    given
                        .iter()
                        .zip(used)
                        .filter(|(_, used)| !used)
                        .map(|(g, _)| g),
                );
                self.mlp("embedding.joined", &joined, widths.len(), *activation)
            }
            Embedding::DeepSets {
                sets,
                trial,
                widths,
                activation,
            } => {
                let mut joined = Vec::new();
                for (s, set) in sets.iter().enumerate() {
                    let name = format!("embedding.set{s}");
                    let present = tokens(set, given);
                    let mut mean = vec![0.0; *trial.last().unwrap_or(&0)];
                    for x in present.iter().map(|(_, x)| x) {
                        let h = self.mlp(&name, x, trial.len(), *activation);
                        let share = 1.0 / present.len() as f64;
                        mean.iter_mut().zip(h).for_each(|(m, h)| *m += h * share);
                    }
                    joined.extend(mean);
                    if set.may_lack() {
                        let share = (1.0 + present.len() as f64) / (1.0 + set.length as f64);
                        joined.push(share.ln());
                    }
                }
                joined.extend(others(sets, given));
                self.mlp("embedding.joined", &joined, widths.len(), *activation)
            }
            Embedding::Attention {
                series,
                heads,
                blocks,
                widths,
                activation,
            } => {
                let mut h = self.entered(series, given);
                for b in 0..*blocks {
                    self.transform(&format!("embedding.block{b}"), *heads, *activation, &mut h);
                }
                let mut joined = vec![0.0; 8 * heads];
                let share = 1.0 / h.len().max(1) as f64;
                for h in &h {
                    joined.iter_mut().zip(h).for_each(|(m, x)| *m += x * share);
                }
                if series.iter().any(Tokens::may_lack) {
                    let length: usize = series.iter().map(|one| one.length).sum();
                    joined.push(((1.0 + h.len() as f64) / (1.0 + length as f64)).ln());
                }
                joined.extend(others(series, given));
                self.mlp("embedding.joined", &joined, widths.len(), *activation)
            }
        }
    }

    /// The tokens that are there, after the first linear layer.
    fn entered(&self, series: &[Tokens], given: &[f64]) -> Vec<Vec<f64>> {
        let time = |one: &Tokens, token: usize| match one.times.get(token) {
            Some(&time) => time,
            None => token as f64,
        };
        let all = || {
            let of = |one: &Tokens| (0..one.length).map(|t| time(one, t)).collect::<Vec<_>>();
            series.iter().flat_map(of)
        };
        let low = all().fold(f64::INFINITY, f64::min);
        let high = all().fold(f64::NEG_INFINITY, f64::max);
        let mut entered = Vec::new();
        for (s, one) in series.iter().enumerate() {
            for (token, mut inputs) in tokens(one, given) {
                let t = 2.0 * (time(one, token) - low) / (high - low) - 1.0;
                inputs.push(t);
                for wave in 1..=4 {
                    let angle = std::f64::consts::PI * f64::from(wave) * t;
                    inputs.extend([angle.sin(), angle.cos()]);
                }
                entered.push(self.linear(&format!("embedding.series{s}"), &inputs));
            }
        }
        entered
    }

    /// One block of a transformer.
    fn transform(&self, name: &str, heads: usize, activation: Activation, h: &mut [Vec<f64>]) {
        let linear = |part: &str, x: &[f64]| self.linear(&format!("{name}.{part}"), x);
        let norm = |x: &[f64]| -> Vec<f64> {
            let square = x.iter().map(|x| x * x).sum::<f64>() / x.len() as f64;
            x.iter().map(|x| x / (square + 1e-6).sqrt()).collect()
        };
        let qkv: Vec<Vec<f64>> = h.iter().map(|h| linear("qkv", &norm(h))).collect();
        for (token, h) in h.iter_mut().enumerate() {
            let mut attended = Vec::new();
            for head in 0..heads {
                let part = |from: &[f64], part: usize| {
                    from[(part * heads + head) * 8..(part * heads + head + 1) * 8].to_vec()
                };
                let query = part(&qkv[token], 0);
                let weight = |other: &Vec<f64>| {
                    let products = query.iter().zip(part(other, 1)).map(|(q, k)| q * k);
                    (products.sum::<f64>() / 8.0_f64.sqrt()).exp()
                };
                let total: f64 = qkv.iter().map(weight).sum();
                let mut out = vec![0.0; 8];
                for other in &qkv {
                    let share = weight(other) / total;
                    let values = out.iter_mut().zip(part(other, 2));
                    values.for_each(|(o, v)| *o += share * v);
                }
                attended.extend(out);
            }
            let out = linear("out", &attended);
            h.iter_mut().zip(out).for_each(|(h, o)| *h += o);
            let hidden = activate(activation, linear("up", &norm(h)));
            let down = linear("down", &hidden);
            h.iter_mut().zip(down).for_each(|(h, d)| *h += d);
        }
    }

    fn mlp(&self, name: &str, x: &[f64], layers: usize, activation: Activation) -> Vec<f64> {
        let mut x = x.to_vec();
        for i in 0..layers {
            x = activate(activation, self.linear(&format!("{name}.{i}"), &x));
        }
        x
    }

    /// The loss of one example; after the target come the time and the noise of its path.
    pub fn loss(&self, given: &[f64], target: &[f64]) -> f64 {
        let features = self.features(given);
        let columns = match &self.network.head {
            Head::Classes => 1,
            _ => self.network.predict,
        };
        let (target, path) = target.split_at(columns);
        match &self.network.head {
            Head::Mean => {
                let y = self.linear("head", &features);
                let n = y.len() as f64;
                y.iter()
                    .zip(target)
                    .map(|(y, t)| (y - t).powi(2))
                    .sum::<f64>()
                    / n
            }
            Head::Classes => {
                let y = self.linear("head", &features);
                y.iter().map(|y| y.exp()).sum::<f64>().ln() - y[target[0] as usize]
            }
            Head::Quantiles { levels } => {
                let y = self.linear("head", &features);
                let n = y.len() as f64;
                let pinball = |(i, y): (usize, &f64)| {
                    let level = f64::from(levels[i % levels.len()]);
                    let above = target[i / levels.len()] - y;
                    if above.is_nan() {
                        return 0.0;
                    }
                    (level * above).max((level - 1.0) * above)
                };
                y.iter().enumerate().map(pinball).sum::<f64>() / n
            }
            Head::FlowMatching(flow) => self.path_loss(flow, &features, target, path),
            Head::Spline(flow) => -self.log_density(flow, &features, target, 0),
            Head::Coupling(flow) => -self.log_density(flow, &features, target, target.len() / 2),
        }
    }

    /// The loss of flow matching; `path` is its time and noise.
    fn path_loss(
        &self,
        flow: &FlowMatching,
        features: &[f64],
        target: &[f64],
        path: &[f64],
    ) -> f64 {
        let (columns, t, noise) = (target.len(), path[0], &path[1..]);
        let sd = (t * t + (1.0 - t) * (1.0 - t)).sqrt();
        let ratio = ((t + 1e-3) / (1.0 - t + 1e-3)).ln() / 1001_f64.ln();
        let x: Vec<f64> = target
            .iter()
            .zip(noise)
            .map(|(x1, x0)| t * x1 + (1.0 - t) * x0)
            .collect();
        let mut inputs: Vec<f64> = x.iter().map(|x| x / sd).collect();
        inputs.push(ratio);
        for wave in 1..=4 {
            let angle = 0.5 * std::f64::consts::PI * f64::from(wave) * ratio;
            inputs.extend([angle.sin(), angle.cos()]);
        }
        let context = self.linear("head.velocity.context", features);
        let trunk = (flow.hidden, flow.blocks, Activation::Elu);
        let h = self.trunk("head.velocity", trunk, &inputs, &context);
        let output = self.linear("head.velocity.output", &h);
        let error = |column: usize| {
            let mean = (2.0 * t - 1.0) / (sd * sd) * x[column];
            mean + output[column] / sd - (target[column] - noise[column])
        };
        (0..columns).map(|c| error(c).powi(2)).sum::<f64>() / columns as f64
    }

    /// A residual network with gates.
    fn trunk(
        &self,
        name: &str,
        (hidden, blocks, activation): (usize, usize, Activation),
        inputs: &[f64],
        context: &[f64],
    ) -> Vec<f64> {
        let mut contexts = context.chunks_exact(hidden);
        let mut h = self.linear(&format!("{name}.input"), inputs);
        let start = contexts.next().unwrap_or_default();
        h.iter_mut().zip(start).for_each(|(h, c)| *h += c);
        for b in 0..blocks {
            let one = activate(activation, h.clone());
            let two = self.linear(&format!("{name}.block{b}.0"), &one);
            let two = activate(activation, two);
            let out = self.linear(&format!("{name}.block{b}.1"), &two);
            let gates = contexts.next().unwrap_or_default();
            for ((h, o), g) in h.iter_mut().zip(out).zip(gates) {
                *h += o / (1.0 + (-g).exp());
            }
        }
        h
    }

    /// The columns before `first` in a transform's order stay, but for the first transform.
    fn log_density(
        &self,
        flow: &SplineFlow,
        features: &[f64],
        target: &[f64],
        first: usize,
    ) -> f64 {
        let mut z = target.to_vec();
        let mut log = 0.0;
        for (t, order) in super::flow::orders(target.len(), flow.transforms)
            .iter()
            .enumerate()
        {
            let name = format!("head.transform{t}");
            let x: Vec<f64> = order.iter().map(|&column| z[column]).collect();
            let context = self.linear(&format!("{name}.context"), features);
            let seen = if first > 0 { &x[..first] } else { &x };
            let trunk = (flow.hidden, flow.blocks, Activation::Relu);
            let h = self.trunk(&name, trunk, seen, &context);
            let parameters = self.linear(&format!("{name}.output"), &h);
            let mut rest = parameters.as_slice();
            for position in if t == 0 { 0 } else { first }..x.len() {
                let column = order[position];
                let (raw, others) = rest.split_at(3 * flow.bins - 1);
                rest = others;
                let (mut shift, mut log_scale) = (0.0, 0.0);
                if t == 0 {
                    (shift, log_scale) = (rest[0], rest[1] / (1.0 + rest[1].abs() / 12.0));
                    rest = &rest[2..];
                }
                let (y, l) = spline(flow, raw, (x[position] - shift) / log_scale.exp());
                z[column] = y;
                log += l - log_scale;
            }
            assert!(rest.is_empty());
        }
        let half_ln_tau = 0.5 * std::f64::consts::TAU.ln();
        log - z.iter().map(|z| 0.5 * z * z + half_ln_tau).sum::<f64>()
    }
}

/// The tokens of which something is observed: their places and their inputs.
fn tokens(tokens: &Tokens, given: &[f64]) -> Vec<(usize, Vec<f64>)> {
    let of = |token: usize| {
        let mut inputs = Vec::new();
        let mut observed = false;
        for channel in &tokens.channels {
            inputs.push(given[channel.start + token]);
            let missing = channel.missing.map(|start| given[start + token]);
            observed |= missing != Some(1.0);
            inputs.extend(missing);
        }
        observed.then_some((token, inputs))
    };
    (0..tokens.length).filter_map(of).collect()
}

/// The columns that belong to no token.
fn others(all: &[Tokens], given: &[f64]) -> Vec<f64> {
    let mut rest: Vec<Option<f64>> = given.iter().map(|&x| Some(x)).collect();
    for columns in all.iter().flat_map(Tokens::columns) {
        rest[columns].fill(None);
    }
    rest.into_iter().flatten().collect()
}

fn activate(activation: Activation, mut x: Vec<f64>) -> Vec<f64> {
    for x in &mut x {
        *x = match activation {
            Activation::Relu => x.max(0.0),
            Activation::Tanh => x.tanh(),
            Activation::Elu => {
                if *x > 0.0 {
                    *x
                } else {
                    x.exp_m1()
                }
            }
        };
    }
    x
}

/// Knots from raw widths or heights, as nflows builds them.
fn knots(raw: &[f64], scale: f64, bound: f64) -> Vec<f64> {
    let e: Vec<f64> = raw.iter().map(|r| (r * scale).exp()).collect();
    let total: f64 = e.iter().sum();
    let k = raw.len() as f64;
    let mut at = -bound;
    let mut knots = vec![at];
    for e in e {
        at += 2.0 * bound * (1e-3 + (1.0 - 1e-3 * k) * e / total);
        knots.push(at);
    }
    knots
}

/// Durkan et al. 2019, equations 4 and 5.
pub(super) fn spline(flow: &SplineFlow, raw: &[f64], x: f64) -> (f64, f64) {
    let (k, bound) = (flow.bins, f64::from(flow.tail_bound));
    if x.abs() >= bound {
        return (x, 0.0);
    }
    let scale = 1.0 / (flow.hidden as f64).sqrt();
    let (xs, ys) = (
        knots(&raw[..k], scale, bound),
        knots(&raw[k..2 * k], scale, bound),
    );
    let unit = (1.0_f64 - 1e-3).exp_m1().ln();
    let mut slopes = vec![1.0];
    slopes.extend(raw[2 * k..].iter().map(|u| 1e-3 + (u + unit).exp().ln_1p()));
    slopes.push(1.0);
    let bin = (1..k).filter(|&j| x >= xs[j]).count();
    let (w, h) = (xs[bin + 1] - xs[bin], ys[bin + 1] - ys[bin]);
    let (s, t) = (h / w, (x - xs[bin]) / w);
    let (d0, d1) = (slopes[bin], slopes[bin + 1]);
    let below = s + (d1 + d0 - 2.0 * s) * t * (1.0 - t);
    let y = ys[bin] + h * (s * t * t + d0 * t * (1.0 - t)) / below;
    let above = s * s * (d1 * t * t + 2.0 * s * t * (1.0 - t) + d0 * (1.0 - t) * (1.0 - t));
    (y, above.ln() - 2.0 * below.ln())
}
