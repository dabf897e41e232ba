//! The first inputs of the targets that the codec's byte tables have none for. They are made here, in
//! the order in which the checks make their choices, and are in `fuzz/corpus` for the fuzzer.

use std::fs;
use std::path::PathBuf;

/// A target, the input's name, and the input.
type Seed = (&'static str, &'static str, Vec<u8>);

#[test]
fn the_corpora_hold_every_seed() {
    for (target, name, bytes) in seeds() {
        let found = fs::read(path(target, name)).ok();
        let cure = "run `cargo test -p surewire-fuzz-checks --test seeds -- --ignored`";
        assert_eq!(found, Some(bytes), "{target}/{name} is missing or stale: {cure}");
    }
}

#[test]
#[ignore = "writes into fuzz/corpus; run it after changing a seed"]
fn write_seeds() {
    for (target, name, bytes) in seeds() {
        let path = path(target, name);
        fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
        fs::write(path, bytes).expect("a file");
    }
}

fn path(target: &str, name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../corpus").join(target).join(name)
}

fn seeds() -> Vec<Seed> {
    let all = [sessions(), logs(), websockets(), configurations(), requests()];
    all.into_iter().flatten().collect()
}

/// Choices for the limits and for whether there are hostile clients: the first of each.
const LIMITS: [u8; 19] = [0; 19];
const QOS_0: u8 = 2;
const QOS_1: u8 = 1;
const QOS_2: u8 = 0;

/// CONNECT of 3.1.1 without Clean Session, of the client with this number.
fn open(slot: u8, client: u8) -> Vec<u8> {
    vec![0, slot, 0, 0, 0, client, 0, 0, 0]
}

/// CONNECT of 5.0 with a session for ever, and these terms.
fn open_v5(slot: u8, client: u8, receive_maximum: u8, aliases: u8) -> Vec<u8> {
    vec![0, slot, 1, 0, 0, receive_maximum, aliases, 0, 0, 0, 0, 0, client, 0, 0, 0]
}

/// SUBSCRIBE to the filter with this number.
fn subscribe(slot: u8, filter: u8, qos: u8) -> Vec<u8> {
    vec![8, slot, 0, filter, qos, 0, 0, 0]
}

fn subscribe_v5(slot: u8, filter: u8, qos: u8) -> Vec<u8> {
    vec![8, slot, 0, filter, qos, 0, 0, 0, 1, 0, 0]
}

/// PUBLISH to the topic with this number; `count` is a choice as well.
fn publish(slot: u8, topic: u8, qos: u8, retain: u8, count: u8) -> Vec<u8> {
    vec![3, slot, topic, qos, 3 * retain, count, 1, 0, 0, 0]
}

/// Everything that the client owes.
fn answer(slot: u8) -> Vec<u8> {
    vec![12, slot, 7]
}

const CUT: u8 = 21;
const ADVANCE: u8 = 22;
const STICK: u8 = 23;
const HOLD: u8 = 25;
const CLEAN: u8 = 26;
const CRASH: u8 = 30;
const STOP: u8 = 31;

fn story(name: &'static str, steps: &[Vec<u8>]) -> Seed {
    ("session", name, [&LIMITS[..], &steps.concat()].concat())
}

fn sessions() -> Vec<Seed> {
    [exchanges(), restarts(), crowds()].concat()
}

