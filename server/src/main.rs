//! The program `surewire`: arguments, signals and the process around the server.

mod allocator;
#[cfg(all(target_os = "linux", any(target_arch = "x86_64", target_arch = "aarch64")))]
mod profile;
#[cfg(not(all(target_os = "linux", any(target_arch = "x86_64", target_arch = "aarch64"))))]
#[path = "profile/absent.rs"]
mod profile;

use std::io::{self, Write};
use std::path::Path;
use std::process::ExitCode;

use profile::Profiles;
use surewire_server::cli::{Arguments, Command, bench, publish, sim, store, subscribe};
use surewire_server::config::{self, Config, ConfigError, Loaded};
use surewire_server::environment::{Hooks, RealEnvironment, available_memory};
use surewire_server::logging::{self, Logging, one_line};
use surewire_server::settings::{Machine, Settings};
use surewire_server::{RunError, run};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tracing::{error, info, warn};

/// The engine failed: a restart is the cure (`EX_SOFTWARE` of sysexits).
const ENGINE_FAILED: u8 = 70;

/// The disk failed, is read-only, or was full at the stop (`EX_IOERR` of sysexits).
const DISK_FAILED: u8 = 74;

/// Threads are in the profiles, if there are any.
const HOOKS: Hooks = Hooks {
    thread_starts: profile::thread_starts,
    thread_stops: profile::thread_stops,
    release_memory: allocator::release,
};

fn main() -> ExitCode {
    let arguments = Arguments::read(std::env::args_os());
    match arguments.command {
        Some(Command::Check { schema: true, .. }) => answer(&format!("{:#}\n", config::schema())),
        Some(Command::Check { path, .. }) => check(path.as_deref()),
        Some(Command::Pub(args)) => publish::run(args),
        Some(Command::Sub(args)) => subscribe::run(args),
        Some(Command::Bench(args)) => bench::run(&args),
        Some(Command::Sim(args)) => sim::run(&args),
        Some(Command::Store(args)) => store::run(&args),
        None => match load(arguments.config.as_deref()) {
            Ok(loaded) => serve(&loaded),
            Err(error) => complain(&error),
        },
    }
}

fn load(path: Option<&Path>) -> Result<Loaded, ConfigError> {
    match path {
        Some(path) => Config::load(path, std::env::vars_os()),
        None => Config::load_default(Path::new("."), std::env::vars_os()),
    }
}

fn check(path: Option<&Path>) -> ExitCode {
    let loaded = load(path);
    if let Err(error) = &loaded {
        return complain(error);
    }
    answer(&config::report(&loaded))
}

/// Prints what was asked for. Whoever stopped reading, as in `surewire check | head`, has enough.
fn answer(text: &str) -> ExitCode {
    match io::stdout().write_all(text.as_bytes()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => complain(&error),
        Ok(()) | Err(_) => ExitCode::SUCCESS,
    }
}

#[expect(clippy::print_stderr, reason = "there is no log before the configuration is read")]
fn complain(error: &dyn std::error::Error) -> ExitCode {
    eprintln!("surewire: {error}");
    ExitCode::FAILURE
}

fn serve(loaded: &Loaded) -> ExitCode {
    // First of all: it may make the process start over.
    let mut profiles = match Profiles::start(&loaded.config.profile) {
        Ok(profiles) => profiles,
        Err(error) => return complain(&error),
    };
    let logging = match logging::start(&loaded.config.log, loaded.config.logging) {
        Ok(logging) => logging,
        Err(error) => return complain(&error),
    };
    announce(loaded);
    profiles.announce();
    let settings = Settings {
        time_zone: jiff::tz::TimeZone::system(),
        warnings: loaded.warnings.clone(),
        ..Settings::resolve(&loaded.config, machine())
    };
    if settings.engine.max_connections < loaded.config.max_connections as usize {
        let used = settings.engine.max_connections;
        info!(used, "max_connections is lowered to what the limit of open files allows");
    }
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .on_thread_start(HOOKS.thread_starts)
        .on_thread_stop(HOOKS.thread_stops)
        .build_local(tokio::runtime::LocalOptions::default());
    let outcome = match runtime {
        Ok(runtime) => runtime.block_on(serve_until_signalled(settings, profiles, &logging)),
        Err(error) => Err(RunError::Worker { index: 0, error }),
    };
    if let Err(error) = &outcome {
        error!("{}", one_line(&error.to_string()));
    }
    logging.flush();
    exit_code(&outcome)
}

