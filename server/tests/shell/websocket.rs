//! MQTT over WebSocket (contract section 6).

use std::collections::VecDeque;
use std::io::{self, Read, Write};
use std::net::TcpStream;

use surewire_server::settings::{Carrier, Settings};
use tokio_rustls::rustls::version;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::handshake::client::Response;
use tokio_tungstenite::tungstenite::http::HeaderValue;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_tungstenite::tungstenite::{Message, WebSocket, client};

use crate::broker::{
    Broker, Client, connect_bytes, plain, publish_bytes, read_to_end, subscribe_bytes, tcp,
};
use crate::secure::{certificate, over_tls};

fn settings() -> Settings {
    let mut settings = plain();
    settings.listeners[0].protocol = Carrier::WebSocket;
    settings
}

fn upgrade<S: Read + Write>(
    stream: S,
    path: &str,
    offered: Option<&'static str>,
) -> (WebSocket<S>, Response) {
    let mut request = format!("ws://localhost{path}").into_client_request().unwrap();
    if let Some(offered) = offered {
        let value = HeaderValue::from_static(offered);
        request.headers_mut().insert("Sec-WebSocket-Protocol", value);
    }
    client(request, stream).map_err(|error| error.to_string()).unwrap()
}

fn open(broker: &Broker) -> WebSocket<TcpStream> {
    upgrade(tcp(broker.address()), "/mqtt", Some("mqtt")).0
}

/// Bytes over binary messages, each of at most `cut` bytes.
struct Bytes<S> {
    socket: WebSocket<S>,
    cut: usize,
    rest: VecDeque<u8>,
}

impl<S: Read + Write> Read for Bytes<S> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        while self.rest.is_empty() {
            let message = self.socket.read().map_err(io::Error::other)?;
            if message.is_close() {
                return Ok(0);
            }
            assert!(message.is_binary(), "{message:?}");
            self.rest.extend(message.into_data());
        }
        self.rest.read(buf)
    }
}

