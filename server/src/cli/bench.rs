//! `surewire bench`: the load generator, against any broker.

use std::io::{self, Write};
use std::process::ExitCode;

use surewire_load::cli::{self, EXIT_NOT_CLEAN, EXIT_NOT_MEASURED};

use super::words;

const NOTES: &str = "\
Examples:
  surewire bench fanin --clients 100 --pid $(pidof surewire)
  surewire bench pairs --qos 1 --messages 200000 --protocol 5
  surewire bench fanout --clients 500 --rate 100 --seconds 5    (prints latencies)
  surewire bench wildcard --filler-subscriptions 1000000 --pid $(pidof surewire)
  surewire bench retained --messages 100000 --broker 127.0.0.1:1884 --json
  surewire bench fanin --ws --broker 127.0.0.1:8080
  surewire bench pairs --cafile ca.pem --tls-name broker.example --broker 192.0.2.7:8883

Any broker will do, over TCP, WebSocket (--ws), TLS (--cafile or --insecure) or both. With --pid, of
a process on this machine, the broker's CPU time and memory are counted as well.
`surewire bench SCENARIO --help` tells the flags of a scenario.

Exit codes: 0 each message arrived once and in order, and no session was forgotten; 1 not so;
2 there was no measurement, stderr says why.";

/// Put load on a broker, check what arrives, and tell how fast it was and what it cost.
#[derive(Clone, Debug, clap::Args)]
#[command(after_help = NOTES)]
pub struct Args {
    #[command(flatten)]
    load: cli::Args,
}

/// Runs the command.
#[must_use]
pub fn run(args: &Args) -> ExitCode {
    let report = match cli::run(&args.load) {
        Ok(report) => report,
        Err(error) => {
            words::say(format_args!("error: {error}"));
            return ExitCode::from(EXIT_NOT_MEASURED);
        }
    };
    match writeln!(io::stdout(), "{report}") {
        // Whoever stopped reading has enough.
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            words::say(format_args!("error: cannot write to the standard output: {error}"));
            ExitCode::from(EXIT_NOT_MEASURED)
        }
        Ok(()) | Err(_) if report.is_clean() => ExitCode::SUCCESS,
        Ok(()) | Err(_) => ExitCode::from(EXIT_NOT_CLEAN),
    }
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use super::*;
    use clap::Parser;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        args: Args,
    }

    #[test]
    fn a_broker_that_is_not_there_is_no_measurement() {
        let closed = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string();
        let line = ["bench", "pairs", "--clients", "1", "--messages", "1", "--broker", &closed];
        let Line { args } = Line::try_parse_from(line).unwrap();
        assert_eq!(run(&args), ExitCode::from(EXIT_NOT_MEASURED));
    }

    #[test]
    fn a_scenario_is_needed() {
        for line in [vec!["bench"], vec!["bench", "nonsense"]] {
            assert!(Line::try_parse_from(line).is_err());
        }
    }
}
