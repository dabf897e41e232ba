//! The program `surewire`.

use std::process::ExitCode;

use clap::Parser;
use surewire_server::cli::Cli;

fn main() -> ExitCode {
    surewire_server::cli::run(Cli::parse())
}
