//! `relay`: the bare relay that brokers are compared with.

use std::net::SocketAddr;
use std::process::ExitCode;

use clap::Parser;
use surewire_benches::relay;
use surewire_load::machine;

/// Passes packets on without understanding them: the least that moving bytes costs on this
/// machine. Serves the load generator only, until it is ended.
#[derive(Debug, Parser)]
struct Flags {
    /// Address to listen on
    #[arg(long, value_name = "ADDR:PORT", default_value = "127.0.0.1:1883")]
    listen: SocketAddr,
}

fn main() -> ExitCode {
    let flags = Flags::parse();
    match machine::raise_open_files().and_then(|_| relay::serve(flags.listen)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("relay: {error}");
            ExitCode::from(2)
        }
    }
}
