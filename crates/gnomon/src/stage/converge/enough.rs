//! Whether the fewest simulations are enough to learn from at all, before any network is trained.

use gnomon_bank::Bank;
use gnomon_learn::coordinates::Coordinates;

use crate::context::Context;
use crate::failure::Failure;
use crate::population::Population;
use crate::stage::learn::FEWEST_ROWS;
use crate::stage::usable::Usable;

/// What a number of simulations must hold.
struct Need {
    what: String,
    /// Rows of it that are needed, and that were met so far.
    rows: u64,
    met: u64,
    /// The simulations up to and with the last one that was needed.
    enough_at: Option<u64>,
}

impl Need {
    fn new(what: String, rows: u64) -> Self {
        Self {
            what,
            rows,
            met: 0,
            enough_at: None,
        }
    }

    fn meet(&mut self, simulation: u64) {
        self.met += 1;
        if self.met == self.rows {
            self.enough_at = Some(simulation + 1);
        }
    }
}

/// Refuses where the first `fewest` simulations of the bank of `most` are too few of a mechanism, or never
/// lack an entry that fresh data sets, `data_sets` of each mechanism, lack by a mechanism's rule.
///
/// # Errors
/// As said, with the number that is needed; and where the bank is damaged or a simulator cannot be run.
pub(super) fn check(
    context: &Context,
    population: &Population<'_>,
    bank: &[Bank],
    (fewest, most): (u64, u64),
    (data_sets, seed): (usize, u64),
) -> Result<(), Failure> {
    let study = &context.study;
    let lacking = lacking(context, population, data_sets, seed)?;
    let mut of_mechanisms: Vec<Option<Need>> = Vec::new();
    for mechanism in &study.mechanisms {
        let what = format!(
            "{FEWEST_ROWS} simulations of `{}` that succeed",
            mechanism.name
        );
        let free = Coordinates::new(mechanism).dimension() > 0;
        of_mechanisms.push(free.then(|| Need::new(what, FEWEST_ROWS)));
    }
    let mut of_series: Vec<(Vec<&str>, Need)> = Vec::new();
    for (part, _) in study
        .given
        .iter()
        .zip(lacking)
        .filter(|(_, lacking)| *lacking)
    {
        let what = format!(
            "one that lacks an entry of `{}`, as fresh data sets do",
            part.name
        );
        let columns = part.columns.iter().map(String::as_str).collect();
        of_series.push((columns, Need::new(what, 1)));
    }
    let own = context.of_budget(most);
    let usable = Usable::new(&own, bank)?;
    for shard in 0..usable.shards() {
        let is_open = |need: &Need| need.enough_at.is_none();
        let open = of_mechanisms.iter().flatten().any(is_open);
        if !open && !of_series.iter().any(|(_, need)| is_open(need)) {
            break;
        }
        let table = usable.read_shard(shard)?;
        for (row, &simulation) in table.rows.simulation.iter().enumerate() {
            if let Some(need) = &mut of_mechanisms[table.rows.mechanism[row] as usize] {
                need.meet(simulation);
            }
            for (columns, need) in of_series.iter_mut().filter(|(_, need)| need.met == 0) {
                let mut columns = columns.iter().filter_map(|name| table.column(name));
                if columns.any(|column| column[row].is_nan()) {
                    need.meet(simulation);
                }
            }
        }
    }
    let needs = of_mechanisms.into_iter().flatten();
    let needs: Vec<Need> = needs
        .chain(of_series.into_iter().map(|(_, need)| need))
        .collect();
    let hardest = needs
        .iter()
        .max_by_key(|need| need.enough_at.unwrap_or(u64::MAX));
    let Some(hardest) = hardest.filter(|need| need.enough_at.is_none_or(|n| n > fewest)) else {
        return Ok(());
    };
    let least = match hardest.enough_at {
        Some(enough) => format!("at least {enough}"),
        None => format!("more than {most}"),
    };
    Err(Failure::refused(
        format!(
            "{fewest} simulations are too few to learn from: {least} are needed, to have {}",
            hardest.what
        ),
        format!("name numbers of simulations, `--simulations`, of which the least is {least}"),
    ))
}

/// Of each given series, whether a mechanism's rule leaves an entry of it out in any fresh data set.
fn lacking(
    context: &Context,
    population: &Population<'_>,
    data_sets: usize,
    seed: u64,
) -> Result<Vec<bool>, Failure> {
    let study = &context.study;
    let mut lacking = vec![false; study.given.len()];
    let by_rule = |name: &str| {
        let mut observed = study.mechanisms.iter().flat_map(|m| &m.observed);
        observed.any(|series| series.name == name && series.missing.is_some())
    };
    if !study.given.iter().any(|part| by_rule(&part.name)) {
        return Ok(lacking);
    }
    let width = study.given_columns().len();
    for mechanism in 0..study.mechanisms.len() {
        let numbers = super::measure::numbers(mechanism, 0..data_sets);
        let simulated = population.of(mechanism, seed, &numbers)?;
        for row in simulated.given.chunks_exact(width) {
            let mut left = row;
            for (part, lacking) in study.given.iter().zip(&mut lacking) {
                let (own, others) = left.split_at(part.times.len());
                *lacking |= own.iter().any(|x| x.is_nan());
                left = others;
            }
        }
    }
    Ok(lacking)
}
