//! WebSocket frames that mean harm (RFC 6455), before CONNECT and after it.

use std::io::{Read, Write};
use std::net::TcpStream;

use surewire_server::settings::Carrier;

use crate::broker::{Broker, connect_bytes, plain, read_to_end, tcp};

const MASK: [u8; 4] = [0; 4];

fn start() -> Broker {
    let mut settings = plain();
    settings.listeners[0].protocol = Carrier::WebSocket;
    Broker::start(settings)
}

/// An upgrade with these further headers; the head of the answer.
fn upgrade(broker: &Broker, headers: &str) -> (TcpStream, String) {
    let mut stream = tcp(broker.address());
    let request = format!(
        "GET /mqtt HTTP/1.1\r\nHost: h\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n{headers}\r\n"
    );
    let _ = stream.write_all(request.as_bytes());
    let mut head = Vec::new();
    let mut byte = [0];
    while !head.ends_with(b"\r\n\r\n") && matches!(stream.read(&mut byte), Ok(1)) {
        head.extend(byte);
    }
    (stream, String::from_utf8_lossy(&head).to_lowercase())
}

fn open(broker: &Broker, connected: bool) -> TcpStream {
    let (mut stream, head) = upgrade(broker, "Sec-WebSocket-Protocol: mqtt\r\n");
    assert!(head.starts_with("http/1.1 101"), "{head}");
    if connected {
        stream.write_all(&frame(0x82, &connect_bytes("c"))).unwrap();
        let mut answer = [0; 6];
        stream.read_exact(&mut answer).unwrap();
        assert_eq!(answer, [0x82, 4, 0x20, 2, 0, 0]);
    }
    stream
}

/// A masked frame.
fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
    let mut bytes = vec![first];
    match u8::try_from(payload.len()) {
        Ok(length @ ..=125) => bytes.push(0x80 | length),
        _ => {
            bytes.push(0x80 | 126);
            bytes.extend(u16::try_from(payload.len()).unwrap().to_be_bytes());
        }
    }
    bytes.extend(MASK);
    bytes.extend(payload);
    bytes
}

// Lengths and masks that lie, and frames that have no place where they are.
#[test]
fn cve_2026_25627_a_frame_that_is_none_ends_its_connection_alone() {
    let broker = start();
    let mut witness = open(&broker, false);
    witness.write_all(&frame(0x82, &connect_bytes("witness"))).unwrap();
    witness.read_exact(&mut [0; 6]).unwrap();
    let huge = |length: u64| [&[0x82, 0xFF], &length.to_be_bytes()[..], &MASK].concat();
    let attacks: [(&str, Vec<u8>); 14] = [
        ("without a mask", vec![0x82, 2, 0xC0, 0]),
        ("2^63 bytes", huge(1 << 63)),
        ("2^64 - 1 bytes", huge(u64::MAX)),
        ("2^32 bytes", huge(1 << 32)),
        ("a reserved bit", frame(0xA2, &[0xC0, 0])),
        ("compressed", frame(0xC2, &[0xC0, 0])),
        ("a reserved opcode", frame(0x83, &[0xC0, 0])),
        ("a reserved control opcode", frame(0x8B, &[])),
        ("a rest without a beginning", frame(0x80, &[0xC0, 0])),
        ("a beginning in the middle", [frame(0x02, &[0xC0]), frame(0x82, &[0])].concat()),
        ("a ping in fragments", frame(0x09, b"x")),
        ("a ping of 126 bytes", frame(0x89, &[0; 126])),
        ("a close of one byte", frame(0x88, &[3])),
        ("text", frame(0x81, b"\xC0\0")),
    ];
    for (what, bytes) in attacks {
        for connected in [false, true] {
            let mut stream = open(&broker, connected);
            // The broker may have ended it before all of it was sent.
            let _ = stream.write_all(&bytes);
            let answer = read_to_end(&mut stream);
            // A Close frame at most, and nothing of MQTT.
            assert!(answer.is_empty() || answer[0] == 0x88, "{what}: {answer:02x?}");
        }
    }
    witness.write_all(&frame(0x82, &[0xC0, 0])).unwrap();
    let mut answer = [0; 4];
    witness.read_exact(&mut answer).unwrap();
    assert_eq!(answer, [0x82, 2, 0xD0, 0]);
}

// A few bytes that unfold into gigabytes.
#[test]
fn cve_2026_27571_compression_is_never_agreed_on() {
    let broker = start();
    for offer in [
        "permessage-deflate",
        "permessage-deflate; client_max_window_bits; server_max_window_bits=15",
        "x-webkit-deflate-frame, permessage-bzip2",
    ] {
        let (_, head) = upgrade(&broker, &format!("Sec-WebSocket-Extensions: {offer}\r\n"));
        assert!(head.starts_with("http/1.1 101"), "{head}");
        assert!(!head.contains("extensions"), "{head}");
    }
}

// A message without end in fragments of one byte, before CONNECT: more than a CONNECT may have.
#[test]
fn fragments_without_end_are_ended_by_their_sum() {
    let broker = start();
    let mut stream = open(&broker, false);
    let mut bytes = frame(0x02, &[0x10]);
    for _ in 0..70_000 {
        bytes.extend(frame(0x00, &[0x80]));
    }
    let _ = stream.write_all(&bytes);
    let answer = read_to_end(&mut stream);
    assert!(answer.is_empty() || answer[0] == 0x88, "{answer:02x?}");
}

// Pings faster than they are read: only the newest needs an answer.
#[test]
fn pings_without_end_do_not_pile_up_and_the_client_goes_on() {
    let broker = start();
    let mut stream = open(&broker, true);
    let pings = frame(0x89, &[7; 125]).repeat(1_000);
    let mut reader = stream.try_clone().unwrap();
    let sender = std::thread::spawn(move || {
        for _ in 0..50 {
            stream.write_all(&pings).unwrap();
        }
        stream.write_all(&frame(0x82, &[0xC0, 0])).unwrap();
    });
    // Every answer is a Pong, and the last thing is the answer to PINGREQ.
    let mut last = Vec::new();
    loop {
        let mut head = [0; 2];
        reader.read_exact(&mut head).unwrap();
        let mut payload = vec![0; usize::from(head[1])];
        reader.read_exact(&mut payload).unwrap();
        match head[0] {
            0x8A => assert_eq!(payload, [7; 125]),
            0x82 => {
                last.extend(payload);
                break;
            }
            other => panic!("a frame {other:02x}"),
        }
    }
    assert_eq!(last, [0xD0, 0]);
    sender.join().unwrap();
}

// Headers without end.
#[test]
fn an_upgrade_with_endless_headers_is_refused() {
    let broker = start();
    for headers in ["X-Long: x\r\n".repeat(10_000), format!("X: {}\r\n", "x".repeat(1 << 20))] {
        let (mut stream, head) = upgrade(&broker, &headers);
        assert!(!head.starts_with("http/1.1 101"), "{head}");
        read_to_end(&mut stream);
    }
    open(&broker, true);
}
