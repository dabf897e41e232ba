//! The environment variables: `SUREWIRE_` and the path of a key, `__` between its levels.

use std::ffi::OsString;
use std::sync::Arc;

use super::document::{Node, Origin, Place, Text, parse};
use super::error::{Fault, Problem};
use super::key::{Key, Kind};
use super::nearest::nearest;
use super::reader::{Section, paths_of};
use super::settings::Config;

const PREFIX: &str = "SUREWIRE_";

/// One step from a value to one inside it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Step {
    Key(&'static str),
    Index(usize),
    Account(String),
}

/// A variable that names a key and gives it a value.
pub(crate) struct Setting {
    pub(crate) path: Vec<Step>,
    pub(crate) node: Node,
}

/// The settings among the variables of `environment`, those of whole lists and maps before those
/// of their parts.
///
/// An empty variable gives nothing. So does one that a container platform makes for each service
/// it knows, such as `SUREWIRE_PORT_1883_TCP`: a service named like this program is no mistake.
pub(crate) fn settings(
    environment: impl IntoIterator<Item = (OsString, OsString)>,
) -> Result<Vec<Setting>, Vec<Problem>> {
    let (mut settings, mut problems) = (Vec::new(), Vec::new());
    for (name, value) in environment {
        let name = name.to_string_lossy();
        if !name.starts_with(PREFIX) || is_service_link(&name) {
            continue;
        }
        match setting(&name, value) {
            Ok(setting) => settings.extend(setting),
            Err(problem) => problems.push(problem),
        }
    }
    settings.sort_by(|a, b| (a.path.len(), &a.path).cmp(&(b.path.len(), &b.path)));
    problems.sort_by_key(|problem| problem.place.to_string());
    if problems.is_empty() { Ok(settings) } else { Err(problems) }
}

fn is_service_link(name: &str) -> bool {
    let protocol = |tail: &str| ["TCP", "UDP", "SCTP"].iter().any(|p| tail.starts_with(p));
    let port_and_protocol = |(port, tail): (&str, &str)| {
        !port.is_empty() && port.bytes().all(|byte| byte.is_ascii_digit()) && protocol(tail)
    };
    let per_port = name
        .match_indices("_PORT_")
        .filter_map(|(at, mark)| name.get(at + mark.len()..)?.split_once('_'))
        .any(port_and_protocol);
    per_port
        || name.ends_with("_SERVICE_HOST")
        || name.ends_with("_SERVICE_PORT")
        || name.contains("_SERVICE_PORT_")
        || name == "SUREWIRE_PORT"
}

fn setting(name: &str, value: OsString) -> Result<Option<Setting>, Problem> {
    let place = Place::Variable { name: Arc::from(name), at: None };
    let problem = |fault| Problem { place: place.clone(), path: String::new(), fault };
    let key = name.strip_prefix(PREFIX).unwrap_or_default();
    let Some((path, composite)) = resolve(key) else {
        let names = all_names();
        let keys = names.iter().filter_map(|name| name.strip_prefix(PREFIX));
        let nearest = nearest(key, keys).map(|key| format!("{PREFIX}{key}"));
        return Err(problem(Fault::UnknownVariable { nearest }));
    };
    let Ok(value) = value.into_string() else {
        return Err(problem(Fault::Syntax("found bytes that are not UTF-8".to_owned())));
    };
    if value.is_empty() {
        return Ok(None);
    }
    let node = if composite {
        parse(&value, &Origin::Variable(Arc::from(name)))?
    } else {
        Some(Node::scalar(place, Text::plain(&value)))
    };
    Ok(node.map(|node| Setting { path, node }))
}

/// The path that `name` means, and whether a list or map is at its end.
fn resolve(name: &str) -> Option<(Vec<Step>, bool)> {
    let mut segments = name.split("__");
    let mut keys = Config::KEYS;
    let mut path = Vec::new();
    while let Some(segment) = segments.next() {
        let key: &Key = keys.iter().find(|key| key.name.eq_ignore_ascii_case(segment))?;
        path.push(Step::Key(key.name));
        match &key.kind {
            Kind::Section(inner) => keys = inner,
            Kind::List(inner) => {
                let Some(index) = segments.next() else { return Some((path, true)) };
                path.push(Step::Index(parse_index(index)?));
                keys = inner;
            }
            Kind::Accounts => {
                let account = segments.next().map(str::to_lowercase);
                let composite = account.is_none();
                path.extend(account.filter(|name| !name.is_empty()).map(Step::Account));
                return segments.next().is_none().then_some((path, composite));
            }
            Kind::Bool
            | Kind::Integer(_)
            | Kind::Decimal { .. }
            | Kind::Duration(_)
            | Kind::Size { .. }
            | Kind::Memory { .. }
            | Kind::Address
            | Kind::Path
            | Kind::Text(_)
            | Kind::Choice(_) => return segments.next().is_none().then_some((path, false)),
        }
    }
    Some((path, true))
}

fn parse_index(text: &str) -> Option<usize> {
    let digits = text.bytes().all(|byte| byte.is_ascii_digit());
    if digits { text.parse().ok() } else { None }
}

/// The name of the variable for each key; for the keys of lists, that of the first entry.
pub(crate) fn all_names() -> Vec<String> {
    let mut paths = Vec::new();
    paths_of(Config::KEYS, "", &mut paths);
    paths.iter().map(|path| name_of(path)).collect()
}

fn name_of(path: &str) -> String {
    format!("{PREFIX}{}", path.replace("[]", ".0").replace('.', "__").to_uppercase())
}

#[cfg(test)]
mod tests {
    use super::*;

    // contract: section 2, environment variables
    #[test]
    fn every_key_has_a_variable_that_resolves_to_it() {
        for name in all_names() {
            assert!(resolve(name.strip_prefix(PREFIX).unwrap()).is_some(), "{name}");
        }
        assert!(all_names().contains(&"SUREWIRE_LISTENER__0__ADDR".to_owned()));
    }

    #[test]
    fn paths_resolve_or_do_not() {
        let rows = [
            ("RETAINED__MAX_BYTES", true),
            ("LISTENER__12__CERTFILE", true),
            ("HTTP_SERVER__USER__ADMIN", true),
            ("RETAINED__MAX_BYTES__X", false),
            ("LISTENER__+1__ADDR", false),
            ("LISTENER__X__ADDR", false),
            ("LISTENER____ADDR", false),
            ("HTTP_SERVER__USER__A__B", false),
            ("RETAINED_MAX_BYTES", false),
            ("", false),
        ];
        for (name, known) in rows {
            assert_eq!(resolve(name).is_some(), known, "{name}");
        }
    }

    #[test]
    fn variables_of_a_container_platform_are_not_ours() {
        let links = [
            "SUREWIRE_SERVICE_HOST",
            "SUREWIRE_SERVICE_PORT",
            "SUREWIRE_SERVICE_PORT_MQTT",
            "SUREWIRE_PORT",
            "SUREWIRE_PORT_1883_TCP",
            "SUREWIRE_PORT_1883_TCP_ADDR",
            "SUREWIRE_HEADLESS_PORT_1883_UDP_PROTO",
        ];
        for name in links {
            assert!(is_service_link(name), "{name}");
        }
        for name in all_names() {
            assert!(!is_service_link(&name), "{name}");
        }
        assert!(!is_service_link("SUREWIRE_PORT_MQTT_TCP"));
    }
}
