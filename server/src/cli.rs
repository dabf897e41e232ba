//! The command line: `surewire pub` and `surewire sub`, small but complete clients.
//!
//! `connect_args` turns the flags both share into what the client and the transport need; `link`
//! runs the pure client over a transport; `publish` and `subscribe` are the two commands.

mod connect_args;
mod dial_error;
mod failure;
mod link;
mod payload;
pub mod publish;
mod stop;
pub mod subscribe;
mod tls;
mod transport;
mod websocket;
mod words;

use std::process::ExitCode;

use failure::Failure;
use link::Link;

/// An MQTT broker that acknowledges nothing before it is safe.
#[derive(Debug, clap::Parser)]
#[command(name = "surewire", version)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// What to do.
#[derive(Debug, clap::Subcommand)]
pub enum Command {
    /// Publish messages to a broker
    Pub(publish::Args),
    /// Subscribe at a broker and print what comes
    Sub(subscribe::Args),
}

/// Runs the command to its end.
#[must_use]
pub fn run(cli: Cli) -> ExitCode {
    match cli.command {
        Command::Pub(args) => publish::run(args),
        Command::Sub(args) => subscribe::run(args),
    }
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

/// The end of a connection that the broker never answered on.
fn lost_early(link: &Link) -> Failure {
    Failure::LostEarly {
        address: link.authority(),
        version: words::version(link.version()),
        hint: link.hint(),
    }
}
