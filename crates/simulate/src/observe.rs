//! States at the asked times -> the arguments of every observed entry's distribution -> draws, or
//! log-densities of data; a group of lanes at a time.

use std::ops::Range;

use gnomon_mechanism::Family;
use gnomon_mechanism::distribution::ArgumentError;
use gnomon_mechanism::random::{Purpose, Stream};

use crate::block::Block;
use crate::compiled::{Compiled, LawPlan, SeriesPlan};
use crate::failure::Failure;
use crate::gradient::Sensitive;
use crate::lanes::{Frame, Lanes, WIDTH, run};
use crate::sheet::Sheet;

/// The arguments of each observed entry's distribution.
#[derive(Clone, Debug, PartialEq)]
pub struct EntryArguments {
    /// The entry's column name.
    pub column: String,
    /// When it is observed.
    pub time: f64,
    /// Which distribution.
    pub family: Family,
    /// One vector an argument, one number a simulation; NaN where the simulation failed.
    pub arguments: Vec<Vec<f64>>,
}

/// Every entry without numbers yet, in column order.
pub(crate) fn entries(compiled: &Compiled) -> Vec<EntryArguments> {
    let plan = &compiled.observation;
    let mut columns = plan.columns.iter();
    plan.series
        .iter()
        .flat_map(|series| series.times.iter().map(move |&time| (series, time)))
        .map(|(series, time)| EntryArguments {
            column: columns.next().cloned().unwrap_or_default(),
            time,
            family: series.family,
            arguments: vec![Vec::new(); series.arguments],
        })
        .collect()
}

/// One observed entry: its distribution, and the slots of its arguments.
struct Entry {
    family: Family,
    arguments: Range<usize>,
    /// Where it is said whether the entry is missing.
    missing: Option<usize>,
    /// What it is rounded to.
    rounded: Option<usize>,
}

impl Entry {
    /// Whether its mean is that of a count.
    fn counts(&self) -> bool {
        matches!(self.family, Family::Poisson | Family::NegativeBinomial)
    }
}

/// Works out what is seen of the rows of blocks.
pub(crate) struct Observer<'a> {
    compiled: &'a Compiled,
    entries: Vec<Entry>,
    /// Time, states, flows, parameters, ..., then the arguments that are worked out, then from
    /// `states` on the group's states and flows, asked time by asked time.
    frame: Frame<WIDTH>,
    states: usize,
    drawn: Frame<WIDTH>,
}

impl<'a> Observer<'a> {
    pub fn new(compiled: &'a Compiled) -> Self {
        let plan = &compiled.observation;
        let dynamics = &compiled.dynamics;
        let outputs = plan.plan.outputs();
        let worked_out = |series: &&SeriesPlan| series.state.is_none();
        let worked_out = plan.series.iter().filter(worked_out);
        let arguments: usize = worked_out.map(|s| s.times.len() * s.tape.outputs()).sum();
        let states = outputs + arguments;
        let mut entries = Vec::with_capacity(plan.columns.len());
        let mut next = outputs;
        for series in &plan.series {
            for asked in &series.asked {
                let count = series.tape.outputs();
                let first = match series.state {
                    Some(state) => states + asked * dynamics.components + state,
                    None => next,
                };
                if series.state.is_none() {
                    next += count;
                }
                let after = first + series.arguments;
                entries.push(Entry {
                    family: series.family,
                    arguments: first..after,
                    missing: series.missing.then_some(after),
                    rounded: series
                        .rounded
                        .then_some(after + usize::from(series.missing)),
                });
            }
        }
        let numbers = dynamics.asked.len() * dynamics.components;
        Self {
            compiled,
            frame: plan.plan.frame(arguments + numbers),
            states,
            drawn: vec![Lanes::all(0.0); entries.len()],
            entries,
        }
    }

