//! The JSON schema of the file, made from the table of keys.

use serde_json::{Map, Value, json};

use super::document::{Content, Node, Origin, parse};
use super::key::{Duration, Integer, Key, Kind, Preset};
use super::reader::Section;
use super::settings::Config;

/// The JSON schema (draft 2020-12) of `config.yaml`, for editors and for `surewire check --schema`.
///
/// It is a little wider than the reader: what one value means for another is not in it.
#[must_use]
pub fn schema() -> Value {
    let mut schema = section(Config::KEYS);
    if let Some(root) = schema.as_object_mut() {
        root.insert("$schema".into(), "https://json-schema.org/draft/2020-12/schema".into());
        root.insert("title".into(), "Surewire configuration".into());
    }
    schema
}

fn section(keys: &[Key]) -> Value {
    let properties: Map<String, Value> =
        keys.iter().map(|key| (key.name.to_owned(), property(key))).collect();
    let required: Vec<&str> =
        keys.iter().filter(|key| key.preset == Preset::Required).map(|key| key.name).collect();
    let kind = if required.is_empty() { json!(["object", "null"]) } else { json!("object") };
    let mut schema =
        json!({ "type": kind, "properties": properties, "additionalProperties": false });
    if let (false, Some(map)) = (required.is_empty(), schema.as_object_mut()) {
        map.insert("required".into(), json!(required));
    }
    schema
}

fn property(key: &Key) -> Value {
    let mut schema = values_of(&key.kind);
    if let Some(map) = schema.as_object_mut() {
        let doc: Vec<&str> = key.doc.lines().map(str::trim).collect();
        map.insert("description".into(), doc.join(" ").trim().into());
        if let Preset::Text(text) = key.preset {
            map.insert("default".into(), default_value(text, &key.kind));
        }
    }
    schema
}

fn values_of(kind: &Kind) -> Value {
    match kind {
        Kind::Bool => json!({ "enum": [true, false, null, "yes", "no", "on", "off"] }),
        Kind::Integer(range) => integer(range),
        Kind::Decimal { min, max } => json!({
            "type": ["number", "null"],
            "minimum": f64::from(min.thousandths()) / 1000.0,
            "maximum": f64::from(max.thousandths()) / 1000.0,
        }),
        Kind::Duration(range) => duration(range),
        Kind::Size { min, max } => json!({
            "type": ["string", "integer", "null"],
            "pattern": SIZE,
            "minimum": min.get(),
            "maximum": max.get(),
        }),
        Kind::Memory { min } => json!({
            "type": ["string", "integer", "null"],
            "pattern": format!("{SIZE}|^([1-9][0-9]?|100) *%$"),
            "minimum": min.get(),
        }),
        Kind::Address => json!({ "type": ["string", "null"], "pattern": "^$|:[0-9]{1,5}$" }),
        Kind::Path => json!({ "type": ["string", "number", "boolean", "null"] }),
        Kind::Text(most) => json!({
            "type": ["string", "number", "boolean", "null"], "maxLength": most,
        }),
        Kind::Choice(words) => json!({ "enum": words }),
        Kind::Accounts => json!({
            "type": ["object", "null"],
            "additionalProperties": { "type": ["string", "number", "boolean"] },
        }),
        Kind::Section(keys) => section(keys),
        Kind::List(keys) => json!({ "type": ["array", "null"], "items": section(keys) }),
    }
}

const SIZE: &str = "^[0-9][0-9_]* *([KkMmGgTt][Ii]?)?[Bb]?$";

fn integer(range: &Integer) -> Value {
    let mut schema = json!({ "type": ["integer", "null"], "minimum": range.min });
    if let (false, Some(map)) = (range.clamped, schema.as_object_mut()) {
        map.insert("maximum".into(), range.max.into());
    }
    schema
}

fn duration(range: &Duration) -> Value {
    let word = range.none.map(|word| format!("|^{word}$")).unwrap_or_default();
    json!({
        "type": ["string", "integer", "null"],
        "pattern": format!("^[0-9][0-9_]* *(ms|s|m|h|d)?${word}"),
        "minimum": if range.zero_is_none { 0 } else { range.min.as_secs() },
        "maximum": range.max.as_secs(),
    })
}

/// A default is written as in the file; JSON has its own forms for numbers, bools and lists.
fn default_value(text: &str, kind: &Kind) -> Value {
    let as_json = serde_json::from_str(text);
    match kind {
        Kind::Bool | Kind::Integer(_) | Kind::Decimal { .. } => as_json.unwrap_or(Value::Null),
        Kind::List(_) => parse(text, &Origin::BuiltIn).ok().flatten().map_or(Value::Null, to_json),
        Kind::Duration(_)
        | Kind::Size { .. }
        | Kind::Memory { .. }
        | Kind::Address
        | Kind::Path
        | Kind::Text(_)
        | Kind::Choice(_)
        | Kind::Accounts
        | Kind::Section(_) => text.into(),
    }
}

fn to_json(node: Node) -> Value {
    match node.content {
        Content::Scalar(text) => text.text.into(),
        Content::List(items) => items.into_iter().map(to_json).collect(),
        Content::Map(entries) => {
            entries.into_iter().map(|entry| (entry.name, to_json(entry.value))).collect()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn covers(keys: &[Key], schema: &Value, path: &str) {
        for key in keys {
            let property = &schema["properties"][key.name];
            assert!(property["description"].as_str().is_some_and(|text| !text.is_empty()));
            let has_default = matches!(key.preset, Preset::Text(_));
            assert_eq!(!property["default"].is_null(), has_default, "{path}{}", key.name);
            if let Kind::Section(keys) = &key.kind {
                covers(keys, property, key.name);
            } else if let Kind::List(keys) = &key.kind {
                covers(keys, &property["items"], key.name);
            }
        }
        assert_eq!(schema["properties"].as_object().unwrap().len(), keys.len());
        assert_eq!(schema["additionalProperties"], false);
    }

    // contract: section 2, the schema
    #[test]
    fn the_schema_covers_every_key() {
        covers(Config::KEYS, &schema(), "");
    }

    #[test]
    fn a_property_says_what_the_reader_takes() {
        let schema = schema();
        let expected = json!({
            "type": ["integer", "null"],
            "minimum": 1,
            "maximum": 65535,
            "default": 256,
            "description": "QoS 1 and 2 messages of one publisher that the broker has not \
                            answered yet with PUBACK or PUBREC.",
        });
        assert_eq!(schema["properties"]["receive_maximum"], expected);
        let listener = &schema["properties"]["listener"];
        assert_eq!(listener["items"]["required"], json!(["protocol", "addr"]));
        assert_eq!(listener["default"], json!([{ "protocol": "mqtt", "addr": ":1883" }]));
    }
}
