//! From accept to a complete CONNECT, within `connect_timeout` whatever the peer does.

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::rc::Rc;

use bytes::{BufMut, Bytes};
use surewire_engine::codec::{self, BadConnect, Limits};
use surewire_engine::event::Peer;
use surewire_engine::packet::{Connect, Version};
use surewire_engine::violation::Violation;
use tokio::io::AsyncReadExt;
use tokio::time::{Instant, timeout_at};
use tracing::debug;

use super::Connection;
use super::close::linger;
use super::strangers::Share;
use crate::core::Input;
use crate::environment::Stream;
use crate::logging;
use crate::planted::Bug;
use crate::shared::Seat;
use crate::worker::{Arrival, Worker};

/// Bytes that a connection may make us keep before its CONNECT is accepted.
pub(crate) const STRANGER_LIMIT: usize = 64 * 1024;

/// An ordinary CONNECT fits in here.
const FIRST_READ: usize = 512;

/// The first packet, and what came behind it.
struct First {
    packet: Result<Box<Connect>, BadConnect>,
    /// Bytes read, `rest` included.
    read: usize,
    rest: Vec<u8>,
}

/// Does the handshakes, reads the CONNECT and hands it in. `None` when it does not come to that.
pub(super) async fn open(worker: Rc<Worker>, arrival: Arrival) -> Option<Rc<Connection>> {
    let Arrival { incoming, peer, transport, anonymous, accepted, seat } = arrival;
    let settings = &worker.shared.settings;
    let patience = if settings.planted.is(Bug::SilenceAllowed) { 360 } else { 1 };
    let deadline = accepted + settings.connect_timeout * patience;
    let stream = until(&worker, deadline, peer, async {
        let socket = incoming.attach(settings.tcp_keepalive)?;
        transport.establish(socket, worker.shared.strangers.share(), &worker.line).await
    });
    let mut stream = stream.await?;
    let share = worker.shared.strangers.share();
    let first = read_first(&worker, &mut stream, share);
    let Some(first) = until(&worker, deadline, peer, first).await else {
        // What a transport still has to say (a WebSocket Close frame) must arrive. TCP alone has nothing.
        if !transport.is_plain() {
            linger(&mut stream).await;
        }
        return None;
    };
    let peer = Peer { address: peer, anonymous };
    let connection = begin(&worker, stream, peer, first, seat);
    Some(connection)
}

/// What `step` gives before the deadline and before the broker stops.
async fn until<T>(
    worker: &Worker,
    deadline: Instant,
    peer: SocketAddr,
    step: impl Future<Output = io::Result<T>>,
) -> Option<T> {
    let done = tokio::select! {
        biased;
        () = worker.stopped() => return None,
        done = timeout_at(deadline, step) => done,
    };
    match done {
        Ok(Ok(value)) => return Some(value),
        Ok(Err(error)) => {
            let error = error.to_string();
            debug!(%peer, error, "connection ended before its CONNECT");
        }
        Err(_) => debug!(%peer, "no CONNECT within connect_timeout"),
    }
    None
}

/// Reads up to the end of the first packet and a little of what follows.
async fn read_first(
    worker: &Worker,
    stream: &mut Box<dyn Stream>,
    mut share: Share,
) -> io::Result<First> {
    let limits = &worker.shared.settings.limits;
    let limits = Limits { max_packet_size: limits.max_packet_size.min(STRANGER_LIMIT), ..*limits };
    let mut buf = Vec::with_capacity(FIRST_READ);
    loop {
        let room = (buf.capacity() - buf.len()).min(worker.pace.share());
        let count = stream.read_buf(&mut (&mut buf).limit(room)).await?;
        if count == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        match first_len(&buf, &limits) {
            Err(violation) => {
                return Ok(First {
                    packet: Err(violation.into()),
                    read: buf.len(),
                    rest: Vec::new(),
                });
            }
            Ok(Some(len)) if len <= buf.len() => {
                let read = buf.len();
                let rest = buf.split_off(len);
                let packet = codec::decode_connect(Bytes::from(buf), &limits);
                return Ok(First { packet, read, rest });
            }
            // Room for as much again as has come, and never for what is only claimed.
            Ok(len) if buf.len() == buf.capacity() => {
                let missing = len.map_or(FIRST_READ, |len| len - buf.len());
                let more = missing.min(buf.len());
                share.grow(more)?;
                buf.reserve_exact(more);
            }
            Ok(_) => {}
        }
        if worker.pace.is_much(count) {
            worker.pace.count_turn();
            worker.line.stand_and_wait().await;
        }
    }
}

fn first_len(buf: &[u8], limits: &Limits) -> Result<Option<usize>, Violation> {
    if let Some(first) = buf.first() {
        codec::check_first_byte(*first)?;
    }
    codec::frame_len(buf, limits.max_packet_size)
}

fn begin(
    worker: &Rc<Worker>,
    stream: Box<dyn Stream>,
    peer: Peer,
    first: First,
    seat: Seat,
) -> Rc<Connection> {
    if let (true, Ok(connect)) = (worker.shared.settings.log_packets, &first.packet) {
        logging::received_connect(peer.address, connect);
    }
    worker.count_received(first.read);
    let version = match &first.packet {
        Ok(connect) => connect.version,
        Err(bad) => bad.version.unwrap_or(Version::V3_1_1),
    };
    let connection = Connection::new(Rc::clone(worker), stream, version, seat);
    if !worker.shared.settings.planted.is(Bug::BehindConnectLost) {
        connection.reader.borrow_mut().keep(first.rest);
    }
    worker.submit(Input::Open {
        worker: worker.index(),
        key: connection.key(),
        version,
        peer,
        first: first.packet,
    });
    connection
}
