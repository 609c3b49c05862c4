//! Ordinary differential equations of many examples at once, by the embedded Runge-Kutta pair of
//! Dormand & Prince (1980), order 5(4). Every example has its own time and step, so that its
//! solution does not depend on the examples beside it.

use gnomon_mechanism::elementary;

/// From where to where an equation is solved.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Span {
    /// Time 0 to 1.
    FromNoise,
    /// Time 1 to 0.
    FromTarget,
}

/// Where derivatives are wanted: examples, their times, and their states end to end.
#[derive(Debug)]
pub(super) struct Points<'a> {
    pub examples: &'a [usize],
    pub times: &'a [f64],
    pub states: &'a [f64],
}

const STAGES: usize = 7;
/// The times of stages 2 to 7, as shares of the step.
const TIMES: [f64; STAGES - 1] = [0.2, 0.3, 0.8, 8.0 / 9.0, 1.0, 1.0];
/// What stages 2 to 7 weigh the derivatives before them with; the last is the solution.
const WEIGHTS: [[f64; STAGES - 1]; STAGES - 1] = [
    [0.2, 0.0, 0.0, 0.0, 0.0, 0.0],
    [3.0 / 40.0, 9.0 / 40.0, 0.0, 0.0, 0.0, 0.0],
    [44.0 / 45.0, -56.0 / 15.0, 32.0 / 9.0, 0.0, 0.0, 0.0],
    [
        19372.0 / 6561.0,
        -25360.0 / 2187.0,
        64448.0 / 6561.0,
        -212.0 / 729.0,
        0.0,
        0.0,
    ],
    [
        9017.0 / 3168.0,
        -355.0 / 33.0,
        46732.0 / 5247.0,
        49.0 / 176.0,
        -5103.0 / 18656.0,
        0.0,
    ],
    [
        35.0 / 384.0,
        0.0,
        500.0 / 1113.0,
        125.0 / 192.0,
        -2187.0 / 6784.0,
        11.0 / 84.0,
    ],
];
/// The solution of order 5 less that of order 4.
const ERROR: [f64; STAGES] = [
    71.0 / 57600.0,
    0.0,
    -71.0 / 16695.0,
    71.0 / 1920.0,
    -17253.0 / 339_200.0,
    22.0 / 525.0,
    -1.0 / 40.0,
];
const FIRST_STEP: f64 = 0.05;
/// A step this short is taken whatever its error: no equation takes for ever.
const SHORTEST_STEP: f64 = 1e-3;

