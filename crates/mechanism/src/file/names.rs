//! What every name in a mechanism file means; names that are reserved or used twice are refused.

use std::collections::HashMap;

use super::boundary::{Boundary, Field};
use super::functions::functions;
use super::multivariate::FAMILIES;
use super::written::{Named, Written};
use crate::distribution::Family;
use crate::expression::lexer::is_name_start;
use crate::source::{ReadError, Source, Span, spelling};

/// What a name means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Meaning {
    /// A constant, definition or derived quantity, by its position among the formulas.
    Formula(usize),
    /// A parameter by its position; latents are numbered on after the parameters.
    Parameter(usize),
    State(usize),
    Reaction(usize),
    /// A vector with so many entries, each of which has a name and a meaning of its own.
    Vector(usize),
    /// A table of numbers, by its position among them.
    Data(usize),
}

/// What kind of formula a name stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum FormulaKind {
    Constant,
    Definition,
    Derived,
}

/// Every name, and the formulas that some of them stand for.
pub(crate) struct Names<'a> {
    known: HashMap<&'a str, (Meaning, Span)>,
    pub formulas: Vec<(FormulaKind, &'a Named)>,
    fields: &'a [Field],
    /// Parameters with a number from here on are latents.
    pub parameters: usize,
    /// Parameters and latents.
    pub drawn: usize,
}

/// Names that the language or the bank's columns need.
const RESERVED: [&str; 14] = [
    "t",
    "pi",
    "inf",
    "and",
    "or",
    "not",
    "true",
    "false",
    "mechanism",
    "parameters",
    "derived",
    "observed",
    "simulation",
    "failure",
];

impl<'a> Names<'a> {
    /// Collects all names of the file.
    pub fn collect(written: &'a Written<'_>) -> Result<Self, ReadError> {
        let mut names = Self {
            known: HashMap::new(),
            formulas: Vec::new(),
            fields: &written.fields,
            parameters: written.parameters.len(),
            drawn: written.drawn().count(),
        };
        let formulas = [
            (FormulaKind::Constant, &written.constants),
            (FormulaKind::Definition, &written.definitions),
            (FormulaKind::Derived, &written.derived),
        ];
        let source = written.source;
        for (position, named) in written.drawn().enumerate() {
            names.add(
                source,
                &named.name,
                named.name_at,
                Meaning::Parameter(position),
            )?;
        }
        for (position, named) in written.states.iter().enumerate() {
            names.add(source, &named.name, named.name_at, Meaning::State(position))?;
        }
        for (kind, named) in formulas
            .iter()
            .flat_map(|(k, list)| list.iter().map(|n| (*k, n)))
        {
            let meaning = Meaning::Formula(names.formulas.len());
            names.add(source, &named.name, named.name_at, meaning)?;
            names.formulas.push((kind, named));
        }
        for (name, at, size) in &written.vectors {
            names.add(source, name, *at, Meaning::Vector(*size as usize))?;
        }
        for (position, data) in written.data.iter().enumerate() {
            names.add(source, &data.name, data.name_at, Meaning::Data(position))?;
        }
        let reactions = written.reactions.iter().flat_map(|(_, list)| list);
        for (position, reaction) in reactions.enumerate() {
            let name = &reaction.name;
            names.add(source, &name.value, name.at, Meaning::Reaction(position))?;
        }
        Ok(names)
    }

    fn add(
        &mut self,
        source: &Source,
        name: &'a str,
        at: Span,
        meaning: Meaning,
    ) -> Result<(), ReadError> {
        check_name(source, name, at)?;
        match self.known.insert(name, (meaning, at)) {
            None => Ok(()),
            Some((earlier, _)) => Err(source
                .error(
                    at,
                    format!("the name `{name}` is used twice"),
                    format!("already the name of {}", self.described(earlier)),
                )
                .with_help("give one of the two another name")),
        }
    }

    /// What a name means.
    pub fn get(&self, name: &str) -> Option<Meaning> {
        self.known.get(name).map(|&(meaning, _)| meaning)
    }

