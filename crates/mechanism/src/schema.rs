//! JSON Schemas (draft 2020-12) of mechanism and study files, for editors that complete and check.
//!
//! Made from the same keys that the reader accepts, so that the two cannot disagree.
//!
//! ```
//! let schema = gnomon_mechanism::schema::mechanism();
//! assert_eq!(schema["properties"]["states"]["type"], "object");
//! ```

use serde_json::{Map, Value, json};

use crate::source::key::{Key, Kind};

/// The schema of mechanism files.
#[must_use]
pub fn mechanism() -> Value {
    document("Gnomon mechanism", crate::file::keys::MECHANISM)
}

/// The schema of study files.
#[must_use]
pub fn study() -> Value {
    document("Gnomon study", crate::study::keys::STUDY)
}

fn document(title: &str, keys: &[Key]) -> Value {
    let mut schema = table(keys);
    schema["$schema"] = json!("https://json-schema.org/draft/2020-12/schema");
    schema["title"] = json!(title);
    schema
}

/// A table with these keys and no others.
fn table(keys: &[Key]) -> Value {
    let mut properties = Map::new();
    for key in keys {
        let mut value = value(key.kind);
        value["description"] = json!(key.meaning);
        properties.insert(key.name.to_owned(), value);
    }
    let needed = keys.iter().filter(|key| key.needed).map(|key| key.name);
    let required: Vec<&str> = needed.collect();
    json!({
        "type": "object", "properties": properties, "required": required,
        "additionalProperties": false,
    })
}

fn value(kind: Kind) -> Value {
    match kind {
        Kind::Text => json!({ "type": "string" }),
        Kind::Choice(choices) => json!({ "type": "string", "enum": choices }),
        Kind::Choices(choices) => {
            let one = json!({ "type": "string", "enum": choices });
            json!({ "anyOf": [one.clone(), { "type": "array", "items": one, "minItems": 1 }] })
        }
        Kind::Expression => json!({ "type": ["string", "number"] }),
        Kind::Number => json!({ "type": "number" }),
        Kind::Count(least) => json!({ "type": "integer", "minimum": least }),
        Kind::Truth => json!({ "type": "boolean" }),
        Kind::Names => json!({ "type": "array", "items": { "type": "string" } }),
        Kind::Command => json!({
            "type": ["string", "array"],
            "items": { "type": "string" },
        }),
        Kind::Times => json!({
            "type": ["string", "number", "array"],
            "items": { "type": ["string", "number"] },
        }),
        Kind::Date => json!({ "type": "string" }),
        Kind::Named(kind) => {
            json!({ "type": "object", "additionalProperties": value(*kind) })
        }
        Kind::Numbers => json!({
            "type": ["number", "array"],
            "items": { "type": ["number", "string"] },
        }),
        Kind::Table(keys) => table(keys),
        Kind::Tables(keys) => json!({ "type": "array", "items": table(keys) }),
        Kind::TableAnd(keys, kind) => {
            let mut schema = table(keys);
            schema["additionalProperties"] = value(*kind);
            schema
        }
        Kind::List(kinds) => json!({ "type": "array", "items": any_of(kinds) }),
        Kind::OneOf(kinds) => any_of(kinds),
    }
}

fn any_of(kinds: &[Kind]) -> Value {
    let kinds: Vec<Value> = kinds.iter().map(|&kind| value(kind)).collect();
    json!({ "anyOf": kinds })
}
