//! kill -9 against the real program, again and again, and a ledger of what it had promised.
//!
//! ```text
//! cargo build --release
//! cargo run --release -p surewire-sim --bin crash -- --cycles 200 --seed 1
//!   --no-kill         cuts and take-overs only: what it finds is not about crashes
//!   --lossy           a kill also loses what was not synced, as a power cut does
//!   --planted NAME    with --lossy and `--features planted`: plants this bug, to be found
//!   --surewire PATH   another program than the one built beside this
//! ```
//!
//! The seed makes the plan: when it is killed, how often inside recovery, what is cut. What the
//! machine makes of the plan differs from run to run.
//!
//! `crash broker --seed N` is what `--lossy` runs: the real server on a disk that loses.

#![expect(clippy::print_stdout, reason = "a command that prints what it finds")]

use std::io;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use surewire_engine::planted::Planted;
use surewire_sim::crash::{Broker, Mode, Program, Run, serve};
use surewire_sim::swarm::planted;

#[derive(Debug)]
struct Arguments {
    broker: bool,
    cycles: u64,
    seed: u64,
    no_kill: bool,
    lossy: bool,
    planted: Option<String>,
    surewire: Option<PathBuf>,
}

fn main() -> ExitCode {
    let outcome = arguments(std::env::args().skip(1)).and_then(|arguments| {
        if arguments.broker { broker(&arguments) } else { judge(&arguments) }
    });
    match outcome {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(why) => {
            println!("crash: {why}");
            ExitCode::FAILURE
        }
    }
}

fn arguments(mut words: impl Iterator<Item = String>) -> Result<Arguments, String> {
    let mut found = Arguments {
        broker: false,
        cycles: 200,
        seed: 1,
        no_kill: false,
        lossy: false,
        planted: None,
        surewire: None,
    };
    while let Some(word) = words.next() {
        let mut value = || words.next().ok_or_else(|| format!("{word} wants a value"));
        match word.as_str() {
            "broker" => found.broker = true,
            "--cycles" => found.cycles = number(&value()?)?,
            "--seed" => found.seed = number(&value()?)?,
            "--no-kill" => found.no_kill = true,
            "--lossy" => found.lossy = true,
            "--planted" => found.planted = Some(value()?),
            "--surewire" => found.surewire = Some(value()?.into()),
            _ => return Err(format!("{word} is no option; sim/src/bin/crash.rs tells them all")),
        }
    }
    let lossy = found.lossy || found.broker;
    if found.planted.is_some() && !lossy {
        return Err("--planted wants --lossy: the program surewire has no bugs to plant".to_owned());
    }
    if found.surewire.is_some() && lossy {
        return Err("--lossy runs the server inside this program, so no --surewire".to_owned());
    }
    Ok(found)
}

fn number(text: &str) -> Result<u64, String> {
    text.parse().map_err(|_| format!("{text} is no number"))
}

/// Runs as the broker, which nothing ends but a kill.
fn broker(arguments: &Arguments) -> Result<bool, String> {
    let bug = arguments.planted.as_deref().map_or(Ok(Planted::NONE), planted)?;
    serve(arguments.seed, bug).map(|()| true).map_err(|error| error.to_string())
}

/// Runs everything and tells how it went; whether all is well.
fn judge(arguments: &Arguments) -> Result<bool, String> {
    let program = program(arguments).map_err(|error| error.to_string())?;
    program.check()?;
    let directory = std::env::temp_dir().join(format!("surewire-crash-{}", std::process::id()));
    let good = run(program, &directory, arguments).unwrap_or_else(|error| {
        println!("VIOLATION {error}");
        false
    });
    if good {
        std::fs::remove_dir_all(&directory).map_err(|error| error.to_string())?;
    } else {
        println!(
            "kept: {0}/data and {0}/log, what the broker stored and said",
            directory.display()
        );
        println!("again: {}", again(arguments));
    }
    Ok(good)
}

fn program(arguments: &Arguments) -> io::Result<Program> {
    let own = std::env::current_exe()?;
    if arguments.lossy {
        let planted = arguments.planted.clone();
        return Ok(Program::Lossy { program: own, seed: arguments.seed, planted });
    }
    let path = arguments.surewire.clone().unwrap_or_else(|| own.with_file_name("surewire"));
    // It is started in another directory.
    std::path::absolute(path).map(Program::Real)
}

fn run(program: Program, directory: &Path, arguments: &Arguments) -> io::Result<bool> {
    let broker = Broker::new(program, directory)?;
    let mode = if arguments.no_kill { Mode::NoKill } else { Mode::Kill };
    let mut run = Run::new(broker, mode, arguments.seed)?;
    for cycle in 1..=arguments.cycles {
        if !run.violations().is_empty() {
            break;
        }
        run.cycle();
        if cycle.is_multiple_of(20) {
            println!("cycle {cycle}: {} violations", run.violations().len());
        }
    }
    println!("{}", run.finish());
    run.violations().iter().take(20).for_each(|violation| println!("VIOLATION {violation}"));
    Ok(run.violations().is_empty())
}

/// The command that runs the same plan.
fn again(arguments: &Arguments) -> String {
    let Arguments { cycles, seed, no_kill, lossy, planted, surewire, .. } = arguments;
    let features = if planted.is_some() { " --features planted" } else { "" };
    let mut again = format!(
        "cargo run --release -p surewire-sim{features} --bin crash -- --cycles {cycles} --seed {seed}"
    );
    for (on, flag) in [(no_kill, " --no-kill"), (lossy, " --lossy")] {
        again += if *on { flag } else { "" };
    }
    if let Some(bug) = planted {
        again += &format!(" --planted {bug}");
    }
    if let Some(path) = surewire {
        again += &format!(" --surewire {}", path.display());
    }
    again
}
