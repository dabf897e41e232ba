//! nats-server, whose MQTT is a layer over NATS. Messages of QoS 1 and 2 go through `JetStream`,
//! which keeps them on the disk: there is no MQTT without it.

use std::process::Command;

use surewire_load::Error;

use crate::broker::setup::{Setup, WINDOW};
use surewire_load::transport::Transport;

/// Bytes of the largest payload: as much as it takes without a warning.
const MAX_PAYLOAD: usize = 8 << 20;

pub(super) fn configure(command: &mut Command, setup: &Setup<'_>) -> Result<(), Error> {
    if setup.transport != Transport::Tcp {
        return Err(Error::Usage("nats-server is started for plain TCP only".into()));
    }
    command.arg("--config").arg(setup.write("nats.conf", &config(setup))?);
    Ok(())
}

fn config(setup: &Setup<'_>) -> String {
    let (addr, spare, store) = (setup.addr, setup.spare, setup.path("store"));
    format!(
        "server_name: bench\n\
         listen: \"{spare}\"\n\
         max_payload: {MAX_PAYLOAD}\n\
         jetstream {{ store_dir: \"{store}\" }}\n\
         mqtt {{ listen: \"{addr}\", max_ack_pending: {WINDOW} }}\n"
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::broker::setup::example;

    #[test]
    fn mqtt_and_nats_listen_apart() {
        let text = config(&example(Transport::Tcp));
        assert!(text.contains("\nlisten: \"127.0.0.1:1884\"\n"), "{text}");
        assert!(text.contains("mqtt { listen: \"127.0.0.1:1883\", max_ack_pending: 20 }"));
    }
}
