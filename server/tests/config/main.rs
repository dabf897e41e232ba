//! The configuration as the operator meets it: files and variables in, values and messages out.

mod environment;
mod messages;
mod numbers;
mod reference;
mod sample;
mod total;
mod warnings;

use surewire_server::config::{Config, ConfigError, Loaded};

const NO_ENVIRONMENT: [(&str, &str); 0] = [];

/// What `text` means as the content of config.yaml, with no variable set.
fn load(text: &str) -> Result<Loaded, ConfigError> {
    Config::parse(text.as_bytes(), NO_ENVIRONMENT)
}

fn config(text: &str) -> Config {
    load(text).unwrap_or_else(|error| panic!("{text}\n{error}")).config
}

/// The message that the program would end with.
fn message(text: &str) -> String {
    match load(text) {
        Ok(_) => panic!("accepted: {text}"),
        Err(error) => error.to_string(),
    }
}