impl<S: Read + Write> Write for Bytes<S> {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        let part = &buf[..self.cut.min(buf.len())];
        self.socket.send(Message::binary(part.to_vec())).map_err(io::Error::other)?;
        Ok(part.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn exchange<S: Read + Write>(socket: WebSocket<S>, cut: usize, payload: usize) {
    let mut client = Client::on(Bytes { socket, cut, rest: VecDeque::new() });
    let mut stream = connect_bytes("c");
    stream.extend(subscribe_bytes(1, "t", 0));
    stream.extend(publish_bytes("t", &vec![5; payload]));
    stream.extend([0xC0, 0]);
    client.send(&stream);
    client.expect(&[0x20, 2, 0, 0]);
    client.expect(&[0x90, 3, 0, 1, 0]);
    assert_eq!(client.message().1, vec![5; payload]);
    client.expect(&[0xD0, 0]);
    client.send(&[0xE0, 0]);
    client.expect_end();
}

// conformance: v3.1.1 MQTT-6.0.0-2, v5 MQTT-6.0.0-2
#[test]
fn frame_borders_mean_nothing() {
    let broker = Broker::start(settings());
    // One byte a frame; a frame that ends inside packets; all packets in one frame.
    for cut in [1, 7, usize::MAX] {
        exchange(open(&broker), cut, 200);
    }
    exchange(open(&broker), 4_096, 1_000_000);
    exchange(open(&broker), usize::MAX, 60_000);
}

// conformance: v3.1.1 MQTT-6.0.0-1, v5 MQTT-6.0.0-1
#[test]
fn a_text_frame_closes_with_1003() {
    let broker = Broker::start(settings());
    for connected in [false, true] {
        let mut socket = open(&broker);
        if connected {
            socket.send(Message::binary(connect_bytes("c"))).unwrap();
            assert_eq!(socket.read().unwrap(), Message::binary(vec![0x20, 2, 0, 0]));
        }
        socket.send(Message::text("hello")).unwrap();
        let answer = socket.read().unwrap();
        let Message::Close(Some(frame)) = answer else { panic!("{answer:?}") };
        assert_eq!(frame.code, CloseCode::Unsupported);
    }
}

// conformance: v3.1.1 MQTT-6.0.0-4, v5 MQTT-6.0.0-4
#[test]
fn the_first_subprotocol_that_is_known_is_selected_and_none_is_accepted() {
    let broker = Broker::start(settings());
    let rows = [
        (Some("mqtt"), Some("mqtt")),
        (Some("mqttv3.1"), Some("mqttv3.1")),
        (Some("mqttv3.1, mqtt"), Some("mqttv3.1")),
        (Some("chat,mqtt"), Some("mqtt")),
        (None, None),
    ];
    for (offered, selected) in rows {
        let (_, response) = upgrade(tcp(broker.address()), "/any/path", offered);
        let header = response.headers().get("Sec-WebSocket-Protocol");
        assert_eq!(header.map(|value| value.to_str().unwrap()), selected, "{offered:?}");
    }
}

#[test]
fn a_ping_is_answered_before_and_after_connect() {
    let broker = Broker::start(settings());
    let mut socket = open(&broker);
    socket.send(Message::Ping("one".into())).unwrap();
    assert_eq!(socket.read().unwrap(), Message::Pong("one".into()));
    socket.send(Message::binary(connect_bytes("c"))).unwrap();
    assert_eq!(socket.read().unwrap(), Message::binary(vec![0x20, 2, 0, 0]));
    socket.send(Message::Ping("two".into())).unwrap();
    assert_eq!(socket.read().unwrap(), Message::Pong("two".into()));
}

#[test]
fn a_close_frame_is_answered_at_once_and_the_will_goes_out() {
    let broker = Broker::start(settings());
    let mut watcher = Client::on(Bytes { socket: open(&broker), cut: 99, rest: VecDeque::new() });
    let mut stream = connect_bytes("watcher");
    stream.extend(subscribe_bytes(1, "will", 0));
    watcher.send(&stream);
    watcher.expect(&[0x20, 2, 0, 0, 0x90, 3, 0, 1, 0]);

    let mut mortal = open(&broker);
    let mut connect = vec![0x10, 25, 0, 4, b'M', b'Q', b'T', b'T', 4, 6, 0, 0, 0, 1, b'm'];
    connect.extend([0, 4, b'w', b'i', b'l', b'l', 0, 4, b'g', b'o', b'n', b'e']);
    mortal.send(Message::binary(connect)).unwrap();
    assert_eq!(mortal.read().unwrap(), Message::binary(vec![0x20, 2, 0, 0]));
    mortal.close(None).unwrap();
    assert!(matches!(mortal.read(), Ok(Message::Close(_))));
    assert_eq!(watcher.message(), ("will".into(), "gone".into()));
}

#[test]
fn a_frame_beyond_64_kib_is_refused_before_connect() {
    let broker = Broker::start(settings());
    let mut stream = open(&broker);
    // A masked binary frame that claims 1 MiB, and nothing of it.
    let head = [0x82, 0xFF, 0, 0, 0, 0, 0, 0x10, 0, 0, 0, 0, 0, 0];
    stream.get_mut().write_all(&head).unwrap();
    read_to_end(stream.get_mut());
}

// Found by the simulation (`coalesced`): what followed was read as if the frame had been taken.
#[test]
fn a_peer_can_send_a_frame_that_is_too_large_and_need_not_hear_why_before() {
    let broker = Broker::start(settings());
    let mut stream = open(&broker);
    // Of 100,000 bytes that are claimed the first 60,000.
    let mut bytes = vec![0x82, 0xFF, 0, 0, 0, 0, 0, 1, 0x86, 0xA0, 0, 0, 0, 0];
    bytes.resize(60_000, 0);
    stream.get_mut().write_all(&bytes).unwrap();
    let mut heard = Vec::new();
    stream.get_mut().read_to_end(&mut heard).unwrap();
    assert_eq!(heard.first(), Some(&0x88), "no Close frame in {heard:02x?}");
}

#[test]
fn websocket_over_tls_carries_mqtt() {
    let certificate = certificate();
    let mut settings = settings();
    settings.listeners[0].tls = Some(certificate.files.clone());
    let broker = Broker::start(settings);
    let stream = over_tls(&broker, &certificate, &version::TLS13);
    exchange(upgrade(stream, "/", Some("mqtt")).0, 1_000, 100_000);
}
