//! Losses and gradients of every kind of network against the f64 reference.

use super::reference::Reference;
use super::*;
use crate::network::{
    Activation, Channel, ConvolutionLayer, Embedding, FlowMatching, Series, SplineFlow, Tokens,
};
use crate::vector::{FORCED, levels};
use gnomon_mechanism::random::{Purpose, Stream};

fn flow() -> SplineFlow {
    SplineFlow {
        transforms: 3,
        hidden: 14,
        blocks: 2,
        bins: 5,
        tail_bound: 3.0,
    }
}

fn matching() -> FlowMatching {
    FlowMatching {
        hidden: 13,
        blocks: 2,
        tolerance: 1e-5,
    }
}

/// Columns 0 and 16 to 19 belong to none; the second one's entries may be missing.
fn tokens() -> Vec<Tokens> {
    let of = |name: &str, length, channels: &[(usize, Option<usize>)], times: &[f64]| {
        let channels = channels.iter();
        let channels = channels.map(|&(start, missing)| Channel { start, missing });
        Tokens {
            name: name.into(),
            length,
            channels: channels.collect(),
            times: times.to_vec(),
        }
    };
    let times = [0.5, 0.6, 2.0];
    vec![
        of("a", 3, &[(1, None)], &times),
        of("b", 3, &[(4, Some(7)), (10, Some(13))], &[]),
    ]
}

fn networks() -> Vec<Network> {
    let mlp = Embedding::Mlp {
        widths: vec![7, 18],
        activation: Activation::Tanh,
    };
    let residual = |activation| Embedding::ResidualMlp {
        width: 9,
        blocks: 2,
        outputs: 4,
        activation,
    };
    let series = |name: &str, start, channels, length| Series {
        name: name.into(),
        start,
        channels,
        length,
    };
    let convolution = |layers: &[(usize, usize, usize)]| Embedding::Convolution {
        series: vec![series("a", 1, 2, 7), series("b", 15, 1, 4)],
        layers: layers
            .iter()
            .map(|&(channels, kernel, stride)| ConvolutionLayer {
                channels,
                kernel,
                stride,
            })
            .collect(),
        widths: vec![11, 6],
        activation: Activation::Tanh,
    };
    let deep_sets = Embedding::DeepSets {
        sets: tokens(),
        trial: vec![7, 5],
        widths: vec![11, 6],
        activation: Activation::Tanh,
    };
    let attention = Embedding::Attention {
        series: tokens(),
        heads: 2,
        blocks: 2,
        widths: vec![11, 6],
        activation: Activation::Tanh,
    };
    let network = |given, predict, embedding, head| Network {
        given,
        predict,
        embedding,
        head,
    };
    let quantiles = Head::Quantiles {
        levels: vec![0.1, 0.5, 0.8],
    };
    vec![
        network(3, 2, mlp.clone(), Head::Mean),
        network(5, 4, residual(Activation::Elu), Head::Classes),
        network(5, 2, residual(Activation::Tanh), quantiles),
        network(6, 1, Embedding::Identity, Head::Spline(flow())),
        network(6, 3, Embedding::Identity, Head::Spline(flow())),
        network(6, 4, residual(Activation::Relu), Head::Spline(flow())),
        network(
            20,
            2,
            convolution(&[(5, 3, 1), (4, 5, 2)]),
            Head::Spline(flow()),
        ),
        network(20, 2, convolution(&[]), Head::Mean),
        network(20, 2, deep_sets, Head::Mean),
        network(20, 2, attention, Head::Mean),
        network(5, 1, residual(Activation::Elu), Head::Coupling(flow())),
        network(6, 2, Embedding::Identity, Head::Coupling(flow())),
        network(6, 5, residual(Activation::Tanh), Head::Coupling(flow())),
        network(6, 1, Embedding::Identity, Head::FlowMatching(matching())),
        network(
            5,
            3,
            residual(Activation::Tanh),
            Head::FlowMatching(matching()),
        ),
    ]
}

