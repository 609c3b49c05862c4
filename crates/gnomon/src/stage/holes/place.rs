//! Which parameter moves, over which range, and where the others are held.

use gnomon_learn::coordinates::Coordinates;
use gnomon_mechanism::Mechanism;
use gnomon_mechanism::expression::Input;
use gnomon_mechanism::model::Law;

use super::Asked;
use crate::failure::Failure;

/// Without a range, the parameter's prior but for this many standard normal deviations: its middle 99.9 %.
const REACH: f64 = 3.290_526_731_491_926;

/// A line through the parameters.
pub struct Place {
    /// What moves: a parameter, or the time, which stands for a free frequency.
    pub over: Input,
    /// From and to.
    pub range: [f64; 2],
    /// Every parameter's value; that of the moving one means nothing.
    pub base: Vec<f64>,
    /// The frequency, where it is free and does not move.
    pub frequency: f64,
    /// The free frequency's name.
    free: Option<String>,
}

impl Place {
    /// What is held, with its value.
    pub fn held(&self, mechanism: &Mechanism) -> Vec<(String, f64)> {
        let parameters = mechanism.parameters.iter().zip(&self.base).enumerate();
        let held = parameters.filter(|(place, _)| self.over != Input::Parameter(*place));
        let mut held: Vec<(String, f64)> = held
            .map(|(_, (parameter, value))| (parameter.name.clone(), *value))
            .collect();
        if let Some(name) = &self.free
            && self.over != Input::Time
        {
            held.push((name.clone(), self.frequency));
        }
        held
    }
}

/// The line that is asked for.
pub fn place(mechanism: &Mechanism, asked: &Asked<'_>) -> Result<Place, Failure> {
    let free = match &mechanism.dynamics.law {
        Law::Response(response) if response.has_free_frequency(&mechanism.graph) => {
            Some(response.frequency_name.clone())
        }
        _ => None,
    };
    let input = |name: &str| match mechanism.parameter(name) {
        Some(place) => Ok(Input::Parameter(place)),
        None if free.as_deref() == Some(name) => Ok(Input::Time),
        None => {
            let mut names: Vec<&str> = mechanism
                .parameters
                .iter()
                .map(|p| p.name.as_str())
                .collect();
            names.extend(free.as_deref());
            Err(Failure::refused(
                format!("{} has no parameter `{name}`", mechanism.name),
                format!("its parameters are {}", names.join(", ")),
            ))
        }
    };
    let over = input(asked.over)?;
    let coordinates = Coordinates::new(mechanism);
    let at_score = |score: f64| -> Vec<f64> {
        let columns = match coordinates.dimension() {
            0 => coordinates.fixed(1),
            dimension => coordinates.to_parameters(&vec![score; dimension]),
        };
        columns.iter().map(|column| column[0]).collect()
    };
    let frequencies = mechanism.observed.iter().flat_map(|series| &series.times);
    let frequencies = frequencies.fold([f64::INFINITY, f64::NEG_INFINITY], |[low, high], &w| {
        [low.min(w), high.max(w)]
    });
    let mut place = Place {
        over,
        range: [0.0; 2],
        base: at_score(0.0),
        frequency: 0.5 * (frequencies[0] + frequencies[1]),
        free: free.clone(),
    };
    for (name, value) in asked.at {
        let at = input(name)?;
        if at == over || !value.is_finite() {
            return Err(Failure::refused(
                format!("`{name}` cannot be held at {value}"),
                "`--at` holds parameters other than the scanned one at a finite value",
            ));
        }
        match at {
            Input::Parameter(parameter) => place.base[parameter] = *value,
            _ => place.frequency = *value,
        }
    }
    let ends = match over {
        Input::Parameter(parameter) => [-REACH, REACH].map(|score| at_score(score)[parameter]),
        _ => frequencies,
    };
    let [low, high] = [0, 1].map(|end| asked.range[end].unwrap_or(ends[end]));
    if !(low < high && (high - low).is_finite()) {
        return Err(Failure::refused(
            format!(
                "the range of `{}` from {low} to {high} is empty",
                asked.over
            ),
            "give it by `--from` and `--to`",
        ));
    }
    place.range = [low, high];
    Ok(place)
}
