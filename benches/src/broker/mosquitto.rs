//! Eclipse Mosquitto 2.

use std::net::SocketAddr;
use std::process::Command;

use surewire_load::Error;

use crate::broker::setup::{Setup, WINDOW};
use surewire_load::transport::Transport;

pub(super) fn configure(command: &mut Command, setup: &Setup<'_>) -> Result<(), Error> {
    command.arg("-c").arg(setup.write("mosquitto.conf", &config(setup))?);
    Ok(())
}

fn config(setup: &Setup<'_>) -> String {
    let listener = |addr: SocketAddr| format!("listener {} {}\n", addr.port(), addr.ip());
    let mut text = listener(setup.addr);
    if setup.transport.uses_websocket() {
        text = listener(setup.spare) + &text + "protocol websockets\n";
    }
    if setup.transport.uses_tls() {
        let (certificate, key) = (setup.path(Setup::CERTIFICATE), setup.path(Setup::KEY));
        text += &format!("certfile {certificate}\nkeyfile {key}\n");
    }
    if setup.transport != Transport::Tcp {
        // Otherwise each hand-shake waits for delayed acknowledgements of TCP.
        text += "set_tcp_nodelay true\n";
    }
    // As root it would change to a user who cannot read the folder; for others `user` is void.
    text += "allow_anonymous true\nuser root\npersistence false\nlog_type error\n";
    text + &format!("max_inflight_messages {WINDOW}\nmax_queued_messages 0\n")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::broker::setup::example;

    #[test]
    fn the_listener_follows_the_transport() {
        let plain = config(&example(Transport::Tcp));
        assert!(plain.starts_with("listener 1883 127.0.0.1\nallow_anonymous"), "{plain}");
        let secure = config(&example(Transport::Wss));
        assert!(secure.contains("protocol websockets\ncertfile /d/certificate.pem\n"));
    }
}
