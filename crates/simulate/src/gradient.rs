//! The gradient of the log-likelihood with respect to the parameters, for many points at once:
//! a mechanism with sensitivities ([`sensitivities`]) runs in the solvers' lanes, and the chain rule
//! leads through what is observed; where a filter works out the likelihood, it goes back the way it came; or a written
//! likelihood is differentiated as it stands.

mod sensitivities;

use gnomon_mechanism::Family;
use gnomon_mechanism::elementary::{exp, ln};
use gnomon_mechanism::expression::{Input, Inputs, Tape};
use gnomon_mechanism::model::{Law, Mechanism};

use crate::batch::{check_columns, each_group};
use crate::compiled::{Compiled, LawPlan, SeenPlan};
use crate::failure::SimulateError;
use crate::filter::scores;
use crate::likelihood::{check_data, log_masses, of_written};
pub(crate) use sensitivities::Sensitive;
use sensitivities::extended;

/// How many likelihoods the filter's way forth and back is worth.
const BACK_AND_FORTH: f64 = 2.7;

/// The gradient of one mechanism's log-likelihood; made once, shared by threads.
///
/// ```
/// use gnomon_mechanism::Mechanism;
/// use gnomon_simulate::{Compiled, LikelihoodGradient};
/// // dx/dt = -k x: the data's mean is exp(-k t).
/// let text = "[parameters]\nk = 'Uniform(0, 2)'\n[states]\nx = 1\n[dynamics]\nx = '-k * x'\n\
///             [observed]\ntimes = [1]\ny = 'Normal(x, 0.5)'";
/// let mechanism = Mechanism::parse("decay", text, ".")?;
/// let gradient = LikelihoodGradient::new(&mechanism)?;
/// let by_k = gradient.at(&[vec![1.0]], &[0.8])?[0][0];
/// let mean = (-1f64).exp();
/// assert!((by_k + mean * (0.8 - mean) / 0.25).abs() < 1e-5);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct LikelihoodGradient {
    /// The parameters that are not fixed.
    free: Vec<usize>,
    source: Source,
    cost: f64,
}

#[derive(Clone, Debug)]
enum Source {
    /// The file's own likelihood; the plan's outputs are the derivatives.
    Written(Box<Compiled>, SeenPlan),
    /// The mechanism with its sensitivities.
    Observed(Box<Observed>),
}

#[derive(Clone, Debug)]
struct Observed {
    compiled: Compiled,
    /// The mechanism itself, where a filter works out its likelihood.
    filtered: Option<Compiled>,
    sensitive: Sensitive,
    latents: Vec<LatentSlopes>,
}

/// How a latent's probability changes with the parameters.
#[derive(Clone, Debug)]
struct LatentSlopes {
    family: Family,
    /// Its arguments.
    arguments: Tape,
    /// Their derivatives by each free parameter: argument after argument.
    slopes: Tape,
}

