//! More connections than there may be.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::atomic::{AtomicUsize, Ordering};

use surewire_engine::config::Config as EngineConfig;
use surewire_server::settings::Settings;

use crate::broker::{Broker, connect_bytes, plain, read_to_end, tcp};

const LIMIT: usize = 20;
const THREADS: usize = 8;

fn accepted(stream: &mut TcpStream, id: &str) -> bool {
    let mut answer = [0; 4];
    let sent = stream.write_all(&connect_bytes(id));
    sent.is_ok() && stream.read_exact(&mut answer).is_ok() && answer == [0x20, 2, 0, 0]
}

// A count that drifted under churn: too many in the end, or none at all any more.
#[test]
fn the_limit_of_connections_is_exact_under_churn() {
    let engine = EngineConfig { max_connections: LIMIT, ..EngineConfig::default() };
    let broker = Broker::start(Settings { engine, ..plain() });
    let (address, most) = (broker.address(), AtomicUsize::new(0));
    let now = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        for thread in 0..THREADS {
            let (most, now) = (&most, &now);
            scope.spawn(move || {
                for round in 0..40 {
                    let mut held = Vec::new();
                    for n in 0..5 {
                        let mut stream = tcp(address);
                        if accepted(&mut stream, &format!("{thread}-{round}-{n}")) {
                            most.fetch_max(
                                now.fetch_add(1, Ordering::SeqCst) + 1,
                                Ordering::SeqCst,
                            );
                            held.push(stream);
                        }
                    }
                    for mut stream in held {
                        // Counted as gone before the broker can know of it: never too few.
                        now.fetch_sub(1, Ordering::SeqCst);
                        if round % 2 == 0 {
                            let _ = stream.write_all(&[0xE0, 0]);
                            read_to_end(&mut stream);
                        }
                    }
                }
            });
        }
    });
    let most = most.load(Ordering::SeqCst);
    assert!(most <= LIMIT, "{most} at a time");
    assert!(most > LIMIT / 2, "{most} at a time: the limit was never tried");
    // And afterwards exactly as many as before, one after another and not one more.
    let mut held = Vec::new();
    while held.len() < LIMIT {
        let mut stream = tcp(address);
        // Those of before may take a moment to be gone.
        if accepted(&mut stream, &format!("last{}", held.len())) {
            held.push(stream);
        }
    }
    for n in 0..10 {
        assert!(!accepted(&mut tcp(address), &format!("more{n}")), "one too many");
    }
    for stream in &mut held {
        stream.write_all(&[0xC0, 0]).unwrap();
        let mut answer = [0; 2];
        stream.read_exact(&mut answer).unwrap();
        assert_eq!(answer, [0xD0, 0]);
    }
}
