//! In place of the profiles on systems that the sampler does not know: says so and does nothing.

use std::convert::Infallible;

use surewire_server::config;
use tracing::warn;

/// The profiles that the configuration asks for and that there will not be.
#[derive(Default)]
pub(crate) struct Profiles {
    wanted: bool,
}

/// Nothing to do.
pub(crate) fn thread_starts() {}

/// Nothing to do.
pub(crate) fn thread_stops() {}

impl Profiles {
    /// Never fails: a broker without its profiles is still a broker.
    pub(crate) fn start(wanted: &config::Profile) -> Result<Self, Infallible> {
        Ok(Self { wanted: wanted.cpu.is_some() || wanted.mem.is_some() })
    }

    /// Tells that there will be none.
    pub(crate) fn announce(&mut self) {
        if self.wanted {
            warn!("profile: there will be no profiles: they need Linux on x86-64 or aarch64");
        }
    }

    /// Nothing to take.
    pub(crate) fn take_heap(&mut self) {}

    /// Nothing to write.
    pub(crate) fn write(self) {}
}