    /// Works out the arguments of every entry for each group of rows of a block in turn, and hands
    /// the rows to `use_them`. A row with an argument that is not finite fails.
    pub fn each_group(
        &mut self,
        block: &Block<'_>,
        sheet: &mut Sheet,
        mut use_them: impl FnMut(&mut Self, Range<usize>, &mut [Option<Failure>]),
    ) {
        for start in (0..block.rows()).step_by(WIDTH) {
            let group = start..block.rows().min(start + WIDTH);
            self.work_out(block, sheet, group.clone());
            use_them(self, group.clone(), &mut sheet.failures[group]);
        }
    }

    fn work_out(&mut self, block: &Block<'_>, sheet: &mut Sheet, group: Range<usize>) {
        let plan = &self.compiled.observation;
        let moving = plan.states + plan.flows;
        let parameters = &mut self.frame[1 + moving..1 + moving + block.parameters.len()];
        for (slot, column) in parameters.iter_mut().zip(&block.parameters) {
            slot.0[..group.len()].copy_from_slice(&column[group.clone()]);
        }
        for (lane, row) in group.clone().enumerate() {
            let slots = self.frame[self.states..].iter_mut();
            for (slot, &value) in slots.zip(sheet.row(row)) {
                slot.0[lane] = value;
            }
        }
        let mut entries = self.entries.iter();
        for series in &plan.series {
            let own = entries.by_ref().take(series.times.len());
            if series.state.is_some() {
                own.for_each(drop);
                continue;
            }
            for (number, entry) in own.enumerate() {
                self.frame[0] = Lanes::all(series.times[number]);
                for &read in &series.reads {
                    self.frame[1 + read] = self.component(series, number, read);
                }
                for lag in &series.lags {
                    self.frame[lag.slot] = match number.checked_sub(lag.entries) {
                        None => Lanes::all(0.0),
                        Some(then) => self.component(series, then, lag.component),
                    };
                }
                let to = entry.arguments.start;
                run(self.compiled.set, &series.tape, &mut self.frame, to);
            }
        }
        if let LawPlan::Ode(ode) = &self.compiled.dynamics.law {
            self.lift_rounding(ode.solver.relative, ode.solver.absolute);
        }
        self.check(&mut sheet.failures[group]);
    }

    /// A state at an entry of a series, or a flow: what accumulated since the entry before.
    fn component(&self, series: &SeriesPlan, entry: usize, component: usize) -> Lanes<WIDTH> {
        let plan = &self.compiled.observation;
        let place =
            |n: usize| self.states + series.asked[n] * (plan.states + plan.flows) + component;
        let mut value = self.frame[place(entry)];
        if let Some(before) = entry.checked_sub(1).filter(|_| component >= plan.states) {
            let earlier = self.frame[place(before)];
            for lane in 0..WIDTH {
                value.0[lane] -= earlier.0[lane];
            }
        }
        value
    }

    /// A count's mean that an ODE solver's error carried below 0 is 0: a solution that decays to 0
    /// ends within the tolerance of it, on either side.
    fn lift_rounding(&mut self, relative: f64, absolute: f64) {
        let slots = &mut self.frame;
        let counts = || self.entries.iter().filter(|entry| entry.counts());
        let mut largest = Lanes::<WIDTH>::all(0.0);
        for entry in counts() {
            let mean = &slots[entry.arguments.start];
            for lane in 0..WIDTH {
                let size = mean.0[lane].abs();
                let so_far = largest.0[lane];
                largest.0[lane] = if size > so_far { size } else { so_far };
            }
        }
        for entry in counts() {
            let mean = &mut slots[entry.arguments.start];
            for lane in 0..WIDTH {
                let slack = 100.0 * (absolute + relative * largest.0[lane]);
                let value = mean.0[lane];
                mean.0[lane] = if value < 0.0 && value > -slack {
                    0.0
                } else {
                    value
                };
            }
        }
    }

