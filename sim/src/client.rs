//! A client that writes packets, reads packets, and records what it saw.

use std::io;
use std::time::Duration;

use bytes::Bytes;
use surewire_engine::codec::{self, Limits};
use surewire_engine::packet::{Connack, Connect, Packet, Version};
use tokio::time::timeout;

use crate::Trace;
use crate::wire::{Carrier, Wire};

pub(crate) const LIMITS: Limits =
    Limits { max_packet_size: 4 << 20, max_user_properties: 100, reject_control_chars: false };

/// How long a broker may take to answer where nothing is in its way.
pub(crate) const PATIENCE: Duration = Duration::from_secs(10);

/// One connection of an MQTT client.
#[derive(Debug)]
pub struct Client {
    name: String,
    version: Version,
    wire: Wire,
    buf: Vec<u8>,
    trace: Trace,
}

impl Client {
    /// Connects to `broker`'s port 1883 as a client of 3.1.1; MQTT is not spoken yet.
    ///
    /// # Errors
    /// Nobody listens there.
    pub async fn dial(name: &str, broker: &str, trace: &Trace) -> io::Result<Self> {
        debug_assert_eq!(broker, "broker", "the only broker that there is");
        let wire = Wire::dial(Carrier::Tcp, usize::MAX).await?;
        Ok(Self::over(wire, name, Version::V3_1_1, trace))
    }

    /// A client on a connection that is there.
    pub(crate) fn over(wire: Wire, name: &str, version: Version, trace: &Trace) -> Self {
        Self { name: name.to_owned(), version, wire, buf: Vec::new(), trace: trace.clone() }
    }

    /// Sends a CONNECT and awaits the CONNACK.
    ///
    /// # Errors
    /// None came in time.
    pub(crate) async fn connect(&mut self, connect: Connect) -> io::Result<Connack> {
        self.send(&Packet::Connect(Box::new(connect))).await?;
        let packet = self.next().await?;
        let Packet::Connack(connack) = packet else {
            return Err(io::Error::other(format!("{packet:?} in place of a CONNACK")));
        };
        Ok(connack)
    }

    /// Writes a packet.
    ///
    /// # Errors
    /// The connection is gone.
    pub async fn send(&mut self, packet: &Packet) -> io::Result<()> {
        self.send_all(std::slice::from_ref(packet)).await
    }

    /// Writes packets as one piece.
    ///
    /// # Errors
    /// The connection is gone.
    pub(crate) async fn send_all(&mut self, packets: &[Packet]) -> io::Result<()> {
        let mut bytes = Vec::new();
        packets.iter().for_each(|packet| codec::encode(self.version, packet, &mut bytes));
        self.wire.send(&bytes).await
    }

    /// Writes bytes as they are.
    ///
    /// # Errors
    /// The connection is gone.
    pub(crate) async fn send_bytes(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.wire.send(bytes).await
    }

    /// Reads a packet; `None` at the connection's end.
    ///
    /// # Errors
    /// The connection failed, or what came is no packet.
    pub async fn receive(&mut self) -> io::Result<Option<Packet>> {
        loop {
            if let Some(frame) = take_frame(&mut self.buf)? {
                self.trace.saw(&self.name, &frame);
                let packet = codec::decode(self.version, frame, &LIMITS);
                return packet.map(Some).map_err(invalid);
            }
            if self.wire.receive(&mut self.buf).await? == 0 {
                self.trace.saw(&self.name, &[]);
                return Ok(None);
            }
        }
    }

    /// Reads a packet that is to come.
    ///
    /// # Errors
    /// It did not come in time, or the end did.
    pub(crate) async fn next(&mut self) -> io::Result<Packet> {
        timeout(PATIENCE, self.receive()).await??.ok_or(io::ErrorKind::UnexpectedEof.into())
    }

    /// Reads up to the connection's end, however it comes. What came before it.
    ///
    /// # Errors
    /// No end came in time.
    pub(crate) async fn end(&mut self, within: Duration) -> io::Result<Vec<Packet>> {
        let mut packets = Vec::new();
        timeout(within, async {
            while let Ok(Some(packet)) = self.receive().await {
                packets.push(packet);
            }
        })
        .await?;
        Ok(packets)
    }
}

/// The first packet's bytes, once they are all there.
pub(crate) fn take_frame(buf: &mut Vec<u8>) -> io::Result<Option<Bytes>> {
    let len = codec::frame_len(buf, LIMITS.max_packet_size).map_err(invalid)?;
    let Some(len) = len.filter(|len| *len <= buf.len()) else { return Ok(None) };
    Ok(Some(buf.drain(..len).collect::<Vec<u8>>().into()))
}

pub(crate) fn invalid(violation: surewire_engine::violation::Violation) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, violation)
}
