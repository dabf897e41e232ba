//! What a packet costs to read and to write.
//!
//! `cargo bench -p surewire-engine --bench codec`

use std::hint::black_box;

use bytes::Bytes;
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use surewire_engine::codec::{self, Limits};
use surewire_engine::packet::Version;

const LIMITS: Limits = Limits {
    max_packet_size: 1024 * 1024,
    max_user_properties: 1_000,
    reject_control_chars: false,
};

const TOPIC: &str = "plant/7/line/3/temperature";

/// Name and bytes of each packet, as an MQTT 3.1.1 client sends it.
fn packets() -> Vec<(&'static str, Vec<u8>)> {
    vec![
        ("publish_qos0_64B", publish(0x30, b"", 64)),
        ("publish_qos1_64B", publish(0x32, b"\x12\x34", 64)),
        ("publish_qos1_16KiB", publish(0x32, b"\x12\x34", 16 * 1024)),
        ("puback", b"\x40\x02\x12\x34".to_vec()),
        ("connect", frame(0x10, b"\x00\x04MQTT\x04\xc2\x00\x3c\x00\x06sensor\x00\x01u\x00\x01p")),
    ]
}

fn publish(first: u8, packet_id: &[u8], payload: usize) -> Vec<u8> {
    let len = u16::try_from(TOPIC.len()).expect("a short topic").to_be_bytes();
    frame(first, &[&len, TOPIC.as_bytes(), packet_id, &vec![7; payload]].concat())
}

fn frame(first: u8, body: &[u8]) -> Vec<u8> {
    let mut bytes = vec![first];
    let mut rest = body.len();
    while rest > 0x7F {
        bytes.push(u8::try_from(rest & 0x7F).expect("seven bits") | 0x80);
        rest >>= 7;
    }
    bytes.push(u8::try_from(rest).expect("seven bits"));
    bytes.extend_from_slice(body);
    bytes
}

/// As the shell reads: the length, a view of the frame, the packet.
fn decode(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("decode");
    for (name, bytes) in packets() {
        let arena = Bytes::from(bytes);
        group.throughput(Throughput::Elements(1));
        group.bench_function(name, |bencher| {
            bencher.iter(|| {
                let len = codec::frame_len(black_box(&arena), LIMITS.max_packet_size);
                let len = len.ok().flatten().expect("a whole frame");
                codec::decode(Version::V3_1_1, arena.slice(..len), &LIMITS)
            });
        });
    }
    group.finish();
}

/// Into a buffer that is reused, as out-buffers are.
fn encode(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("encode");
    for (name, bytes) in packets() {
        let packet = codec::decode(Version::V3_1_1, Bytes::from(bytes), &LIMITS)
            .expect("the packets above are well-formed");
        let mut out = Vec::new();
        group.throughput(Throughput::Elements(1));
        group.bench_function(name, |bencher| {
            bencher.iter(|| {
                out.clear();
                codec::encode(Version::V3_1_1, black_box(&packet), &mut out);
                out.len()
            });
        });
    }
    group.finish();
}

criterion_group!(benches, decode, encode);
criterion_main!(benches);
