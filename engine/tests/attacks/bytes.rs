//! Bytes on the wire that mean harm.

use bytes::Bytes;
use surewire_engine::codec::{self, Limits};
use surewire_engine::config::Config;
use surewire_engine::notice::CloseReason;
use surewire_engine::packet::{Connect, Version};
use surewire_engine::violation::Violation;

use crate::support::raw::{CLEAN, connect_as, connect_packet, field, packet, publish_packet};
use crate::support::{Bench, Client, LIMITS, connect, connect5};

/// Clients of 3.1.1 and of 5.0 that are accepted.
fn accepted(bench: &Bench) -> [Client; 2] {
    [bench.connect("old"), bench.connect5("new")]
}

/// What the decoder makes of whole packets, one at least.
fn decode(version: Version, bytes: &[u8]) -> Result<(), Violation> {
    let len = codec::frame_len(bytes, LIMITS.max_packet_size)?.expect("a whole packet");
    codec::decode(version, Bytes::copy_from_slice(&bytes[..len]), &LIMITS).map(|_| ())
}

// A read beyond the buffer after a fifth continuation byte; the same mistake twice in another broker
// (CVE-2025-66168, CVE-2026-40046).
#[test]
fn cve_2026_21888_a_variable_byte_integer_has_four_bytes_at_most() {
    for fifth in 0..=u8::MAX {
        let five = [0x30, 0xFF, 0xFF, 0xFF, 0xFF, fifth];
        assert_eq!(codec::frame_len(&five, usize::MAX), Err(Violation::VariableByteInteger));
        // The length of the properties, and a Subscription Identifier.
        let long = [0xFF, 0xFF, 0xFF, 0xFF, fifth];
        let publish = packet(0x30, &[&field("t"), &long, &[0; 20]]);
        assert_eq!(decode(Version::V5, &publish), Err(Violation::VariableByteInteger));
        let subscribe = packet(0x82, &[&[0, 1, 6, 0x0B], &long, &field("t"), &[0]]);
        assert_eq!(decode(Version::V5, &subscribe), Err(Violation::VariableByteInteger));
    }
}

// A length inside a packet that goes beyond it, or a packet that is shorter than its fields: reads out
// of bounds and panics elsewhere.
#[test]
fn cve_2026_25627_a_length_that_lies_is_refused() {
    let good = [
        (Version::V3_1_1, packet(0x32, &[&field("a/b"), &[0, 1], b"x"])),
        (Version::V5, packet(0x32, &[&field("a/b"), &[0, 1], &[0], b"x"])),
        (Version::V3_1_1, packet(0x82, &[&[0, 1], &field("a"), &[0]])),
        (Version::V5, packet(0x82, &[&[0, 1], &[0], &field("a"), &[0]])),
        (Version::V3_1_1, packet(0xA2, &[&[0, 1], &field("a")])),
        (Version::V5, packet(0xA2, &[&[0, 1], &[0], &field("a")])),
    ];
    for (version, good) in good {
        decode(version, &good).unwrap();
        // Where the first text field has its length, both bytes, and all that they can say wrongly.
        let at = good.windows(3).position(|three| three[..2] == [0, 3] || three == [0, 1, b'a']);
        let at = at.unwrap();
        let right = u16::from_be_bytes([good[at], good[at + 1]]);
        for wrong in (0..=u16::MAX).filter(|wrong| *wrong > right + 4) {
            let mut bad = good.clone();
            bad[at..at + 2].copy_from_slice(&wrong.to_be_bytes());
            assert_eq!(decode(version, &bad), Err(Violation::Truncated), "{bad:02x?}");
        }
        // A packet that ends at each of its bytes.
        for end in 2..good.len() {
            let mut bad = good[..end].to_vec();
            bad[1] = u8::try_from(end - 2).unwrap();
            // Only a payload may be shorter: then it is another packet, and no worse for it.
            let is_payload = end >= good.len() - 1 && good[0] == 0x32;
            assert!(decode(version, &bad).is_err() || is_payload, "{bad:02x?}");
        }
    }
}

