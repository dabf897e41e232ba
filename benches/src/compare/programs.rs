//! Where the brokers' programs are, as flags that several tools share.

use std::path::PathBuf;

use clap::Args;

use crate::broker::Software;
use crate::compare::contender::{Choice, Contender};

/// Flags about the programs to start.
#[derive(Debug, Clone, Default, Args)]
pub struct Programs {
    /// Worker threads of Surewire where --brokers names no number [default: one for each core]
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..))]
    workers: Option<u32>,
    /// Where Surewire's program is [default: beside this one]
    #[arg(long, value_name = "PATH")]
    surewire: Option<PathBuf>,
    /// Where mosquitto's program is [default: where Debian puts it, or on the path]
    #[arg(long, value_name = "PATH")]
    mosquitto: Option<PathBuf>,
    /// Where rumqttd's program is [default: on the path]
    #[arg(long, value_name = "PATH")]
    rumqttd: Option<PathBuf>,
    /// Where nats-server is [default: where Debian puts it, or on the path]
    #[arg(long, value_name = "PATH")]
    nats: Option<PathBuf>,
    /// Where the relay is [default: beside this one]
    #[arg(long, value_name = "PATH")]
    relay: Option<PathBuf>,
}

impl Programs {
    /// A broker with its program, and the number of workers that the flags ask for.
    #[must_use]
    pub fn contender(&self, choice: Choice) -> Contender {
        let (named, workers) = match choice.software {
            Software::Surewire => (&self.surewire, choice.workers.or(self.workers)),
            Software::Mosquitto => (&self.mosquitto, None),
            Software::Rumqttd => (&self.rumqttd, None),
            Software::Nats => (&self.nats, None),
            Software::Relay => (&self.relay, None),
        };
        let program = named.clone().unwrap_or_else(|| choice.software.usual_path());
        Contender::Started { choice: Choice { workers, ..choice }, program }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_behind_the_name_beats_the_flag() {
        let programs = Programs { workers: Some(1), ..Programs::default() };
        let name = |text: &str| programs.contender(text.parse().unwrap()).name();
        assert_eq!(
            ["surewire", "surewire:2", "relay"].map(name),
            ["surewire:1", "surewire:2", "relay"]
        );
    }
}
