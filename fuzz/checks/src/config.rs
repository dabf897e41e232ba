//! The configuration: any file and any variables give settings, or problems with their places. What
//! `surewire check` prints of the values can be given as variables, and means the same.
//!
//! The input is a file; behind a first byte 0, if there is one, lines `NAME=VALUE`.

use std::collections::BTreeMap;

use surewire_server::config::{Config, ConfigError, Loaded, Place, report};
use surewire_server::settings::{Machine, Settings};

/// Reads the input as a configuration.
pub fn check(input: &[u8]) {
    let (file, variables) = split(input);
    let result = Config::parse(file, variables);
    let text = report(&result);
    assert!(!text.trim().is_empty(), "nothing to tell");
    match result {
        Ok(loaded) => check_values(&loaded, &text),
        Err(error) => check_problems(&error, file),
    }
}

fn split(input: &[u8]) -> (&[u8], Vec<(String, String)>) {
    let Some(end) = input.iter().position(|byte| *byte == 0) else { return (input, Vec::new()) };
    let lines = String::from_utf8_lossy(&input[end + 1..]);
    let pair = |line: &str| {
        let (name, value) = line.split_once('=')?;
        Some((format!("SUREWIRE_{name}"), value.to_owned()))
    };
    (&input[..end], lines.lines().filter_map(pair).collect())
}

/// Every problem says where it is, in places that exist.
fn check_problems(error: &ConfigError, file: &[u8]) {
    let ConfigError::Invalid { problems, .. } = error else {
        panic!("nothing was to be read from a disk: {error}")
    };
    assert!(!problems.is_empty(), "refused without a reason");
    let lines = file.iter().filter(|byte| matches!(byte, b'\n' | b'\r')).count() + 1;
    for problem in problems {
        assert!(!problem.fault.to_string().is_empty(), "{problem:?}");
        let (line, column) = match &problem.place {
            Place::File { line, column } => (*line, *column),
            Place::Variable { at, .. } => at.unwrap_or((1, 1)),
            Place::BuiltIn => panic!("a built-in value is wrong: {problem}"),
        };
        assert!(line > 0 && column > 0, "{problem:?}");
        let is_in_file = matches!(problem.place, Place::File { .. });
        assert!(!is_in_file || line <= lines + 1, "line {line} of {lines}: {problem}");
    }
}

fn check_values(loaded: &Loaded, text: &str) {
    let config = &loaded.config;
    assert!(!config.listener.is_empty(), "nowhere to connect to");
    for files in [None, Some(0), Some(1_024)] {
        let settings = Settings::resolve(config, Machine { cores: 2, files, memory: None });
        assert!(settings.workers > 0 && settings.engine.max_inflight_messages > 0);
    }
    if !texts(config).iter().all(|text| says_itself(text)) {
        return;
    }
    let values = text.lines().skip_while(|line| !line.starts_with("values in effect")).skip(1);
    let values = values.take_while(|line| !line.is_empty());
    let variables: BTreeMap<String, String> = values.filter_map(variable).collect();
    let again = match Config::parse(b"", variables.clone()) {
        Ok(again) => again.config,
        Err(error) => panic!("{error}\nin what was printed: {text}"),
    };
    let mut expected = Config { listener: again.listener.clone(), ..config.clone() };
    // Passwords are not printed, and without an account there is no interface.
    expected.http_server.addr = None;
    expected.http_server.user.clear();
    assert_eq!(again, expected, "from {variables:?}");
}

/// Keys whose values are any text.
const TEXTS: [&str; 5] =
    ["profile.cpu", "profile.mem", "data_dir", "server_reference", "response_information"];

/// The values of these.
fn texts(config: &Config) -> Vec<String> {
    let paths = [&config.profile.cpu, &config.profile.mem].into_iter().flatten();
    let paths = paths.chain([&config.data_dir]).map(|path| path.display().to_string());
    let texts = [&config.server_reference, &config.response_information];
    paths.chain(texts.into_iter().flatten().cloned()).collect()
}

/// Whether a text means itself where it is written without quotes.
fn says_itself(text: &str) -> bool {
    // What is printed where nothing is given is no text either.
    let is_null = matches!(text, "" | "~" | "null" | "Null" | "NULL" | "none");
    !is_null && text.trim() == text && !text.contains(char::is_control)
}

/// The variable for a printed line; `None` if nothing is given, or it cannot be said by one.
fn variable(line: &str) -> Option<(String, String)> {
    let (path, value) = line.get(4..)?.split_once(' ')?;
    let value = value.trim_start();
    let unsaid = path.starts_with("http_server.user") || path == "http_server.addr";
    let not_given = value == "none" && TEXTS.contains(&path);
    let name = path.to_uppercase().replace('.', "__");
    (!unsaid && !not_given).then(|| (format!("SUREWIRE_{name}"), value.to_owned()))
}
