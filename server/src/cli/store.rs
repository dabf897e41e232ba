//! `surewire store`: what is in a data directory, for people.
//!
//! `source` reads a directory and never changes it; `read` is the way that a start of the broker
//! takes through it, `salvage` the way around damage. `target` is a new directory that is there as a
//! whole or not at all. `check`, `dump`, `repair` and `backup` are the commands.

mod backup;
mod check;
mod dump;
mod failure;
mod json;
mod read;
mod repair;
mod salvage;
mod source;
mod target;

use std::fmt::Display;
use std::io::{self, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Subcommand;

use crate::config::Config;
use failure::Failure;

const NOTES: &str = "\
Examples:
  surewire store check
  surewire store backup --data-dir /var/lib/surewire --into /backup/monday
  surewire store repair --data-dir /var/lib/surewire --into /var/lib/surewire-repaired
  surewire store dump --records 100..200 | less

Without --data-dir it is the directory that the broker would use: `data_dir` of the configuration.
A broker that runs keeps its directory to itself; only `backup` works beside it.

Exit codes: 0 it is done, and for `check` all is well; 1 the directory is damaged or cannot be used;
2 wrong usage; 74 the disk failed or is full.";

/// Look after a data directory.
#[derive(Clone, Debug, clap::Args)]
#[command(after_help = NOTES)]
pub struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Clone, Debug, Subcommand)]
enum Command {
    /// Read everything, change nothing, and tell what is there and whether it is sound.
    Check(Place),
    /// Make a new directory of what can be read of a damaged one, which stays as it is.
    ///
    /// Tells what is missing. What depends on something that is missing is left out; what had ended
    /// in what is missing may be back, such as a session, or a message that was acknowledged.
    Repair(Copying),
    /// Print everything as JSON, one object a line: files, batches and records.
    Dump(dump::Args),
    /// Copy the directory, also while a broker uses it.
    ///
    /// The copy has everything that was acknowledged before the command began. It is checked before
    /// it gets its name: a copy that is there is whole.
    Backup(Copying),
}

/// Which directory.
#[derive(Clone, Debug, clap::Args)]
struct Place {
    /// The configuration file that says where the data directory is.
    #[arg(short, long, value_name = "PATH", conflicts_with = "data_dir")]
    config: Option<PathBuf>,
    /// The data directory itself.
    #[arg(long, value_name = "DIR")]
    data_dir: Option<PathBuf>,
}

/// From where, and where to.
#[derive(Clone, Debug, clap::Args)]
struct Copying {
    #[command(flatten)]
    place: Place,
    /// The new directory: it is made, or is there and empty.
    #[arg(long, value_name = "NEWDIR")]
    into: PathBuf,
}

/// Runs the command.
#[must_use]
pub fn run(args: &Args) -> ExitCode {
    let result = match &args.command {
        Command::Check(place) => place.directory().and_then(|directory| check::run(&directory)),
        Command::Repair(Copying { place, into }) => {
            place.directory().and_then(|directory| repair::run(&directory, into))
        }
        Command::Dump(args) => dump::run(args),
        Command::Backup(Copying { place, into }) => {
            place.directory().and_then(|directory| backup::run(&directory, into))
        }
    };
    result.unwrap_or_else(|failure| failure.report())
}

impl Place {
    /// The directory that was given, or else the one that the broker would use.
    fn directory(&self) -> Result<PathBuf, Failure> {
        if let Some(directory) = &self.data_dir {
            return Ok(directory.clone());
        }
        let variables = std::env::vars_os();
        let loaded = match &self.config {
            Some(path) => Config::load(path, variables),
            None => Config::load_default(std::path::Path::new("."), variables),
        };
        Ok(loaded.map_err(|error| Failure::Config(Box::new(error)))?.config.data_dir)
    }
}

/// A line of a report.
fn row(name: &str, value: impl Display) -> String {
    format!("  {name:<22}{value}\n")
}

/// Prints what was asked for. Whoever stopped reading has enough.
fn print(text: &str) -> Result<(), Failure> {
    match io::stdout().write_all(text.as_bytes()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(Failure::Stdout(error)),
        Ok(()) | Err(_) => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        args: Args,
    }

    #[test]
    fn a_directory_or_a_file_that_names_it_but_not_both() {
        let read = |line: &str| Line::try_parse_from(line.split(' '));
        for line in ["store check", "store check -c a.yaml", "store dump --data-dir d"] {
            assert!(read(line).is_ok(), "{line}");
        }
        for line in ["store", "store check -c a.yaml --data-dir d", "store repair", "store backup"]
        {
            assert!(read(line).is_err(), "{line}");
        }
        let Ok(Line { args }) = read("store check --data-dir d") else { panic!("not read") };
        let Command::Check(place) = args.command else { panic!("no check") };
        assert_eq!(place.directory().unwrap(), PathBuf::from("d"));
    }
}