fn exit_code(outcome: &Result<(), RunError>) -> ExitCode {
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        // Not a return: the other threads are stuck behind the failed engine.
        Err(RunError::Engine) => std::process::exit(ENGINE_FAILED.into()),
        // Nor here: a thread may wait for the disk.
        Err(RunError::Disk { .. } | RunError::NoRoom { .. }) => {
            std::process::exit(DISK_FAILED.into())
        }
        Err(RunError::DataDirectory { error, .. })
            if error.kind() == io::ErrorKind::ReadOnlyFilesystem =>
        {
            ExitCode::from(DISK_FAILED)
        }
        Err(_) => ExitCode::FAILURE,
    }
}

async fn serve_until_signalled(
    settings: Settings,
    mut profiles: Profiles,
    logging: &Logging,
) -> Result<(), RunError> {
    let environment = RealEnvironment::with_hooks(HOOKS);
    let outcome = match signals() {
        Some(signals) => {
            let shutdown = shutdown(signals, &mut profiles, logging.clone());
            run(settings, &environment, shutdown).await
        }
        None => {
            warn!("signals cannot be caught: the broker ends without a graceful stop");
            run(settings, &environment, std::future::pending()).await
        }
    };
    write(profiles, logging).await;
    outcome
}

/// Ready when the broker is asked to stop. When it is asked once more, the process ends at once.
async fn shutdown(mut signals: (Signal, Signal), profiles: &mut Profiles, logging: Logging) {
    asked_to_stop(&mut signals).await;
    tokio::task::spawn_local(async move {
        asked_to_stop(&mut signals).await;
        give_up(&logging);
    });
    profiles.take_heap();
}

/// Writes the profiles on a thread of its own, so that a signal still ends the process at once.
async fn write(profiles: Profiles, logging: &Logging) {
    let writing = tokio::task::spawn_blocking(move || profiles.write());
    let Some(mut signals) = signals() else {
        let _ = writing.await;
        return;
    };
    tokio::select! {
        _ = writing => {}
        () = asked_to_stop(&mut signals) => give_up(logging),
    }
}

/// Ends the process at once.
fn give_up(logging: &Logging) -> ! {
    logging.flush();
    std::process::exit(1)
}

/// SIGINT and SIGTERM.
fn signals() -> Option<(Signal, Signal)> {
    Some((signal(SignalKind::interrupt()).ok()?, signal(SignalKind::terminate()).ok()?))
}

async fn asked_to_stop((interrupt, terminate): &mut (Signal, Signal)) {
    tokio::select! {
        _ = interrupt.recv() => {}
        _ = terminate.recv() => {}
    }
}

fn announce(loaded: &Loaded) {
    let configuration = loaded.source.to_string();
    info!(version = env!("CARGO_PKG_VERSION"), configuration, "surewire starts");
    if loaded.source == config::Source::BuiltIn {
        let listeners = &loaded.config.listener;
        // A variable may have opened one to others.
        let reach = if listeners.iter().all(|listener| listener.addr.is_loopback()) {
            ", listeners on loopback only"
        } else {
            ""
        };
        info!("there is no config.yaml here: built-in defaults{reach}");
    }
    for warning in &loaded.warnings {
        warn!("{}", one_line(&warning.to_string()));
    }
}

fn machine() -> Machine {
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    Machine { cores, files: raise_file_limit(), memory: available_memory() }
}

/// Raises the soft limit of open files to the hard one and tells what it is then.
fn raise_file_limit() -> Option<u64> {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let limit = getrlimit(Resource::Nofile);
    let raised = Rlimit { current: limit.maximum, maximum: limit.maximum };
    match setrlimit(Resource::Nofile, raised) {
        Ok(()) => limit.maximum,
        Err(_) => limit.current,
    }
}