    /// Fails rows that have an argument which is NaN or infinite.
    fn check(&mut self, failures: &mut [Option<Failure>]) {
        let slots = &mut self.frame;
        let arguments = || {
            self.entries
                .iter()
                .flat_map(|entry| entry.arguments.clone())
        };
        // 0 times a number is 0 only if it is finite.
        let mut sound = Lanes::<WIDTH>::all(0.0);
        for argument in arguments() {
            for lane in 0..WIDTH {
                sound.0[lane] += 0.0 * slots[argument].0[lane];
            }
        }
        for (lane, failure) in failures.iter_mut().enumerate() {
            if failure.is_none() && sound.0[lane] == 0.0 {
                continue;
            }
            if failure.is_none() {
                let finite = |a: usize| slots[a].0[lane].is_finite();
                let bad = |entry: &Entry| !entry.arguments.clone().all(finite);
                if let Some(bad) = self.entries.iter().position(bad) {
                    let plan = &self.compiled.observation;
                    let times = plan.series.iter().flat_map(|series| &series.times);
                    let time = times.copied().nth(bad).unwrap_or(f64::NAN);
                    let what = format!("an argument of {} at {time}", plan.columns[bad]);
                    *failure = Some(Failure::non_finite(what));
                }
            }
            for argument in arguments() {
                slots[argument].0[lane] = f64::NAN;
            }
        }
    }

    fn name(&self, entry: usize) -> &str {
        &self.compiled.observation.columns[entry]
    }

    /// Why an entry with these arguments was not drawn, or not rounded.
    fn no_draw(&self, number: usize, arguments: &[f64], drawn: f64) -> Failure {
        let name = self.name(number);
        if drawn.is_finite() {
            return Failure::non_finite(format!("what {name} is rounded to"));
        }
        match self.entries[number].family.check(arguments) {
            Err(ArgumentError::Value {
                argument, must_be, ..
            }) => Failure::Impossible {
                what: name.to_owned(),
                argument,
                must_be,
            },
            _ => Failure::non_finite(format!("the draw of {name}")),
        }
    }

    /// Draws every entry into `columns` (one an entry). One stream a simulation, over entries in
    /// order.
    pub fn draw(
        &mut self,
        block: &Block<'_>,
        group: Range<usize>,
        failures: &mut [Option<Failure>],
        columns: &mut [&mut [f64]],
    ) {
        let as_it_is =
            |e: &Entry| e.family == Family::Exact && e.missing.is_none() && e.rounded.is_none();
        if self.entries.iter().all(as_it_is) {
            for (entry, column) in self.entries.iter().zip(columns) {
                let values = &self.frame[entry.arguments.start].0[..group.len()];
                column[group.clone()].copy_from_slice(values);
            }
            return;
        }
        let mut values = Vec::new();
        for ((lane, row), failure) in group.clone().enumerate().zip(failures) {
            let mut bad = None;
            if failure.is_none() {
                let simulation = block.simulations[row];
                let mut stream = Stream::new(block.seed, Purpose::OBSERVATION, simulation);
                for (number, entry) in self.entries.iter().enumerate() {
                    values.clear();
                    values.extend(entry.arguments.clone().map(|a| self.frame[a].0[lane]));
                    let drawn = entry.family.sample(&values, &mut stream);
                    let unit = entry.rounded.map_or(0.0, |unit| self.frame[unit].0[lane]);
                    let value = match unit > 0.0 {
                        true => (drawn / unit).round() * unit,
                        false => drawn,
                    };
                    if !(drawn.is_finite() && unit.is_finite() && value.is_finite())
                        && bad.is_none()
                    {
                        bad = Some(self.no_draw(number, &values, drawn));
                    }
                    let is_missing = entry.missing.is_some_and(|m| self.frame[m].0[lane] != 0.0);
                    self.drawn[number].0[lane] = if is_missing { f64::NAN } else { value };
                }
            }
            if bad.is_some() {
                *failure = bad;
            }
            if failure.is_some() {
                for drawn in &mut self.drawn {
                    drawn.0[lane] = f64::NAN;
                }
            }
        }
        for (drawn, column) in self.drawn.iter().zip(columns) {
            column[group.clone()].copy_from_slice(&drawn.0[..group.len()]);
        }
    }

