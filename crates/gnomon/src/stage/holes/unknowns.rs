//! The complex unknowns of a response, along its frequency or a parameter.

use gnomon_emulate::rational::Complex;
use gnomon_mechanism::Mechanism;
use gnomon_mechanism::expression::Input;
use gnomon_mechanism::model::Response;
use gnomon_simulate::{Compiled, response};

use super::place::Place;
use super::{Line, few};
use crate::failure::Failure;

/// Whether unknowns are to be looked at, not what is observed: nothing else is named, or can be.
pub fn are_asked(own: &Response, place: &Place, asked: &[String]) -> bool {
    let is_unknown = |name: &String| {
        let rest = name.strip_prefix(&own.unknown);
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('['))
    };
    place.over == Input::Time || asked.iter().all(is_unknown)
}

/// The unknowns that are asked for: `y` for all, `y[2]` for one.
pub fn line<'a>(
    mechanism: &Mechanism,
    own: &Response,
    place: &'a Place,
    asked: &[String],
) -> Result<Line<'a>, Failure> {
    let compiled = Compiled::new(mechanism).map_err(Failure::simulation)?;
    let size = own.force.len();
    let name = |k: usize| match size {
        1 => own.unknown.clone(),
        _ => format!("{}[{}]", own.unknown, k + 1),
    };
    let mut chosen: Vec<usize> = Vec::new();
    for written in asked {
        let of = |k: &usize| written == &own.unknown || *written == name(*k);
        let before = chosen.len();
        let more: Vec<usize> = (0..size).filter(of).collect();
        chosen.extend(
            more.into_iter()
                .filter(|k| !chosen.contains(k))
                .collect::<Vec<_>>(),
        );
        if chosen.len() == before {
            return Err(Failure::refused(
                format!("{} has no unknown `{written}`", mechanism.name),
                match size {
                    1 => format!("its unknown is `{}`", own.unknown),
                    _ => format!("its unknowns are `{0}[1]` to `{0}[{size}]`", own.unknown),
                },
            ));
        }
    }
    if asked.is_empty() {
        chosen.extend(0..size);
    }
    let outputs: Vec<String> = chosen.iter().map(|&k| name(k)).collect();
    few(&outputs)?;
    let solve = move |points: &[f64]| {
        let complex = |parts: &[[f64; 2]]| -> Vec<Complex> {
            let each = chosen.iter().map(|&k| parts[k]);
            each.map(|[re, im]| Complex::new(re, im)).collect()
        };
        let mut parameters: Vec<Vec<f64>> = place.base.iter().map(|x| vec![*x]).collect();
        let rows = 0..points.len();
        Ok(match place.over {
            Input::Parameter(over) => {
                for (column, value) in parameters.iter_mut().zip(&place.base) {
                    *column = vec![*value; points.len()];
                }
                parameters[over] = points.to_vec();
                let found = response(&compiled, &parameters, &[place.frequency])
                    .map_err(Failure::simulation)?;
                rows.map(|row| complex(found.at(row, 0))).collect()
            }
            _ => {
                let found =
                    response(&compiled, &parameters, points).map_err(Failure::simulation)?;
                rows.map(|row| complex(found.at(0, row))).collect()
            }
        })
    };
    Ok(Line {
        outputs,
        solve: Box::new(solve),
    })
}
