//! contract: section 7, and what the other signals do.

use std::io::Write;
use std::net::TcpStream;
use std::time::Duration;

use rustix::process::Signal;

use crate::broker::{Broker, MQTT, WEBSOCKET, certificate};

/// What the contract allows a stop to take.
const STOP: Duration = Duration::from_secs(10);

fn connect(broker: &Broker, listener: usize, first: &[u8]) -> TcpStream {
    let mut stream = TcpStream::connect(broker.addresses[listener]).unwrap();
    stream.write_all(first).unwrap();
    stream
}

// contract: section 7
#[test]
fn both_signals_stop_it_whatever_is_connected() {
    for signal in [Signal::TERM, Signal::INT] {
        let directory = tempfile::tempdir().unwrap();
        certificate(directory.path(), "own");
        let tls = "{protocol: mqtt, addr: '127.0.0.1:0', certfile: own.pem, keyfile: own.key}";
        let broker = Broker::start_in(directory, &[MQTT, WEBSOCKET, tls], "");
        let _idle = connect(&broker, 0, b"");
        // A CONNECT, an upgrade and a ClientHello of which the end is missing.
        let _half = connect(&broker, 0, &[0x10, 20, 0, 4, b'M']);
        let _upgrade = connect(&broker, 1, b"GET /mqtt HTTP/1.1\r\nHost: a\r\n");
        let _hello = connect(&broker, 2, &[0x16, 3, 1, 2, 0, 1]);
        let client = broker.subscriber(&["-t", "t", "-i", "kept", "-c"]);
        broker.program.signal(signal);
        let ended = broker.program.end_within(STOP);
        assert_eq!(ended.status.code(), Some(0), "{ended:?}");
        assert!(ended.stderr.contains("stopping connections=5"), "{}", ended.stderr);
        assert!(ended.stderr.trim_end().ends_with("stopped panics=0"), "{}", ended.stderr);
        drop(client);
    }
}

/// A client that reads nothing, for which much is on its way.
fn deaf(broker: &Broker) -> TcpStream {
    let subscribe = [0x82, 6, 0, 1, 0, 1, b't', 0];
    let connect_packet = [0x10, 13, 0, 4, b'M', b'Q', b'T', b'T', 4, 2, 0, 0, 0, 1, b'd'];
    let stream = connect(broker, 0, &[&connect_packet[..], &subscribe].concat());
    std::io::Read::read_exact(&mut &stream, &mut [0; 9]).unwrap();
    std::fs::write(broker.path().join("large"), vec![0; 1 << 20]).unwrap();
    for _ in 0..8 {
        broker.publish(&["-t", "t", "-f", "large", "-q", "1"]);
    }
    stream
}

// contract: section 1, a second signal
#[test]
fn a_second_signal_ends_it_at_once() {
    for second in [Signal::TERM, Signal::INT] {
        let mut broker = Broker::plain();
        let _deaf = deaf(&broker);
        broker.program.signal(Signal::TERM);
        broker.program.line("stopping");
        broker.program.signal(second);
        let ended = broker.program.end();
        // The graceful stop, for which the client that reads nothing gives seconds of time, would
        // have ended with 0 and a line.
        assert_eq!(ended.status.code(), Some(1), "{ended:?}");
        assert!(!ended.stderr.contains("stopped panics"), "{ended:?}");
    }
}

#[test]
fn usr1_prints_the_histograms_each_time() {
    let mut broker = Broker::plain();
    // It serves, so it knows the signal.
    broker.publish(&["-t", "t", "-m", "m", "-q", "1"]);
    for _ in 0..2 {
        broker.program.signal(Signal::USR1);
        for name in ["lock_wait", "lock_held", "step"] {
            let line = broker.program.line(&format!("histogram {name} unit=ns count="));
            for field in ["p50=", "p99=", "p999=", "max="] {
                assert!(line.contains(field), "{line}");
            }
            assert!(!line.contains("count=0"), "{line}");
        }
    }
    broker.stop();
}