/// A publisher and a subscriber.
fn exchanges() -> Vec<Seed> {
    let two = [open(0, 0), open(1, 1)].concat();
    vec![
        story(
            "qos_2",
            &[two.clone(), subscribe(1, 0, QOS_2), publish(0, 0, QOS_2, 0, 0), answer(1)],
        ),
        story(
            "qos_2_to_its_end",
            &[
                two.clone(),
                subscribe(1, 0, QOS_2),
                publish(0, 0, QOS_2, 0, 0),
                [answer(0), answer(1), answer(0), answer(1)].concat(),
            ],
        ),
        story(
            "aliases_and_a_narrow_window",
            &[
                open(0, 0),
                open_v5(1, 1, 1, 1),
                subscribe_v5(1, 3, QOS_1),
                publish(0, 0, QOS_1, 0, 4),
                answer(1),
                publish(0, 0, QOS_0, 0, 4),
                answer(1),
            ],
        ),
        story(
            "slow_reader",
            &[
                two,
                subscribe(1, 3, QOS_1),
                vec![STICK, 1],
                publish(0, 0, QOS_1, 0, 4),
                publish(0, 0, QOS_0, 0, 4),
                vec![ADVANCE, 0, 5],
                vec![STICK, 1],
                answer(1),
            ],
        ),
    ]
}

/// Connections and processes that end.
fn restarts() -> Vec<Seed> {
    let two = [open(0, 0), open(1, 1)].concat();
    vec![
        story(
            "resume_with_a_message_in_flight",
            &[
                two.clone(),
                subscribe(1, 0, QOS_2),
                publish(0, 0, QOS_2, 0, 3),
                vec![CUT, 1, 0],
                open(1, 1),
                answer(1),
                publish(0, 0, QOS_2, 0, 0),
                answer(1),
            ],
        ),
        story(
            "take_over",
            &[
                two.clone(),
                subscribe(1, 3, QOS_1),
                publish(0, 1, QOS_1, 0, 4),
                open(2, 1),
                answer(2),
                publish(0, 1, QOS_1, 0, 0),
            ],
        ),
        story(
            "crash_before_the_log",
            &[
                two.clone(),
                subscribe(1, 0, QOS_2),
                vec![HOLD, 0, 0],
                publish(0, 0, QOS_2, 0, 3),
                vec![HOLD, 0, 1],
                vec![CRASH, 0],
                [open(0, 0), open(1, 1), answer(0), answer(1)].concat(),
            ],
        ),
        story(
            "cleaned_log",
            &[
                two,
                subscribe(1, 3, QOS_2),
                publish(0, 0, QOS_2, 1, 4),
                vec![CLEAN, 0, 0, 0, CLEAN, 0, 0, 1, CLEAN, 0, 2, 1],
                [answer(1), vec![CLEAN, 0, 2, 1, CRASH, 0], open(1, 1), answer(1)].concat(),
            ],
        ),
    ]
}

/// More than two clients.
fn crowds() -> Vec<Seed> {
    let three = [open(0, 0), open_v5(1, 1, 0, 0), open(2, 2)].concat();
    vec![
        story(
            "share_group",
            &[
                three.clone(),
                [subscribe(0, 9, QOS_2), subscribe_v5(1, 9, QOS_2)].concat(),
                publish(2, 0, QOS_2, 0, 4),
                vec![CUT, 0, 0],
                [answer(1), answer(2)].concat(),
            ],
        ),
        story(
            "retained",
            &[
                three,
                publish(0, 0, QOS_1, 1, 0),
                publish(2, 1, QOS_0, 1, 0),
                [subscribe(2, 3, QOS_1), subscribe_v5(1, 4, QOS_2)].concat(),
                [answer(1), answer(2), vec![STOP, 0]].concat(),
            ],
        ),
    ]
}

/// Batches of records, stops, and damage at the end.
fn logs() -> Vec<Seed> {
    let append = |bytes: &[u8]| {
        [&[0, 0, u8::try_from(bytes.len()).expect("short")][..], bytes, &[0]].concat()
    };
    let ended: &[u8] = b"\x05\x01";
    let long = [b'x'; 200];
    let story = |name, parts: &[Vec<u8>]| ("log", name, parts.concat());
    vec![
        story("one_record", &[append(ended)]),
        story("three_segments", &[append(&long), append(&long), append(&long), vec![7]]),
        story(
            "stopped_while_writing",
            &[append(&long), append(ended), vec![4, 1, 7], append(b"y")],
        ),
        story("a_changed_byte", &[append(ended), append(&long), vec![6, 0, 0, 70, 0, 4, 1]]),
    ]
}

