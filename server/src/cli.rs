//! The command line: the broker itself, `check`, `pub` and `sub`, small but complete clients, `bench`,
//! the load generator, `sim`, a fleet in virtual time, and `store`, for what is in a data directory.
//!
//! `connect_args` turns the flags that the clients share into what client and transport need; `link`
//! runs the pure client over a transport; `publish` and `subscribe` are the two commands.

pub mod bench;
mod connect_args;
mod dial_error;
mod failure;
mod link;
mod payload;
pub mod publish;
pub mod sim;
mod stop;
pub mod store;
pub mod subscribe;
mod tls;
mod transport;
mod websocket;
mod words;

use std::ffi::OsString;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use failure::Failure;
use link::Link;
use surewire_engine::client::CloseReason;

pub(crate) use words::{code as code_in_words, version as version_in_words};

/// An MQTT broker whose whole behaviour is one deterministic function.
///
/// Without a command it serves until SIGINT or SIGTERM. A second signal ends it at once.
#[derive(Debug, Parser)]
#[command(name = "surewire", version, args_conflicts_with_subcommands = true)]
pub struct Arguments {
    /// The configuration file. Without it: `config.yaml` in the current directory, and where there
    /// is none, built-in defaults with listeners on loopback only. (`-config` works as well.)
    #[arg(short, long, value_name = "PATH")]
    pub config: Option<PathBuf>,
    /// What to do instead of serving.
    #[command(subcommand)]
    pub command: Option<Command>,
}

/// What to do instead of serving.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Check a configuration and show what it amounts to.
    Check {
        /// The configuration file; without it, the one that would be served.
        path: Option<PathBuf>,
        /// Print the JSON schema of the file instead, for editors.
        #[arg(long, conflicts_with = "path")]
        schema: bool,
    },
    /// Publish messages to a broker.
    Pub(publish::Args),
    /// Subscribe at a broker and print what comes.
    Sub(subscribe::Args),
    /// Put load on a broker, check what arrives, and tell how fast it was and what it cost.
    Bench(bench::Args),
    /// Run your own fleet of clients against this broker in virtual time.
    Sim(sim::Args),
    /// Look after a data directory: check it, repair it, show it, back it up.
    Store(store::Args),
}

impl Arguments {
    /// Reads the arguments, program name first. Prints help, version or what is wrong and ends the
    /// process where they ask for that.
    #[must_use]
    pub fn read(arguments: impl IntoIterator<Item = OsString>) -> Self {
        Self::parse_from(respelled(arguments))
    }
}

/// Existing start scripts write `-config`, which would otherwise be `-c onfig`.
fn respelled(arguments: impl IntoIterator<Item = OsString>) -> Vec<OsString> {
    let mut arguments: Vec<OsString> = arguments.into_iter().collect();
    if let Some(first) = arguments.get_mut(1) {
        let text = first.to_string_lossy();
        if text == "-config" || text.starts_with("-config=") {
            let mut longer = OsString::from("-");
            longer.push(&*first);
            *first = longer;
        }
    }
    arguments
}

/// Runs a client command on a runtime of its own.
fn block_on(command: impl Future<Output = Result<(), Failure>>) -> ExitCode {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let result = match runtime {
        Ok(runtime) => runtime.block_on(command),
        Err(error) => Err(Failure::Runtime(error)),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => failure.report(),
    }
}

/// A connection that the client closed; bytes that are no MQTT say more before it was accepted.
fn closed(link: &Link, accepted: bool, reason: CloseReason) -> Failure {
    match reason {
        CloseReason::Fault(fault) if !accepted => Failure::NotMqtt {
            address: link.authority(),
            fault,
            version: words::version(link.version()),
            hint: link.hint(),
        },
        CloseReason::Fault(_)
        | CloseReason::Requested
        | CloseReason::Refused { .. }
        | CloseReason::ByServer { .. }
        | CloseReason::NoConnack
        | CloseReason::NoPingresp => Failure::Closed(reason),
    }
}

/// The end of a connection that the broker never answered on.
fn lost_early(link: &Link) -> Failure {
    Failure::LostEarly {
        address: link.authority(),
        version: words::version(link.version()),
        hint: link.hint(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(line: &str) -> Result<Arguments, clap::Error> {
        Arguments::try_parse_from(respelled(line.split(' ').map(OsString::from)))
    }

    // contract: section 1
    #[test]
    fn every_spelling_names_the_file() {
        for line in [
            "surewire -c a.yaml",
            "surewire --config a.yaml",
            "surewire -config a.yaml",
            "surewire -config=a.yaml",
            "surewire --config=a.yaml",
        ] {
            assert_eq!(read(line).unwrap().config, Some(PathBuf::from("a.yaml")), "{line}");
        }
        assert_eq!(read("surewire").unwrap().config, None);
    }

    #[test]
    fn check_takes_a_path_or_none() {
        let path = |line| match read(line).unwrap().command {
            Some(Command::Check { path, schema: false }) => path,
            _ => panic!("{line} is no check"),
        };
        assert_eq!(path("surewire check"), None);
        assert_eq!(path("surewire check a.yaml"), Some(PathBuf::from("a.yaml")));
        assert!(read("surewire chek").is_err());
    }
}