impl LikelihoodGradient {
    /// Differentiates `mechanism`.
    ///
    /// # Errors
    /// [`SimulateError::Unsupported`] with the reason, where the gradient is not to be had: a
    /// parameter is a whole number, the likelihood has no closed form, or something happens at a
    /// time that moves with the parameters.
    pub fn new(mechanism: &Mechanism) -> Result<Self, SimulateError> {
        let unsupported = |what: String| Err(SimulateError::Unsupported(what));
        let discrete = mechanism.parameters.iter();
        if let Some(p) = discrete.into_iter().find(|p| p.prior.family.is_discrete()) {
            return unsupported(format!("`{}` is a whole number", p.name));
        }
        let parameters = mechanism.parameters.iter().enumerate();
        let free: Vec<usize> = parameters
            .filter(|(_, parameter)| parameter.prior.family != Family::Exact)
            .map(|(number, _)| number)
            .collect();
        if let Some(likelihood) = mechanism.likelihood {
            let mut written = mechanism.clone();
            let inputs: Vec<Input> = free.iter().map(|&p| Input::Parameter(p)).collect();
            let roots = written.graph.gradient(likelihood.log, &inputs);
            let compiled = Compiled::new(mechanism)?;
            let plan = SeenPlan::new(&written, &roots);
            let once = compiled.likelihood.as_ref().map_or(1, |l| l.tape.work());
            let cost = plan.tape.work() as f64 / once.max(1) as f64;
            return Ok(Self {
                free,
                source: Source::Written(Box::new(compiled), plan),
                cost: cost.max(1.0),
            });
        }
        match mechanism.dynamics.law {
            Law::Static | Law::Ode { .. } | Law::Map { .. } => {}
            Law::Sde { .. } => {
                if let Some(why) = mechanism.no_filter() {
                    return unsupported(why);
                }
            }
            Law::Response(_) => {
                return unsupported(
                    "a response in the frequency domain is not differentiated".into(),
                );
            }
            _ => return unsupported("the likelihood has no closed form".into()),
        }
        if mechanism.latent_values().is_none() {
            return unsupported("the latents have too many values to be summed over".into());
        }
        let (with_sensitivities, sensitive) = extended(mechanism, &free)?;
        let compiled = Compiled::new(&with_sensitivities)?;
        let own = Compiled::new(mechanism)?;
        let is_filtered = matches!(own.dynamics.law, LawPlan::Sde { .. });
        let cost = match is_filtered {
            true => BACK_AND_FORTH,
            false => work(&compiled) / work(&own),
        };
        let latents = latent_slopes(mechanism, &free);
        Ok(Self {
            free,
            source: Source::Observed(Box::new(Observed {
                compiled,
                filtered: is_filtered.then_some(own),
                sensitive,
                latents,
            })),
            cost: cost.max(1.0),
        })
    }

    /// The gradient for `data` (one number an observed column, NaN where missing) at each row of
    /// `parameters`: one column a parameter, NaN where the simulation failed or the likelihood has
    /// no derivative, 0 for a fixed parameter. At a kink it is that of one side.
    ///
    /// # Errors
    /// Where columns or data do not fit.
    pub fn at(
        &self,
        parameters: &[Vec<f64>],
        data: &[f64],
    ) -> Result<Vec<Vec<f64>>, SimulateError> {
        let of_free = match &self.source {
            Source::Written(compiled, plan) => {
                check_data(compiled, data)?;
                let rows = check_columns(compiled, parameters)?;
                of_written(compiled.set, plan, parameters, data, rows)
            }
            Source::Observed(observed) => observed.at(parameters, data, self.free.len())?,
        };
        let rows = parameters.first().map_or(0, Vec::len);
        let mut columns = vec![vec![0.0; rows]; parameters.len()];
        for (&p, column) in self.free.iter().zip(of_free) {
            columns[p] = column;
        }
        Ok(columns)
    }

    /// About how many times as long as a likelihood it takes: work of the compiled expressions and
    /// solvers, counted.
    #[must_use]
    pub fn cost(&self) -> f64 {
        self.cost
    }
}

/// Instructions that a simulation takes, up to a factor: those of a solver's step and those of what
/// is observed.
fn work(compiled: &Compiled) -> f64 {
    /// Instructions of a step's arithmetic for each component and stage.
    const STAGE: usize = 8;
    /// Steps, times their stages, between two observations.
    const STAGES: usize = 60;
    /// Instructions that a log-density is worth: it runs lane by lane.
    const DENSITY: usize = 60;
    let dynamics = &compiled.dynamics;
    let stage = match &dynamics.law {
        LawPlan::Ode(ode) => ode.slopes.work() + STAGE * dynamics.components,
        _ => 0,
    };
    let series = compiled.observation.series.iter();
    let seen: usize = series
        .map(|s| s.times.len() * (s.tape.work() + DENSITY))
        .sum();
    (STAGES * dynamics.asked.len() * stage + seen) as f64
}

