//! Stories of what networks, disks and clients do to a broker, one a file. Each is a function of its
//! seed, which draws who takes part, how much they say, when what goes wrong, in which order threads
//! run, and how long packets and syncs take.

mod bounce;
mod cast;
mod coalesced;
mod full_disk;
mod graceful_stop;
mod half_open;
mod hold;
mod keep_alive_will;
mod one_byte;
mod one_way;
mod partition;
mod power_cut;
mod reconnect_storm;
mod rest;
mod slow_reader;
mod take_over;
mod web_socket;

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Once;
use std::time::Duration;

use surewire_server::planted::{Bug, Planted};

use crate::Trace;
pub use crate::stage::Run;
use crate::stage::Stage;

/// A story.
#[derive(Clone, Copy)]
pub struct Scenario {
    /// What it is called on a command line.
    pub name: &'static str,
    /// What happens in it.
    pub words: &'static str,
    set: fn(&mut Stage, &Options),
}

/// What is not the seed's to say.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// How many clients there are where a story is about their number; `None` is a few hundred.
    pub clients: Option<u64>,
    /// Lines of the trace that are kept.
    pub lines: usize,
    /// What is wrong in the server on purpose.
    pub planted: Planted,
}

/// All of them.
pub const SCENARIOS: &[Scenario] = &[
    Scenario {
        name: "partition",
        words: "A town is cut off again and again, and what is on its way is lost.",
        set: partition::set,
    },
    Scenario {
        name: "hold",
        words: "Links get stuck, and then everything arrives at once.",
        set: hold::set,
    },
    Scenario {
        name: "one-way",
        words: "Only one direction of a link is lost: each side hears, or is heard, alone.",
        set: one_way::set,
    },
    Scenario {
        name: "power-cut",
        words: "The broker's power is cut, and its disk loses what was not synced.",
        set: power_cut::set,
    },
    Scenario {
        name: "bounce",
        words: "The broker is killed and started again, while everybody talks.",
        set: bounce::set,
    },
    Scenario {
        name: "slow-reader",
        words: "Some clients stop reading; the others must not notice.",
        set: slow_reader::set,
    },
    Scenario {
        name: "one-byte",
        words: "Every segment has one byte, both ways.",
        set: one_byte::set,
    },
    Scenario {
        name: "coalesced",
        words: "A thousand packets come in one segment, the CONNECT first.",
        set: coalesced::set,
    },
    Scenario {
        name: "half-open",
        words: "Peers vanish without a word, before their CONNECT and after.",
        set: half_open::set,
    },
    Scenario {
        name: "keep-alive-will",
        words: "Clients are lost; their keep alive ends, and their Wills are published.",
        set: keep_alive_will::set,
    },
    Scenario {
        name: "take-over",
        words: "Many connections fight for one Client Identifier.",
        set: take_over::set,
    },
    Scenario {
        name: "reconnect-storm",
        words: "The broker dies, and all its clients come back at once.",
        set: reconnect_storm::set,
    },
    Scenario {
        name: "rest",
        words: "Operators list, publish and disconnect while there is traffic.",
        set: rest::set,
    },
    Scenario {
        name: "graceful-stop",
        words: "The broker is asked to stop in the middle of everything.",
        set: graceful_stop::set,
    },
    Scenario {
        name: "web-socket",
        words: "WebSocket beside TCP: frames that begin and end anywhere in a packet.",
        set: web_socket::set,
    },
    Scenario { name: "full-disk", words: "The disk has no room for a while.", set: full_disk::set },
];

/// The story of that name.
///
/// # Errors
/// There is none.
pub fn find(name: &str) -> Result<Scenario, String> {
    let found = SCENARIOS.iter().find(|scenario| scenario.name == name);
    found.copied().ok_or_else(|| {
        let names: Vec<_> = SCENARIOS.iter().map(|scenario| scenario.name).collect();
        format!("no story is called {name}; there are: {}", names.join(", "))
    })
}

/// The bug of that name, to be planted in the server.
///
/// # Errors
/// There is none of that name, or this program was built without any.
pub fn planted(name: &str) -> Result<Planted, String> {
    let bug = Bug::ALL.iter().copied().find(|bug| bug.name() == name);
    let names = || Bug::ALL.iter().map(|bug| bug.name()).collect::<Vec<_>>().join(", ");
    let bug = bug.ok_or_else(|| format!("no bug is called {name}; there are: {}", names()))?;
    plant(bug)
}

#[cfg(feature = "planted")]
#[expect(clippy::unnecessary_wraps, reason = "other builds cannot")]
fn plant(bug: Bug) -> Result<Planted, String> {
    Ok(Planted::new(bug))
}

#[cfg(not(feature = "planted"))]
fn plant(bug: Bug) -> Result<Planted, String> {
    let name = bug.name();
    Err(format!("{name} cannot be planted in this program: build it with `--features planted`"))
}

impl Scenario {
    /// Plays it as `seed` draws it.
    #[must_use]
    pub fn run(&self, seed: u64, options: &Options) -> Run {
        let trace = Trace::of(options.lines);
        remember_panics();
        let played = catch_unwind(AssertUnwindSafe(|| {
            let mut stage = Stage::new(seed, trace.clone());
            stage.settings.planted = options.planted;
            (self.set)(&mut stage, options);
            stage.play()
        }));
        played.unwrap_or_else(|_| {
            let why = PANIC.take();
            Run {
                violations: vec![why],
                hash: trace.hash(),
                trace,
                counts: BTreeMap::new(),
                simulated: Duration::ZERO,
            }
        })
    }
}

thread_local! {
    /// The first panic of a run, which is the cause of the others.
    static PANIC: RefCell<String> = const { RefCell::new(String::new()) };
}

/// A panic in a run is a violation like another, and no text on standard error.
fn remember_panics() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let others = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |info| {
            if !turmoil::in_simulation() {
                others(info);
            }
            PANIC.with_borrow_mut(|first| {
                if first.is_empty() {
                    *first = info.to_string();
                }
            });
        }));
    });
    PANIC.take();
}

const fn secs(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

const fn millis(milliseconds: u64) -> Duration {
    Duration::from_millis(milliseconds)
}
