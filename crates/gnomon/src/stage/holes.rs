//! One mechanism along one of its parameters -> its resonances, and certificates of what was not missed.
//! An emulator of several parameters is searched by `stage::emulate::worst`.

mod counted;
mod observed;
mod place;
pub mod shown;
mod unknowns;

use gnomon_emulate::EmulateError;
use gnomon_emulate::holes::Grade;
use gnomon_emulate::holes::resonances::{Resonances, Scan, find};
use gnomon_emulate::rational::Complex;
use gnomon_mechanism::Mechanism;
use gnomon_mechanism::model::Law;

pub use counted::Counted;

use crate::failure::Failure;

/// The most numbers that are looked at together.
const MOST_OUTPUTS: usize = 32;

/// What is asked.
#[derive(Clone, Debug)]
pub struct Asked<'a> {
    /// The parameter to scan.
    pub over: &'a str,
    /// Its range, where it is not its prior's.
    pub range: [Option<f64>; 2],
    /// Observed series or entries, or unknowns of a response; all where there is none.
    pub outputs: &'a [String],
    /// Values of other parameters; those not named have the middle of their prior.
    pub at: &'a [(String, f64)],
    /// Everything else; its range is not used.
    pub scan: Scan,
}

/// What was found, and of what.
pub struct Found {
    /// The scan, with its range.
    pub scan: Scan,
    /// Names of the outputs.
    pub outputs: Vec<String>,
    /// The other parameters' values.
    pub at: Vec<(String, f64)>,
    /// What was found.
    pub resonances: Resonances,
    /// How many there are, where the operator is known; or why they were not counted.
    pub counted: Option<Result<Counted, String>>,
}

/// A response along one parameter.
struct Line<'a> {
    outputs: Vec<String>,
    solve: Box<Solve<'a>>,
}

/// Points -> at each, one complex number an output, NaN where the solver failed.
type Solve<'a> = dyn FnMut(&[f64]) -> Result<Vec<Vec<Complex>>, Failure> + 'a;

/// Scans a mechanism; counts the poles of a `[response]`.
///
/// # Errors
/// Where a name is not the mechanism's, what is observed is random, or a solve could not be made.
pub fn run(mechanism: &Mechanism, asked: &Asked<'_>, seed: u64) -> Result<Found, Failure> {
    observed::deterministic(mechanism)?;
    let place = place::place(mechanism, asked)?;
    let Line { outputs, mut solve } = match &mechanism.dynamics.law {
        Law::Response(response) if unknowns::are_asked(response, &place, asked.outputs) => {
            unknowns::line(mechanism, response, &place, asked.outputs)?
        }
        _ => observed::line(mechanism, &place, asked.outputs, seed)?,
    };
    let scan = Scan {
        range: place.range,
        ..asked.scan
    };
    let mut resonances = find(
        |points: &[f64]| solve(points).map_err(Trouble::Solver),
        &scan,
    )
    .map_err(|trouble| match trouble {
        Trouble::Solver(failure) => failure,
        Trouble::Scan(error) => Failure::refused(
            error.to_string(),
            "see `gnomon holes --help` for the range, the tolerance and the budget",
        ),
    })?;
    let counted = match mechanism.dynamics.law {
        Law::Response(_) => Some(counted::count(mechanism, &place, &mut resonances)),
        _ => None,
    };
    let counted = match counted {
        Some(Ok(mut counted)) => {
            counted.look(&resonances, &scan, &mut solve)?;
            if counted.hidden() > 0 {
                resonances
                    .certificates
                    .retain(|own| own.grade != Grade::Structural);
                resonances.because = Some("the count found poles that the scan missed".into());
            }
            let certificate = counted.certificate(asked.over, unit(mechanism, asked.over));
            resonances.certificates.splice(0..0, certificate);
            Some(Ok(counted))
        }
        other => other,
    };
    Ok(Found {
        scan,
        outputs,
        at: place.held(mechanism),
        resonances,
        counted,
    })
}

/// Why a scan stopped.
enum Trouble {
    Solver(Failure),
    Scan(EmulateError),
}

impl From<EmulateError> for Trouble {
    fn from(error: EmulateError) -> Self {
        Self::Scan(error)
    }
}

/// The unit of a parameter, "" where it has none.
fn unit<'a>(mechanism: &'a Mechanism, name: &str) -> &'a str {
    let parameter = mechanism.parameters.iter().find(|p| p.name == name);
    parameter
        .and_then(|p| p.unit.as_deref())
        .unwrap_or_default()
}

/// Refuses more outputs than are looked at together.
fn few(names: &[String]) -> Result<(), Failure> {
    match names {
        [first, ..] if names.len() > MOST_OUTPUTS => Err(Failure::refused(
            format!(
                "there are {} numbers to look at, and at most {MOST_OUTPUTS} can be scanned together",
                names.len()
            ),
            format!("name some by `--of`, such as `{first}`"),
        )),
        _ => Ok(()),
    }
}
