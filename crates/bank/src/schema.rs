//! What a bank's columns mean and where its rows came from.

use std::collections::HashSet;

use serde::{Deserialize, Serialize};

use crate::BankError;

/// Columns that every bank has, before those of its schema.
pub(crate) const SIMULATION: &str = "simulation";
pub(crate) const MECHANISM: &str = "mechanism";
pub(crate) const FAILURE: &str = "failure";
pub(crate) const FIXED: [&str; 3] = [SIMULATION, MECHANISM, FAILURE];

/// A bank's identity and columns; stored in `schema.json` and in every shard.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Schema {
    /// Hash (hex) of everything in the study that decides what a simulation is.
    pub study: String,
    /// Version of the engine that simulated, or `"imported"`.
    pub engine: String,
    /// Seed of all simulations.
    pub seed: u64,
    /// The mechanisms; a row names one of them.
    pub mechanisms: Vec<MechanismText>,
    /// The numeric columns, in order, after `simulation`, `mechanism` and `failure`.
    pub columns: Vec<Column>,
    /// Most simulations in one shard; shard `k` starts at simulation `k * shard_rows`.
    pub shard_rows: u64,
}

/// A mechanism as the study had it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MechanismText {
    /// Its name, the value of the column `mechanism`.
    pub name: String,
    /// The mechanism file's text; empty for an import.
    pub text: String,
    /// Prior weight (any positive scale); for an import, its share of the rows.
    pub weight: f64,
}

/// One numeric column.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Column {
    /// Name, unique in the bank.
    pub name: String,
    /// What the column is in its mechanism.
    pub role: Role,
    /// Unit, as the mechanism wrote it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unit: Option<String>,
    /// One line for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// The mechanisms that declare it; empty means all. In rows of others it is null.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub mechanisms: Vec<String>,
}

/// What a column is in its mechanism.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum Role {
    /// Drawn from a prior.
    Parameter,
    /// Computed from parameters.
    Derived,
    /// Simulated, never observed.
    Latent,
    /// One entry of an observed series.
    Observed {
        /// The series' name.
        series: String,
        /// Which entry of the series, from 0.
        entry: usize,
        /// Its time, in the mechanism's unit, if the series has times.
        time: Option<f64>,
    },
}

impl Column {
    /// A column of every mechanism, without unit or description.
    #[must_use]
    pub fn new(name: impl Into<String>, role: Role) -> Self {
        Self {
            name: name.into(),
            role,
            unit: None,
            description: None,
            mechanisms: Vec::new(),
        }
    }

    /// Whether rows of `mechanism` have this column.
    #[must_use]
    pub fn belongs_to(&self, mechanism: &str) -> bool {
        self.mechanisms.is_empty() || self.mechanisms.iter().any(|m| m == mechanism)
    }
}

impl Schema {
    /// Position of a numeric column, if the bank has it.
    #[must_use]
    pub fn position(&self, column: &str) -> Option<usize> {
        self.columns.iter().position(|c| c.name == column)
    }

