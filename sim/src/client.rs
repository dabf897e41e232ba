//! A client that writes packets, reads packets, and records what it saw.

use std::io;

use bytes::Bytes;
use surewire_engine::codec::{self, Limits};
use surewire_engine::packet::{Packet, Version};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use turmoil::net::TcpStream;

use crate::Trace;

const LIMITS: Limits =
    Limits { max_packet_size: 1 << 20, max_user_properties: 100, reject_control_chars: false };

/// One connection of an MQTT 3.1.1 client.
#[derive(Debug)]
pub struct Client {
    name: String,
    stream: TcpStream,
    buf: Vec<u8>,
    trace: Trace,
}

impl Client {
    /// Connects to `broker`'s port 1883; MQTT is not spoken yet.
    ///
    /// # Errors
    /// Nobody listens there.
    pub async fn dial(name: &str, broker: &str, trace: &Trace) -> io::Result<Self> {
        let stream = TcpStream::connect((broker, 1883)).await?;
        Ok(Self { name: name.to_owned(), stream, buf: Vec::new(), trace: trace.clone() })
    }

    /// Writes a packet.
    ///
    /// # Errors
    /// The connection is gone.
    pub async fn send(&mut self, packet: &Packet) -> io::Result<()> {
        let mut bytes = Vec::new();
        codec::encode(Version::V3_1_1, packet, &mut bytes);
        self.stream.write_all(&bytes).await
    }

    /// Reads a packet; `None` at the connection's end.
    ///
    /// # Errors
    /// The connection failed, or what came is no packet.
    pub async fn receive(&mut self) -> io::Result<Option<Packet>> {
        loop {
            let len = codec::frame_len(&self.buf, LIMITS.max_packet_size).map_err(invalid)?;
            if let Some(len) = len.filter(|len| *len <= self.buf.len()) {
                let rest = self.buf.split_off(len);
                let frame = std::mem::replace(&mut self.buf, rest);
                self.trace.saw(&self.name, &frame);
                let packet = codec::decode(Version::V3_1_1, Bytes::from(frame), &LIMITS);
                return packet.map(Some).map_err(invalid);
            }
            if self.stream.read_buf(&mut self.buf).await? == 0 {
                self.trace.saw(&self.name, &[]);
                return Ok(None);
            }
        }
    }
}

fn invalid(violation: surewire_engine::violation::Violation) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, violation)
}
