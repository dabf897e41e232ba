//! The command line of the load generator, for whatever program offers it.

mod traffic;
mod transport;

use std::net::SocketAddr;
use std::time::Duration;
use std::{fmt, io};

pub use self::transport::TransportArgs;
use crate::process::Process;
use crate::scenario::{churn, hold, queue, retained};
use crate::subject::Subject;
use crate::transport::Transport;
use crate::wire::Version;
use crate::workload::{Shape, Workload};
use crate::{Error, driver, machine};

/// The exit code when something was lost, doubled, reordered or forgotten.
pub const EXIT_NOT_CLEAN: u8 = 1;
/// The exit code when there was no measurement.
pub const EXIT_NOT_MEASURED: u8 = 2;

/// What to do to which broker.
#[derive(Debug, Clone, clap::Args)]
// Its name would be that of a group, and collide with the `Args` of the program that offers it.
#[group(skip)]
pub struct Args {
    #[command(subcommand)]
    scenario: Scenario,
}

#[derive(Debug, Clone, clap::Subcommand)]
enum Scenario {
    /// Messages from N publishers to one subscriber
    Fanin(Run<traffic::Flags>),
    /// Messages from one publisher to N subscribers
    Fanout(Run<traffic::Flags>),
    /// Messages from N publishers, each to a subscriber of its own
    Pairs(Run<traffic::Flags>),
    /// Messages from N publishers, each to one of N subscribers, by filters with + or #
    Wildcard(Run<traffic::Flags>),
    /// Messages from N publishers to the members of one share group
    Shared(Run<traffic::Flags>),
    /// Connections that are opened and held, with one subscription each
    Hold(Run<hold::Plan>),
    /// Retained messages: stored, then replayed to a new subscriber
    Retained(Run<retained::Plan>),
    /// Messages for persistent sessions that are away and then come back
    Queue(Run<queue::Plan>),
    /// Persistent sessions that connect, subscribe and disconnect, again and again
    Churn(Run<churn::Plan>),
}

/// A scenario's own flags and those that all have.
#[derive(Debug, Clone, clap::Args)]
struct Run<P: clap::Args> {
    #[command(flatten)]
    plan: P,
    #[command(flatten)]
    common: Common,
}

#[derive(Debug, Clone, clap::Args)]
struct Common {
    /// Address of the broker [default: 127.0.0.1 with port 1883; with TLS 8883; with --ws 8080;
    /// with both 8443]
    #[arg(long, value_name = "ADDR:PORT")]
    broker: Option<SocketAddr>,
    #[command(flatten)]
    transport: TransportArgs,
    /// The name in the broker's certificate, if that is not its address
    #[arg(long, value_name = "NAME", requires = "cafile", help_heading = "TLS")]
    tls_name: Option<String>,
    /// Process number of the broker, to count its CPU time and memory
    #[arg(long)]
    pid: Option<u32>,
    /// Version of MQTT that all connections speak
    #[arg(long, value_enum, value_name = "VERSION", default_value = "3.1.1")]
    protocol: Version,
    /// Keep Alive of all connections; 0 turns it off. Idle connections send no PINGREQ for it
    #[arg(long, value_name = "SECONDS", default_value_t = 0)]
    keep_alive: u16,
    /// Seconds without any progress after which the rest counts as lost
    #[arg(long, value_name = "SECONDS", default_value_t = Workload::PATIENCE.as_secs())]
    patience: u64,
    /// Bind the generator to this core
    #[arg(long)]
    core: Option<usize>,
    /// Print one JSON object instead of text
    #[arg(long)]
    json: bool,
}

/// The result of a command: displayed as text or JSON, as was asked for.
#[derive(Debug, Clone)]
pub struct Report {
    text: String,
    clean: bool,
}

