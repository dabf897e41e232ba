//! `idle`: resident memory of an idle connection.
#![expect(clippy::print_stdout, reason = "the result on stdout is what the tool is for")]

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser;
use surewire_benches::broker::{Broker, Software};
use surewire_benches::certificate::Certificate;
use surewire_benches::idle::{self, Row};
use surewire_load::process::Process;
use surewire_load::transport::tls::Trust;
use surewire_load::transport::{Route, Tls, Transport};
use surewire_load::{Error, machine};

/// Opens many idle connections, each with one subscription, and prints how much resident
/// memory each of them costs the broker.
#[derive(Debug, Parser)]
#[command(after_help = "Examples:
  idle --assert                                  (starts Surewire; the bar is on plain TCP)
  idle --rows tcp,ws,tls,wss
  idle --software mosquitto
  idle --broker 127.0.0.1:8883 --pid 4711 --cafile ca.pem --tls-name broker.example")]
struct Flags {
    /// Broker to start, once for each row
    #[arg(long, value_enum, default_value = "surewire")]
    software: Software,
    /// Where its program is [default: beside this one; mosquitto: where Debian puts it]
    #[arg(long)]
    program: Option<PathBuf>,
    /// Connections to hold
    #[arg(long, default_value_t = 10_000)]
    connections: u32,
    /// Keep Alive of the connections; 0 turns it off [default: 0, and 60 for rumqttd, which refuses 0]
    #[arg(long, value_name = "SECONDS")]
    keep_alive: Option<u16>,
    /// What carries the packets: any of tcp, ws, tls, wss
    #[arg(long, value_enum, value_delimiter = ',', default_value = "tcp")]
    rows: Vec<Transport>,
    /// Bytes that a connection over plain TCP may cost
    #[arg(long, default_value_t = 1_536)]
    bar: u64,
    /// Exit with 1 when plain TCP is above the bar
    #[arg(long)]
    assert: bool,
    /// Measure a broker that runs already instead of starting one
    #[arg(long, value_name = "ADDR:PORT", requires = "pid", conflicts_with_all = ["program", "rows"])]
    broker: Option<SocketAddr>,
    /// Its process number
    #[arg(long, requires = "broker")]
    pid: Option<u32>,
    /// It speaks TLS, with a certificate that this PEM file vouches for
    #[arg(long, value_name = "FILE", requires = "broker")]
    cafile: Option<PathBuf>,
    /// The name in its certificate, if that is not its address
    #[arg(long, requires = "cafile")]
    tls_name: Option<String>,
    /// It speaks WebSocket
    #[arg(long, requires = "broker")]
    ws: bool,
    /// Print one JSON object a row
    #[arg(long)]
    json: bool,
}

fn main() -> ExitCode {
    match run(&Flags::parse()) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("idle: {error}");
            ExitCode::from(2)
        }
    }
}

/// Whether the bar is kept, or nobody asked.
fn run(flags: &Flags) -> Result<bool, Error> {
    machine::raise_open_files()?;
    let rows = match (flags.broker, flags.pid) {
        (Some(addr), Some(pid)) => vec![running(flags, addr, &Process::new(pid))?],
        _ => flags.rows.iter().map(|row| started(flags, *row)).collect::<Result<_, _>>()?,
    };
    let plain = rows.iter().find(|row| row.transport == Transport::Tcp);
    let above = plain.is_some_and(|row| row.bytes_each() > flags.bar);
    if above {
        eprintln!("idle: above the bar of {} bytes a connection", flags.bar);
    }
    Ok(!(above && flags.assert))
}

fn running(flags: &Flags, addr: SocketAddr, broker: &Process) -> Result<Row, Error> {
    let trust = flags.cafile.clone().map(Trust::File);
    let tls = trust.map(|trust| Tls::new(&trust, flags.tls_name.as_deref())).transpose()?;
    let route = Route { addr, websocket: flags.ws, tls };
    let keep_alive = flags.keep_alive.unwrap_or(0);
    let row = idle::measure(&route, broker, flags.connections, keep_alive)?;
    print(flags, &row);
    Ok(row)
}

fn started(flags: &Flags, transport: Transport) -> Result<Row, Error> {
    let program = flags.program.clone().unwrap_or_else(|| flags.software.usual_path());
    let certificate = Certificate::generate()?;
    let broker = Broker::start(flags.software, &program, transport, Some(&certificate))?;
    let tls = transport.uses_tls().then(|| certificate.client()).transpose()?;
    let route = Route { addr: broker.addr(), websocket: transport.uses_websocket(), tls };
    let keep_alive = flags.keep_alive.unwrap_or(flags.software.least_keep_alive_seconds());
    let row = idle::measure(&route, &broker.process(), flags.connections, keep_alive)?;
    print(flags, &row);
    Ok(row)
}

fn print(flags: &Flags, row: &Row) {
    if flags.json {
        println!("{}", row.to_json());
    } else {
        println!("{row}");
    }
}