// The claim alone must not cost memory: a packet beyond the limit is refused before it is there.
#[test]
fn a_claimed_length_is_refused_by_its_head_alone() {
    for claimed in [LIMITS.max_packet_size + 1, 1 << 24, 268_435_455] {
        let mut head = vec![0x30];
        let mut left = claimed;
        while left >= 128 {
            head.push(u8::try_from(left % 128).unwrap() | 0x80);
            left /= 128;
        }
        head.push(u8::try_from(left).unwrap());
        let bench = Bench::new();
        for client in accepted(&bench) {
            client.raw(&head);
            let closed = client.closed();
            let Some(CloseReason::Violation(Violation::PacketTooLarge { size, .. })) = closed
            else {
                panic!("{closed:?}")
            };
            assert_eq!(size, claimed + head.len());
        }
    }
}

#[test]
fn cve_2021_34432_an_empty_topic_is_nobodys() {
    let bench = Bench::new();
    let watcher = bench.connect("watcher");
    watcher.subscribe("#", 0);
    let [old, new] = accepted(&bench);
    old.raw(&publish_packet("", b"x"));
    assert_eq!(old.closed(), Some(CloseReason::Violation(Violation::EmptyTopic)));
    new.raw(&packet(0x30, &[&field(""), &[0], b"x"]));
    new.expect_disconnect(0x82);
    // A Will without a topic, by both versions.
    let will = [field("c"), field(""), field("gone")].concat();
    for bytes in [
        packet(0x10, &[&field("MQTT"), &[4, CLEAN | 4, 0, 0], &will]),
        packet(0x10, &[&field("MQTT"), &[5, CLEAN | 4, 0, 0, 0], &field("c"), &[0], &will[3..]]),
    ] {
        let client = bench.dial();
        client.raw(&bytes);
        assert_eq!(client.closed(), Some(CloseReason::Refused), "{bytes:02x?}");
    }
    assert_eq!(watcher.messages(), [""; 0]);
    watcher.ping();
}

// A CONNACK from a client was a null dereference elsewhere.
#[test]
fn cve_2021_28166_what_only_a_server_sends_ends_the_connection() {
    let from_server: [&[u8]; 6] = [
        &[0x20, 2, 0, 0],
        &[0x20, 3, 0, 0, 0],
        &[0x90, 3, 0, 1, 0],
        &[0xB0, 2, 0, 1],
        &[0xD0, 0],
        &[0x00, 0],
    ];
    for bytes in from_server {
        let bench = Bench::new();
        // As the first packet, and on an accepted connection of each version.
        let stranger = bench.dial();
        stranger.raw(bytes);
        assert!(!stranger.is_open() && stranger.take().is_empty(), "{bytes:02x?}");
        for client in accepted(&bench) {
            client.raw(bytes);
            assert!(!client.is_open(), "{bytes:02x?}");
        }
    }
}

#[test]
fn every_type_as_the_first_packet_but_connect_is_met_with_silence() {
    for kind in (0_u8..16).filter(|kind| *kind != 1) {
        for flags in 0..16 {
            let client = Bench::new().dial();
            client.raw(&[kind << 4 | flags, 2, 0, 0]);
            client.expect_silent_close();
        }
    }
}

// AUTH where no method was agreed on.
#[test]
fn an_auth_that_nobody_asked_for_ends_the_connection() {
    for body in [&[][..], &[0x18], &[0x18, 0], &[0x19, 4, 0x15, 0, 1, b'm'], &[0x99]] {
        let bench = Bench::new();
        for client in accepted(&bench) {
            client.raw(&packet(0xF0, &[body]));
            assert!(!client.is_open(), "{body:02x?}");
        }
    }
}