    /// Appends the group's arguments to those of `all` entries.
    pub fn append_arguments(&self, rows: usize, all: &mut [EntryArguments]) {
        for (entry, to) in self.entries.iter().zip(all) {
            for (argument, column) in entry.arguments.clone().zip(&mut to.arguments) {
                column.extend_from_slice(&self.frame[argument].0[..rows]);
            }
        }
    }

    /// Appends the log-density of `data` (NaN is missing) in every row of the group to `to`;
    /// negative infinity where it failed.
    pub fn append_log_density(
        &self,
        data: &[f64],
        failures: &[Option<Failure>],
        to: &mut Vec<f64>,
    ) {
        let mut values = Vec::new();
        to.extend(failures.iter().enumerate().map(|(lane, failure)| {
            if failure.is_some() {
                return f64::NEG_INFINITY;
            }
            let mut sum = 0.0;
            for (entry, &x) in self.entries.iter().zip(data) {
                values.clear();
                values.extend(entry.arguments.clone().map(|a| self.frame[a].0[lane]));
                sum += match x.is_nan() {
                    false => entry.family.log_density(&values, x),
                    // A simulation fails where an entry cannot be drawn, seen or not.
                    true if entry.family.check(&values).is_err() => f64::NEG_INFINITY,
                    true => 0.0,
                };
            }
            if sum.is_nan() { f64::NEG_INFINITY } else { sum }
        }));
    }

    /// Appends, for every row of the group, the log-density of `data` and its derivatives by the free
    /// parameters, of a mechanism with sensitivities; minus infinity and NaN where it failed.
    pub fn append_gradient(
        &self,
        sensitive: &Sensitive,
        data: &[f64],
        failures: &[Option<Failure>],
        to: &mut Vec<f64>,
    ) {
        let plan = &self.compiled.observation;
        let series = plan.series.iter().zip(&sensitive.series);
        let of_entries = series.flat_map(|(plan, slopes)| plan.times.iter().map(move |_| slopes));
        let mut log = Lanes::<WIDTH>::all(0.0);
        let mut sums = vec![Lanes::<WIDTH>::all(0.0); sensitive.scale.len()];
        let (mut values, mut slopes) = (Vec::new(), Vec::new());
        let mut by_argument: Frame<WIDTH> = Vec::new();
        for ((entry, &x), own) in self.entries.iter().zip(data).zip(of_entries) {
            if x.is_nan() {
                continue;
            }
            let first = entry.arguments.start;
            let arguments = &self.frame[first..first + own.arguments];
            by_argument.resize(own.arguments, Lanes::all(0.0));
            slopes.resize(own.arguments, 0.0);
            for (lane, failure) in failures.iter().enumerate() {
                if failure.is_some() {
                    continue;
                }
                values.clear();
                values.extend(arguments.iter().map(|argument| argument.0[lane]));
                log.0[lane] += entry.family.log_density(&values, x);
                entry.family.log_density_slopes(&values, x, &mut slopes);
                for (by, slope) in by_argument.iter_mut().zip(&slopes) {
                    by.0[lane] = *slope;
                }
            }
            let moved = &self.frame[first + own.arguments..];
            for (&(argument, p), moved) in own.pairs.iter().zip(moved) {
                let by = &by_argument[argument];
                for lane in 0..WIDTH {
                    sums[p].0[lane] += by.0[lane] * moved.0[lane];
                }
            }
        }
        for (lane, failure) in failures.iter().enumerate() {
            let failed = failure.is_some();
            to.push(if failed {
                f64::NEG_INFINITY
            } else {
                log.0[lane]
            });
            let scaled = sums.iter().zip(&sensitive.scale);
            to.extend(scaled.map(|(sum, scale)| match failed {
                true => f64::NAN,
                false => sum.0[lane] / scale,
            }));
        }
    }
}
