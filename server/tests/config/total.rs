//! contract: section 1, every input has a defined answer.

use proptest::prelude::*;
use surewire_server::config::{Config, report};

use super::NO_ENVIRONMENT;

/// Pieces that together often make YAML, and often just not.
fn yaml_like() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        Just("listener"),
        Just("http_server"),
        Just("user"),
        Just("addr"),
        Just("protocol"),
        Just("max_connections"),
        Just("retained"),
        Just("max_bytes"),
        Just("log"),
        Just("logging"),
        Just(": "),
        Just(":"),
        Just(", "),
        Just("{"),
        Just("}"),
        Just("["),
        Just("]"),
        Just("- "),
        Just("\n"),
        Just("\r\n"),
        Just("  "),
        Just("\t"),
        Just("'"),
        Just("\""),
        Just("#"),
        Just("|"),
        Just(">"),
        Just("&a "),
        Just("*a"),
        Just("!!str "),
        Just("!x "),
        Just("? "),
        Just("~"),
        Just("---"),
        Just("..."),
        Just("%TAG ! a:\n"),
        Just("<<"),
        Just("0123"),
        Just("-1"),
        Just("1e3"),
        Just(":1883"),
        Just("é"),
        Just("\u{2028}"),
        Just("\\"),
        Just("mqtt"),
        Just("@"),
    ];
    prop::collection::vec(piece, 0..40).prop_map(|pieces| pieces.concat())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]

    #[test]
    fn any_bytes_are_read_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        prop_assert!(!report(&Config::parse(&bytes, NO_ENVIRONMENT)).is_empty());
    }

    #[test]
    fn anything_like_yaml_is_read_or_refused(text in yaml_like()) {
        prop_assert!(!report(&Config::parse(text.as_bytes(), NO_ENVIRONMENT)).is_empty());
    }

    #[test]
    fn any_value_of_any_key_is_read_or_refused(key in 0..60_usize, value in "\\PC{0,20}") {
        let schema = surewire_server::config::schema();
        let properties = schema["properties"].as_object().unwrap();
        let name = properties.keys().nth(key % properties.len()).unwrap();
        let variable = format!("SUREWIRE_{}", name.to_uppercase());
        let result = Config::parse(b"", [(variable, value)]);
        prop_assert!(!report(&result).is_empty());
    }

    #[test]
    fn any_variable_is_read_or_refused(name in "[A-Z0-9_]{0,30}", value in "\\PC{0,10}") {
        let result = Config::parse(b"", [(format!("SUREWIRE_{name}"), value)]);
        prop_assert!(!report(&result).is_empty());
    }
}
