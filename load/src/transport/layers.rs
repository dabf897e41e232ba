//! What is between packets and a socket: WebSocket, TLS, or the one above the other.

use std::io::{self, Read, Write};

use rustls::ClientConnection;

use super::websocket::WebSocket;
use crate::link::invalid;

/// Room for a record of TLS that had come in part before (16 KiB and what is around it).
const RECORD: usize = 20 << 10;

/// Room that is enough to read anything.
pub(crate) const ROOM: usize = 3 * RECORD;

/// The layers of one connection.
#[derive(Debug, Default)]
pub(crate) struct Layers {
    pub(super) websocket: Option<WebSocket>,
    pub(super) tls: Option<ClientConnection>,
    /// Frames on their way into records.
    frames: Vec<u8>,
}

/// What one read has brought.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Got {
    /// Bytes of MQTT; 0 if what has come was for the layers.
    pub(crate) count: usize,
    /// Whether the socket was empty then, so that the next bytes bring a new notice.
    pub(crate) emptied: bool,
}

impl Layers {
    /// Appends what the socket is to be given for whole `packets`, and for what the layers
    /// themselves have to say.
    pub(crate) fn wrap(&mut self, packets: &[u8], wire: &mut Vec<u8>) -> io::Result<()> {
        let Self { websocket, tls, frames } = self;
        match (websocket, tls) {
            (None, None) => wire.extend_from_slice(packets),
            (Some(websocket), None) => websocket.wrap(packets, wire),
            (None, Some(tls)) => seal(tls, packets, wire)?,
            (Some(websocket), Some(tls)) => {
                frames.clear();
                websocket.wrap(packets, frames);
                seal(tls, frames, wire)?;
            }
        }
        Ok(())
    }

    /// Whether the layers themselves have something to say.
    pub(crate) fn has_answers(&self) -> bool {
        self.websocket.as_ref().is_some_and(WebSocket::has_answers)
            || self.tls.as_ref().is_some_and(|tls| tls.wants_write())
    }

    /// Whether the broker has said that it will close the connection.
    pub(crate) fn is_closed(&self) -> bool {
        self.websocket.as_ref().is_some_and(WebSocket::is_closed)
    }

    /// Reads from the socket once, and leaves the bytes of MQTT at the front of `room`.
    ///
    /// # Errors
    /// `UnexpectedEof` when the peer has closed, the system's, or `InvalidData` for what cannot be
    /// TLS or WebSocket.
    pub(crate) fn read(&mut self, socket: &mut impl Read, room: &mut [u8]) -> io::Result<Got> {
        let mut got = match &mut self.tls {
            Some(tls) => read_sealed(tls, socket, room)?,
            None => match socket.read(room)? {
                0 => return Err(io::ErrorKind::UnexpectedEof.into()),
                count => Got { count, emptied: count < room.len() },
            },
        };
        if let Some(websocket) = &mut self.websocket {
            got.count = websocket.unwrap(room.get_mut(..got.count).unwrap_or_default())?;
            // The end may have come with the farewell, and would bring no notice of its own.
            got.emptied &= !websocket.is_closed();
        }
        Ok(got)
    }
}

fn seal(tls: &mut ClientConnection, plain: &[u8], wire: &mut Vec<u8>) -> io::Result<()> {
    tls.writer().write_all(plain)?;
    while tls.wants_write() {
        tls.write_tls(wire)?;
    }
    Ok(())
}

/// The records are read into the back of `room` and opened into its front. All of them are opened
/// at once: the front has room for what comes out of the back and of a record begun before.
fn read_sealed(
    tls: &mut ClientConnection,
    socket: &mut impl Read,
    room: &mut [u8],
) -> io::Result<Got> {
    let most = room.len().saturating_sub(RECORD) / 2;
    let (front, back) = room.split_at_mut(room.len() - most);
    if back.is_empty() {
        return Err(invalid("a packet larger than any that was sent"));
    }
    let count = socket.read(back)?;
    if count == 0 {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    let emptied = count < back.len();
    let mut sealed = back.get(..count).unwrap_or_default();
    let mut opened = 0;
    while !sealed.is_empty() {
        tls.read_tls(&mut sealed)?;
        let state = tls.process_new_packets().map_err(invalid)?;
        let end = opened + state.plaintext_bytes_to_read();
        let place = front.get_mut(opened..end);
        let place = place.ok_or_else(|| invalid("a TLS record larger than the standard allows"))?;
        tls.reader().read_exact(place)?;
        opened = end;
        if state.peer_has_closed() {
            // Behind the farewell comes nothing. Who reads on meets the end of the connection.
            return Ok(Got { count: opened, emptied: false });
        }
    }
    Ok(Got { count: opened, emptied })
}
