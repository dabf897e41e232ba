//! contract: section 2, the shipped config.yaml is the reference: it shows every key, and where it
//! shows a default it shows the real one.

use std::collections::BTreeSet;

use serde_json::Value;
use surewire_server::config::{Config, HttpServer, Profile, schema};

use super::config;

const SHIPPED: &str = include_str!("../../../config.yaml");

/// The line without its `#`, if it is a key at its default.
fn commented_key(line: &str) -> Option<&str> {
    let rest = line.strip_prefix('#')?;
    let prose = rest.starts_with(' ') && !rest.starts_with("  ");
    (!prose && rest.contains(':')).then_some(rest)
}

fn without(config: Config) -> Config {
    let http_server = HttpServer { addr: None, user: Default::default(), ..config.http_server };
    let profile = Profile { cpu: None, mem: None };
    Config { http_server, profile, listener: Vec::new(), ..config }
}

#[test]
fn what_it_says_without_uncommenting_is_the_sample_and_the_defaults() {
    let shipped = config(SHIPPED);
    assert_eq!(shipped.listener.len(), 2);
    assert_eq!(
        shipped.http_server.addr.as_ref().map(|addr| addr.as_written()),
        Some("127.0.0.1:9090")
    );
    assert_eq!(without(shipped), without(Config::default()));
}

#[test]
fn every_commented_default_is_the_default() {
    let keys: Vec<&str> = SHIPPED.lines().filter_map(commented_key).collect();
    assert!(keys.len() > 25, "{keys:?}");
    for line in keys.iter().filter(|line| line.starts_with(char::is_alphabetic)) {
        assert_eq!(config(line), Config::default(), "{line}");
    }
    let uncommented: Vec<&str> =
        SHIPPED.lines().map(|line| commented_key(line).unwrap_or(line)).collect();
    let all = config(&uncommented.join("\n"));
    let extra = &all.listener[2];
    assert_eq!((extra.allow_anonymous, extra.proxy_protocol), (None, false));
    assert_eq!(without(all), without(Config::default()));
}

fn names(schema: &Value, found: &mut BTreeSet<String>) {
    let Some(properties) = schema["properties"].as_object() else { return };
    for (name, property) in properties {
        found.insert(name.clone());
        names(property, found);
        names(&property["items"], found);
    }
}

#[test]
fn every_key_is_in_it_with_a_reason_above() {
    let mut known = BTreeSet::new();
    names(&schema(), &mut known);
    assert!(known.len() > 40);
    for name in known {
        let shown = SHIPPED.lines().any(|line| {
            let line = commented_key(line).unwrap_or(line);
            !line.trim_start().starts_with("# ")
                && line.split(['{', ',', ' ']).any(|word| word.strip_suffix(':') == Some(&name))
        });
        assert!(shown, "{name}");
    }
}

#[test]
fn its_lines_have_a_hundred_columns_at_most() {
    let long: Vec<&str> = SHIPPED.lines().filter(|line| line.chars().count() > 100).collect();
    assert!(long.is_empty(), "{long:?}");
}
