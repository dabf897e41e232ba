//! `surewire pub` and `surewire sub`: the ways to a broker, and what is said when there is none.

use std::io::Read;
use std::net::{SocketAddr, TcpListener};

use tempfile::tempdir;

use crate::broker::{Broker, MQTT, WEBSOCKET, certificate};
use crate::support::{Program, run, surewire};

#[test]
fn both_commands_come_by_websocket() {
    let broker = Broker::start(&[MQTT, WEBSOCKET], "");
    let subscriber = broker.subscriber_at(1, &["-t", "t", "--ws", "-C", "2"]);
    broker.publish(&["-t", "t", "-m", "tcp", "-q", "1"]);
    let publisher = broker.command_at(1, "pub", &["-t", "t", "-m", "ws", "--ws", "-q", "1"]);
    Program::start(publisher).end().success();
    assert_eq!(subscriber.end().success(), "tcp\nws\n");
}

/// A broker with TLS on TCP and WebSocket; beside it another certificate, `other.pem`.
fn tls_broker() -> Broker {
    let directory = tempdir().unwrap();
    for name in ["own", "other"] {
        certificate(directory.path(), name);
    }
    let tls = |listener: &str| listener.replace("'}", "', certfile: own.pem, keyfile: own.key}");
    Broker::start_in(directory, &[&tls(MQTT), &tls(WEBSOCKET)], "")
}

#[test]
fn both_commands_come_by_tls_on_both_transports() {
    let broker = tls_broker();
    for (listener, ws) in [(0, &[][..]), (1, &["--ws"])] {
        let flags = [&["-t", "t", "--cafile", "own.pem", "-C", "1"], ws].concat();
        let subscriber = broker.subscriber_at(listener, &flags);
        let flags = [&["-t", "t", "--cafile", "own.pem", "-m", "m", "-q", "1"], ws].concat();
        Program::start(broker.command_at(listener, "pub", &flags)).end().success();
        assert_eq!(subscriber.end().success(), "m\n");
    }
}

#[test]
fn a_broker_that_nobody_vouches_for_is_refused() {
    let broker = tls_broker();
    let publish = |flags: &[&str]| {
        let command = broker.command("pub", &[&["-t", "t", "-m", "m", "-q", "1"], flags].concat());
        Program::start(command).end()
    };
    let message = publish(&["--cafile", "other.pem"]).failure(1);
    let address = broker.addresses[0];
    assert!(message.starts_with(&format!("error: TLS with {address} failed: ")), "{message}");
    assert!(message.contains("--cafile has the certificate"), "{message}");
    publish(&["--insecure"]).success();
    let message = publish(&["--cafile", "gone.pem"]).failure(1);
    assert!(message.starts_with("error: cannot read --cafile gone.pem: "), "{message}");
    let message = publish(&[]).failure(1);
    assert!(message.starts_with(&format!("error: {address} answers, but not to CONNECT: ")));
    assert!(message.contains("whether this port expects TLS (--cafile)"), "{message}");
}

/// An address where nobody listens.
fn nowhere() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap()
}

#[test]
fn a_refused_connection_names_host_and_port() {
    let port = nowhere().port().to_string();
    for command in [&["pub", "-m", "m"][..], &["sub"]] {
        let flags = ["-t", "t", "-h", "127.0.0.1", "-p", &port];
        let message = run(&[command, &flags].concat()).failure(1);
        let expected = format!(
            "error: cannot connect to 127.0.0.1:{port}: Connection refused (os error 111); \
             is a broker running there? Check -h and -p\n"
        );
        assert_eq!(message, expected);
        let flags = ["-t", "t", "-h", "localhost", "-p", &port];
        let message = run(&[command, &flags].concat()).failure(1);
        assert!(message.contains(&format!("cannot connect to localhost:{port} (")), "{message}");
    }
}

#[test]
fn a_refusal_is_told_in_the_brokers_own_words() {
    let broker = Broker::start(&[MQTT], "allow_anonymous: false");
    let told = |version: &str| {
        let flags = ["-t", "t", "-V", version];
        Program::start(broker.command("sub", &flags)).end().failure(1)
    };
    let refused = "error: the broker refused the connection: ";
    let (older, newer) = (told("mqttv311"), told("mqttv5"));
    assert!(older.starts_with(refused) && !older.contains("it says"), "{older}");
    let words = "(it says: this listener lets in authenticated clients only)\n";
    assert!(newer.starts_with(refused) && newer.ends_with(words), "{newer}");
}

#[test]
fn a_websocket_where_there_is_none_is_said_in_words() {
    let broker = Broker::plain();
    let message = Program::start(broker.command("sub", &["-t", "t", "--ws"])).end().failure(1);
    let expected = format!("error: the WebSocket handshake with {} failed: ", broker.addresses[0]);
    assert!(message.starts_with(&expected), "{message}");
}

/// Takes one connection, reads its CONNECT and closes it.
fn read_connect(listener: &TcpListener) -> Vec<u8> {
    let (mut stream, _) = listener.accept().unwrap();
    let mut head = [0; 2];
    stream.read_exact(&mut head).unwrap();
    let mut body = vec![0; head[1].into()];
    stream.read_exact(&mut body).unwrap();
    body
}

#[test]
fn user_name_password_and_keep_alive_are_sent() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port().to_string();
    for command in [&["pub", "-m", "m"][..], &["sub"]] {
        let flags = ["-t", "t", "-h", "127.0.0.1", "-p", &port, "-i", "c", "-k", "7"];
        let secrets = ["-u", "ann", "-P", "secret"];
        let program = Program::start(surewire(&[command, &flags, &secrets].concat()));
        let expected = b"\0\x04MQTT\x04\xC2\0\x07\0\x01c\0\x03ann\0\x06secret";
        assert_eq!(read_connect(&listener), expected);
        let message = program.end().failure(1);
        assert!(message.contains("closed the connection without an answer"), "{message}");
        assert!(!message.contains("secret"), "{message}");
    }
}
