//! Test-time convergence: a trajectory told by an emulator, corrected by the mechanism's own equations
//! until it solves them.
//!
//! The trajectory is held as polynomials over elements of time, and its residual, dy/dt - f(t, y), is worked
//! out at all nodes side by side: the emulator's error is seen without a single solve. A sweep is one step of
//! Newton's method on the whole trajectory (quasilinearisation, Bellman & Kalaba 1965): a band of linear
//! equations an element, from the first to the last. Elements that the polynomials are too stiff for are cut.
//! It is accepted by its residual, never by the size of the last correction.

mod banded;
mod mesh;
mod nodes;
mod outputs;

use gnomon_simulate::{FieldAt, VectorField};

use crate::error::EmulateError;
use crate::points::Points;
use banded::Banded;
use mesh::Mesh;
pub use mesh::Told;
use nodes::STAGES;
pub(crate) use outputs::state;
pub use outputs::{Corrected, NoSweeps, Sweeper};

/// Sweeps without a smaller residual after which nothing is to be expected.
const STALLED: usize = 6;

/// When a trajectory is accepted, and how long it may take.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Control {
    /// The residual over an element may move a component by this share of its size ...
    pub relative: f64,
    /// ... and by this much.
    pub absolute: f64,
    /// Sweeps at most.
    pub sweeps: usize,
    /// Elements at most.
    pub elements: usize,
}

impl Control {
    /// The tolerances of the mechanism's own solver.
    #[must_use]
    pub fn of(field: &VectorField) -> Self {
        let solver = field.solver();
        Self {
            relative: solver.relative,
            absolute: solver.absolute,
            sweeps: 25,
            elements: 20_000,
        }
    }
}

/// How far a trajectory is from solving the equations.
#[derive(Clone, Copy, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Sweep {
    /// Elements of time.
    pub elements: usize,
    /// The largest residual in units of the tolerance: length of an element times |dy/dt - f| over the
    /// tolerance. At most 1 is accepted.
    pub residual: f64,
    /// States of which the right-hand side was worked out so far.
    pub evaluations: u64,
}

/// A trajectory after its sweeps.
#[derive(Clone, Debug, PartialEq)]
pub struct Swept {
    /// Components at the asked times, one row each.
    pub components: Points,
    /// As it was told, then after each sweep.
    pub sweeps: Vec<Sweep>,
    /// Whether the residual was accepted.
    pub converged: bool,
    /// Components at the asked times before the first sweep and after each, where they are kept.
    pub history: Vec<Points>,
}

/// Sweeps over the trajectory `told` until its residual is accepted, and reads it off at `asked`; `at` is of
/// `field`. `keep` is
/// whether the asked components are kept at every sweep, for a look at how they converge.
///
/// # Errors
/// [`EmulateError::Shape`] where rows and times differ in number, or nothing is told;
/// [`EmulateError::NotFinite`] where a told number is none;
/// [`EmulateError::Order`] where times do not increase, or end before the start.
pub fn sweep(
    at: &mut FieldAt<'_>,
    field: &VectorField,
    told: Told<'_>,
    asked: &[f64],
    control: &Control,
    keep: bool,
) -> Result<Swept, EmulateError> {
    let n = at.start().1.len();
    check(told, at.start().0, n)?;
    let mut mesh = Mesh::through(at, told);
    let entries = field.entries();
    let mut place = vec![0; n];
    for (position, &component) in field.order().iter().enumerate() {
        place[component] = position;
    }
    let apart = entries
        .iter()
        .map(|&(row, column)| place[row].abs_diff(place[column]));
    let reach = apart.max().unwrap_or(0);
    let mut newton = Newton {
        entries,
        place,
        half: (STAGES * reach).max(STAGES - 1),
    };
    let mut looked = Looked::default();
    let mut swept = Swept {
        components: Points::default(),
        sweeps: Vec::new(),
        converged: false,
        history: Vec::new(),
    };
    let read = |mesh: &Mesh| {
        let rows = asked.iter().flat_map(|&time| mesh.at(time));
        Points::new(n, rows.collect())
    };
    loop {
        looked.look(at, &mesh, control);
        let residual = looked.residual();
        swept.sweeps.push(Sweep {
            elements: mesh.spans.len(),
            residual,
            evaluations: looked.evaluations,
        });
        if keep {
            swept.history.push(read(&mesh)?);
        }
        swept.converged = residual <= 1.0;
        let spent = swept.sweeps.len() > control.sweeps || stalled(&swept.sweeps);
        if swept.converged || spent || !residual.is_finite() {
            break;
        }
        let parts = looked.parts();
        if parts.iter().any(|&parts| parts > 1) {
            if parts.iter().sum::<usize>() > control.elements {
                break;
            }
            mesh.cut(&parts);
            looked.look(at, &mesh, control);
        }
        if !newton.correct(at, &mut mesh, &looked) {
            break;
        }
    }
    swept.components = read(&mesh)?;
    Ok(swept)
}