    /// A meaning in words.
    pub fn described(&self, meaning: Meaning) -> &'static str {
        match meaning {
            Meaning::Parameter(number) if number >= self.parameters => "a latent",
            Meaning::Parameter(_) => "a parameter",
            Meaning::State(_) => "a state",
            Meaning::Reaction(_) => "a reaction",
            Meaning::Vector(_) => "a vector",
            Meaning::Data(_) => "a table of numbers",
            Meaning::Formula(formula) => match self.formulas.get(formula) {
                Some((FormulaKind::Constant, _)) => "a constant",
                Some((FormulaKind::Definition, _)) => "a definition",
                _ => "a derived quantity",
            },
        }
    }

    /// The known names for which `wanted` holds, sorted.
    pub fn which(&self, wanted: impl Fn(Meaning) -> bool) -> Vec<&'a str> {
        let mut names: Vec<&str> = self
            .known
            .iter()
            .filter(|(_, (meaning, _))| wanted(*meaning))
            .map(|(&name, _)| name)
            .collect();
        names.sort_unstable();
        names
    }

    /// Formulas in an order in which each stands after those it uses.
    ///
    /// Walks without recursion: a chain of definitions may be long.
    pub fn order(&self, source: &Source) -> Result<Vec<usize>, ReadError> {
        let uses: Vec<Vec<(usize, Span)>> = self
            .formulas
            .iter()
            .map(|(_, named)| {
                let mut found = Vec::new();
                let mut mentioned = Vec::new();
                named
                    .value
                    .names(&mut |name, at| mentioned.push((name, at)));
                // A neighbour beyond the end is made of what stands there.
                for (name, _) in mentioned.clone() {
                    let field = self.fields.iter().find(|field| field.name == name);
                    let values = field
                        .iter()
                        .flat_map(|f| &f.boundary)
                        .flat_map(Boundary::values);
                    values.for_each(|v| v.names(&mut |name, at| mentioned.push((name, at))));
                }
                mentioned
                    .into_iter()
                    .for_each(|(name, at)| match self.get(name) {
                        Some(Meaning::Formula(formula)) => found.push((formula, at)),
                        Some(Meaning::Vector(size)) => {
                            let entries = (1..=size).map(|k| self.get(&format!("{name}_{k}")));
                            found.extend(entries.filter_map(|entry| match entry {
                                Some(Meaning::Formula(formula)) => Some((formula, at)),
                                _ => None,
                            }));
                        }
                        _ => {}
                    });
                found
            })
            .collect();
        let mut order = Vec::with_capacity(uses.len());
        let mut done = vec![false; uses.len()];
        let mut on_path = vec![false; uses.len()];
        for root in 0..uses.len() {
            // (formula, how many of its uses were walked)
            let mut path = vec![(root, 0)];
            while let Some((formula, walked)) = path.last_mut() {
                let formula = *formula;
                if done[formula] {
                    path.pop();
                    continue;
                }
                on_path[formula] = true;
                match uses[formula].get(*walked) {
                    None => {
                        done[formula] = true;
                        on_path[formula] = false;
                        order.push(formula);
                        path.pop();
                    }
                    Some(&(used, at)) => {
                        *walked += 1;
                        if on_path[used] {
                            let cycle = path.iter().map(|&(formula, _)| formula);
                            let cycle: Vec<usize> = cycle.skip_while(|&f| f != used).collect();
                            return Err(self.cycle(source, &cycle, at));
                        }
                        path.push((used, 0));
                    }
                }
            }
        }
        Ok(order)
    }

    fn cycle(&self, source: &Source, cycle: &[usize], at: Span) -> ReadError {
        let mut names: Vec<&str> = cycle
            .iter()
            .map(|&f| self.formulas[f].1.name.as_str())
            .collect();
        names.push(names[0]);
        source
            .error(
                at,
                format!("`{}` is defined by itself", names[0]),
                "closes the circle",
            )
            .with_help(format!("the circle is {}", names.join(" -> ")))
    }
}

/// Refuses names that an expression could not spell or that mean something already.
pub(crate) fn check_name(source: &Source, name: &str, at: Span) -> Result<(), ReadError> {
    let spelt = name.chars().next().is_some_and(is_name_start)
        && name.chars().all(|c| is_name_start(c) || c.is_numeric());
    if !spelt {
        return Err(source
            .error(at, format!("`{name}` cannot be a name"), "not a name")
            .with_help("a name is letters, digits and _, and does not start with a digit"));
    }
    let means = if RESERVED.contains(&name) {
        "is reserved"
    } else if functions().any(|function| function == name) {
        "is a function"
    } else if Family::from_name(name).is_some() || FAMILIES.contains(&name) {
        "is a distribution"
    } else {
        return Ok(());
    };
    Err(source
        .error(at, format!("`{name}` {means}"), "choose another name")
        .with_help(format!("for instance `{name}_`")))
}

/// The advice for a name that is not known.
pub(crate) fn did_you_mean(written: &str, known: &[&str]) -> Option<String> {
    spelling::advice(written, known.iter().copied())
}
