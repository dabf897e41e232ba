//! The program's own profiles: where its processor time goes, and what holds its memory.
//!
//! Only `main` profiles: the library, and with it the simulation, knows nothing of it. `relaunch`
//! brings the process up in the environment that profiling needs; `cpu` and `heap` collect; `symbols`
//! and `format` make of it what `go tool pprof` reads; `output` is the file. `absent` is there instead
//! of all this where there is no sampler.

mod cpu;
mod format;
mod heap;
mod output;
mod relaunch;
mod symbols;

use std::path::Path;
use std::time::Instant;

use surewire_server::config;
use tracing::{info, warn};

pub(crate) use cpu::{thread_starts, thread_stops};
use format::Profile;
use output::Output;
pub(crate) use output::OutputError;
use symbols::Symbols;

/// The profiles that the configuration asks for, from the start of the process to its stop.
#[derive(Default)]
pub(crate) struct Profiles {
    cpu: Option<(Output, Option<cpu::Sampling>)>,
    heap: Option<(Output, Option<heap::Snapshot>)>,
    /// Told once there is a log.
    warnings: Vec<String>,
}

impl Profiles {
    /// Creates the files and begins. Replaces the process by itself where profiling needs another
    /// environment, so this comes before anything else is begun.
    ///
    /// # Errors
    /// The file that cannot be created.
    pub(crate) fn start(wanted: &config::Profile) -> Result<Self, OutputError> {
        let mut profiles = Self::default();
        let (cpu, mem) = (wanted.cpu.as_deref(), wanted.mem.as_deref());
        if cpu.is_none() && mem.is_none() {
            return Ok(profiles);
        }
        profiles.warnings.extend(relaunch::prepare(mem.is_some()).err());
        let create = |key, path: Option<&Path>| path.map(|p| Output::create(key, p)).transpose();
        let outputs = (create("profile.cpu", cpu)?, create("profile.mem", mem)?);
        if let (Some(cpu), Some(mem)) = &outputs {
            cpu.differs_from(mem)?;
        }
        if let Some(output) = outputs.0 {
            let sampling = cpu::Sampling::start();
            let sampling = sampling.map_err(|error| {
                profiles.warnings.push(format!("profile.cpu: there will be no profile: {error}"));
            });
            profiles.cpu = Some((output, sampling.ok()));
        }
        let heap = outputs.1.filter(|_| relaunch::heap_is_profiled());
        profiles.heap = heap.map(|output| (output, None));
        Ok(profiles)
    }

    /// Tells what came up before there was a log.
    pub(crate) fn announce(&mut self) {
        for warning in self.warnings.drain(..) {
            warn!("{warning}");
        }
    }

    /// Takes the heap as it is, before a stop takes it apart. The first call counts.
    pub(crate) fn take_heap(&mut self) {
        let Some((_, snapshot @ None)) = &mut self.heap else { return };
        match heap::Snapshot::take() {
            Ok(taken) => *snapshot = Some(taken),
            Err(error) => warn!("profile.mem: there will be no profile: {error}"),
        }
    }

    /// Ends profiling and writes the files.
    pub(crate) fn write(mut self) {
        self.take_heap();
        let mut symbols = Symbols::default();
        if let Some((output, Some(sampling))) = self.cpu {
            store(output, &sampling.end(), &mut symbols);
        }
        if let Some((output, Some(snapshot))) = self.heap {
            store(output, &snapshot.profile(), &mut symbols);
        }
    }
}

fn store(mut output: Output, profile: &Profile, symbols: &mut Symbols) {
    let begun = Instant::now();
    let samples = profile.samples.len();
    match profile.encode(symbols).and_then(|bytes| output.replace(&bytes).map(|()| bytes.len())) {
        Ok(bytes) => {
            let (key, path) = (output.key(), output.path().display());
            let took_ms = begun.elapsed().as_millis();
            info!(%path, bytes, stacks = samples, took_ms, "{key} written");
        }
        Err(error) => warn!("{}: {}: {error}", output.key(), output.path().display()),
    }
}
