//! rumqttd 0.20, the other broker in Rust. Its window is 100 whatever the file says: what is
//! called `max_inflight_count` there bounds the packets that it takes in one go.

use std::net::SocketAddr;
use std::process::Command;

use surewire_load::Error;

use crate::broker::setup::Setup;
use surewire_load::transport::Transport;

/// Bytes of the largest packet: that of 1 MiB and what is around it must pass.
const MAX_PACKET: usize = 4 << 20;

pub(super) fn configure(command: &mut Command, setup: &Setup<'_>) -> Result<(), Error> {
    if setup.transport != Transport::Tcp {
        return Err(Error::Usage("rumqttd is started for plain TCP only".into()));
    }
    command.arg("--quiet").arg("--config").arg(setup.write("rumqttd.toml", &config(setup))?);
    Ok(())
}

/// The router's figures are those of the file that the program writes itself. After each
/// connection it would pause for a millisecond unless told not to.
fn config(setup: &Setup<'_>) -> String {
    let listeners = listener("v4", setup.addr) + &listener("v5", setup.spare);
    format!(
        "id = 0\n\
         [router]\n\
         id = 0\n\
         max_connections = 20000\n\
         max_outgoing_packet_count = 200\n\
         max_segment_size = 104857600\n\
         max_segment_count = 10\n\
         {listeners}"
    )
}

fn listener(version: &str, addr: SocketAddr) -> String {
    format!(
        "[{version}.1]\n\
         name = \"{version}-1\"\n\
         listen = \"{addr}\"\n\
         next_connection_delay_ms = 0\n\
         [{version}.1.connections]\n\
         connection_timeout_ms = 60000\n\
         max_payload_size = {MAX_PACKET}\n\
         max_inflight_count = 100\n\
         dynamic_filters = true\n"
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::broker::setup::example;

    #[test]
    fn only_plain_tcp_is_configured() {
        let text = config(&example(Transport::Tcp));
        assert!(text.contains("listen = \"127.0.0.1:1883\"\n"), "{text}");
        let refused = configure(&mut Command::new("rumqttd"), &example(Transport::Tls));
        assert!(matches!(refused, Err(Error::Usage(_))), "{refused:?}");
    }
}
