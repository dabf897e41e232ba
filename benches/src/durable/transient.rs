//! What need not be kept is not written.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::SystemTime;
use std::{fmt, fs, io};

use surewire_load::dial::{self, Target};
use surewire_load::wire::Qos;
use surewire_load::{Error, Limit, Shape, Workload, machine};

use super::Plan;
use crate::broker::Broker;
use crate::http::Http;
use crate::metrics::Page;

/// What a run of transient traffic left.
#[derive(Debug, Clone, Copy, PartialEq, serde::Serialize)]
pub struct Transient {
    /// Of the messages.
    pub qos: Qos,
    /// Messages that were delivered.
    pub delivered: u64,
    /// Bytes that the broker says it has written meanwhile.
    pub written_bytes: f64,
    /// Whether every file in its data directory has the same bytes and times as before.
    pub files_untouched: bool,
}

impl Transient {
    /// Whether nothing was written.
    #[must_use]
    pub fn is_nothing(&self) -> bool {
        self.written_bytes == 0.0 && self.files_untouched
    }
}

/// Clients with clean sessions and without a will exchange messages at every QoS, while the broker
/// has something on its disk that must not change.
///
/// # Errors
/// What starting a broker or loading it returns.
pub fn transient(plan: &Plan) -> Result<Vec<Transient>, Error> {
    machine::raise_open_files()?;
    let broker = Broker::surewire(&plan.program, "durability: power\n", plan.folder.as_deref())?;
    // A session that stays, so that there is a log at all.
    let mut stream = Target::new(broker.addr()).open()?;
    dial::begin_session(&mut stream, "kept", &["kept/#".to_owned()])?;
    let mut http = Http::open(broker.management())?;
    settle(&mut http)?;
    [Qos::AtMostOnce, Qos::AtLeastOnce, Qos::ExactlyOnce]
        .into_iter()
        .map(|qos| one(plan, &broker, &mut http, qos))
        .collect()
}

fn one(plan: &Plan, broker: &Broker, http: &mut Http, qos: Qos) -> Result<Transient, Error> {
    let files = || look(&broker.data_dir()).map_err(Error::system("read the data directory"));
    let (before, page) = (files()?, Page::read(http)?);
    let workload = Workload {
        qos,
        payload: plan.payload,
        limit: Limit::Time(plan.time),
        ..Workload::new(Shape::Pairs, plan.pairs)
    };
    let outcome = surewire_load::run(broker.addr(), &workload, None)?;
    let written_bytes = Page::read(http)?.growth(&page, "surewire_store_written_bytes_total")?;
    let files_untouched = files()? == before;
    Ok(Transient { qos, delivered: outcome.tally.received, written_bytes, files_untouched })
}

/// Waits until the files that are allocated ahead are there.
fn settle(http: &mut Http) -> Result<(), Error> {
    std::thread::sleep(std::time::Duration::from_millis(500));
    let written = Page::read(http)?.value("surewire_store_written_bytes_total")?;
    if written > 0.0 { Ok(()) } else { Err(Error::Broker("nothing is kept".into())) }
}

/// When a file was changed, and what is in it.
type Look = (SystemTime, Vec<u8>);

fn look(data_dir: &Path) -> io::Result<BTreeMap<String, Look>> {
    let mut files = BTreeMap::new();
    for entry in fs::read_dir(data_dir)? {
        let entry = entry?;
        let changed = entry.metadata()?.modified()?;
        let name = entry.file_name().to_string_lossy().into_owned();
        files.insert(name, (changed, fs::read(entry.path())?));
    }
    Ok(files)
}

impl fmt::Display for Transient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { qos, delivered, written_bytes, files_untouched } = self;
        let files = if *files_untouched { "untouched" } else { "CHANGED" };
        write!(f, "transient, QoS {qos}: {delivered} messages delivered, ")?;
        write!(f, "{written_bytes:.0} bytes written, files {files}")
    }
}
