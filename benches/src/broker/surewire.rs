//! This project's broker.

use std::process::Command;

use surewire_load::Error;

use crate::broker::setup::{Setup, WINDOW};
use crate::broker::{PASSWORD, USER};

pub(super) fn configure(command: &mut Command, setup: &Setup<'_>) -> Result<(), Error> {
    // The configuration is the file alone.
    for (key, _) in std::env::vars_os() {
        if key.to_string_lossy().starts_with("SUREWIRE_") {
            command.env_remove(key);
        }
    }
    command.arg("-c").arg(setup.write("config.yaml", &config(setup))?);
    Ok(())
}

/// The backlog is unlimited by count, as that of the others.
fn config(setup: &Setup<'_>) -> String {
    let protocol = if setup.transport.uses_websocket() { "websocket" } else { "mqtt" };
    let mut listener = format!("protocol: {protocol}, addr: '{}'", setup.addr);
    if setup.transport.uses_tls() {
        let (certificate, key) = (setup.path(Setup::CERTIFICATE), setup.path(Setup::KEY));
        listener += &format!(", certfile: '{certificate}', keyfile: '{key}'");
    }
    let windows = || format!("max_inflight_messages: {WINDOW}\nmax_msgqueue_messages: 0\n");
    let lines = setup.lines.map_or_else(windows, str::to_owned);
    let workers = setup.workers.map_or(String::new(), |count| format!("workers: {count}\n"));
    let log = if setup.only_errors { "log: {level: error}\n" } else { "" };
    let spare = setup.spare;
    format!(
        "{lines}{workers}{log}http_server: {{addr: '{spare}', user: {{{USER}: {PASSWORD}}}}}\n\
         listener:\n- {{{listener}}}\n"
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::broker::setup::example;
    use surewire_load::transport::Transport;

    #[test]
    fn the_listener_follows_the_transport() {
        let plain = config(&example(Transport::Tcp));
        assert!(plain.ends_with("- {protocol: mqtt, addr: '127.0.0.1:1883'}\n"), "{plain}");
        assert!(plain.starts_with("max_inflight_messages: 20\n"), "{plain}");
        let secure = config(&example(Transport::Wss));
        assert!(secure.contains("protocol: websocket"), "{secure}");
        assert!(secure.contains("certfile: '/d/certificate.pem'"), "{secure}");
    }

    #[test]
    fn workers_and_log_are_written_only_if_somebody_asks() {
        let mut setup = example(Transport::Tcp);
        assert!(!config(&setup).contains("workers") && !config(&setup).contains("log:"));
        setup.only_errors = true;
        assert!(config(&setup).contains("\nlog: {level: error}\n"));
        setup.workers = Some(2);
        assert!(config(&setup).contains("\nworkers: 2\n"));
    }
}