/// Examples that reach into the tails of the spline too; weights spread wider than they start, so
/// that no part is near zero.
fn problem(network: &Network, rows: usize) -> (Plan, Examples, Vec<f32>) {
    let plan = Plan::new(network).unwrap();
    let mut weights = plan.initial_weights(11);
    for tensor in plan.tensors() {
        if tensor.bound < 0.01 {
            weights[tensor.range()].iter_mut().for_each(|w| *w *= 200.0);
        }
    }
    let mut stream = Stream::new(12, Purpose::PARAMETERS, 0);
    let mut matrix = |columns, scale: f64| {
        let values = (0..rows * columns)
            .map(|_| (scale * stream.normal()) as f32)
            .collect();
        Matrix::new(columns, values)
    };
    let mut given = matrix(network.given, 1.0);
    if let Embedding::DeepSets { sets: all, .. } | Embedding::Attention { series: all, .. } =
        &network.embedding
    {
        hide(all, &mut given);
    }
    let targets = match network.head {
        Head::Classes => Targets::Classes(
            (0..rows as u32)
                .map(|r| r * 7 % network.predict as u32)
                .collect(),
        ),
        Head::Quantiles { .. } => {
            let mut targets = matrix(network.predict, 1.6);
            (0..rows)
                .step_by(3)
                .for_each(|row| targets.row_mut(row)[0] = f32::NAN);
            Targets::Values(targets)
        }
        _ => Targets::Values(matrix(network.predict, 1.6)),
    };
    (plan, Examples { given, targets }, weights)
}

/// Some entries are missing; in one row all of them.
fn hide(all: &[Tokens], given: &mut Matrix) {
    for row in 0..given.rows() {
        let mut stream = Stream::new(15, Purpose::MISSING, row as u64);
        let row = given.row_mut(row);
        let share = if stream.uniform() < 0.1 { 1.0 } else { 0.4 };
        for channel in all.iter().flat_map(|one| &one.channels) {
            let Some(missing) = channel.missing else {
                continue;
            };
            for token in 0..3 {
                row[missing + token] = f32::from(stream.uniform() < share);
                row[channel.start + token] *= 1.0 - row[missing + token];
            }
        }
    }
}

/// The seed and the step of the paths of flow matching.
const PATHS: (u64, Occasion) = (17, Occasion::Step(3));

/// The target, and after it the time and the noise of its path.
fn target(examples: &Examples, row: usize) -> Vec<f64> {
    match &examples.targets {
        Targets::Values(matrix) => {
            let mut noise = vec![0.0; matrix.columns()];
            let time = matching::path(PATHS.0, PATHS.1, row, &mut noise);
            let noise = noise.into_iter().map(f64::from);
            let target = wide(matrix.row(row)).into_iter();
            target.chain([time]).chain(noise).collect()
        }
        Targets::Classes(classes) => vec![f64::from(classes[row])],
    }
}

fn wide(row: &[f32]) -> Vec<f64> {
    row.iter().map(|&x| f64::from(x)).collect()
}

const ROWS: usize = 37;

fn gradient(plan: &Plan, examples: &Examples, weights: &[f32]) -> (f64, Vec<f32>) {
    let mut ws = plan.workspace();
    let mut gradient = vec![0.0; plan.parameters()];
    let rows: Vec<usize> = (0..ROWS).collect();
    let mut loss = 0.0;
    for chunk in plan.chunks(ROWS) {
        plan.load(&mut ws, examples, &rows[chunk.clone()]);
        plan.load_paths(&mut ws, PATHS.0, PATHS.1, &rows[chunk]);
        loss += plan.add_gradient(weights, &mut ws, 1.0 / ROWS as f32, &mut gradient);
    }
    (loss / ROWS as f64, gradient)
}

