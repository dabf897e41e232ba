//! contract: section 3.1, the three forms of a body, with payloads of any bytes.

use bytes::Bytes;
use surewire_engine::packet::QoS;

use crate::broker::{Broker, Client, subscribe_bytes};
use crate::support::{FORM, JSON, TEXT, client, connect, post, start};

const ANY_BYTES: &[u8] = b"\x00\xff\xfe\r\n--B\r\n&=+%\xc3\x28";

fn subscriber(broker: &Broker) -> Client<std::net::TcpStream> {
    let mut client = client(broker, connect("reader", true));
    client.send(&subscribe_bytes(1, "t/#", 2));
    client.expect(&[0x90, 3, 0, 1, 2]);
    client
}

fn multipart(fields: &[(&str, &[u8])], boundary: &str) -> Vec<u8> {
    let mut body = Vec::new();
    for (name, value) in fields {
        let head =
            format!("--{boundary}\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n");
        body.extend([head.as_bytes(), value, b"\r\n"].concat());
    }
    body.extend(format!("--{boundary}--\r\n").as_bytes());
    body
}

#[test]
fn every_form_brings_the_whole_message() {
    let broker = start("");
    let mut reader = subscriber(&broker);
    let escaped: String = ANY_BYTES.iter().map(|byte| format!("%{byte:02x}")).collect();
    let fields = [("qos", &b"1"[..]), ("topic", b"t/\xc3\xa9"), ("payload", ANY_BYTES)];
    let large = "x".repeat(300_000);
    for (kind, body, payload) in [
        (FORM, format!("topic=t/%C3%A9&payload={escaped}&qos=1").into_bytes(), ANY_BYTES),
        (FORM, format!("qos=1&topic=t/é&payload={large}").into_bytes(), large.as_bytes()),
        (
            "application/x-www-form-urlencoded; charset=UTF-8",
            b"qos=1&topic=t/%c3%a9&payload=a+b%2B".to_vec(),
            b"a b+",
        ),
        ("multipart/form-data; boundary=xyz", multipart(&fields, "xyz"), ANY_BYTES),
        ("Multipart/Form-Data; boundary=\"x y\"", multipart(&fields, "x y"), ANY_BYTES),
        (
            "application/json",
            r#"{"qos": 1, "topic": "t/é", "payload": "a\u0000é\n"}"#.into(),
            "a\0é\n".as_bytes(),
        ),
        (
            "application/json; charset=utf-8",
            r#"{"payload": 1.5, "topic": "t/é", "qos": "1", "more": null}"#.into(),
            b"1.5",
        ),
    ] {
        let answer = post(&broker, "/publish", kind, &body);
        assert_eq!(answer.parts(), (200, Some(JSON), r#"{"code":0,"result":[]}"#), "{kind}");
        assert_eq!(reader.message(), ("t/é".into(), Bytes::copy_from_slice(payload)), "{kind}");
    }
}

#[test]
fn a_body_that_cannot_be_read_has_no_fields() {
    let broker = start("");
    let qos = "invalid Qos,only support qos0 | qos1 | qos2";
    let whole = multipart(&[("qos", b"0"), ("topic", b"t")], "B");
    for (kind, body) in [
        ("text/plain", &b"qos=0&topic=t"[..]),
        ("application/json", b"qos=0&topic=t"),
        ("application/json", br#"{"qos":0,"topic":"t","payload":{"a":1}}"#),
        ("application/json", br#"{"qos":0,"topic":"t"#),
        ("application/json", b"[]"),
        ("multipart/form-data", &whole),
        ("multipart/form-data; boundary=C", &whole),
        ("multipart/form-data; boundary=B", &whole[..whole.len() - 10]),
        (FORM, b""),
    ] {
        let answer = post(&broker, "/publish", kind, body);
        assert_eq!(answer.parts(), (400, Some(TEXT), qos), "{kind} {body:?}");
    }
}

#[test]
fn subscriptions_are_ordered_in_every_form() {
    let broker = start("");
    let fields = |id: &'static [u8]| [("qos", &b"2"[..]), ("topic", b"t/#"), ("clientID", id)];
    for (kind, body) in [
        (FORM, b"qos=2&topic=t/%23&clientID=one%2Fa".to_vec()),
        ("multipart/form-data; boundary=B", multipart(&fields(b"two"), "B")),
        ("application/json", br#"{"qos":2,"topic":"t/#","clientID":"three"}"#.to_vec()),
    ] {
        assert_eq!(post(&broker, "/subscribe", kind, &body).status(), 200, "{kind}");
    }
    for id in ["one/a", "two", "three"] {
        let mut first = client(&broker, connect(id, true));
        let form = format!("qos=2&topic=t/1&payload={id}");
        assert_eq!(post(&broker, "/publish", FORM, form.as_bytes()).status(), 200);
        let packet = first.packet();
        let surewire_engine::packet::Packet::Publish(publish) = packet else {
            panic!("{packet:?}")
        };
        assert_eq!((publish.qos, publish.payload), (QoS::ExactlyOnce, Bytes::from(id)));
    }
}
