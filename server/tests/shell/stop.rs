//! A stop ends everything that was promised, whatever clients do.

use std::collections::BTreeMap;
use std::net::TcpStream;

use surewire_server::settings::{HttpSettings, Settings};

use crate::broker::{Broker, plain, publish_bytes, subscribe_bytes};

// contract: section 7
#[test]
fn a_stop_closes_connections_and_the_listener_and_returns() {
    let mut broker = Broker::start(plain());
    let mut connected = broker.client("connected");
    let mut silent = broker.connect();
    broker.ask_to_stop();
    connected.expect_end();
    silent.expect_end();
    drop((connected, silent));
    let address = broker.address();
    broker.stop().unwrap();
    assert!(TcpStream::connect(address).is_err(), "the listener is still open");
}

// contract: section 7
#[test]
fn a_stop_closes_the_interface_as_well() {
    let address = "127.0.0.1:0".parse().unwrap();
    let accounts = BTreeMap::default();
    let http = Some(HttpSettings { address, accounts, metrics_open: false });
    let broker = Broker::start(Settings { http, ..plain() });
    let addresses = [broker.addresses()[0], broker.http()];
    for address in addresses {
        assert!(TcpStream::connect(address).is_ok(), "{address} is not open");
    }
    broker.stop().unwrap();
    for address in addresses {
        assert!(TcpStream::connect(address).is_err(), "{address} is still open");
    }
}

// contract: section 7
#[test]
fn clients_that_neither_read_nor_close_do_not_keep_the_broker() {
    let broker = Broker::start(plain());
    let mut deaf = broker.client("deaf");
    deaf.send(&subscribe_bytes(1, "t", 0));
    deaf.expect(&[0x90, 3, 0, 1, 0]);
    let mut publisher = broker.client("publisher");
    for _ in 0..100 {
        publisher.send(&publish_bytes("t", &[0; 100_000]));
    }
    publisher.send(&[0xC0, 0]);
    publisher.expect(&[0xD0, 0]);
    // Both sockets stay open and unread until the broker has returned.
    broker.stop().unwrap();
}

#[test]
fn what_was_answered_before_the_stop_arrives() {
    let mut broker = Broker::start(plain());
    let mut client = broker.client("c");
    for _ in 0..100 {
        client.send(&[0xC0, 0]);
    }
    client.expect(&[0xD0, 0]);
    broker.ask_to_stop();
    // The answers that follow, if any, come before the end and whole.
    loop {
        let mut part = [0; 1];
        match std::io::Read::read(&mut client.stream, &mut part) {
            Ok(0) => break,
            Ok(_) => assert!(part == [0xD0] || part == [0]),
            Err(error) => panic!("{error}"),
        }
    }
}
