//! The end of a connection: what was sent must arrive, and nothing may wait for ever.

use std::future::poll_fn;
use std::rc::Rc;
use std::time::Duration;

use surewire_engine::event::{Event, Lost};
use tokio::time::timeout;

use super::{Connection, End};
use crate::environment::Stream;

/// How long what was sent may take to leave.
const FLUSH: Duration = Duration::from_secs(5);

/// Bytes that a stranger may send while it does.
const DRAIN: usize = 64 * 1024;

/// Ends the connection and frees its number.
pub(super) async fn close(connection: &Rc<Connection>, end: End) {
    connection.end.set(Some(end));
    match end {
        End::Asked => {
            // A peer that does not take it loses it: there is nobody left to tell.
            let _ = timeout(FLUSH, poll_fn(|cx| connection.poll_write_on(cx))).await;
        }
        End::Lost(why) => connection.submit(|conn| Event::Closed { conn, why }),
        End::Abandoned => {}
    }
    connection.queue.take();
    if end != End::Abandoned {
        connection.worker.may_leave().await;
    }
    let stream = connection.stream.take();
    if let (Some(mut stream), true) = (stream, end != End::Abandoned) {
        // Of a packet that is too large the most is yet to come when it is refused, and a client
        // looks for our answer once it has sent all of it.
        let largest = connection.worker.shared.settings.limits.max_packet_size;
        crate::linger::linger(&mut stream, largest.saturating_mul(2).max(DRAIN)).await;
    }
    connection.worker.release(connection);
}

/// Lets a stranger read what was sent last.
pub(super) async fn linger(stream: &mut Box<dyn Stream>) {
    crate::linger::linger(stream, DRAIN).await;
}

/// Ends a connection whose task panicked, from that task's own unwinding.
pub(super) fn panicked(connection: &Connection) {
    connection.end.set(Some(End::Lost(Lost::Panicked)));
    // Borrowed where the panic came from: then it is dropped with the connection itself.
    if let Ok(mut stream) = connection.stream.try_borrow_mut() {
        stream.take();
    }
    connection.submit(|conn| Event::Closed { conn, why: Lost::Panicked });
    connection.worker.release(connection);
}