/// Whether the last few sweeps all left a residual above the least one before them: that does not converge.
fn stalled(sweeps: &[Sweep]) -> bool {
    let Some(before) = sweeps.len().checked_sub(STALLED) else {
        return false;
    };
    let (before, last) = sweeps.split_at(before);
    let least = |part: &[Sweep]| {
        part.iter()
            .map(|s| s.residual)
            .fold(f64::INFINITY, f64::min)
    };
    least(last) > least(before)
}

/// The observed order of convergence of errors, each next to the one before: the median of
/// ln(e_(k+1) / e_k) / ln(e_k / e_(k-1)); none where there are fewer than three that fall.
#[must_use]
pub fn order(errors: &[f64]) -> Option<f64> {
    let steps: Vec<f64> = errors
        .windows(2)
        .map(|pair| (pair[1] / pair[0]).ln())
        .collect();
    let falls = steps
        .windows(2)
        .filter(|pair| pair[0] < 0.0 && pair[1] < 0.0);
    let mut orders: Vec<f64> = falls
        .map(|pair| pair[1] / pair[0])
        .filter(|o| o.is_finite())
        .collect();
    orders.sort_by(f64::total_cmp);
    let middle = orders.len() / 2;
    match orders.len() % 2 {
        _ if orders.is_empty() => None,
        1 => Some(orders[middle]),
        _ => Some(f64::midpoint(orders[middle - 1], orders[middle])),
    }
}

fn check(told: Told<'_>, start: f64, n: usize) -> Result<(), EmulateError> {
    let (found, expected) = (told.components.len(), told.times.len() * n);
    if found != expected || told.times.is_empty() {
        return Err(EmulateError::Shape {
            what: "numbers of the told trajectory".into(),
            expected: expected.max(n),
            found,
        });
    }
    let mut ends = told.times.windows(2);
    if ends.any(|pair| pair[0] >= pair[1]) || told.times[told.times.len() - 1] <= start {
        return Err(EmulateError::Order);
    }
    let all = told.times.iter().chain(told.components);
    match all.copied().position(|x| !x.is_finite()) {
        None => Ok(()),
        Some(_) => Err(EmulateError::NotFinite {
            what: "the told trajectory".into(),
        }),
    }
}

/// The residual everywhere.
#[derive(Debug, Default)]
struct Looked {
    /// dy/dt - f at the nodes, as the mesh's values are laid out.
    at_nodes: Vec<f64>,
    /// The largest residual of each element at its nodes and between them, in units of the tolerance.
    worst: Vec<(f64, f64)>,
    evaluations: u64,
    times: Vec<f64>,
    components: Vec<f64>,
    slopes: Vec<f64>,
}