/// The slope of the reference loss along `direction`, by central differences in f64.
fn reference_slope(
    network: &Network,
    plan: &Plan,
    examples: &Examples,
    weights: &[f32],
    direction: &[f64],
) -> f64 {
    let at = |step: f64| {
        let moved = weights
            .iter()
            .zip(direction)
            .map(|(&w, d)| f64::from(w) + step * d);
        let reference = Reference {
            network,
            tensors: plan.tensors(),
            weights: moved.collect(),
        };
        (0..ROWS)
            .map(|row| reference.loss(&wide(examples.given.row(row)), &target(examples, row)))
            .sum::<f64>()
            / ROWS as f64
    };
    (at(1e-6) - at(-1e-6)) / 2e-6
}

/// Relative disagreement of a gradient with central differences, tensor by tensor, along a
/// direction that weighs every entry.
fn disagreements(
    network: &Network,
    plan: &Plan,
    examples: &Examples,
    weights: &[f32],
    gradient: &[f32],
) -> Vec<(String, f64)> {
    let check = |(index, tensor): (usize, &Tensor)| {
        let mut stream = Stream::new(13, Purpose::CLAIM, index as u64);
        let mut direction = vec![0.0; weights.len()];
        for at in tensor.range() {
            // Along the gradient, with random weights: no cancellation; masked entries stay 0.
            direction[at] = f64::from(gradient[at]) * (0.5 + stream.uniform());
        }
        let length = direction.iter().map(|d| d * d).sum::<f64>().sqrt();
        if length == 0.0 {
            let unseen = tensor.visible.iter().all(|b| b.columns == 0);
            let error = if unseen && !tensor.visible.is_empty() {
                0.0
            } else {
                f64::INFINITY
            };
            return (tensor.name.clone(), error);
        }
        direction.iter_mut().for_each(|d| *d /= length);
        let ours: f64 = gradient
            .iter()
            .zip(&direction)
            .map(|(&g, d)| f64::from(g) * d)
            .sum();
        let theirs = reference_slope(network, plan, examples, weights, &direction);
        (
            tensor.name.clone(),
            (ours - theirs).abs() / ours.abs().max(1e-4),
        )
    };
    plan.tensors().iter().enumerate().map(check).collect()
}

#[test]
fn losses_and_gradients_agree_with_the_reference_at_every_level() {
    for level in levels() {
        FORCED.set(Some(level));
        losses_and_gradients_agree();
    }
}

fn losses_and_gradients_agree() {
    for network in networks() {
        let (plan, examples, weights) = problem(&network, ROWS);
        let (loss, gradient) = gradient(&plan, &examples, &weights);
        let reference = Reference {
            network: &network,
            tensors: plan.tensors(),
            weights: wide(&weights),
        };
        let mut ws = plan.workspace();
        let rows: Vec<usize> = (0..ROWS).collect();
        let mut ours = Vec::new();
        for chunk in plan.chunks(ROWS) {
            plan.load(&mut ws, &examples, &rows[chunk.clone()]);
            plan.load_paths(&mut ws, PATHS.0, PATHS.1, &rows[chunk]);
            ours.extend_from_slice(plan.losses(&weights, &mut ws));
        }
        let mut mean = 0.0;
        for (row, &ours) in ours.iter().enumerate() {
            let theirs = reference.loss(&wide(examples.given.row(row)), &target(&examples, row));
            assert!(
                (f64::from(ours) - theirs).abs() < 2e-5 * (1.0 + theirs.abs()),
                "{network}"
            );
            mean += theirs / ROWS as f64;
        }
        assert!((loss - mean).abs() < 1e-5 * (1.0 + mean.abs()));
        for (name, error) in disagreements(&network, &plan, &examples, &weights, &gradient) {
            assert!(error < 1e-3, "{network}: {name} is off by {error}");
        }
    }
}

/// Each direction that is not along the gradient: single entries, the largest error over all.
#[test]
fn single_entries_of_the_gradient_agree() {
    for network in networks() {
        let (plan, examples, weights) = problem(&network, ROWS);
        let (_, gradient) = gradient(&plan, &examples, &weights);
        let mut stream = Stream::new(14, Purpose::CLAIM, 0);
        for tensor in plan.tensors() {
            let range = tensor.range();
            let entry = range.start + stream.below(range.len() as u64) as usize;
            let mut direction = vec![0.0; weights.len()];
            direction[entry] = 1.0;
            let masked = !tensor.visible.is_empty() && weights[entry] == 0.0;
            let theirs = reference_slope(&network, &plan, &examples, &weights, &direction);
            let theirs = if masked { 0.0 } else { theirs };
            let error = (f64::from(gradient[entry]) - theirs).abs();
            assert!(
                error < 1e-3 * theirs.abs() + 2e-6,
                "{network}: {} {error}",
                tensor.name
            );
        }
    }
}

