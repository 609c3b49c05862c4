//! Test problems as mechanisms: epidemics, predators and prey, stiff kinetics, linear systems.
#![allow(dead_code, missing_docs)]

use gnomon_mechanism::Family;
use gnomon_mechanism::expression::{Binary, Graph, Input, Node, Unary};
use gnomon_mechanism::model::{
    Distribution, Dynamics, Event, Flow, Law, Mechanism, Observed, OdeMethod, OdeSolver, Parameter,
    Reaction, State, Trigger,
};

/// Puts a mechanism together; every state is observed exactly unless said otherwise.
pub struct Build {
    pub graph: Graph,
    parameters: Vec<Parameter>,
    states: Vec<State>,
    flows: Vec<Flow>,
    events: Vec<Event>,
    observed: Vec<Observed>,
}

impl Default for Build {
    fn default() -> Self {
        Self {
            graph: Graph::new(),
            parameters: vec![],
            states: vec![],
            flows: vec![],
            events: vec![],
            observed: vec![],
        }
    }
}

impl Build {
    pub fn number(&mut self, value: f64) -> Node {
        self.graph.constant(value)
    }

    pub fn time(&mut self) -> Node {
        self.graph.input(Input::Time)
    }

    pub fn parameter(&mut self, name: &str, family: Family, arguments: &[f64]) -> Node {
        let arguments = arguments.iter().map(|&a| self.graph.constant(a)).collect();
        self.parameters.push(Parameter {
            name: name.into(),
            prior: Distribution { family, arguments },
            unit: None,
            description: None,
        });
        let position = self.parameters.len() - 1;
        self.graph.input(Input::Parameter(position))
    }

    pub fn state(&mut self, name: &str, initial: Node) -> Node {
        self.states.push(State {
            name: name.into(),
            initial,
            unit: None,
            description: None,
        });
        let position = self.states.len() - 1;
        self.graph.input(Input::State(position))
    }

    pub fn flow(&mut self, rate: Node, firings: Vec<(usize, f64)>) -> Node {
        self.flows.push(Flow { rate, firings });
        let position = self.flows.len() - 1;
        self.graph.input(Input::Flow(position))
    }

    pub fn at(&mut self, times: Vec<Node>, effects: Vec<(usize, Node)>) {
        self.events.push(Event {
            name: format!("event {}", self.events.len()),
            trigger: Trigger::At(times),
            effects,
        });
    }

    pub fn rises(&mut self, expression: Node, once: bool, effects: Vec<(usize, Node)>) {
        self.events.push(Event {
            name: format!("event {}", self.events.len()),
            trigger: Trigger::Rises { expression, once },
            effects,
        });
    }

    pub fn observe(&mut self, name: &str, times: &[f64], family: Family, arguments: Vec<Node>) {
        self.observed.push(Observed {
            name: name.into(),
            times: times.to_vec(),
            distribution: Distribution { family, arguments },
            missing: None,
            rounded: None,
            unit: None,
            description: None,
        });
    }

    pub fn mechanism(self, law: Law) -> Mechanism {
        Mechanism {
            name: "test".into(),
            description: String::new(),
            text: "".into(),
            graph: self.graph,
            parameters: self.parameters,
            latents: vec![],
            likelihood: None,
            acceptance: Vec::new(),
            conserved: Vec::new(),
            derived: vec![],
            dynamics: Dynamics {
                states: self.states,
                start: 0.0,
                law,
                flows: self.flows,
                lags: vec![],
                events: self.events,
                moment: None,
            },
            observed: self.observed,
        }
    }
}

pub fn solver(method: OdeMethod, tolerance: f64) -> OdeSolver {
    OdeSolver {
        method,
        relative: tolerance,
        absolute: tolerance * 1e-2,
        most_steps: 100_000,
        steady: false,
    }
}

/// The 1978 boarding-school epidemic's SIR, I observed exactly on days 1 to 14.
pub fn sir(method: OdeMethod, relative: f64, absolute: f64) -> Mechanism {
    let mut b = Build::default();
    let beta = b.parameter("beta", Family::LogNormal, &[1.5f64.ln(), 0.5]);
    let gamma = b.parameter("gamma", Family::LogNormal, &[0.5f64.ln(), 0.5]);
    let (s0, i0, r0) = (b.number(762.0), b.number(1.0), b.number(0.0));
    let (s, i) = (b.state("S", s0), b.state("I", i0));
    b.state("R", r0);
    let n = b.number(763.0);
    let g = &mut b.graph;
    let pressure = g.multiply(beta, s);
    let contacts = g.multiply(pressure, i);
    let infection = g.divide(contacts, n);
    let recovery = g.multiply(gamma, i);
    let derivatives = vec![
        g.negate(infection),
        g.subtract(infection, recovery),
        recovery,
    ];
    let days: Vec<f64> = (1..=14).map(f64::from).collect();
    b.observe("I", &days, Family::Exact, vec![i]);
    b.mechanism(Law::Ode {
        derivatives,
        solver: OdeSolver {
            method,
            relative,
            absolute,
            most_steps: 100_000,
            steady: false,
        },
    })
}

