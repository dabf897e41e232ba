//! A client's end of a transport: MQTT's bytes over TCP as they are, or in WebSocket frames.

use std::io;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::timeout;
use turmoil::net::TcpStream;

/// How long a dial may take.
const PATIENCE: Duration = Duration::from_secs(10);

/// Bytes of MQTT in a WebSocket message, at most: the broker takes no larger ones than its largest
/// packet and a little.
const MESSAGE: usize = 1 << 20;

/// What a WebSocket client asks for.
const UPGRADE: &str = "GET /mqtt HTTP/1.1\r\nHost: broker\r\nUpgrade: websocket\r\n\
    Connection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
    Sec-WebSocket-Protocol: mqtt\r\nSec-WebSocket-Version: 13\r\n\r\n";

/// What carries a client's bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Carrier {
    Tcp,
    WebSocket,
}

/// A connection to the broker.
#[derive(Debug)]
pub(crate) struct Wire {
    stream: TcpStream,
    carrier: Carrier,
    /// The most bytes of one segment, and of one WebSocket frame.
    segment: usize,
    /// Of WebSocket frames that are not complete.
    raw: Vec<u8>,
}

impl Wire {
    /// Connects, and is ready for MQTT's bytes.
    pub(crate) async fn dial(carrier: Carrier, segment: usize) -> io::Result<Self> {
        let port = if carrier == Carrier::Tcp { 1_883 } else { 8_083 };
        let open = async {
            let stream = TcpStream::connect(("broker", port)).await?;
            let mut wire = Self { stream, carrier, segment, raw: Vec::new() };
            if carrier == Carrier::WebSocket {
                wire.upgrade().await?;
            }
            Ok(wire)
        };
        timeout(PATIENCE, open).await?
    }

    async fn upgrade(&mut self) -> io::Result<()> {
        self.stream.write_all(UPGRADE.as_bytes()).await?;
        let end = loop {
            if let Some(end) = find(&self.raw, b"\r\n\r\n") {
                break end;
            }
            if self.stream.read_buf(&mut self.raw).await? == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
        };
        let head: Vec<u8> = self.raw.drain(..end + 4).collect();
        if head.starts_with(b"HTTP/1.1 101") {
            Ok(())
        } else {
            Err(io::Error::new(io::ErrorKind::InvalidData, "the upgrade is refused"))
        }
    }

    /// Writes MQTT's bytes, in segments or frames of the size at hand.
    pub(crate) async fn send(&mut self, bytes: &[u8]) -> io::Result<()> {
        let most = match self.carrier {
            Carrier::Tcp => self.segment,
            Carrier::WebSocket => self.segment.min(MESSAGE),
        };
        for part in bytes.chunks(most.max(1)) {
            match self.carrier {
                Carrier::Tcp => self.stream.write_all(part).await?,
                Carrier::WebSocket => self.stream.write_all(&frame(part)).await?,
            }
        }
        Ok(())
    }

    /// Appends MQTT's bytes that came; 0 is the end. Nothing is lost if this is not waited for.
    pub(crate) async fn receive(&mut self, into: &mut Vec<u8>) -> io::Result<usize> {
        if self.carrier == Carrier::Tcp {
            return self.stream.read_buf(into).await;
        }
        loop {
            let before = into.len();
            let mut ended = false;
            while let Some((opcode, payload)) = take_frame(&mut self.raw) {
                match opcode {
                    0..=2 => into.extend(payload),
                    8 => ended = true,
                    // Nothing here pings, and nobody waits for an answer to it.
                    _ => {}
                }
            }
            let count = into.len() - before;
            if count > 0 || ended {
                return Ok(count);
            }
            if self.stream.read_buf(&mut self.raw).await? == 0 {
                return Ok(0);
            }
        }
    }

    /// Says that nothing more will come.
    pub(crate) async fn shutdown(&mut self) -> io::Result<()> {
        self.stream.shutdown().await
    }
}

/// A binary frame as a client must send it. The mask hides nothing from anybody here.
fn frame(payload: &[u8]) -> Vec<u8> {
    const MASK: [u8; 4] = [0x5A, 0xC3, 0x17, 0x88];
    let mut frame = vec![0x82];
    match u16::try_from(payload.len()) {
        Ok(len @ 0..=125) => frame.push(0x80 | len.to_be_bytes()[1]),
        Ok(len) => {
            frame.push(0x80 | 126);
            frame.extend(len.to_be_bytes());
        }
        Err(_) => {
            frame.push(0x80 | 127);
            frame.extend((payload.len() as u64).to_be_bytes());
        }
    }
    frame.extend(MASK);
    frame.extend(payload.iter().zip(MASK.iter().cycle()).map(|(byte, mask)| byte ^ mask));
    frame
}

/// Takes a whole frame of a server, which masks nothing: its opcode and its payload.
fn take_frame(raw: &mut Vec<u8>) -> Option<(u8, Vec<u8>)> {
    let (opcode, short) = (raw.first()? & 0x0F, raw.get(1)? & 0x7F);
    let (head, len) = match short {
        126 => (4, usize::from(u16::from_be_bytes(raw.get(2..4)?.try_into().ok()?))),
        127 => (10, usize::try_from(u64::from_be_bytes(raw.get(2..10)?.try_into().ok()?)).ok()?),
        len => (2, usize::from(len)),
    };
    let payload = raw.get(head..head + len)?.to_vec();
    raw.drain(..head + len);
    Some((opcode, payload))
}

fn find(bytes: &[u8], what: &[u8]) -> Option<usize> {
    bytes.windows(what.len()).position(|window| window == what)
}