/// Solves the equation of each state (`width` numbers), in place, to a relative and absolute
/// `tolerance` a step. `derivatives(moved, points, out)` writes the derivatives at some points;
/// `moved` says whether the examples are others than at the call before.
pub(super) fn solve(
    states: &mut [f64],
    width: usize,
    span: Span,
    tolerance: f64,
    mut derivatives: impl FnMut(bool, &Points<'_>, &mut [f64]),
) {
    let (start, end) = match span {
        Span::FromNoise => (0.0, 1.0),
        Span::FromTarget => (1.0, 0.0),
    };
    // All that follows is of the examples that are not at the end yet.
    let mut examples: Vec<usize> = (0..states.len() / width).collect();
    if examples.is_empty() {
        return;
    }
    let mut times = vec![start; examples.len()];
    let mut steps = vec![FIRST_STEP; examples.len()];
    let mut x = states.to_vec();
    let mut k: [Vec<f64>; STAGES] = std::array::from_fn(|_| vec![0.0; x.len()]);
    let (mut stage_x, mut stage_times) = (x.clone(), times.clone());
    let points = Points {
        examples: &examples,
        times: &times,
        states: &x,
    };
    derivatives(true, &points, &mut k[0]);
    let mut moved = false;
    while !examples.is_empty() {
        let signed = |step: f64| step * (end - start);
        for stage in 1..STAGES {
            let (before, after) = k.split_at_mut(stage);
            for (row, &step) in steps.iter().enumerate() {
                let h = signed(step);
                stage_times[row] = times[row] + TIMES[stage - 1] * h;
                for at in row * width..(row + 1) * width {
                    let each = before.iter().zip(&WEIGHTS[stage - 1]);
                    let slope: f64 = each.map(|(k, weight)| weight * k[at]).sum();
                    stage_x[at] = x[at] + h * slope;
                }
            }
            let points = Points {
                examples: &examples,
                times: &stage_times[..examples.len()],
                states: &stage_x[..x.len()],
            };
            derivatives(moved, &points, &mut after[0][..x.len()]);
            moved = false;
        }
        let mut left = 0;
        for row in 0..examples.len() {
            let own = row * width..(row + 1) * width;
            let h = signed(steps[row]);
            let mut squares = 0.0;
            for at in own.clone() {
                let error: f64 = k.iter().zip(ERROR).map(|(k, weight)| weight * k[at]).sum();
                let allowed = tolerance * (1.0 + x[at].abs().max(stage_x[at].abs()));
                squares += (h * error / allowed).powi(2);
            }
            let error = (squares / width as f64).sqrt();
            let accepted = error <= 1.0 || steps[row] <= SHORTEST_STEP;
            if accepted {
                times[row] += h;
                x[own.clone()].copy_from_slice(&stage_x[own.clone()]);
                let [first, .., last] = &mut k;
                first[own.clone()].copy_from_slice(&last[own.clone()]);
            }
            // An error that is not a number shortens the step, too.
            let factor = if error > 0.0 {
                0.9 * elementary::pow(error, -0.2)
            } else {
                5.0
            };
            let factor = if error.is_nan() {
                0.2
            } else {
                factor.clamp(0.2, 5.0)
            };
            let rest = (end - times[row]).abs();
            let step = (steps[row] * factor).max(SHORTEST_STEP);
            if rest < 1e-9 {
                states[examples[row] * width..][..width].copy_from_slice(&x[own]);
                continue;
            }
            // Those that go on move up into the places of those that are done.
            steps[left] = if step > 0.99 * rest { rest } else { step };
            times[left] = times[row];
            examples[left] = examples[row];
            x.copy_within(own.clone(), left * width);
            k[0].copy_within(own, left * width);
            left += 1;
        }
        moved = left < examples.len();
        examples.truncate(left);
        times.truncate(left);
        steps.truncate(left);
        x.truncate(left * width);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// x' = a x and its integral, both ways, and the same bits beside other examples.
    #[test]
    fn exponentials_are_solved_to_tolerance() {
        let rates = [-6.0, -1.0, 0.0, 2.0, 3.0];
        let run = |span: Span, which: &[usize]| {
            let mut states: Vec<f64> = which.iter().flat_map(|_| [1.0, 0.0]).collect();
            solve(&mut states, 2, span, 1e-7, |_, at, out| {
                let points = at.examples.iter().zip(at.states.chunks_exact(2));
                for ((&example, x), out) in points.zip(out.chunks_exact_mut(2)) {
                    out.copy_from_slice(&[rates[which[example]] * x[0], x[0]]);
                }
            });
            states
        };
        for (span, sign) in [(Span::FromNoise, 1.0), (Span::FromTarget, -1.0)] {
            let all = run(span, &[0, 1, 2, 3, 4]);
            for (example, state) in all.chunks_exact(2).enumerate() {
                let rate: f64 = rates[example] * sign;
                let end = rate.exp();
                let integral = if rate == 0.0 {
                    1.0
                } else {
                    rate.exp_m1() / rate
                };
                assert!(
                    (state[0] - end).abs() < 1e-5 * (1.0 + end),
                    "{state:?} {end}"
                );
                assert!((state[1] - sign * integral).abs() < 1e-5 * (1.0 + end));
                assert_eq!(state, run(span, &[example]));
            }
        }
    }

    /// What cannot be solved ends all the same.
    #[test]
    fn hopeless_equations_end() {
        for slope in [f64::NAN, 1e12] {
            let mut states = vec![1.0];
            let mut calls = 0;
            solve(&mut states, 1, Span::FromNoise, 1e-6, |_, at, out| {
                calls += 1;
                out[0] = slope * (1e6 * at.times[0]).sin();
            });
            assert!(calls < 10_000, "{calls}");
        }
    }
}