/// Lotka-Volterra with the priors of Lueckmann et al. (2021), seen at 2, 4, ..., 20.
pub fn lotka_volterra(method: OdeMethod, relative: f64, absolute: f64) -> Mechanism {
    let mut b = Build::default();
    let p: Vec<Node> = [("a", -0.125), ("b", -3.0), ("c", -0.125), ("d", -3.0)]
        .iter()
        .map(|&(name, mean)| b.parameter(name, Family::LogNormal, &[mean, 0.5]))
        .collect();
    let (x0, y0) = (b.number(30.0), b.number(1.0));
    let (x, y) = (b.state("x", x0), b.state("y", y0));
    let g = &mut b.graph;
    let births = g.multiply(p[0], x);
    let meetings = g.multiply(x, y);
    let eaten = g.multiply(p[1], meetings);
    let deaths = g.multiply(p[2], y);
    let fed = g.multiply(p[3], meetings);
    let derivatives = vec![g.subtract(births, eaten), g.subtract(fed, deaths)];
    let times: Vec<f64> = (1..=10).map(|k| 2.0 * f64::from(k)).collect();
    b.observe("x", &times, Family::Exact, vec![x]);
    b.observe("y", &times, Family::Exact, vec![y]);
    b.mechanism(Law::Ode {
        derivatives,
        solver: OdeSolver {
            method,
            relative,
            absolute,
            most_steps: 100_000,
            steady: false,
        },
    })
}

/// Robertson (1966): three chemical species, rates over nine orders of magnitude, times 0.4 to
/// 4e4.
pub fn robertson(method: OdeMethod, relative: f64, absolute: f64, spread: f64) -> Mechanism {
    let mut b = Build::default();
    let rate = |b: &mut Build, name: &str, value: f64| {
        if spread == 0.0 {
            b.parameter(name, Family::Exact, &[value])
        } else {
            b.parameter(name, Family::LogNormal, &[value.ln(), spread])
        }
    };
    let (k1, k2, k3) = (
        rate(&mut b, "k1", 0.04),
        rate(&mut b, "k2", 3e7),
        rate(&mut b, "k3", 1e4),
    );
    let (one, zero) = (b.number(1.0), b.number(0.0));
    let (x, y, z) = (b.state("x", one), b.state("y", zero), b.state("z", zero));
    let g = &mut b.graph;
    let slow = g.multiply(k1, x);
    let square = g.unary(Unary::Power(2), y);
    let fast = g.multiply(k2, square);
    let product = g.multiply(y, z);
    let back = g.multiply(k3, product);
    let dx = g.subtract(back, slow);
    let rest = g.subtract(slow, back);
    let dy = g.subtract(rest, fast);
    let times: Vec<f64> = (0..6).map(|k| 0.4 * 10f64.powi(k)).collect();
    for (name, node) in [("x", x), ("y", y), ("z", z)] {
        b.observe(name, &times, Family::Exact, vec![node]);
    }
    b.mechanism(Law::Ode {
        derivatives: vec![dx, dy, fast],
        solver: OdeSolver {
            method,
            relative,
            absolute,
            most_steps: 100_000,
            steady: false,
        },
    })
}

/// Van der Pol's oscillator with mu near 1000, at 200, 600 and 1000.
pub fn van_der_pol(method: OdeMethod, relative: f64, absolute: f64) -> Mechanism {
    let mut b = Build::default();
    let mu = b.parameter("mu", Family::Uniform, &[1000.0, 1001.0]);
    let (zero, one, two) = (b.number(0.0), b.number(1.0), b.number(2.0));
    let (x, v) = (b.state("x", two), b.state("v", zero));
    b.observe("x", &[200.0, 600.0, 1000.0], Family::Exact, vec![x]);
    let g = &mut b.graph;
    let square = g.multiply(x, x);
    let rest = g.subtract(one, square);
    let damping = g.multiply(mu, rest);
    let damped = g.multiply(damping, v);
    let derivatives = vec![v, g.subtract(damped, x)];
    b.mechanism(Law::Ode {
        derivatives,
        solver: OdeSolver {
            method,
            relative,
            absolute,
            most_steps: 20_000, // an explicit method needs millions
            steady: false,
        },
    })
}

/// SIR as a jump process with `n` individuals.
pub fn sir_jumps(n: f64, first: f64, times: &[f64]) -> Mechanism {
    let mut b = Build::default();
    let beta = b.parameter("beta", Family::Exact, &[0.5]);
    let gamma = b.parameter("gamma", Family::Exact, &[0.1]);
    let (s0, i0, r0) = (b.number(n - first), b.number(first), b.number(0.0));
    let (s, i) = (b.state("S", s0), b.state("I", i0));
    let r = b.state("R", r0);
    let total = b.number(n);
    let g = &mut b.graph;
    let pressure = g.multiply(beta, s);
    let contacts = g.multiply(pressure, i);
    let infection = g.divide(contacts, total);
    let recovery = g.multiply(gamma, i);
    let cases = b.flow(infection, vec![(0, 1.0)]);
    for (name, node) in [("S", s), ("I", i), ("R", r), ("cases", cases)] {
        b.observe(name, times, Family::Exact, vec![node]);
    }
    b.mechanism(Law::Jumps {
        reactions: vec![
            Reaction {
                name: "infection".into(),
                rate: infection,
                change: vec![(0, -1.0), (1, 1.0)],
                bound: None,
            },
            Reaction {
                name: "recovery".into(),
                rate: recovery,
                change: vec![(1, -1.0), (2, 1.0)],
                bound: None,
            },
        ],
    })
}

/// Greater-than, for events.
pub fn above(graph: &mut Graph, a: Node, b: Node) -> Node {
    graph.binary(Binary::Less, b, a)
}
