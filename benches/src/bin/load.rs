//! `load`: the load generator.
#![expect(clippy::print_stdout, reason = "the result on stdout is what the tool is for")]

use std::process::ExitCode;

use clap::Parser;
use surewire_load::flags::Flags;
use surewire_load::process::Process;
use surewire_load::{Error, machine};

fn main() -> ExitCode {
    match run(&Flags::parse()) {
        Ok(clean) if clean => ExitCode::SUCCESS,
        Ok(_) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("load: {error}");
            ExitCode::from(2)
        }
    }
}

/// Whether every message arrived once and in order.
fn run(flags: &Flags) -> Result<bool, Error> {
    machine::raise_open_files()?;
    if let Some(core) = flags.core {
        machine::pin_to(core)?;
    }
    let broker = flags.pid.map(Process::new);
    let outcome = surewire_load::run(flags.broker, &flags.workload()?, broker.as_ref())?;
    if flags.json {
        println!("{}", outcome.to_json());
    } else {
        println!("{outcome}");
    }
    Ok(outcome.tally.is_clean())
}
