//! Bodies, connections and the stop: their limits, and that nothing is lost within them.

use std::net::TcpStream;
use std::time::Instant;

use crate::broker::Broker;
use crate::support::{ACCOUNT, FORM, Http, Still, TEXT, get, header, json, post, settings, start};

const MOST: usize = 2 << 20;

// A body beyond 2 MiB, announced or not
#[test]
fn a_body_that_is_too_large_is_refused_whatever_it_announces() {
    let broker = start("");
    let head = |length: &str| {
        format!(
            "POST /publish HTTP/1.1\r\nHost: h\r\n{ACCOUNT}Content-Type: {FORM}\r\n{length}\r\n"
        )
    };
    let form = |size: usize| {
        let mut form = b"qos=0&topic=t&payload=".to_vec();
        form.resize(size, b'x');
        form
    };
    let chunked = |size: usize| {
        let mut body = Vec::new();
        for chunk in form(size).chunks(60_000) {
            body.extend(format!("{:x}\r\n", chunk.len()).as_bytes());
            body.extend([chunk, b"\r\n"].concat());
        }
        [body, b"0\r\n\r\n".to_vec()].concat()
    };
    let announced = |size: usize| {
        [head(&format!("Content-Length: {size}\r\n")).as_bytes(), &form(size)].concat()
    };
    let unannounced =
        |size: usize| [head("Transfer-Encoding: chunked\r\n").as_bytes(), &chunked(size)].concat();
    for (request, status) in [
        (announced(MOST), 200),
        (announced(MOST + 1), 413),
        (announced(MOST + 1_000_000), 413),
        (unannounced(MOST), 200),
        (unannounced(MOST + 1), 413),
        (unannounced(MOST + 1_000_000), 413),
        (unannounced(1_000), 200),
    ] {
        let mut http = Http::connect(broker.http());
        http.send(&request);
        let answer = http.answer();
        assert_eq!(answer.status(), status, "{answer:?}");
        if status == 413 {
            assert_eq!(answer.parts(), (413, Some(TEXT), "the body is larger than 2 MiB"));
        }
    }
}

#[test]
fn a_body_that_is_too_large_is_refused_where_none_is_wanted() {
    let broker = start("");
    for path in ["/clients", "/client/a", "/"] {
        let mut http = Http::connect(broker.http());
        let length = MOST + 1;
        let request =
            format!("GET {path} HTTP/1.1\r\nHost: h\r\n{ACCOUNT}Content-Length: {length}\r\n\r\n");
        http.send(request.as_bytes());
        assert_eq!(http.answer().status(), 413, "{path}");
    }
}

#[test]
fn one_connection_serves_request_after_request_also_in_a_row() {
    let broker = start("");
    let mut http = Http::connect(broker.http());
    let request = format!("GET /clients?per-page=7 HTTP/1.1\r\nHost: h\r\n{ACCOUNT}\r\n");
    http.send(request.repeat(3).as_bytes());
    for _ in 0..3 {
        assert_eq!(http.answer().status(), 200);
    }
    http.send(request.replace("HTTP/1.1", "HTTP/1.1\r\nConnection: close").as_bytes());
    assert_eq!(http.answer().status(), 200);
    assert!(http.ends());
}

#[test]
fn what_is_no_request_is_refused_and_the_broker_goes_on() {
    let broker = start("");
    for bytes in [&b"\x10\x0d\x00\x04MQTT\x04\x02\x00\x00\x00\x01a\r\n\r\n"[..], b"GET\r\n\r\n"] {
        let mut http = Http::connect(broker.http());
        http.send(bytes);
        assert!(http.head().starts_with("HTTP/1.1 400 "));
        assert!(http.ends());
    }
    assert_eq!(get(&broker, "/clients").status(), 200);
}

#[test]
fn those_that_connect_and_ask_nothing_keep_nobody_out() {
    let broker = start("");
    let idle: Vec<TcpStream> = (0..400).map(|_| crate::broker::tcp(broker.http())).collect();
    let mut slow = Http::connect(broker.http());
    slow.send(b"GET /clients HTTP/1.1\r\nHos");
    // Each within the limit that every read of these tests has.
    for _ in 0..20 {
        assert_eq!(get(&broker, "/clients").status(), 200);
    }
    drop(idle);
}

// contract: section 7, stop accepting, answer, close
#[test]
fn a_stop_closes_idle_connections_and_answers_the_request_in_flight() {
    let mut broker = start("");
    let mut idle = Http::connect(broker.http());
    idle.send(format!("GET /clients HTTP/1.1\r\nHost: h\r\n{ACCOUNT}\r\n").as_bytes());
    assert_eq!(idle.answer().status(), 200);
    let mut silent = Http::connect(broker.http());
    let mut busy = Http::connect(broker.http());
    let body = b"qos=0&topic=t&payload=x";
    let head = format!(
        "POST /publish HTTP/1.1\r\nHost: h\r\n{ACCOUNT}Content-Type: {FORM}\r\n\
         Expect: 100-continue\r\nContent-Length: {}\r\n\r\n",
        body.len()
    );
    busy.send(head.as_bytes());
    // The handler waits for the body: the request is in flight.
    assert_eq!(busy.head(), "HTTP/1.1 100 Continue\r\n\r\n");
    let address = broker.http();
    broker.ask_to_stop();
    assert!(idle.ends());
    assert!(silent.ends());
    busy.send(body);
    let answer = busy.answer();
    assert_eq!(answer.status(), 200);
    assert_eq!(header(&answer.head, "connection"), Some("close"));
    assert!(busy.ends());
    broker.stop().unwrap();
    assert!(TcpStream::connect(address).is_err(), "the listener is still open");
}

// contract: section 7, within 10 s whatever clients do
#[test]
fn a_request_that_never_ends_does_not_keep_the_broker() {
    let broker = start("");
    let mut busy = Http::connect(broker.http());
    let head = format!(
        "POST /publish HTTP/1.1\r\nHost: h\r\n{ACCOUNT}Content-Type: {FORM}\r\n\
         Expect: 100-continue\r\nContent-Length: 100\r\n\r\n"
    );
    busy.send(head.as_bytes());
    assert_eq!(busy.head(), "HTTP/1.1 100 Continue\r\n\r\n");
    let begun = Instant::now();
    broker.stop().unwrap();
    assert!(begun.elapsed().as_secs() < 10);
}

// contract: section 2, every address of the interface
#[test]
fn a_name_is_bound_on_every_address_it_has() {
    let file = "listener: [{protocol: mqtt, addr: '127.0.0.1:0'}]\n\
                http_server: {addr: 'localhost:0', user: {admin: s3cret}}";
    let broker = Broker::start_in(Still::default, settings(file));
    assert!(broker.http().ip().is_loopback());
    assert_eq!(json(&broker, "/clients")["total_count"], 0);
    assert_eq!(post(&broker, "/publish", FORM, b"qos=0&topic=t").status(), 200);
}