/// The check must be able to fail: a gradient with one tensor 1 % too long is found out.
#[test]
fn a_planted_error_is_found() {
    let network = &networks()[4];
    let (plan, examples, weights) = problem(network, ROWS);
    let (_, mut gradient) = gradient(&plan, &examples, &weights);
    let victim = plan.tensors()[plan.tensors().len() / 2].clone();
    gradient[victim.range()].iter_mut().for_each(|g| *g *= 1.01);
    for (name, error) in disagreements(network, &plan, &examples, &weights, &gradient) {
        assert_eq!(error > 1e-3, name == victim.name, "{name}: {error}");
    }
}

#[test]
fn inverting_undoes_the_flow_at_every_level() {
    for level in levels() {
        FORCED.set(Some(level));
        inverting_undoes_the_flow();
    }
}

fn inverting_undoes_the_flow() {
    let couplings = networks().into_iter();
    let couplings = couplings.filter(|network| matches!(network.head, Head::Coupling(_)));
    for network in std::iter::once(networks()[5].clone()).chain(couplings) {
        inverting_undoes(&network);
    }
}

fn inverting_undoes(network: &Network) {
    let (plan, examples, weights) = problem(network, 128);
    let HeadPlan::Flow(flow) = &plan.head else {
        panic!("not a flow")
    };
    let rows: Vec<usize> = (0..plan.chunk).collect();
    let mut ws = plan.workspace();
    plan.load(&mut ws, &examples, &rows);
    let contexts = plan.contexts(&weights, &mut ws);
    let n = flow.columns * rows.len();
    ws.flow.z[..n].copy_from_slice(&ws.targets[..n]);
    let features = plan.embedding.features(&ws.x, &ws.embedding).to_vec();
    flow.forward(&weights, rows.len(), &features, &mut ws.flow);
    flow.inverse(&weights, rows.len(), |row| &contexts[row], &mut ws.flow);
    for (back, target) in ws.flow.z[..n].iter().zip(&ws.targets[..n]) {
        assert!((back - target).abs() < 5e-4, "{back} {target}");
    }
}

/// In an autoregressive transform the noise of a column never depends on later columns: here,
/// moving the target at the last position leaves the others' noise alone, for one transform.
#[test]
fn masks_keep_the_order() {
    let one = SplineFlow {
        transforms: 1,
        ..flow()
    };
    let network = Network {
        head: Head::Spline(one),
        ..networks()[5].clone()
    };
    let (plan, examples, weights) = problem(&network, 16);
    let HeadPlan::Flow(flow) = &plan.head else {
        panic!("not a flow")
    };
    let mut ws = plan.workspace();
    plan.load(&mut ws, &examples, &(0..16).collect::<Vec<_>>());
    plan.embed(&weights, &mut ws);
    let features = plan.embedding.features(&ws.x, &ws.embedding).to_vec();
    let mut noise = |shift: f32| {
        let n = flow.columns * 16;
        ws.flow.z[..n].copy_from_slice(&ws.targets[..n]);
        ws.flow.z[n - 32..n - 16]
            .iter_mut()
            .for_each(|x| *x += shift);
        flow.forward(&weights, 16, &features, &mut ws.flow);
        ws.flow.z[..n].to_vec()
    };
    let (still, moved) = (noise(0.0), noise(0.5));
    let n = still.len();
    assert_eq!(still[..n - 32], moved[..n - 32]);
    assert_ne!(still[n - 32..n - 16], moved[n - 32..n - 16]);
    assert_ne!(still[n - 16..], moved[n - 16..]);
}
