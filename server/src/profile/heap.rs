//! What holds memory: the allocator samples what is allocated, with the stack that did, and knows
//! which of it is not freed yet.

use std::collections::BTreeMap;
use std::io::{self, Read, Seek};
use std::os::fd::AsRawFd;
use std::time::{Duration, SystemTime};

use rustix::fs::MemfdFlags;
use tikv_jemalloc_ctl::{Access, AsName};

use super::format::{Kind, Profile, Sample};

const SPACE: Kind = ("space", "bytes");

/// What was allocated at one moment, in the allocator's own words.
#[derive(Debug)]
pub(super) struct Snapshot {
    text: String,
    taken: SystemTime,
}

impl Snapshot {
    pub(super) fn take() -> io::Result<Self> {
        let taken = SystemTime::now();
        // The allocator writes to a path only. This one is memory: no disk can be full.
        let mut file = std::fs::File::from(
            rustix::fs::memfd_create("heap", MemfdFlags::CLOEXEC).map_err(io::Error::from)?,
        );
        let path = format!("/proc/self/fd/{}\0", file.as_raw_fd());
        // The allocator's interface asks for a text that lives on; once in a process's life.
        let path: &'static [u8] = path.into_bytes().leak();
        let dump = b"prof.dump\0"[..].name();
        dump.write(path).map_err(|error| io::Error::other(error.to_string()))?;
        let mut text = String::new();
        file.rewind()?;
        file.read_to_string(&mut text)?;
        Ok(Self { text, taken })
    }

    pub(super) fn profile(&self) -> Profile {
        let (interval, stacks) = read(&self.text);
        let samples = stacks.into_iter().map(|(stack, found)| {
            let [objects, bytes] = found.all(interval);
            Sample { stack, values: [objects, bytes], thread: None }
        });
        Profile {
            kinds: [("inuse_objects", "count"), ("inuse_space", "bytes")],
            samples: samples.filter(|sample| sample.values != [0; 2]).collect(),
            period: (SPACE, interval),
            begun: self.taken,
            duration: Duration::ZERO,
            // The allocator's own functions, which are innermost in every stack.
            is_machinery: |name| name.starts_with("_rjem_") || name == "do_rallocx",
        }
    }
}

/// What was sampled of one stack's allocations.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
struct Sampled {
    objects: u64,
    bytes: u64,
}

impl Sampled {
    /// An estimate of all there are. An object is sampled with a probability of 1 − e^(−size /
    /// interval), so it stands for the inverse of that many.
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        clippy::cast_precision_loss,
        reason = "an estimate; no heap comes near the limits"
    )]
    fn all(self, interval: u64) -> [u64; 2] {
        if self.objects == 0 || interval == 0 {
            return [self.objects, self.bytes];
        }
        let size = self.bytes as f64 / self.objects as f64;
        let share = -(-size / interval as f64).exp_m1();
        [self.objects, self.bytes].map(|sampled| (sampled as f64 / share) as u64)
    }
}

/// The allocator's sampling interval in bytes, and what it sampled of each stack:
///
/// ```text
/// heap_v2/524288
///   t*: 28106: 56637512 [0: 0]
/// @ 0x5f025ca0 0x5f025d51
///   t*: 13: 6688 [0: 0]
///   t3: 12: 6496 [0: 0]
/// ```
fn read(text: &str) -> (u64, BTreeMap<Vec<u64>, Sampled>) {
    let mut lines = text.lines();
    let header = lines.next().and_then(|line| line.strip_prefix("heap_v2/"));
    let interval = header.and_then(|interval| interval.parse().ok()).unwrap_or(0);
    let mut stacks: BTreeMap<Vec<u64>, Sampled> = BTreeMap::new();
    let mut stack = None;
    for line in lines.take_while(|line| !line.starts_with("MAPPED_LIBRARIES")) {
        if let Some(addresses) = line.strip_prefix("@ ") {
            stack = Some(addresses.split(' ').filter_map(call).collect::<Vec<u64>>());
        } else if let (Some(found), Some(stack)) = (sampled(line), &mut stack) {
            let sum = stacks.entry(std::mem::take(stack)).or_default();
            sum.objects += found.objects;
            sum.bytes += found.bytes;
        }
    }
    (interval, stacks)
}

/// The call that returns to this address.
fn call(address: &str) -> Option<u64> {
    u64::from_str_radix(address.strip_prefix("0x")?, 16).ok()?.checked_sub(1)
}

/// The line of all threads together.
fn sampled(line: &str) -> Option<Sampled> {
    let (objects, rest) = line.strip_prefix("  t*: ")?.split_once(": ")?;
    let (bytes, _) = rest.split_once(' ')?;
    Some(Sampled { objects: objects.parse().ok()?, bytes: bytes.parse().ok()? })
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "heap_v2/524288\n  t*: 3: 2099200 [0: 0]\n  t0: 3: 2099200 [0: 0]\n\
        @ 0x10 0x20\n  t*: 2: 2097152 [0: 0]\n  t0: 2: 2097152 [0: 0]\n\
        @ 0x30\n  t*: 1: 2048 [0: 0]\n  t0: 1: 2048 [0: 0]\n\nMAPPED_LIBRARIES:\n@ 0x50\n";

    #[test]
    fn the_allocators_text_is_read_by_stack() {
        let (interval, stacks) = read(TEXT);
        let expected = [
            (vec![0x0f, 0x1f], Sampled { objects: 2, bytes: 2_097_152 }),
            (vec![0x2f], Sampled { objects: 1, bytes: 2_048 }),
        ];
        assert_eq!(interval, 524_288);
        assert_eq!(stacks.into_iter().collect::<Vec<_>>(), expected);
    }

    #[test]
    fn a_sampled_object_stands_for_those_that_were_not() {
        let small = Sampled { objects: 1, bytes: 2_048 }.all(524_288);
        assert!((256..=258).contains(&small[0]), "{small:?}");
        let large = Sampled { objects: 1, bytes: 1 << 30 }.all(524_288);
        assert_eq!(large, [1, 1 << 30]);
        assert_eq!(Sampled::default().all(524_288), [0, 0]);
    }
}
