//! A mechanism file -> a checked [`Mechanism`]:
//! TOML -> `written` (expressions as written) -> `names` and `lower` (names resolved, one graph)
//! -> parameters, derived quantities, dynamics and observations.

mod acceptance;
mod boundary;
pub mod calendar;
mod conserved;
mod distribution;
mod dynamics;
mod events;
mod forcing;
mod functions;
pub mod keys;
mod likelihood;
mod lower;
mod moment;
mod multivariate;
mod names;
mod numbers;
mod observed;
mod program;
mod quantities;
mod reactions;
mod response;
mod solver;
mod space;
mod vectors;
mod written;

use std::path::Path;
use std::sync::Arc;

use crate::model::{Law, Mechanism};
use crate::source::section::Document;
use crate::source::{ReadError, Source};

use calendar::Calendar;

impl Mechanism {
    /// Reads a mechanism file; the mechanism is named as the file without its ending.
    ///
    /// # Errors
    /// The first thing that is wrong: where, and what to do.
    pub fn read(path: impl AsRef<Path>) -> Result<Self, ReadError> {
        let path = path.as_ref();
        let name = path.file_stem().unwrap_or_default().to_string_lossy();
        let folder = path.parent().unwrap_or(Path::new(""));
        Self::from_source(&name, &Source::read(path)?, folder)
    }

    /// Reads a mechanism from text; files that it names are looked for in `folder`.
    ///
    /// ```
    /// use gnomon_mechanism::Mechanism;
    /// let text = r#"
    ///     [parameters]
    ///     rate = "LogNormal(0, 1)"
    ///     [states]
    ///     x = 100
    ///     [dynamics]
    ///     x = "-rate * x"
    ///     [observed]
    ///     x = { distribution = "Poisson(x)", times = "1:5" }
    /// "#;
    /// let decay = Mechanism::parse("decay", text, ".")?;
    /// assert_eq!(decay.observed[0].columns(), ["x_1", "x_2", "x_3", "x_4", "x_5"]);
    ///
    /// let error = Mechanism::parse("decay", &text.replace("-rate", "-rte"), ".").unwrap_err();
    /// assert_eq!(error.message(), "unknown name `rte`");
    /// assert_eq!(error.help_text(), Some("did you mean `rate`?"));
    /// assert_eq!(error.place(), Some(("decay", 7, 11, "rte")));
    /// # Ok::<(), gnomon_mechanism::ReadError>(())
    /// ```
    ///
    /// # Errors
    /// The first thing that is wrong: where, and what to do.
    pub fn parse(name: &str, text: &str, folder: impl AsRef<Path>) -> Result<Self, ReadError> {
        Self::from_source(name, &Source::new(name, text), folder.as_ref())
    }

    pub(crate) fn from_source(
        name: &str,
        source: &Source,
        folder: &Path,
    ) -> Result<Self, ReadError> {
        let document = Document::parse(source)?;
        let written = written::Written::read(&document.top(), folder)?;
        vectors::check_index(&written)?;
        let mut lowering = lower::Lowering::new(&written, folder)?;
        let mut parameters = quantities::drawn(&mut lowering, &written)?;
        let latents = parameters.split_off(written.parameters.len());
        let derived = quantities::derived(&mut lowering, &written)?;
        let start = observed::start(&mut lowering, &written)?;
        let moment = moment::moment(&mut lowering, &written)?;
        let (mut dynamics, mut observed) = if let Some(section) = &written.program {
            program::refuse_dynamics(&written)?;
            let law = program::law(section, &parameters, folder)?;
            let observed = observed::of_program(&mut lowering, &written)?;
            (dynamics::without_states(law, start), observed)
        } else {
            let mut dynamics = dynamics::dynamics(&mut lowering, &written, start)?;
            let observed =
                observed::observed(&mut lowering, &written, &dynamics, moment.is_some())?;
            dynamics::settle_step(&mut dynamics, &observed);
            (dynamics, observed)
        };
        dynamics.flows = std::mem::take(&mut lowering.flows);
        dynamics.lags = std::mem::take(&mut lowering.lags);
        let conserved = conserved::conserved(&mut lowering, &written)?;
        if let Some(moment) = moment {
            let graph = &mut lowering.graph;
            moment::rewrite(graph, &written, &mut dynamics, &mut observed, moment)?;
        }
        observed::check_columns(&written, &observed)?;
        lowering.observe(&observed);
        let likelihood = likelihood::likelihood(&mut lowering, &written)?;
        let acceptance = acceptance::acceptance(&mut lowering, &written)?;
        Ok(Self {
            name: name.to_owned(),
            description: written.description.clone(),
            text: source.text.clone(),
            parameters,
            latents,
            derived,
            dynamics,
            observed,
            likelihood,
            acceptance,
            conserved,
            graph: lowering.graph,
        })
    }

    /// The calendar behind its times.
    #[must_use]
    pub fn calendar(&self) -> Calendar {
        let source = Source::new(&self.name, Arc::clone(&self.text));
        // The text was read once already; a mechanism built without a file has no calendar.
        Document::parse(&source)
            .and_then(|document| match document.top().get("time") {
                Some(entry) => Calendar::read(&entry.section("[time]")?),
                None => Ok(Calendar::default()),
            })
            .unwrap_or_default()
    }

    /// A hash (BLAKE3, in hexadecimal) of all that a simulation's numbers come from beside its
    /// seed: the file's text, the measured series that it uses, and the files in its folder that a
    /// program's command names.
    #[must_use]
    pub fn identity(&self) -> String {
        let mut hasher = blake3::Hasher::new();
        hasher.update(self.text.as_bytes());
        for series in self.graph.series() {
            hasher.update(&[0]);
            hasher.update(series.name.as_bytes());
            for number in series.times.iter().chain(&series.values) {
                hasher.update(&number.to_bits().to_le_bytes());
            }
        }
        if let Law::Program(program) = &self.dynamics.law {
            for word in &program.command {
                // A word that is no file, such as python3, has nothing to add.
                if let Ok(content) = std::fs::read(program.folder.join(word)) {
                    hasher.update(&[0]);
                    hasher.update(&content);
                }
            }
        }
        hasher.finalize().to_hex().to_string()
    }
}
