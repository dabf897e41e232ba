//! How long the pages of the management interface hold the engine's lock, with very many sessions
//! and subscriptions.

use std::fmt;
use std::net::{SocketAddr, TcpStream};
use std::thread;
use std::time::{Duration, Instant};

use surewire_load::Error;
use surewire_load::dial::{self, Target};

use crate::broker::Broker;
use crate::histograms::Line;
use crate::http::Http;

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
