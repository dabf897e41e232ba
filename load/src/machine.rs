//! What the tools ask of the machine they run on: cores, open files, free ports.

use std::net::{Ipv4Addr, SocketAddr, TcpListener};

use rustix::process::{Resource, getrlimit, setrlimit};

use crate::Error;

/// Raises the soft limit of open files to the hard one and returns it. Children inherit it.
///
/// # Errors
/// [`Error::System`] when the system refuses.
pub fn raise_open_files() -> Result<u64, Error> {
    let mut limit = getrlimit(Resource::Nofile);
    limit.current = limit.maximum;
    setrlimit(Resource::Nofile, limit)
        .map_err(|e| Error::system("raise the limit of open files")(e.into()))?;
    Ok(limit.current.unwrap_or(u64::MAX))
}

/// Calls `start` bound to core `theirs`, so that the processes it starts stay there, and leaves
/// the calling thread bound to core `ours`.
///
/// # Errors
/// As [`pin_to`], or what `start` returns.
pub fn on_core<T>(
    theirs: usize,
    ours: usize,
    start: impl FnOnce() -> Result<T, Error>,
) -> Result<T, Error> {
    pin_to(theirs)?;
    let started = start();
    pin_to(ours)?;
    started
}

/// Binds the calling thread, and the processes it starts from now on, to one core.
///
/// # Errors
/// [`Error::System`] when there is no such core; [`Error::Usage`] where pinning is unknown.
#[cfg(target_os = "linux")]
pub fn pin_to(core: usize) -> Result<(), Error> {
    use rustix::thread::{CpuSet, sched_setaffinity};
    if core >= CpuSet::MAX_CPU {
        return Err(Error::Usage(format!("core {core}: the highest is {}", CpuSet::MAX_CPU - 1)));
    }
    let mut cores = CpuSet::new();
    cores.set(core);
    sched_setaffinity(None, &cores)
        .map_err(|e| Error::system(format!("pin to core {core}; try --unpinned"))(e.into()))
}

/// Binds the calling thread, and the processes it starts from now on, to one core.
///
/// # Errors
/// Always [`Error::Usage`]: this system offers no pinning.
#[cfg(not(target_os = "linux"))]
pub fn pin_to(_core: usize) -> Result<(), Error> {
    Err(Error::Usage("pinning needs Linux: use --unpinned".into()))
}

/// An address on loopback that nothing listens on. Another process could take it before it is
/// used; a broker that then fails to start says so.
///
/// # Errors
/// [`Error::System`] when there is none.
pub fn free_address() -> Result<SocketAddr, Error> {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0))
        .and_then(|listener| listener.local_addr())
        .map_err(Error::system("find a free port on loopback"))
}
