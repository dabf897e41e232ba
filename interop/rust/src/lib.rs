//! What the Rust suites share: the broker's address, the list of tests, deadlines, the report.
//! The counterpart of `suites/harness.py`, with the same environment and the same lines of JSON.

use std::any::Any;
use std::cell::Cell;
use std::fmt::Display;
use std::future::Future;
use std::panic::{self, AssertUnwindSafe};
use std::pin::Pin;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tokio::sync::mpsc;

/// How long one awaited event may take.
pub const PATIENCE: Duration = Duration::from_secs(10);
/// In seconds: longer than any test, so that a session, or a Will, ends otherwise.
pub const LONG: u32 = 3600;

// What messages carry. The order is to stay, and so is the name that comes twice.
pub const USER_PROPERTIES: [(&str, &str); 4] = [("b", "1"), ("a", "2"), ("b", "3"), ("naïve", "")];
pub const CONTENT_TYPE: &str = "text/plain; charset=utf-8";
pub const CORRELATION_DATA: &[u8] = b"\x00\xff of no encoding \xc3";
pub const MESSAGE_EXPIRY: u32 = 600;

/// What the driver says of the broker.
pub struct Broker(Value);

impl Broker {
    fn from_environment() -> Self {
        let text = std::env::var("INTEROP").expect("interop/run sets INTEROP");
        Self(serde_json::from_str(&text).expect("INTEROP is JSON"))
    }

    pub fn host(&self) -> &str {
        self.0["host"].as_str().expect("a host")
    }

    pub fn port(&self) -> u16 {
        let port = self.0["ports"]["mqtt"].as_u64().expect("a port");
        port.try_into().expect("a port has 16 bits")
    }

    /// What a client that asks is told, followed by its Client Identifier.
    pub fn response_information(&self) -> &str {
        self.0["response_information"].as_str().expect("a prefix")
    }

    fn is_mosquitto(&self) -> bool {
        self.0["broker"] == "mosquitto"
    }

    fn time_limit(&self) -> Duration {
        Duration::from_secs(self.0["test_limit"].as_u64().expect("seconds"))
    }

    fn wants(&self, test: &str) -> bool {
        let patterns = self.0["patterns"].as_array().expect("a list");
        patterns.is_empty() || patterns.iter().filter_map(Value::as_str).any(|p| fits(p, test))
    }
}

/// Topics and client ids that no other test uses, and the broker.
pub struct Scene {
    pub broker: Broker,
    prefix: String,
}

impl Scene {
    fn new() -> Self {
        thread_local!(static NUMBER: Cell<u32> = const { Cell::new(0) });
        NUMBER.set(NUMBER.get() + 1);
        let prefix = format!("r{}n{}", std::process::id(), NUMBER.get());
        Self { broker: Broker::from_environment(), prefix }
    }

    pub fn topic(&self, name: &str) -> String {
        format!("interop/{}/{name}", self.prefix)
    }

    pub fn client_id(&self, name: &str) -> String {
        format!("{name}-{}", self.prefix)
    }
}

/// What happened and was not asked for yet, in order.
pub struct Inbox<T>(mpsc::UnboundedReceiver<T>);

impl<T> Inbox<T> {
    pub fn new() -> (mpsc::UnboundedSender<T>, Self) {
        let (sender, receiver) = mpsc::unbounded_channel();
        (sender, Self(receiver))
    }

    pub async fn next(&mut self, what: &str) -> T {
        within(what, self.0.recv()).await.unwrap_or_else(|| panic!("no {what}: the client ended"))
    }
}

pub async fn within<T>(what: &str, event: impl Future<Output = T>) -> T {
    let in_time = tokio::time::timeout(PATIENCE, event).await;
    in_time.unwrap_or_else(|_| panic!("no {what} within {PATIENCE:?}"))
}

/// Runs from its making. There is only a least time to hold a broker to: machines stall.
pub struct Stopwatch(Instant);

impl Stopwatch {
    pub fn start() -> Self {
        Self(Instant::now())
    }

    #[track_caller]
    pub fn assert_at_least(&self, seconds: u64) {
        let passed = self.0.elapsed();
        // The broker's clock may be another, and coarser.
        let least = Duration::from_secs(seconds) - Duration::from_millis(100);
        assert!(passed >= least, "after {passed:?} already, not {seconds} s");
    }
}

type Body = Box<dyn Fn(Scene) -> Pin<Box<dyn Future<Output = ()>>>>;

pub struct Test {
    name: &'static str,
    body: Body,
    not_mosquitto: bool,
}

impl Test {
    /// Left out when mosquitto is the broker, which is known not to pass it, and why.
    pub fn not_mosquitto(self, _why: &str) -> Self {
        Self { not_mosquitto: true, ..self }
    }
}

pub fn test<F>(name: &'static str, body: impl Fn(Scene) -> F + 'static) -> Test
where
    F: Future<Output = ()> + 'static,
{
    Test { name, body: Box::new(move |scene| Box::pin(body(scene))), not_mosquitto: false }
}

/// Runs the tests one after the other. A test fails by a panic, as those of `cargo test` do.
pub fn run(tests: Vec<Test>) {
    panic::set_hook(Box::new(|panic| {
        let place = panic.location().map(ToString::to_string).unwrap_or_default();
        *PLACE.lock().expect("no panic while it is held") = place;
    }));
    let broker = Broker::from_environment();
    let fits_broker = |test: &Test| !(test.not_mosquitto && broker.is_mosquitto());
    let chosen: Vec<_> =
        tests.into_iter().filter(|t| fits_broker(t) && broker.wants(t.name)).collect();
    let names: Vec<_> = chosen.iter().map(|test| test.name).collect();
    report(json!({ "plan": names }));
    for test in chosen {
        let start = Instant::now();
        let error = run_one(&test, broker.time_limit());
        let (ok, seconds) = (error.is_empty(), start.elapsed().as_secs_f64());
        report(json!({ "test": test.name, "ok": ok, "seconds": seconds, "error": error }));
    }
}

/// Where the latest panic was.
static PLACE: Mutex<String> = Mutex::new(String::new());

/// The error as text, empty when the test passed. The runtime takes all clients along that the test
/// leaves behind.
fn run_one(test: &Test, limit: Duration) -> String {
    let built = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = built.expect("a runtime");
    let body = (test.body)(Scene::new());
    let outcome = panic::catch_unwind(AssertUnwindSafe(|| {
        runtime.block_on(async { tokio::time::timeout(limit, body).await })
    }));
    match outcome {
        Ok(Ok(())) => String::new(),
        Ok(Err(_)) => format!("the test took longer than {limit:?}"),
        Err(panic) => {
            let place = PLACE.lock().expect("no panic while it is held");
            format!("{}\n  {place}", message_of(&*panic))
        }
    }
}

fn message_of(panic: &(dyn Any + Send)) -> &str {
    let owned = panic.downcast_ref::<String>().map(String::as_str);
    owned.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("a panic without words")
}

fn report(line: impl Display) {
    println!("{line}");
}

/// Whether a pattern with `*` and `?` fits the whole name.
fn fits(pattern: &str, name: &str) -> bool {
    let mut rest = name.chars();
    match pattern.chars().next() {
        None => name.is_empty(),
        Some('*') => {
            let behind = &pattern[1..];
            name.char_indices().any(|(at, _)| fits(behind, &name[at..])) || fits(behind, "")
        }
        Some('?') => rest.next().is_some() && fits(&pattern[1..], rest.as_str()),
        Some(wanted) => {
            rest.next() == Some(wanted) && fits(&pattern[wanted.len_utf8()..], rest.as_str())
        }
    }
}
