//! Many connections with one subscription each: what does it cost to take them, and to have them?

use std::fmt;
use std::net::{Ipv4Addr, SocketAddr};

use crate::cost::{Cost, Memory};
use crate::dial::{self, Target};
use crate::subject::{Subject, run_name};
use crate::wire::{Qos, Version};
use crate::{Error, machine};

/// Connections from one source address, well below the ephemeral ports that Linux hands out.
const PER_SOURCE: u32 = 25_000;
/// Files the generator needs besides its connections; a hand-shake may hold its socket twice.
const SPARE_FILES: u64 = 100;

/// What to do.
#[derive(Debug, Clone, Copy, clap::Args)]
pub struct Plan {
    /// Connections to hold, each with one subscription
    #[arg(long, value_name = "COUNT", default_value_t = 10_000)]
    pub connections: u32,
}

/// What came out.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
pub struct Outcome {
    /// What the connections spoke.
    #[serde(rename = "protocol")]
    pub version: Version,
    /// One connection after another, each with its subscription.
    pub connected: Cost,
    /// What one takes with its subscription, if the broker's process is known.
    pub memory: Option<Memory>,
}

/// Opens all connections, holds them, and sees whether the broker still has all of them.
///
/// # Errors
/// [`Error::Usage`] for more connections than open files are allowed, and what a hand-shake returns.
pub fn run(subject: &Subject, plan: &Plan) -> Result<Outcome, Error> {
    let (run, version) = (run_name("hold"), subject.version);
    check_files(plan.connections)?;
    let open = |number: u32, target: &Target| {
        let name = format!("{run}x{number}");
        let (mut stream, _) = subject.connect_by(target, &name, false)?;
        dial::subscribe_all(&mut stream, version, &[format!("{run}/{number}")], Qos::AtMostOnce)?;
        Ok(stream)
    };
    // What a broker makes once, with its first connection, is not what each of them takes.
    dial::leave(&mut open(plan.connections, &Target::new(subject.route.addr))?)?;
    let before = subject.settled_bytes()?;
    let meter = subject.meter()?;
    let mut held = hold(subject.route.addr, plan.connections, open)?;
    let count = u64::from(plan.connections);
    let connected = Cost::of(count, &meter.used()?);
    let memory = subject.memory_since(before, count)?;
    held.iter_mut().try_for_each(dial::ping)?;
    Ok(Outcome { version, connected, memory })
}

/// What `open` makes of each number below `connections`, all at the same time. It is told where to
/// connect: there are more connections than one source address has ports.
///
/// # Errors
/// [`Error::Usage`] for none, or for more than open files are allowed, and what `open` returns.
pub fn hold<T>(
    addr: SocketAddr,
    connections: u32,
    mut open: impl FnMut(u32, &Target) -> Result<T, Error>,
) -> Result<Vec<T>, Error> {
    check_files(connections)?;
    (0..connections)
        .map(|number| open(number, &Target { source: source(addr, number), ..Target::new(addr) }))
        .collect()
}

/// Further addresses of loopback once the ports of the first run short.
fn source(addr: SocketAddr, number: u32) -> Option<Ipv4Addr> {
    let block = u8::try_from(number / PER_SOURCE).ok().filter(|block| *block > 0)?;
    addr.ip().is_loopback().then_some(Ipv4Addr::new(127, 0, 1, block))
}

fn check_files(connections: u32) -> Result<(), Error> {
    let allowed = machine::raise_open_files()?;
    if connections == 0 {
        return Err(Error::Usage("--connections 0: there must be at least one".into()));
    }
    if u64::from(connections) + SPARE_FILES > allowed {
        return Err(Error::Usage(format!(
            "--connections {connections}: this process may open {allowed} files; raise \
             `ulimit -Hn` or ask for at most {}",
            allowed.saturating_sub(SPARE_FILES)
        )));
    }
    Ok(())
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}, one subscription each, all held at the same time", self.version)?;
        write!(f, "{}", self.connected.line("connections"))?;
        self.memory.map_or(Ok(()), |memory| write!(f, "\n{}", memory.line("connection")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_loopback_has_further_addresses() {
        let (near, far) = ("127.0.0.1:1".parse().unwrap(), "10.0.0.1:1".parse().unwrap());
        assert_eq!(source(near, PER_SOURCE - 1), None);
        assert_eq!(source(near, 2 * PER_SOURCE), Some(Ipv4Addr::new(127, 0, 1, 2)));
        assert_eq!(source(far, 2 * PER_SOURCE), None);
    }

    #[test]
    fn more_connections_than_files_are_refused_before_the_first() {
        let addr = "127.0.0.1:1".parse().unwrap();
        for connections in [0, u32::MAX] {
            let refused = hold(addr, connections, |_, _| -> Result<(), Error> {
                panic!("nothing is opened")
            });
            assert!(matches!(refused, Err(Error::Usage(m)) if m.contains("--connections")));
        }
    }
}
