//! Two choices of profiling can only be made by the environment a process starts with. Where it
//! lacks them, the program starts itself anew in its place: same process id, same arguments.

use std::env;
use std::ffi::{OsStr, OsString};
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::Command;

use tikv_jemalloc_ctl::{Access, AsName};

/// What the allocator reads before anything of ours runs.
const ALLOCATOR: &str = "_RJEM_MALLOC_CONF";
/// Heap profiling on from the first allocation, one sample for each 512 KiB (2^19) on average.
const HEAP: &str = "prof:true,prof_active:true,lg_prof_sample:19";
/// Makes the CPU sampler use timers where it would use the kernel's counters: those leave out the
/// time spent in system calls, which is most of what a broker does.
const SAMPLER: &str = "DIAL9_FORCE_CTIMER";

/// Returns in a process whose environment is right for profiling.
///
/// # Errors
/// What will be missing in the profiles, and why.
pub(super) fn prepare(heap: bool) -> Result<(), String> {
    let lacking: Vec<_> = [allocator(heap), sampler()].into_iter().flatten().collect();
    if lacking.is_empty() {
        if heap && !heap_is_profiled() {
            return Err(format!(
                "profile.mem: there will be no profile: the allocator does not follow {ALLOCATOR}; \
                 it says prof:false at its end, or the program has privileges by its file \
                 (setcap, setuid), for which the environment is not read"
            ));
        }
        return Ok(());
    }
    let mut arguments = env::args_os();
    let mut command = Command::new(program());
    command.arg0(arguments.next().unwrap_or_else(|| OsString::from("surewire")));
    command.args(arguments).envs(lacking);
    let error = command.exec();
    Err(format!("profile: incomplete: the program cannot start itself anew: {error}"))
}

/// Whether the allocator has profiled since the process began.
pub(super) fn heap_is_profiled() -> bool {
    let on: tikv_jemalloc_ctl::Result<bool> = b"opt.prof\0"[..].name().read();
    on.unwrap_or(false)
}

/// Ours comes first, so that what the operator chose wins. It is asked for once: a process that has
/// it already and does not profile will not do so next time either.
fn allocator(heap: bool) -> Option<(&'static str, OsString)> {
    let chosen = env::var_os(ALLOCATOR).unwrap_or_default();
    let asked = chosen.to_string_lossy().contains(HEAP);
    (heap && !asked && !heap_is_profiled()).then(|| (ALLOCATOR, with_heap(&chosen)))
}

fn with_heap(chosen: &OsStr) -> OsString {
    let mut all = OsString::from(HEAP);
    if !chosen.is_empty() {
        all.push(",");
        all.push(chosen);
    }
    all
}

fn sampler() -> Option<(&'static str, OsString)> {
    env::var_os(SAMPLER).is_none().then(|| (SAMPLER, OsString::from("1")))
}

/// By its name where that still leads to it, so that `ps` and `pidof` know the process as before.
fn program() -> PathBuf {
    let own = PathBuf::from("/proc/self/exe");
    env::current_exe().ok().filter(|path| path.exists()).unwrap_or(own)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_operator_chose_for_the_allocator_comes_last_and_wins() {
        assert_eq!(with_heap(OsStr::new("")), HEAP);
        let both = with_heap(OsStr::new("narenas:2,lg_prof_sample:16"));
        assert_eq!(both, format!("{HEAP},narenas:2,lg_prof_sample:16").as_str());
    }
}
