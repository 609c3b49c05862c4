//! A trajectory as polynomials: elements of time, each with values at its nodes.

use gnomon_simulate::FieldAt;

use super::nodes::{Nodes, POINTS, STAGES};

/// Elements in order; where one ends the next begins, or behind a break at which nothing moves.
#[derive(Clone, Debug)]
pub(super) struct Mesh {
    pub nodes: Nodes,
    pub n: usize,
    /// Components at the start.
    pub start: Vec<f64>,
    /// When each element begins and ends.
    pub spans: Vec<(f64, f64)>,
    /// Element after element, node after node, the components.
    pub values: Vec<f64>,
}

/// A trajectory told at some times: components there, row-major.
#[derive(Clone, Copy, Debug)]
pub struct Told<'a> {
    /// Increasing; the first may be that of the start.
    pub times: &'a [f64],
    /// One row a time.
    pub components: &'a [f64],
}

impl Mesh {
    /// One element between each two of the told times, filled by cubics that have the field's own slopes at
    /// both (Hermite's).
    pub fn through(at: &mut FieldAt<'_>, told: Told<'_>) -> Self {
        let (from, start) = at.start();
        let start = start.to_vec();
        let n = start.len();
        let mut times = vec![from];
        let mut known = start.clone();
        for (&time, row) in told
            .times
            .iter()
            .zip(told.components.chunks_exact(n.max(1)))
        {
            if time > times[times.len() - 1] {
                times.push(time);
                known.extend_from_slice(row);
            }
        }
        let mut slopes = Vec::new();
        at.slopes(&times, &known, &mut slopes);
        let mut spans = Vec::new();
        for pair in times.windows(2) {
            let mut begin = pair[0];
            for &(before, behind) in at.breaks() {
                if begin < before && behind < pair[1] {
                    spans.push((begin, before));
                    begin = behind;
                } else if before <= begin && begin < behind && behind < pair[1] {
                    begin = behind;
                }
            }
            spans.push((begin, pair[1]));
        }
        let mut mesh = Self {
            nodes: Nodes::radau(),
            n,
            start,
            values: Vec::with_capacity(spans.len() * STAGES * n),
            spans,
        };
        let mut interval = 0;
        for &(a, b) in &mesh.spans {
            while times[interval + 1] < b {
                interval += 1;
            }
            let (t, h) = (times[interval], times[interval + 1] - times[interval]);
            let row = |all: &[f64], k: usize, c: usize| all[(interval + k) * n + c];
            for node in &mesh.nodes.points[1..] {
                let x = ((b - a) * *node + a - t) / h;
                let (y, z) = (x - 1.0, 3.0 - 2.0 * x);
                for c in 0..n {
                    let ends =
                        y * y * (1.0 + 2.0 * x) * row(&known, 0, c) + x * x * z * row(&known, 1, c);
                    // Where equations are stiff, a slope beside the trajectory may be wild.
                    let most = 4.0 * row(&known, 0, c).abs().max(row(&known, 1, c).abs());
                    let slope = |k: usize| (h * row(&slopes, k, c)).clamp(-most, most);
                    let turns = x * y * (y * slope(0) + x * slope(1));
                    mesh.values.push(ends + turns);
                }
            }
        }
        mesh
    }

    /// The components at a point of an element: 0 for its start, then its nodes.
    pub fn point(&self, element: usize, point: usize) -> &[f64] {
        match (element * STAGES + point).checked_sub(1) {
            None => &self.start,
            Some(row) => &self.values[row * self.n..][..self.n],
        }
    }

    /// The sum of an element's points by weights, added to `sum`.
    pub fn combine(&self, element: usize, weights: &[f64; POINTS], sum: &mut [f64]) {
        for (point, weight) in weights.iter().enumerate() {
            for (sum, value) in sum.iter_mut().zip(self.point(element, point)) {
                *sum += weight * value;
            }
        }
    }

    /// The components at a time: those of the last element's end behind it.
    pub fn at(&self, time: f64) -> Vec<f64> {
        let element = self.spans.partition_point(|&(_, end)| end < time);
        let mut sum = vec![0.0; self.n];
        match self.spans.get(element) {
            None => sum.copy_from_slice(self.point(self.spans.len(), 0)),
            Some(&(a, b)) => {
                let place = ((time - a) / (b - a)).max(0.0);
                self.combine(element, &self.nodes.value(place), &mut sum);
            }
        }
        sum
    }

    /// Cuts each element into as many as `parts` says, on which it is the same polynomial.
    pub fn cut(&mut self, parts: &[usize]) {
        let mut spans = Vec::new();
        let mut values = Vec::new();
        for (element, (&(a, b), &parts)) in self.spans.iter().zip(parts).enumerate() {
            for part in 0..parts {
                let place = |x: f64| (part as f64 + x) / parts as f64;
                let time = |x: f64| if x == 1.0 { b } else { (b - a) * x + a };
                spans.push((time(place(0.0)), time(place(1.0))));
                if parts == 1 {
                    let first = element * STAGES * self.n;
                    values.extend_from_slice(&self.values[first..][..STAGES * self.n]);
                    continue;
                }
                for &node in &self.nodes.points[1..] {
                    let mut sum = vec![0.0; self.n];
                    self.combine(element, &self.nodes.value(place(node)), &mut sum);
                    values.extend(sum);
                }
            }
        }
        (self.spans, self.values) = (spans, values);
    }
}