// Time that grows with the square of the properties. What is behind the limit is not even looked at.
#[test]
fn cve_2021_41039_user_properties_are_counted_before_they_are_read() {
    let limits = Limits { max_user_properties: 64, ..LIMITS };
    let pair: &[u8] = b"\x26\x00\x00\x00\x00";
    let publish = |count: usize, behind: &[u8]| {
        let properties = [pair.repeat(count), behind.to_vec()].concat();
        let len = properties.len();
        let length = [u8::try_from(len % 128).unwrap() | 0x80, u8::try_from(len / 128).unwrap()];
        Bytes::from(packet(0x30, &[&field("t"), &length, &properties]))
    };
    codec::decode(Version::V5, publish(64, b""), &limits).unwrap();
    for behind in [&b""[..], b"\xFF\xFF\xFF"] {
        let refused = codec::decode(Version::V5, publish(65, behind), &limits).unwrap_err();
        assert!(format!("{refused}").contains("User Propert"), "{refused}");
    }
}

// A property that may come once, twice: the first one leaked elsewhere.
#[test]
fn cve_2021_34431_a_property_twice_is_refused() {
    let once: [&[u8]; 5] = [
        b"\x01\x01",
        b"\x02\x00\x00\x00\x09",
        b"\x03\x00\x01c",
        b"\x08\x00\x01r",
        b"\x09\x00\x01d",
    ];
    for property in once {
        let publish = |times: usize| {
            let properties = property.repeat(times);
            let len = u8::try_from(properties.len()).unwrap();
            packet(0x30, &[&field("t"), &[len], &properties, b"x"])
        };
        decode(Version::V5, &publish(1)).unwrap();
        assert!(decode(Version::V5, &publish(2)).is_err(), "{property:02x?}");
        let bench = Bench::new();
        let client = bench.connect5("c");
        client.raw(&publish(2));
        client.expect_disconnect(0x82);
    }
}

// Text that is none, or U+0000, forwarded to clients that are stricter than the broker.
#[test]
fn cve_2017_7653_ill_formed_text_reaches_nobody() {
    let bad: [&[u8]; 6] =
        [b"a\xFF", b"a\xC0\x80", b"a\xED\xA0\x80", b"a\xF4\x90\x80\x80", b"a\xE2\x82", b"a\0"];
    for text in bad {
        let bench = Bench::new();
        let watcher = bench.connect("watcher");
        watcher.subscribe("#", 0);
        for bytes in [
            publish_packet(text, b"x"),
            packet(0x82, &[&[0, 1], &field(text), &[0]]),
            packet(0xA2, &[&[0, 1], &field(text)]),
        ] {
            let client = bench.connect("c");
            client.raw(&bytes);
            assert!(!client.is_open(), "{bytes:02x?}");
        }
        for payload in [
            &[text][..],
            &[b"c", text, b"gone"],
            &[b"c", b"will", b"gone", text],
            &[b"c", b"will", b"gone", b"user", text],
        ] {
            let flags = [CLEAN, CLEAN | 4, CLEAN | 0x84, CLEAN | 0xC4];
            let flags = flags[payload.len().saturating_sub(2).min(3)];
            let client = bench.dial();
            client.raw(&connect_packet(flags, payload));
            // A password is data: any bytes will do.
            let is_password = payload.len() == 5;
            assert_eq!(client.is_open(), is_password, "{payload:02x?}");
        }
        watcher.ping();
    }
}

// Names that clear a terminal or forge a line, where that is turned off.
#[test]
fn control_characters_are_refused_in_every_name_on_demand() {
    let limits = Limits { reject_control_chars: true, ..LIMITS };
    for control in ["\u{1}", "\u{7}", "\n", "\u{1b}", "\u{7f}", "\u{9f}"] {
        let name = format!("a{control}b");
        let packets = [
            publish_packet(&name, b"x"),
            packet(0x82, &[&[0, 1], &field(&name), &[0]]),
            packet(0xA2, &[&[0, 1], &field(&name)]),
        ];
        for bytes in packets {
            let refused = codec::decode(Version::V3_1_1, bytes.into(), &limits);
            assert_eq!(refused.unwrap_err(), Violation::ControlCharacter, "{control:?}");
        }
        for payload in [&[&name[..]][..], &["c", &name, "gone"], &["c", "w", "gone", &name]] {
            let flags = [CLEAN, CLEAN | 4, CLEAN | 0x84][payload.len().saturating_sub(2)];
            let payload: Vec<_> = payload.iter().map(|text| text.as_bytes()).collect();
            let connect = connect_packet(flags, &payload);
            let refused = codec::decode_connect(connect.into(), &limits).unwrap_err();
            assert_eq!(refused.violation, Violation::ControlCharacter, "{control:?}");
        }
    }
}

