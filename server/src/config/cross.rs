//! Values judged against each other.

use super::document::Place;
use super::error::{Conflict, Fault};
use super::reader::Reader;
use super::settings::{Config, HttpServer, Listener, Profile};
use super::values::Durability;
use super::warning::Concern;

/// Passwords that are tried first wherever a login answers; compared in lower case.
const GUESSED_FIRST: [&str; 20] = [
    "",
    "0000",
    "1234",
    "12345",
    "123456",
    "12345678",
    "123456789",
    "abc123",
    "admin",
    "changeme",
    "default",
    "guest",
    "mqtt",
    "pass",
    "passw0rd",
    "password",
    "public",
    "root",
    "secret",
    "surewire",
];

/// For sections whose values have nothing to do with each other.
pub(crate) fn nothing<T>(_: &T, _: &mut Reader, _: &Place) {}

pub(crate) fn listener(listener: &Listener, reader: &mut Reader, place: &Place) {
    let conflict = match (&listener.certfile, &listener.keyfile) {
        (Some(_), None) => Some(Conflict::CertificateWithoutKey),
        (None, Some(_)) => Some(Conflict::KeyWithoutCertificate),
        (Some(_), Some(_)) | (None, None) => None,
    };
    if let Some(conflict) = conflict {
        reader.problem(place, Fault::Conflict(conflict));
    }
    if listener.proxy_protocol {
        reader.problem(place, Fault::Conflict(Conflict::ProxyProtocolNotThere));
    }
}

pub(crate) fn profile(profile: &Profile, reader: &mut Reader, place: &Place) {
    if profile.cpu.is_some() && profile.cpu == profile.mem {
        reader.problem(place, Fault::Conflict(Conflict::OneFileForProfiles));
    }
}

pub(crate) fn http_server(server: &HttpServer, reader: &mut Reader, place: &Place) {
    let Some(addr) = &server.addr else {
        if !server.user.is_empty() {
            reader.warn("user", Concern::UnusedAccounts);
        }
        return;
    };
    if server.user.is_empty() {
        reader.problem(place, Fault::Conflict(Conflict::NoUser));
    }
    for (name, password) in &server.user {
        if !addr.is_loopback() && guessed_first(name, password.expose()) {
            let addr = addr.to_string();
            reader.warn(&format!("user.{name}"), Concern::GuessablePassword { addr });
        }
    }
}

fn guessed_first(name: &str, password: &str) -> bool {
    let password = password.to_lowercase();
    password == name.to_lowercase() || GUESSED_FIRST.contains(&password.as_str())
}

pub(crate) fn config(config: &Config, reader: &mut Reader, _: &Place) {
    for (index, listener) in config.listener.iter().enumerate() {
        if let Some(concern) = who_may_connect(config, listener) {
            reader.warn(&format!("listener[{index}]"), concern);
        }
    }
    if config.durability != Durability::Power {
        reader.warn("durability", Concern::WeakDurability(config.durability));
    }
}

fn who_may_connect(config: &Config, listener: &Listener) -> Option<Concern> {
    if !config.allows_anonymous(listener) {
        return Some(Concern::ClosedToAll);
    }
    let addr = listener.addr.to_string();
    (!listener.addr.is_loopback()).then_some(Concern::OpenToAll { addr })
}
