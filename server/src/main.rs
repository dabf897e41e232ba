//! The program `surewire`: arguments, signals and the process around the server.

use std::io::{self, Write};
use std::path::Path;
use std::process::ExitCode;

use surewire_server::cli::{Arguments, Command, publish, subscribe};
use surewire_server::config::{self, Config, ConfigError, Loaded};
use surewire_server::environment::RealEnvironment;
use surewire_server::logging::{self, Logging};
use surewire_server::settings::{Machine, Settings};
use surewire_server::{RunError, run};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tracing::{error, info, warn};

/// Buffers of many sizes come and go on several threads: half of an idle connection's memory is
/// what the allocator adds, and this one adds the least.
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

/// The engine failed: a restart is the cure (`EX_SOFTWARE` of sysexits).
const ENGINE_FAILED: u8 = 70;

fn main() -> ExitCode {
    let arguments = Arguments::read(std::env::args_os());
    match arguments.command {
        Some(Command::Check { schema: true, .. }) => answer(&format!("{:#}\n", config::schema())),
        Some(Command::Check { path, .. }) => check(path.as_deref()),
        Some(Command::Pub(args)) => publish::run(args),
        Some(Command::Sub(args)) => subscribe::run(args),
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
    let logging = match logging::start(&loaded.config.log, loaded.config.logging) {
        Ok(logging) => logging,
        Err(error) => return complain(&error),
    };
    announce(loaded);
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
        .build_local(tokio::runtime::LocalOptions::default());
    let outcome = match runtime {
        Ok(runtime) => runtime.block_on(serve_until_signalled(settings, &logging)),
        Err(error) => Err(RunError::Worker { index: 0, error }),
    };
    if let Err(error) = &outcome {
        error!("{error}");
    }
    logging.flush();
    exit_code(&outcome)
}

fn exit_code(outcome: &Result<(), RunError>) -> ExitCode {
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        // Not a return: the other threads are stuck behind the failed engine.
        Err(RunError::Engine) => std::process::exit(ENGINE_FAILED.into()),
        Err(_) => ExitCode::FAILURE,
    }
}

async fn serve_until_signalled(settings: Settings, logging: &Logging) -> Result<(), RunError> {
    let (Ok(mut interrupt), Ok(mut terminate)) =
        (signal(SignalKind::interrupt()), signal(SignalKind::terminate()))
    else {
        warn!("signals cannot be caught: the broker ends without a graceful stop");
        return run(settings, &RealEnvironment::new(), std::future::pending()).await;
    };
    let logging = logging.clone();
    let shutdown = async move {
        asked_to_stop(&mut interrupt, &mut terminate).await;
        tokio::task::spawn_local(async move {
            asked_to_stop(&mut interrupt, &mut terminate).await;
            logging.flush();
            std::process::exit(1);
        });
    };
    run(settings, &RealEnvironment::new(), shutdown).await
}

async fn asked_to_stop(interrupt: &mut Signal, terminate: &mut Signal) {
    tokio::select! {
        _ = interrupt.recv() => {}
        _ = terminate.recv() => {}
    }
}

fn announce(loaded: &Loaded) {
    info!(version = env!("CARGO_PKG_VERSION"), configuration = %loaded.source, "surewire starts");
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
        warn!("{warning}");
    }
}

fn machine() -> Machine {
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    Machine { cores, files: raise_file_limit() }
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