#[test]
fn a_packet_identifier_of_0_ends_the_connection() {
    for bytes in [
        packet(0x32, &[&field("t"), &[0, 0], b"x"]),
        packet(0x34, &[&field("t"), &[0, 0], b"x"]),
        packet(0x40, &[&[0, 0]]),
        packet(0x50, &[&[0, 0]]),
        packet(0x62, &[&[0, 0]]),
        packet(0x70, &[&[0, 0]]),
        packet(0x82, &[&[0, 0], &field("t"), &[0]]),
        packet(0xA2, &[&[0, 0], &field("t")]),
    ] {
        let client = Bench::new().connect("c");
        client.raw(&bytes);
        let closed = client.closed();
        let expected = Some(CloseReason::Violation(Violation::PacketIdZero));
        assert_eq!(closed, expected, "{bytes:02x?}");
    }
}

// No name, no password, an empty one: each was let in, or crashed, somewhere.
#[test]
fn cve_2026_32696_who_leaves_name_or_password_out_is_nobody() {
    let rows: [(u8, u8, &[&[u8]]); 6] = [
        (4, CLEAN, &[b"c"]),
        (4, CLEAN | 0x80, &[b"c", b""]),
        (4, CLEAN | 0x80, &[b"c", b"admin"]),
        (4, CLEAN | 0xC0, &[b"c", b"admin", b""]),
        (4, CLEAN | 0xC0, &[b"c", b"", b""]),
        (3, CLEAN | 0x80, &[b"c"]),
    ];
    for (level, flags, payload) in rows {
        let name = if level == 3 { "MQIsdp" } else { "MQTT" };
        let bytes = connect_as(name, level, flags, payload);
        // Where nobody unknown may come in, none of them is somebody.
        let bench = Bench::new();
        let client = bench.dial_as(false);
        client.raw(&bytes);
        assert_eq!(client.closed(), Some(CloseReason::Refused), "{bytes:02x?}");
        assert_eq!((bench.sizes().connections, bench.sizes().sessions), (0, 0));
    }
    // A password alone, by each version and on both kinds of listener.
    for anonymous in [false, true] {
        let client = Bench::new().dial_as(anonymous);
        client.raw(&connect_as("MQTT", 4, CLEAN | 0x40, &[b"c", b"secret"]));
        assert!(!client.is_open());
    }
    let client = Bench::new().dial_as(false);
    client.raw(&packet(
        0x10,
        &[&field("MQTT"), &[5, CLEAN | 0x40, 0, 0, 0], &field("c"), &field("p")],
    ));
    assert!(!client.is_open());
}

// Keep Alive 0 or 65,535 on thousands of connections that say nothing.
#[test]
fn cve_2020_13849_no_keep_alive_is_longer_than_the_configuration_has_it() {
    for keep_alive in [0_u16, 61, 65_535] {
        let bench = Bench::with(Config { max_keepalive: Some(60), ..Config::default() });
        let old = bench.open(Connect { keep_alive, ..connect("old") });
        old.expect_connack(false);
        let new = bench.open(Connect { keep_alive, ..connect5("new") });
        let told = new.connack().properties.get().server_keep_alive;
        assert_eq!(told, Some(60), "{keep_alive}");
        bench.advance(std::time::Duration::from_secs(89));
        assert!(old.is_open() && new.is_open(), "{keep_alive}");
        bench.advance(std::time::Duration::from_secs(2));
        assert_eq!(old.closed(), Some(CloseReason::KeepAlive), "{keep_alive}");
        assert_eq!(new.closed(), Some(CloseReason::KeepAlive), "{keep_alive}");
    }
}