fn latent_slopes(mechanism: &Mechanism, free: &[usize]) -> Vec<LatentSlopes> {
    let inputs: Vec<Input> = free.iter().map(|&p| Input::Parameter(p)).collect();
    let mut graph = mechanism.graph.clone();
    let slopes = |latent: &gnomon_mechanism::model::Parameter| {
        let arguments = &latent.prior.arguments;
        let by = arguments.iter().flat_map(|&a| graph.gradient(a, &inputs));
        let roots: Vec<_> = by.collect();
        LatentSlopes {
            family: latent.prior.family,
            arguments: Tape::compile(&graph, arguments),
            slopes: Tape::compile(&graph, &roots),
        }
    };
    mechanism.latents.iter().map(slopes).collect()
}

impl Observed {
    /// One column a free parameter: averages over the latents' values, each weighed by its share of
    /// the likelihood.
    fn at(
        &self,
        parameters: &[Vec<f64>],
        data: &[f64],
        free: usize,
    ) -> Result<Vec<Vec<f64>>, SimulateError> {
        let compiled = &self.compiled;
        check_data(compiled, data)?;
        let rows = check_columns(compiled, parameters)?;
        let values = compiled.mechanism.latent_values().unwrap_or_default();
        // Row after row: the log-likelihood, then its derivatives.
        let width = 1 + free;
        let mut log = vec![f64::NEG_INFINITY; rows];
        let mut sums = vec![0.0; rows * free];
        for latents in &values {
            let found = match &self.filtered {
                Some(own) => {
                    let extended = (compiled, &self.sensitive);
                    scores(own, extended, parameters, latents, data, rows)?
                }
                None => each_group(
                    compiled,
                    parameters,
                    latents,
                    rows,
                    |observer, failures, to| {
                        observer.append_gradient(&self.sensitive, data, failures, to);
                    },
                )?,
            };
            let masses = log_masses(compiled, parameters, latents, rows);
            for (row, found) in found.chunks_exact(width).enumerate() {
                let term = masses[row] + found[0];
                let largest = log[row].max(term);
                if term == f64::NEG_INFINITY || term.is_nan() {
                    continue;
                }
                let own = self.by_latents(parameters, latents, row, free);
                let (before, now) = (exp(log[row] - largest), exp(term - largest));
                let all = before + now;
                let to = &mut sums[row * free..(row + 1) * free];
                for ((to, found), own) in to.iter_mut().zip(&found[1..]).zip(own) {
                    *to = (before * *to + now * (found + own)) / all;
                }
                log[row] = largest + ln(all);
            }
        }
        let column = |p: usize| {
            let value = |(row, log): (usize, &f64)| match *log {
                f64::NEG_INFINITY => f64::NAN,
                _ => sums[row * free + p],
            };
            log.iter().enumerate().map(value).collect()
        };
        Ok((0..free).map(column).collect())
    }

    /// The derivatives of the latents' log-probability by each free parameter.
    fn by_latents(
        &self,
        parameters: &[Vec<f64>],
        latents: &[f64],
        row: usize,
        free: usize,
    ) -> Vec<f64> {
        if latents.is_empty() {
            return vec![0.0; free];
        }
        let mut known: Vec<f64> = parameters.iter().map(|column| column[row]).collect();
        known.extend(latents);
        let inputs = Inputs {
            parameters: &known,
            ..Inputs::default()
        };
        let mut sum = vec![0.0; free];
        for (latent, &value) in self.latents.iter().zip(latents) {
            let arguments = latent.arguments.evaluate(&inputs);
            let mut by_argument = vec![0.0; arguments.len()];
            latent
                .family
                .log_density_slopes(&arguments, value, &mut by_argument);
            let slopes = latent.slopes.evaluate(&inputs);
            for (by, slopes) in by_argument.iter().zip(slopes.chunks_exact(free)) {
                for (sum, slope) in sum.iter_mut().zip(slopes) {
                    if *slope != 0.0 {
                        *sum += by * slope;
                    }
                }
            }
        }
        sum
    }
}