impl Report {
    /// Whether every message arrived once and in order, and no session was forgotten.
    #[must_use]
    pub const fn is_clean(&self) -> bool {
        self.clean
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// Does what the arguments say.
///
/// # Errors
/// [`Error::Usage`] for arguments that make no sense together, [`Error::Broker`] for a broker that
/// refuses, closes a connection or breaks the protocol, [`Error::System`] for the rest.
pub fn run(args: &Args) -> Result<Report, Error> {
    args.scenario.run().map_err(|error| explained(error, args.scenario.common().address()))
}

/// The commonest mistake, with its cure.
fn explained(error: Error, broker: SocketAddr) -> Error {
    match error {
        Error::System { source, .. } if source.kind() == io::ErrorKind::ConnectionRefused => {
            Error::Usage(format!(
                "nothing listens at {broker}: start a broker there, or name another with --broker"
            ))
        }
        Error::System { .. } | Error::Usage(_) | Error::Broker(_) => error,
    }
}

impl Scenario {
    const fn common(&self) -> &Common {
        match self {
            Self::Fanin(run)
            | Self::Fanout(run)
            | Self::Pairs(run)
            | Self::Wildcard(run)
            | Self::Shared(run) => &run.common,
            Self::Hold(run) => &run.common,
            Self::Retained(run) => &run.common,
            Self::Queue(run) => &run.common,
            Self::Churn(run) => &run.common,
        }
    }

    fn run(&self) -> Result<Report, Error> {
        match self {
            Self::Fanin(run) => flow(Shape::Fanin, run),
            Self::Fanout(run) => flow(Shape::Fanout, run),
            Self::Pairs(run) => flow(Shape::Pairs, run),
            Self::Wildcard(run) => flow(Shape::Wildcard, run),
            Self::Shared(run) => flow(Shape::Shared, run),
            Self::Hold(Run { plan, common }) => {
                let outcome = hold::run(&common.prepare()?, plan)?;
                Ok(common.report("hold", &outcome, true))
            }
            Self::Retained(Run { plan, common }) => {
                let outcome = retained::run(&common.prepare()?, plan)?;
                Ok(common.report("retained", &outcome, outcome.tally.is_clean()))
            }
            Self::Queue(Run { plan, common }) => {
                let outcome = queue::run(&common.prepare()?, plan)?;
                Ok(common.report("queue", &outcome, outcome.tally.is_clean()))
            }
            Self::Churn(Run { plan, common }) => {
                let outcome = churn::run(&common.prepare()?, plan)?;
                Ok(common.report("churn", &outcome, outcome.is_clean()))
            }
        }
    }
}

fn flow(shape: Shape, Run { plan, common }: &Run<traffic::Flags>) -> Result<Report, Error> {
    let subject = common.prepare()?;
    let workload = plan.workload(shape, &subject)?;
    let outcome = driver::run(subject.route, &workload, subject.process.as_ref())?;
    Ok(common.told(outcome.to_json(), &outcome, outcome.tally.is_clean()))
}

impl Common {
    /// Where the broker listens.
    fn address(&self) -> SocketAddr {
        self.broker.unwrap_or_else(|| self.transport.default_address())
    }

    /// Makes this process ready, and says what it is to measure.
    fn prepare(&self) -> Result<Subject, Error> {
        machine::raise_open_files()?;
        if let Some(core) = self.core {
            machine::pin_to(core)?;
        }
        Ok(Subject {
            route: self.transport.route(self.address(), self.tls_name.as_deref())?,
            process: self.pid.map(Process::new),
            version: self.protocol,
            keep_alive_seconds: self.keep_alive,
            patience: Duration::from_secs(self.patience),
        })
    }

    fn report(
        &self,
        scenario: &str,
        outcome: &(impl serde::Serialize + fmt::Display),
        clean: bool,
    ) -> Report {
        let mut json = serde_json::json!(outcome);
        if let Some(object) = json.as_object_mut() {
            object.insert("scenario".into(), scenario.into());
        }
        self.told(json, outcome, clean)
    }

    /// An outcome as JSON or as text, whichever is asked for, with what carried the packets.
    fn told(&self, mut json: serde_json::Value, text: &impl fmt::Display, clean: bool) -> Report {
        let transport = self.transport.transport();
        if let Some(object) = json.as_object_mut() {
            object.insert("transport".into(), serde_json::json!(transport));
        }
        let text = match transport {
            _ if self.json => json.to_string(),
            Transport::Tcp => text.to_string(),
            Transport::Ws | Transport::Tls | Transport::Wss => {
                format!("by {}: {text}", transport.name())
            }
        };
        Report { text, clean }
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Debug, Parser)]
    struct Line {
        #[command(flatten)]
        args: Args,
    }

    fn read(line: &str) -> Result<Scenario, clap::Error> {
        Line::try_parse_from(line.split(' ')).map(|line| line.args.scenario)
    }

    #[test]
    fn command_lines_of_old_still_work() {
        let line = "load pairs --qos 1 --clients 100 --messages 200000 --pid 4711 --json";
        let Ok(Scenario::Pairs(run)) = read(line) else { panic!("{line}") };
        let subject = Subject {
            route: run.common.address().into(),
            process: None,
            version: run.common.protocol,
            keep_alive_seconds: run.common.keep_alive,
            patience: Duration::from_secs(run.common.patience),
        };
        let workload = run.plan.workload(Shape::Pairs, &subject).unwrap();
        let expected = Workload {
            qos: crate::wire::Qos::AtLeastOnce,
            limit: crate::Limit::Messages(200_000),
            ..Workload::new(Shape::Pairs, 100)
        };
        assert_eq!((workload, run.common.pid), (expected, Some(4711)));
        assert!(read("load fanout --clients 500 --rate 100 --seconds 5").is_ok());
    }

    #[test]
    fn the_transport_decides_where_the_broker_is_looked_for() {
        for (flags, address) in [
            ("", "127.0.0.1:1883"),
            (" --ws", "127.0.0.1:8080"),
            (" --insecure", "127.0.0.1:8883"),
            (" --cafile ca.pem --tls-name broker.example", "127.0.0.1:8883"),
            (" --ws --insecure", "127.0.0.1:8443"),
            (" --ws --broker 127.0.0.1:9", "127.0.0.1:9"),
        ] {
            let scenario = read(&format!("load hold{flags}")).unwrap();
            assert_eq!(scenario.common().address().to_string(), address, "{flags}");
        }
        for flags in ["--insecure --cafile ca.pem", "--tls-name broker.example"] {
            assert!(read(&format!("load hold {flags}")).is_err(), "{flags}");
        }
    }

    #[test]
    fn every_scenario_has_its_own_flags() {
        for line in [
            "load shared --group-size 8 --protocol 5 --user-properties 3",
            "load wildcard --topic-levels 12 --filler-subscriptions 1000000",
            "load hold --connections 5 --keep-alive 60",
            "load retained --messages 100000 --qos 1",
            "load queue --messages 100000 --sessions 10",
            "load churn --cycles 10 --at-once 2 --json",
        ] {
            assert!(read(line).is_ok(), "{line}");
        }
        for line in ["load", "load hold --messages 5", "load churn --rate 3", "load nonsense"] {
            assert!(read(line).is_err(), "{line}");
        }
    }

    #[test]
    fn a_broker_that_is_not_there_is_named_with_the_cure() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap().to_string();
        drop(listener);
        let line = format!("load hold --connections 1 --broker {address}");
        let Line { args } = Line::try_parse_from(line.split(' ')).unwrap();
        let error = run(&args).unwrap_err().to_string();
        assert!(error.contains(&address) && error.contains("--broker"), "{error}");
    }
}
