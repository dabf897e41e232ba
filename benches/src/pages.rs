//! How long the pages of the management interface hold the engine's lock, with very many sessions
//! and subscriptions.

use std::fmt;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::thread;
use std::time::{Duration, Instant};

use crate::Error;
use crate::broker::{Broker, PASSWORD, USER};
use crate::dial::{self, Target};
use crate::histograms::Line;

/// How long the broker may take to notice that the last clients left.
const PATIENCE: Duration = Duration::from_secs(10);
const PAUSE: Duration = Duration::from_millis(20);

/// How much there is, and what is asked of it.
#[derive(Debug, Clone, Copy)]
pub struct Plan {
    /// Sessions, most of them of clients that are not connected.
    pub sessions: u32,
    /// Subscriptions of each.
    pub subscriptions_each: u32,
    /// Clients that stay connected.
    pub connected: u32,
    /// Pages of 20 that are asked for, of each list.
    pub small_pages: u32,
    /// Pages of 10,000 that are asked for, of each list.
    pub large_pages: u32,
}

/// What the broker's histogram of requests says.
#[derive(Debug, Clone, serde::Serialize)]
pub struct Outcome {
    /// Items of a page.
    pub page: u32,
    /// The lock held in one step of a request, in this phase and all before it.
    pub held: Line,
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "pages of {:>6}: {}", self.page, self.held)
    }
}

/// Fills the broker, asks for pages, and tells how long they held the lock.
///
/// # Errors
/// [`Error::Broker`] when an answer is not what it should be, [`Error::System`] when a connection
/// breaks.
pub fn run(broker: &Broker, plan: &Plan) -> Result<Vec<Outcome>, Error> {
    let _connected = fill(broker.addr(), plan)?;
    let mut http = Http::open(broker.management())?;
    settle(&mut http, plan)?;
    let mut outcomes = Vec::new();
    for (page, count) in [(20, plan.small_pages), (10_000, plan.large_pages)] {
        ask(&mut http, plan, page, count)?;
        let lines = broker.histograms()?;
        let held = lines.into_iter().rev().find(|line| line.name == "request");
        let held = held.ok_or_else(|| Error::Broker("no histogram of requests".into()))?;
        outcomes.push(Outcome { page, held });
    }
    Ok(outcomes)
}

fn fill(addr: SocketAddr, plan: &Plan) -> Result<Vec<TcpStream>, Error> {
    let mut connected = Vec::new();
    for n in 0..plan.sessions {
        let filter = |k| format!("site/{}/device/{n}/+/{k}", n % 100);
        let filters: Vec<String> = (0..plan.subscriptions_each).map(filter).collect();
        let mut stream = Target::new(addr).open()?;
        dial::begin_session(&mut stream, &format!("device-{n:08}"), &filters)?;
        if n < plan.connected {
            connected.push(stream);
        } else {
            dial::leave(&mut stream)?;
        }
    }
    Ok(connected)
}

/// Waits until the clients that left are gone.
fn settle(http: &mut Http, plan: &Plan) -> Result<(), Error> {
    let expected = format!("\"total_count\":{},", plan.connected);
    let began = Instant::now();
    while !http.get("/clients?per-page=1")?.contains(&expected) {
        if began.elapsed() > PATIENCE {
            return Err(Error::Broker("clients that left are still there".into()));
        }
        thread::sleep(PAUSE);
    }
    Ok(())
}

/// Pages from everywhere in the lists, the same ones in each run.
fn ask(http: &mut Http, plan: &Plan, page: u32, count: u32) -> Result<(), Error> {
    let subscriptions = plan.sessions * plan.subscriptions_each;
    for (list, total) in [
        ("/clients", plan.connected),
        ("/sessions", plan.sessions),
        ("/subscriptions", subscriptions),
        ("/subscriptions/device-00000007", plan.subscriptions_each),
    ] {
        let pages = total.div_ceil(page).max(1);
        for n in 0..count {
            let number = u64::from(n) * 7_919 % u64::from(pages) + 1;
            let body = http.get(&format!("{list}?page={number}&per-page={page}"))?;
            let expected = format!("\"total_count\":{total},");
            if !body.contains(&expected) {
                let start: String = body.chars().take(200).collect();
                return Err(Error::Broker(format!("{list} without {expected}: {start}")));
            }
        }
    }
    Ok(())
}

/// A connection that asks one thing after the other.
struct Http {
    stream: BufReader<TcpStream>,
    authorization: String,
}

impl Http {
    fn open(addr: SocketAddr) -> Result<Self, Error> {
        let stream = BufReader::new(Target::new(addr).open()?);
        let authorization = base64(format!("{USER}:{PASSWORD}").as_bytes());
        Ok(Self { stream, authorization })
    }

    /// The body of the answer, which must be 200 with a Content-Length.
    fn get(&mut self, path: &str) -> Result<String, Error> {
        let head = format!(
            "GET {path} HTTP/1.1\r\nHost: bench\r\nAuthorization: Basic {}\r\n\r\n",
            self.authorization
        );
        self.exchange(&head).map_err(Error::system(format!("GET {path}")))
    }

    fn exchange(&mut self, head: &str) -> std::io::Result<String> {
        self.stream.get_mut().write_all(head.as_bytes())?;
        let (mut line, mut length, mut is_ok) = (String::new(), None, false);
        while self.stream.read_line(&mut line)? > 2 {
            let lower = line.to_ascii_lowercase();
            is_ok |= lower.starts_with("http/1.1 200 ");
            let value = lower.strip_prefix("content-length:").map(str::trim);
            length = value.and_then(|value| value.parse().ok()).or(length);
            line.clear();
        }
        let mut body = vec![0; length.filter(|_| is_ok).ok_or_else(|| broken("no page"))?];
        self.stream.read_exact(&mut body)?;
        String::from_utf8(body).map_err(|_| broken("no text"))
    }
}

fn broken(what: &'static str) -> std::io::Error {
    std::io::Error::new(std::io::ErrorKind::InvalidData, what)
}

/// RFC 4648; only ever of the few bytes above.
fn base64(bytes: &[u8]) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::new();
    for chunk in bytes.chunks(3) {
        let padded = chunk.iter().chain(&[0, 0]).take(3);
        let bits = padded.fold(0_u32, |bits, byte| bits << 8 | u32::from(*byte));
        for place in 0..4 {
            let index = (bits >> (18 - 6 * place) & 63) as usize;
            let letter = ALPHABET.get(index).copied().unwrap_or(b'=');
            text.push(if place <= chunk.len() { char::from(letter) } else { '=' });
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn credentials_are_encoded_as_rfc_4648_shows() {
        for (bytes, text) in
            [("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v"), ("foob", "Zm9vYg==")]
        {
            assert_eq!(base64(bytes.as_bytes()), text);
        }
    }
}
