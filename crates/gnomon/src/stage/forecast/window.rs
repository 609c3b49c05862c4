//! A study's times -> a window that slides: what is given and what is predicted, in steps from the last
//! given time.

use gnomon_infer::forecast::origins::{Entry, Shape};
use gnomon_mechanism::Study;
use gnomon_mechanism::study::Part;

use crate::failure::Failure;

/// What a study is given and predicts of observed series, around the last time that is given.
#[derive(Clone, Debug, PartialEq)]
pub struct Window {
    /// The time between two entries, in the mechanisms' unit.
    pub step: f64,
    /// The series of each given entry, and how many steps it lies after the last given time.
    given: Vec<(String, isize)>,
    /// The same of what the networks predict, in the order in which they answer.
    predicted: Vec<(String, isize)>,
}

impl Window {
    /// The window of a study.
    ///
    /// # Errors
    /// Where it predicts nothing that comes after what is given, or its times are not evenly spaced.
    pub fn of(study: &Study) -> Result<Self, Failure> {
        let times = |parts: &[Part]| -> Vec<f64> {
            parts.iter().flat_map(|part| part.times.clone()).collect()
        };
        let (given, predicted) = (times(&study.given), times(&study.unseen));
        let origin = given.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        if !predicted.iter().any(|&time| time > origin) {
            let message = match study.unseen.is_empty() {
                true => "the study predicts no series, so it has no forecasts",
                false => "the study predicts nothing that comes after what is given",
            };
            return Err(Failure::refused(
                message,
                "forecasts need an observed series that is given up to a time and predicted after it: \
                 given = [\"cases[0:63]\"], predict = [\"cases[64:77]\"]",
            ));
        }
        let mut all = [given, predicted].concat();
        all.sort_unstable_by(f64::total_cmp);
        let gaps = all.windows(2).map(|pair| pair[1] - pair[0]);
        let near = 1e-9 * all.iter().fold(1.0, |most: f64, time| most.max(time.abs()));
        let step = gaps.filter(|&gap| gap > near).fold(f64::INFINITY, f64::min);
        let steps = |time: f64| (time - origin) / step;
        if let Some(time) = all
            .iter()
            .find(|&&time| (steps(time) - steps(time).round()).abs() > 1e-6)
        {
            return Err(Failure::refused(
                format!(
                    "the study's times are not evenly spaced: {time} lies between two steps of {step}"
                ),
                "forecasts of series need observed times such as \"0:77\" or \"0:7:140\"",
            ));
        }
        let entries = |parts: &[Part]| -> Vec<(String, isize)> {
            let own = parts.iter().flat_map(|part| {
                let times = part.times.iter();
                times.map(|&time| (part.name.clone(), steps(time).round() as isize))
            });
            own.collect()
        };
        Ok(Self {
            step,
            given: entries(&study.given),
            predicted: entries(&study.unseen),
        })
    }

    /// The series that a table must have, and those that it may have to be scored.
    pub fn variables(&self, study: &Study) -> (Vec<String>, Vec<String>) {
        let needed = study.given_names();
        let mut optional: Vec<String> = study.unseen.iter().map(|part| part.name.clone()).collect();
        optional.retain(|name| !needed.contains(name));
        (needed, optional)
    }

    /// The window over a table with these variables, and the places of what it predicts among the
    /// networks' targets.
    ///
    /// # Errors
    /// Where the table has none of the series whose future is predicted.
    pub fn shape(&self, variables: &[String]) -> Result<(Shape, Vec<usize>), Failure> {
        let entry = |(name, step): &(String, isize)| {
            let variable = variables.iter().position(|other| other == name)?;
            Some(Entry {
                variable,
                step: *step,
            })
        };
        let given = self.given.iter().filter_map(entry).collect();
        let future = self
            .predicted
            .iter()
            .enumerate()
            .filter_map(|(target, own)| {
                let entry = entry(own).filter(|entry| entry.step > 0)?;
                Some((entry, target))
            });
        let (predicted, targets): (Vec<Entry>, Vec<usize>) = future.unzip();
        if predicted.is_empty() {
            let mut names: Vec<&str> = self.predicted.iter().map(|(name, _)| &**name).collect();
            names.dedup();
            return Err(Failure::refused(
                format!(
                    "the file has no column `{}`, which is predicted",
                    names.join("`, `")
                ),
                "forecasts can only be scored where the file holds what came",
            ));
        }
        Ok((Shape { given, predicted }, targets))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn study(times: &str, question: &str) -> Study {
        let folder = tempfile::tempdir().unwrap();
        let mechanism = format!(
            "[parameters]\na = \"Normal(0, 1)\"\n[observed]\ntimes = {times}\n\
             cases = \"Normal(a, 1)\"\ndeaths = \"Normal(a, 2)\"\n"
        );
        std::fs::write(folder.path().join("m.toml"), mechanism).unwrap();
        let text = format!("title = \"?\"\nmechanisms = [\"m.toml\"]\n{question}");
        Study::parse("study.toml", &text, folder.path()).unwrap()
    }

    fn names(names: &[&str]) -> Vec<String> {
        names.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn steps_count_from_the_last_given_time() {
        let study = study(
            "\"0:7:42\"",
            "given = [\"cases[0:21]\"]\npredict = [\"deaths[14:42]\", \"cases[28:]\"]",
        );
        let window = Window::of(&study).unwrap();
        assert_eq!(window.step, 7.0);
        assert_eq!(
            window.variables(&study),
            (names(&["cases"]), names(&["deaths"]))
        );
        let steps = |entries: &[Entry]| -> Vec<(usize, isize)> {
            entries
                .iter()
                .map(|entry| (entry.variable, entry.step))
                .collect()
        };
        let (shape, targets) = window.shape(&names(&["cases", "deaths"])).unwrap();
        assert_eq!(steps(&shape.given), [(0, -3), (0, -2), (0, -1), (0, 0)]);
        let future = [(1, 1), (1, 2), (1, 3), (0, 1), (0, 2), (0, 3)];
        assert_eq!(steps(&shape.predicted), future);
        assert_eq!(targets, [2, 3, 4, 5, 6, 7]);
        let (shape, targets) = window.shape(&names(&["cases"])).unwrap();
        assert_eq!(steps(&shape.predicted), [(0, 1), (0, 2), (0, 3)]);
        assert_eq!(targets, [5, 6, 7]);
    }

    #[test]
    fn what_is_no_forecast_is_refused() {
        let hidden = study("\"0:9\"", "given = [\"cases\"]\npredict = [\"deaths\"]");
        let error = Window::of(&hidden).unwrap_err().to_string();
        assert!(
            error.contains("predicts nothing that comes after"),
            "{error}"
        );
        let uneven = study(
            "[0, 1, 2, 2.3]",
            "given = [\"cases[0:2]\"]\npredict = [\"cases[2.3:]\"]",
        );
        let error = Window::of(&uneven).unwrap_err().to_string();
        assert!(error.contains("not evenly spaced"), "{error}");
        let late = study(
            "\"0:9\"",
            "given = [\"cases[0:5]\"]\npredict = [\"deaths[6:]\"]",
        );
        let shape = Window::of(&late).unwrap().shape(&names(&["cases"]));
        assert!(
            shape
                .unwrap_err()
                .to_string()
                .contains("no column `deaths`")
        );
    }
}
