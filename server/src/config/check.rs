//! What `surewire check` prints.

use std::fmt::Write;

use super::error::ConfigError;
use super::load::Loaded;
use super::reader::{Field, ROOT};
use super::settings::{Config, Listener};
use super::values::{Host, Protocol};

/// The text for what [`Config::load`] answered, with a line end: the listeners, every value that
/// is not the default, the limits in effect and the warnings, or else the errors.
#[must_use]
pub fn report(result: &Result<Loaded, ConfigError>) -> String {
    match result {
        Ok(loaded) => sections(loaded),
        Err(error) => format!("{error}\n"),
    }
}

fn sections(loaded: &Loaded) -> String {
    let Loaded { config, warnings, source } = loaded;
    let mut text = format!("{source}: valid\n\nlisteners\n");
    for listener in &config.listener {
        line(&mut text, &describe(config, listener));
    }
    text.push_str("\nvalues in effect (* differs from the default)\n");
    for (path, value, differs) in values(config) {
        let mark = if differs { '*' } else { ' ' };
        line(&mut text, &format!("{mark} {path:<30} {value}"));
    }
    if !warnings.is_empty() {
        text.push_str("\nwarnings\n");
    }
    for warning in warnings {
        line(&mut text, &warning.to_string());
    }
    text
}

fn line(text: &mut String, content: &str) {
    writeln!(text, "  {content}").expect("writing to a string does not fail");
}

fn describe(config: &Config, listener: &Listener) -> String {
    let tls = listener.tls().is_some();
    let protocol = match (listener.protocol, tls) {
        (Protocol::Mqtt, false) => "mqtt",
        (Protocol::Mqtt, true) => "mqtts",
        (Protocol::Websocket, false) => "websocket",
        (Protocol::Websocket, true) => "websocket over TLS",
    };
    let reach = match listener.addr.host() {
        _ if listener.addr.is_loopback() => "this machine only",
        Host::All => "every interface",
        Host::Ip(ip) if ip.is_unspecified() => "every interface of its family",
        Host::Ip(_) => "one address",
        Host::Name(_) => "what the name resolves to",
    };
    let anonymous = if config.allows_anonymous(listener) { "allowed" } else { "refused" };
    format!("{protocol} on {} ({reach}), anonymous clients {anonymous}", listener.addr)
}

/// Path and value of every key besides the listeners', and whether it differs from the default.
fn values(config: &Config) -> Vec<(String, String, bool)> {
    let defaults = shown(&Config::default());
    let differs = |pair: &(String, String)| !defaults.contains(pair);
    let values = shown(config).into_iter().filter(|(path, _)| !path.starts_with("listener["));
    values.map(|pair| (differs(&pair), pair)).map(|(d, (path, value))| (path, value, d)).collect()
}

fn shown(config: &Config) -> Vec<(String, String)> {
    let mut shown = Vec::new();
    config.show(&ROOT, "", &mut shown);
    shown
}
