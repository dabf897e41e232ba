//! Where processor time goes: a hundred samples for each second that a thread computes.
//!
//! Every thread has a timer of its own on its own processor time, so threads that run at once do not
//! take each other's samples, and one that sleeps costs nothing. The signal of the timer is handled
//! in `dial9-perf-self-profile`: it copies the return addresses along the frame pointers into a slot
//! of a fixed ring. No lock, no allocation, no unwinder; whatever the signal interrupts, an
//! allocation that is itself being sampled included, goes on afterwards. The collector here empties
//! the ring.

use std::collections::HashMap;
use std::io;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant, SystemTime};

use dial9_perf_self_profile::{PerfSampler, SamplerConfig, SamplingMode};

use super::format::{Kind, Profile, Sample};

const HERTZ: u64 = 100;
const PERIOD_NS: u64 = 1_000_000_000 / HERTZ;
const TIME: Kind = ("cpu", "nanoseconds");

/// The ring holds 4,096 samples: what 400 busy threads bring in this time.
const EMPTIED_EVERY: Duration = Duration::from_millis(100);

/// Different stacks that are told apart, however long the process lives: some 10 MB. From then on
/// new ones are told apart by their innermost function only, and then not at all; none is lost.
const MOST_STACKS: usize = 50_000;

/// Threads whose names are remembered between two samples of theirs.
const MOST_THREADS: usize = 1_000;

/// Samples being taken. Without [`Sampling::end`] they are given up.
pub(super) struct Sampling {
    stop: Sender<()>,
    collector: JoinHandle<Stacks>,
    begun: (SystemTime, Instant),
}

/// Has the calling thread sampled, if any is.
pub(crate) fn thread_starts() {
    // Without it one thread is missing in a diagnosis: no reason to end anything.
    let _ = dial9_perf_self_profile::register_current_thread();
}

/// Gives back what sampling the calling thread took: threads come and go for as long as it lives.
pub(crate) fn thread_stops() {
    dial9_perf_self_profile::unregister_current_thread();
}

impl Sampling {
    /// Begins with the calling thread; others join by [`thread_starts`].
    pub(super) fn start() -> io::Result<Self> {
        let config = SamplerConfig::default().sampling(SamplingMode::FrequencyHz(HERTZ));
        let sampler = PerfSampler::start(config)?;
        let (stop, stopped) = channel();
        let collector = std::thread::Builder::new().name("profile".to_owned());
        let collector = collector.spawn(move || collect(sampler, &stopped))?;
        Ok(Self { stop, collector, begun: (SystemTime::now(), Instant::now()) })
    }

    /// Ends it and tells what was collected.
    pub(super) fn end(self) -> Profile {
        drop(self.stop);
        let stacks = self.collector.join().unwrap_or_default();
        let (begun, since) = self.begun;
        Profile {
            kinds: [("samples", "count"), TIME],
            samples: stacks.samples(),
            period: (TIME, PERIOD_NS),
            begun,
            duration: since.elapsed(),
            is_machinery: |_| false,
        }
    }
}

fn collect(mut sampler: PerfSampler, stopped: &Receiver<()>) -> Stacks {
    let mut stacks = Stacks::default();
    let mut names = HashMap::new();
    let mut ended = false;
    while !ended {
        ended = stopped.recv_timeout(EMPTIED_EVERY) != Err(RecvTimeoutError::Timeout);
        if ended {
            sampler.disable();
        }
        if names.len() > MOST_THREADS {
            names.clear();
        }
        sampler.for_each_sample(|sample| {
            let thread = names.entry(sample.tid).or_insert_with(|| name(sample.tid));
            stacks.add(thread, &sample.callchain, sample.period);
        });
    }
    stacks
}

fn name(thread: u32) -> String {
    let path = format!("/proc/self/task/{thread}/comm");
    match std::fs::read_to_string(path) {
        Ok(name) => name.trim_end().to_owned(),
        Err(_) => format!("thread {thread}"),
    }
}

/// Samples with the same thread's name and the same stack, counted.
#[derive(Debug, Default)]
struct Stacks {
    threads: HashMap<String, HashMap<Box<[u64]>, Weight>>,
    count: usize,
}

/// How often a stack was seen and the time that stands for.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
struct Weight {
    samples: u64,
    nanoseconds: u64,
}

impl Stacks {
    fn add(&mut self, thread: &str, stack: &[u64], nanoseconds: u64) {
        if !self.threads.contains_key(thread) {
            self.threads.insert(thread.to_owned(), HashMap::new());
        }
        let Some(stacks) = self.threads.get_mut(thread) else { return };
        let innermost = stack.get(..1).unwrap_or_default();
        let kept = [(stack, MOST_STACKS), (innermost, 2 * MOST_STACKS), (&[], usize::MAX)];
        for (stack, most) in kept {
            if let Some(weight) = stacks.get_mut(stack) {
                return weight.add(nanoseconds);
            }
            if self.count < most {
                self.count += 1;
                return stacks.entry(stack.into()).or_default().add(nanoseconds);
            }
        }
    }

    fn samples(self) -> Vec<Sample> {
        let mut samples = Vec::with_capacity(self.count);
        for (thread, stacks) in self.threads {
            samples.extend(stacks.into_iter().map(|(stack, weight)| Sample {
                stack: stack.into(),
                values: [weight.samples, weight.nanoseconds],
                thread: Some(thread.clone()),
            }));
        }
        samples
    }
}

impl Weight {
    /// A late sample stands for several: the kernel joins what it could not deliver in time.
    fn add(&mut self, nanoseconds: u64) {
        self.samples += (nanoseconds / PERIOD_NS).max(1);
        self.nanoseconds += nanoseconds;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stacks_are_bounded_and_every_sample_counts() {
        let mut stacks = Stacks::default();
        let rounds = 3 * MOST_STACKS as u64;
        for caller in 0..rounds {
            stacks.add("a", &[caller % 7, 1_000 + caller], 10);
            stacks.add("b", &[caller, caller], 10);
        }
        assert!(stacks.count <= 2 * MOST_STACKS + 2, "{}", stacks.count);
        let samples = stacks.samples();
        let sum = |index: usize| samples.iter().map(|sample| sample.values[index]).sum::<u64>();
        assert_eq!((sum(0), sum(1)), (2 * rounds, 20 * rounds));
    }
}