fn websockets() -> Vec<Seed> {
    let story = |name, bytes: &[u8]| ("websocket", name, bytes.to_vec());
    vec![
        story("a_request_cut_in_two", b"\x00\x00\x00\x00\x00\x40"),
        story("a_binary_frame", b"\x01\x01\x00\x08\x82\x82\x00\x00\x00\x00\xc0\x00\x08"),
        story("a_text_frame", b"\x01\x01\x00\x08\x81\x82\x00\x00\x00\x00hi\x08"),
        story("what_is_written", b"\x02\x03\x01\x00\x05\x02\x00\x03abc\x00\x02de\x02"),
        story(
            "two_frames",
            b"\x03\x00\x04\xc0\x00\xd0\x00\x00\x02\x01\x01\x02\x03\x04\x00\x02\x01",
        ),
    ]
}

fn configurations() -> Vec<Seed> {
    let story = |name, text: &str| ("config", name, text.as_bytes().to_vec());
    vec![
        story("empty", ""),
        story("shipped", include_str!("../../../config.yaml")),
        story(
            "tls",
            "listener: [{protocol: websocket, addr: ':1', certfile: a, keyfile: b}]\nlog: {level: debug}\n",
        ),
        story("aliases", "log: &a {format: json}\nretained: {max_bytes: 1MiB}\nprofile: *a\n"),
        story(
            "variables",
            "workers: 2\n\0MAX_KEEPALIVE=60s\nLISTENER__0__ADDR=:1884\nRETAINED__MAX_BYTES=1GiB\n\
             HTTP_SERVER={addr: ':9', user: {a: b}}\nMEMORY_LIMIT=50%\n",
        ),
    ]
}

fn requests() -> Vec<Seed> {
    const JSON: &str = "application/json";
    const FORM: &str = "application/x-www-form-urlencoded";
    let story = |name, all: &[String]| {
        let all: Vec<&[u8]> = all.iter().map(|one| one.as_bytes()).collect();
        ("rest", name, all.join(&255))
    };
    let get = |path: &str| format!("GET {path}");
    let send = |line: &str, kind: &str, body: &str| format!("{line}\n{kind}\n{body}");
    vec![
        story(
            "lists",
            &[
                get("/api/v1/clients?limit=1&search=a"),
                get("/api/v1/sessions?online=true"),
                get("/api/v1/subscriptions?topic=a/b"),
                get("/api/v1/retained?filter=%23"),
                get("/clients?page_size=2&current_page=1"),
                get("/session/a"),
            ],
        ),
        story(
            "orders",
            &[
                send(
                    "POST /api/v1/publish",
                    JSON,
                    r#"{"topic":"a/b","payload":"x","qos":1,"retain":true}"#,
                ),
                send("POST /publish", FORM, "qos=1&topic=a/b&payload=x&retain=1"),
                send("POST /subscribe", FORM, "qos=1&topic=a/%2B&clientID=a"),
                send("POST /unsubscribe", FORM, "topic=a/%2B&clientID=a"),
                "DELETE /api/v1/retained?filter=a/b".to_owned(),
                "POST /api/v1/clients/a/disconnect".to_owned(),
                "DELETE /api/v1/sessions/a".to_owned(),
            ],
        ),
        story(
            "diagnosis",
            &[
                get("/api/v1/explain?client_id=a&topic=a/b&qos=1"),
                get("/api/v1/recent?limit=3"),
                get("/api/v1/topics"),
                get("/api/v1/live"),
                get("/api/v1/status"),
                get("/metrics"),
            ],
        ),
        story(
            "refused",
            &[
                "!GET /api/v1/clients".to_owned(),
                "PUT /api/v1/clients".to_owned(),
                send("POST /api/v1/publish", "text/plain", "{}"),
                send("POST /api/v1/publish", JSON, r#"{"topic":"a/+"}"#),
                get("/api/v1/retained/message?topic=nothing"),
                get("/clients/"),
            ],
        ),
    ]
}
