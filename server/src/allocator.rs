//! The program's allocator, and how it is told to keep nothing for later.

use tikv_jemalloc_ctl::{Access, AsName, Mib};

/// Buffers of many sizes come and go on several threads: half of an idle connection's memory is
/// what the allocator adds, and this one adds the least.
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

/// Gives the system back the pages that nothing is in any more. They are kept for ten seconds otherwise,
/// and by then a burst's pages are a tenth of what the process takes.
pub(crate) fn release() {
    // An allocator that does not know these names keeps what it has, and `memory_limit` counts it.
    let _ = try_release();
}

fn try_release() -> tikv_jemalloc_ctl::Result<()> {
    let arenas: u32 = b"arenas.narenas\0"[..].name().read()?;
    let mut decay: Mib<[usize; 3]> = b"arena.0.dirty_decay_ms\0"[..].name().mib()?;
    for arena in 0..arenas {
        decay[1] = arena as usize;
        // An arena that no thread has used yet is none. That of huge pieces keeps nothing as it is.
        let usual: Result<isize, _> = decay.read();
        if let Ok(usual @ 1..) = usual {
            decay.write(0_isize)?;
            decay.write(usual)?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use surewire_server::environment::{Environment, RealEnvironment};

    #[test]
    fn what_is_freed_is_given_back() {
        let in_use = || RealEnvironment::new().memory_in_use().unwrap();
        let pieces: Vec<_> = (0..1_000).map(|_| vec![1_u8; 64 << 10]).collect();
        let before = in_use();
        drop(pieces);
        release();
        let after = in_use();
        assert!(after + (60 << 20) < before, "{after} of {before}");
        try_release().unwrap();
    }
}