    /// Names of the numeric columns, in order.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.columns.iter().map(|c| c.name.as_str())
    }

    /// Whether a bank can have this schema.
    ///
    /// # Errors
    /// [`BankError::Schema`] names the first thing that is impossible.
    pub fn check(&self) -> Result<(), BankError> {
        let refuse = |problem: String| Err(BankError::Schema(problem));
        if self.shard_rows == 0 || self.shard_rows > u64::from(u32::MAX) {
            return refuse(format!(
                "shard_rows is {}, not in 1..=4294967295",
                self.shard_rows
            ));
        }
        if self.mechanisms.is_empty() {
            return refuse("it has no mechanism".into());
        }
        let mut mechanisms = HashSet::new();
        for mechanism in &self.mechanisms {
            if mechanism.name.is_empty() || !mechanisms.insert(mechanism.name.as_str()) {
                return refuse(format!(
                    "mechanism {:?} is unnamed or named twice",
                    mechanism.name
                ));
            }
            if !(mechanism.weight.is_finite() && mechanism.weight >= 0.0) {
                return refuse(format!(
                    "mechanism {:?} has weight {}",
                    mechanism.name, mechanism.weight
                ));
            }
        }
        let mut names = HashSet::from(FIXED);
        let mut entries = HashSet::new();
        for column in &self.columns {
            if column.name.is_empty() || !names.insert(column.name.as_str()) {
                return refuse(format!(
                    "column {:?} is unnamed, named twice or reserved",
                    column.name
                ));
            }
            if let Some(unknown) = column
                .mechanisms
                .iter()
                .find(|m| !mechanisms.contains(m.as_str()))
            {
                return refuse(format!(
                    "column {:?} is declared by unknown mechanism {unknown:?}",
                    column.name
                ));
            }
            if let Role::Observed {
                series,
                entry,
                time,
            } = &column.role
            {
                if !entries.insert((series, entry)) {
                    return refuse(format!("series {series:?} has entry {entry} twice"));
                }
                if time.is_some_and(|t| !t.is_finite()) {
                    return refuse(format!(
                        "column {:?} has a time that is not finite",
                        column.name
                    ));
                }
            }
        }
        Ok(())
    }

    /// What differs between this schema and another, one sentence each; empty if they are equal.
    #[must_use]
    pub fn differences(&self, other: &Self) -> Vec<String> {
        let mut found = Vec::new();
        let mut compare = |what: &str, mine: &str, theirs: &str| {
            if mine != theirs {
                found.push(format!("its {what} is {mine}, not {theirs}"));
            }
        };
        compare("study hash", &self.study, &other.study);
        compare("engine", &self.engine, &other.engine);
        compare("seed", &self.seed.to_string(), &other.seed.to_string());
        compare(
            "shard size",
            &self.shard_rows.to_string(),
            &other.shard_rows.to_string(),
        );
        let list = |schema: &Self| {
            let names: Vec<&str> = schema.mechanisms.iter().map(|m| m.name.as_str()).collect();
            names.join(", ")
        };
        compare("list of mechanisms", &list(self), &list(other));
        for mine in &self.mechanisms {
            if let Some(theirs) = other.mechanisms.iter().find(|m| m.name == mine.name) {
                if mine.text != theirs.text {
                    found.push(format!("mechanism {:?} has another text", mine.name));
                }
                if mine.weight != theirs.weight {
                    found.push(format!(
                        "mechanism {:?} has weight {}, not {}",
                        mine.name, mine.weight, theirs.weight
                    ));
                }
            }
        }
        for mine in &self.columns {
            match other.columns.iter().find(|c| c.name == mine.name) {
                None => found.push(format!("it has a column {:?} too many", mine.name)),
                Some(theirs) if theirs != mine => {
                    found.push(format!("column {:?} is declared otherwise", mine.name));
                }
                Some(_) => {}
            }
        }
        for theirs in &other.columns {
            if self.position(&theirs.name).is_none() {
                found.push(format!("it lacks column {:?}", theirs.name));
            }
        }
        if found.is_empty() && self != other {
            found.push("its columns are in another order".into());
        }
        found
    }

    /// The schema as JSON text.
    ///
    /// # Errors
    /// [`BankError::Schema`] if it cannot be written as JSON.
    pub fn to_json(&self) -> Result<String, BankError> {
        serde_json::to_string_pretty(self).map_err(|e| BankError::Schema(e.to_string()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn schema() -> Schema {
        let observed = |entry: usize| {
            Column::new(
                format!("in_bed_{}", entry + 1),
                Role::Observed {
                    series: "in_bed".into(),
                    entry,
                    time: Some(0.1 + entry as f64 / 3.0),
                },
            )
        };
        Schema {
            study: "ab12".into(),
            engine: "0.1.0".into(),
            seed: u64::MAX,
            mechanisms: vec![MechanismText {
                name: "sir".into(),
                text: "[states]".into(),
                weight: 1.0 / 3.0,
            }],
            columns: vec![
                Column::new("beta", Role::Parameter),
                observed(0),
                observed(1),
            ],
            shard_rows: 10,
        }
    }

    #[test]
    fn json_keeps_every_bit() {
        let schema = schema();
        let back: Schema = serde_json::from_str(&schema.to_json().unwrap()).unwrap();
        assert_eq!(back, schema);
        assert!(back.differences(&schema).is_empty());
    }

    #[test]
    fn impossible_schemas_are_refused() {
        schema().check().unwrap();
        let spoil: [fn(&mut Schema); 7] = [
            |s| s.shard_rows = 0,
            |s| s.mechanisms.clear(),
            |s| s.mechanisms[0].weight = f64::NAN,
            |s| s.columns[0].name = "failure".into(),
            |s| s.columns[1].name = "beta".into(),
            |s| s.columns[2].role = s.columns[1].role.clone(),
            |s| s.columns[0].mechanisms = vec!["seir".into()],
        ];
        for spoil in spoil {
            let mut bad = schema();
            spoil(&mut bad);
            assert!(bad.check().is_err(), "{bad:?}");
        }
    }

    #[test]
    fn each_difference_is_named() {
        let mut other = schema();
        other.seed = 2;
        other.mechanisms[0].text.push('#');
        other.columns[0].unit = Some("1/day".into());
        other.columns.pop();
        let found = other.differences(&schema()).join("\n");
        for part in [
            "seed is 2",
            "\"sir\" has another text",
            "\"beta\"",
            "lacks column \"in_bed_2\"",
        ] {
            assert!(found.contains(part), "{part} not in {found}");
        }
        let mut turned = schema();
        turned.columns.swap(0, 1);
        assert_eq!(
            turned.differences(&schema()),
            ["its columns are in another order"]
        );
    }
}
