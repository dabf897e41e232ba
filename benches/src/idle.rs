//! What an idle connection costs the broker in resident memory.

use std::fmt;

use surewire_load::Error;
use surewire_load::dial::{self, Target};
use surewire_load::process::Process;
use surewire_load::scenario::hold::hold;
use surewire_load::wire::{Connect, Qos};

use surewire_load::transport::{Route, Transport};

/// The result for one kind of connection.
#[derive(Debug, Clone, Copy, serde::Serialize)]
pub struct Row {
    /// What carries the packets.
    pub transport: Transport,
    /// How many connections were held.
    pub connections: u32,
    /// Resident bytes of the broker before the first.
    pub empty_bytes: u64,
    /// Resident bytes of the broker with all.
    pub full_bytes: u64,
    /// CPU seconds of the broker while they were opened and subscribed.
    pub cpu_seconds: f64,
}

impl Row {
    /// Resident bytes a connection above the empty broker, rounded up.
    #[must_use]
    pub fn bytes_each(&self) -> u64 {
        self.full_bytes.saturating_sub(self.empty_bytes).div_ceil(u64::from(self.connections))
    }

    /// The row with its result, as one JSON object.
    #[must_use]
    pub fn to_json(&self) -> serde_json::Value {
        let mut json = serde_json::json!(self);
        if let Some(object) = json.as_object_mut() {
            object.insert("bytes_each".into(), self.bytes_each().into());
        }
        json
    }
}

impl fmt::Display for Row {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { transport, connections, empty_bytes, full_bytes, cpu_seconds } = self;
        let (each, name) = (self.bytes_each(), format!("{transport:?}").to_lowercase());
        let (empty, full) = (empty_bytes / 1024, full_bytes / 1024);
        write!(f, "{name:<4} {each:>7} bytes each  ")?;
        write!(f, "({connections} connections: {empty} KiB empty, {full} KiB full; ")?;
        write!(f, "{:.0} us of CPU time to open one)", 1e6 * cpu_seconds / f64::from(*connections))
    }
}

/// Opens `connections`, each with a clean session, this keep alive (0 is none) and one subscription,
/// holds them all, and compares the broker's memory before and after. A first connection comes and
/// goes before, and the broker's memory must stand still then (for 3 s it may grow): what a broker
/// makes when it begins is not what a connection costs.
///
/// # Errors
/// [`Error::Usage`] for more connections than open files are allowed, and what a hand-shake
/// returns.
pub fn measure(
    route: &Route,
    broker: &Process,
    connections: u32,
    keep_alive_seconds: u16,
) -> Result<Row, Error> {
    let open = |number: u32, target: &Target| {
        let (mut stream, client_id) = (route.open_by(target)?, format!("idle{number}"));
        let connect = Connect { keep_alive_seconds, ..Connect::new(&client_id) };
        dial::introduce(&mut stream, &connect)?;
        dial::subscribe(&mut stream, &format!("idle/{number}"), Qos::AtMostOnce)?;
        // Thousands of clients' own state would fill the machine.
        Ok(stream.into_socket())
    };
    drop(open(connections, &Target::new(route.addr))?);
    let (empty_bytes, before) = (broker.settled_bytes()?, broker.cpu_time()?);
    let held = hold(route.addr, connections, open)?;
    let cpu_seconds = broker.cpu_time()?.since(&before).as_secs_f64();
    let full_bytes = broker.own_bytes()?;
    drop(held);
    Ok(Row { transport: route.transport(), connections, empty_bytes, full_bytes, cpu_seconds })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_are_rounded_up_and_never_below_zero() {
        let row = |empty_bytes, full_bytes| Row {
            transport: Transport::Tcp,
            connections: 1_000,
            empty_bytes,
            full_bytes,
            cpu_seconds: 0.5,
        };
        assert_eq!(row(5_000, 2_005_001).bytes_each(), 2_001);
        assert_eq!(row(5_000, 4_000).bytes_each(), 0);
    }
}
