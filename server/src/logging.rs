//! The log: renderings of what happened, made outside the engine's lock.
//!
//! Names that come from clients are escaped, so that none of them can forge a line. Payloads and
//! passwords are never shown.

mod notices;
mod packets;
mod queue;
mod start;

use std::net::SocketAddr;

use surewire_engine::action::Outgoing;
use surewire_engine::id::ConnId;
use surewire_engine::notice::Notice;
use surewire_engine::packet::Packet;
use tracing::debug;
use tracing::level_filters::LevelFilter;

use packets::{ConnectSummary, Summary};

pub use start::{Logging, start};

/// What one turn has to tell, in order.
#[derive(Debug)]
pub(crate) struct Report {
    log_packets: bool,
    lines: Vec<Line>,
}

#[derive(Debug)]
enum Line {
    Opened(ConnId, SocketAddr),
    Sent(ConnId, Summary),
    Notice(Notice),
}

impl Report {
    pub(crate) fn new(log_packets: bool) -> Self {
        Self { log_packets, lines: Vec::new() }
    }

    pub(crate) fn shows_packets(&self) -> bool {
        self.log_packets
    }

    pub(crate) fn opened(&mut self, conn: ConnId, address: SocketAddr) {
        if self.log_packets {
            self.lines.push(Line::Opened(conn, address));
        }
    }

    pub(crate) fn sent(&mut self, conn: ConnId, outgoing: &Outgoing) {
        if !self.log_packets {
            return;
        }
        match outgoing {
            Outgoing::Packet(packet) => {
                self.lines.push(Line::Sent(conn, Summary::of_packet(packet)));
            }
            Outgoing::Publish(delivery) => {
                self.lines.push(Line::Sent(conn, Summary::of_delivery(delivery)));
            }
            Outgoing::Run(run, numbers) => {
                let summaries = run.copies(*numbers).map(|publish| Summary::of_publish(&publish));
                self.lines.extend(summaries.map(|summary| Line::Sent(conn, summary)));
            }
            Outgoing::Acks(acks) => {
                let summaries = acks.packets().map(|packet| Summary::of_packet(&packet));
                self.lines.extend(summaries.map(|summary| Line::Sent(conn, summary)));
            }
        }
    }

    /// Takes a notice that the log shows at its present level.
    pub(crate) fn notice(&mut self, notice: Notice) {
        if notices::level(&notice) <= LevelFilter::current() {
            self.lines.push(Line::Notice(notice));
        }
    }

    /// Writes everything to the log.
    pub(crate) fn render(&mut self) {
        for line in self.lines.drain(..) {
            match line {
                Line::Opened(conn, address) => debug!(%conn, %address, "this is connection"),
                Line::Sent(conn, summary) => debug!(%conn, "out {summary}"),
                Line::Notice(notice) => notices::render(&notice),
            }
        }
    }
}

/// Shows a packet that came in.
pub(crate) fn received(conn: ConnId, packet: &Packet) {
    debug!(%conn, "in {}", Summary::of_packet(packet));
}

/// Shows the CONNECT that came in on a connection without number.
pub(crate) fn received_connect(peer: SocketAddr, connect: &surewire_engine::packet::Connect) {
    debug!(%peer, "in {}", ConnectSummary(connect));
}

/// A text of others, such as an error's with a file's name in it, that begins no line of its own.
pub fn one_line(text: &str) -> String {
    let escaped = |c: char| if c.is_control() { c.escape_debug().to_string() } else { c.into() };
    text.chars().map(escaped).collect()
}