impl Looked {
    fn look(&mut self, at: &mut FieldAt<'_>, mesh: &Mesh, control: &Control) {
        let (n, nodes) = (mesh.n, &mesh.nodes);
        self.worst.clear();
        self.worst.resize(mesh.spans.len(), (0.0, 0.0));
        self.at_nodes.clear();
        self.at_nodes.resize(mesh.values.len(), 0.0);
        self.times.clear();
        self.components.clear();
        for (element, &(a, b)) in mesh.spans.iter().enumerate() {
            let time = |x: f64| if x == 1.0 { b } else { (b - a) * x + a };
            self.times
                .extend(nodes.points[1..].iter().map(|&x| time(x)));
            self.times.extend(nodes.checks.map(time));
            let first = element * STAGES * n;
            self.components
                .extend_from_slice(&mesh.values[first..][..STAGES * n]);
            for (value, _) in &nodes.checked {
                let at = self.components.len();
                self.components.resize(at + n, 0.0);
                mesh.combine(element, value, &mut self.components[at..]);
            }
        }
        at.slopes(&self.times, &self.components, &mut self.slopes);
        self.evaluations += self.times.len() as u64;
        let mut change = vec![0.0; n];
        for (element, &(a, b)) in mesh.spans.iter().enumerate() {
            let h = b - a;
            for k in 0..2 * STAGES {
                let weights = match k.checked_sub(STAGES) {
                    None => &nodes.slopes[k],
                    Some(check) => &nodes.checked[check].1,
                };
                change.fill(0.0);
                mesh.combine(element, weights, &mut change);
                let row = (element * 2 * STAGES + k) * n;
                let here = &self.components[row..][..n];
                let slopes = &self.slopes[row..][..n];
                let worst = &mut self.worst[element];
                let worst = if k < STAGES {
                    &mut worst.0
                } else {
                    &mut worst.1
                };
                for c in 0..n {
                    let residual = change[c] / h - slopes[c];
                    if k < STAGES {
                        self.at_nodes[(element * STAGES + k) * n + c] = residual;
                    }
                    let scale = here[c].abs() * control.relative + control.absolute;
                    // A number that is none must not be passed over, as max() does.
                    let size = (h * residual).abs() / scale;
                    *worst = if size > *worst || size.is_nan() {
                        size
                    } else {
                        *worst
                    };
                }
            }
        }
    }

    fn residual(&self) -> f64 {
        let all = self.worst.iter().flat_map(|&(node, check)| [node, check]);
        all.fold(0.0, |worst, one| {
            if one > worst || one.is_nan() {
                one
            } else {
                worst
            }
        })
    }

    /// Into how many parts each element is to be cut: those that solve the equations at their nodes, and
    /// not between them.
    fn parts(&self) -> Vec<usize> {
        let parts = |&(node, check): &(f64, f64)| {
            if check <= 1.0 || node > 0.25 * check {
                return 1;
            }
            // The residual falls with this power of an element's length.
            let wanted = 1.2 * check.powf(1.0 / (STAGES + 1) as f64);
            wanted.ceil().clamp(2.0, 8.0) as usize
        };
        self.worst.iter().map(parts).collect()
    }
}

/// What a sweep solves.
struct Newton<'a> {
    entries: &'a [(usize, usize)],
    place: Vec<usize>,
    /// Diagonals on either side.
    half: usize,
}

impl Newton<'_> {
    /// Corrects the mesh by one step of Newton's method; false where an element's equations are singular.
    fn correct(&mut self, at: &mut FieldAt<'_>, mesh: &mut Mesh, looked: &Looked) -> bool {
        let (n, entries) = (mesh.n, self.entries);
        let nodes = mesh.nodes.clone();
        let times: Vec<f64> = mesh
            .spans
            .iter()
            .flat_map(|&(a, b)| {
                nodes
                    .points
                    .iter()
                    .skip(1)
                    .map(move |&x| if x == 1.0 { b } else { (b - a) * x + a })
            })
            .collect();
        let mut jacobians = Vec::new();
        at.jacobians(&times, &mesh.values, &mut jacobians);
        let mut matrix = Banded::zeros(STAGES * n, self.half);
        let mut right = vec![0.0; STAGES * n];
        let mut before = vec![0.0; n];
        for element in 0..mesh.spans.len() {
            let (a, b) = mesh.spans[element];
            let inverse = 1.0 / (b - a);
            matrix.clear();
            for (c, before) in before.iter().enumerate() {
                let first = self.place[c] * STAGES;
                for (i, weights) in nodes.slopes.iter().enumerate() {
                    for (j, weight) in weights[1..].iter().enumerate() {
                        matrix.add(first + i, first + j, weight * inverse);
                    }
                    let row = (element * STAGES + i) * n + c;
                    right[first + i] = -looked.at_nodes[row] - weights[0] * inverse * before;
                }
            }
            for i in 0..STAGES {
                let row = &jacobians[(element * STAGES + i) * entries.len()..][..entries.len()];
                for (&(to, by), slope) in entries.iter().zip(row) {
                    matrix.add(
                        self.place[to] * STAGES + i,
                        self.place[by] * STAGES + i,
                        -slope,
                    );
                }
            }
            if !matrix.solve(&mut right) {
                return false;
            }
            for i in 0..STAGES {
                let values = &mut mesh.values[(element * STAGES + i) * n..][..n];
                for (c, value) in values.iter_mut().enumerate() {
                    let correction = right[self.place[c] * STAGES + i];
                    *value += correction;
                    before[c] = correction;
                }
            }
        }
        true
    }
}
