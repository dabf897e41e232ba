//! What a plan may say: its keys, with their types, defaults and limits, in one table.
//!
//! It is read as `config.yaml` is, so errors have line and column, and all are found in one go.
//! docs/simulate.md describes the keys for users; a test holds the two against each other.

#![expect(unreachable_pub, reason = "the macros make public types of the configuration as well")]

use std::fmt;
use std::path::PathBuf;

use super::placed::Placed;
use crate::config::key::{Key, Kind, Preset, duration, integer, seconds_or, seconds_or_zero, size};
use crate::config::reader::{Field, Given, Reader, Section, join};
use crate::config::scalar::{Reject, Scalar, choice_scalars};
use crate::config::section::section;
use crate::config::values::choice;
use crate::config::{ByteSize, Config, Fault, Place, TimeSpan};
use Preset::{NotGiven, Required, Text};

const SECOND_MS: u64 = 1_000;
const HOUR_MS: u64 = 3_600 * SECOND_MS;
const DAY_MS: u64 = 24 * HOUR_MS;
const YEAR_MS: u64 = 366 * DAY_MS;
const MOST_BYTES: u64 = 1 << 60;
const MOST_SECONDS: u64 = u32::MAX as u64 - 1;

/// Bytes of a name.
const NAME: usize = 100;
/// Bytes of a topic or filter.
const TOPIC: usize = 1_000;

choice! {
    /// What clients speak.
    Protocol {
        /// MQTT 3.1.1.
        V311 = "3.1.1",
        /// MQTT 5.0.
        V5 = "5",
    }
}

choice! {
    /// How a client's messages lie in time.
    Timing {
        /// As a clock has it, each client at a moment of its own.
        Regular = "regular",
        /// At random, so far apart on average.
        Random = "random",
        /// All clients at once.
        Together = "together",
    }
}

choice! {
    /// How the broker ends.
    End {
        /// As it should: it says good-bye and keeps what it promised.
        Stop = "stop",
        /// The process is killed, and the system closes its connections.
        Crash = "crash",
        /// The machine loses power: nobody is told, and what was not synced is lost.
        Power = "power",
    }
}

choice! {
    /// A QoS.
    Qos {
        /// At most once.
        Zero = "0",
        /// At least once.
        One = "1",
        /// Exactly once.
        Two = "2",
    }
}

choice_scalars!(Protocol, Timing, End, Qos);

/// The file as a whole, seen as a key.
pub(super) const ROOT: Key = Key {
    name: "",
    kind: Kind::Section(File::KEYS),
    preset: NotGiven,
    doc: "A plan for `surewire sim`.",
};

section! {
    /// A whole plan.
    File checked by nothing {
        /// How long the run lasts. `--hours` says otherwise.
        length: TimeSpan = Text("24h"), duration(SECOND_MS, YEAR_MS);
        /// The broker and its disk.
        broker: Broker = NotGiven, Kind::Section(Broker::KEYS);
        /// Ways between clients and the broker.
        links: Vec<Link> = NotGiven, Kind::List(Link::KEYS);
        /// Clients.
        groups: Vec<Group> = NotGiven, Kind::List(Group::KEYS);
        /// What goes wrong.
        outages: Vec<Outage> = NotGiven, Kind::List(Outage::KEYS);
    }
}

section! {
    /// The broker and its disk.
    Broker checked by nothing {
        /// Keys of `config.yaml`.
        config: Config = NotGiven, Kind::Section(Config::KEYS);
        /// A whole `config.yaml` instead; relative to the plan.
        config_file: Option<Placed<PathBuf>> = NotGiven, Kind::Path;
        /// How long the disk takes to sync.
        sync: TimeSpan = Text("2ms"), duration(0, 60 * SECOND_MS);
        /// What the log may take of the disk; `None` is no limit.
        disk: Option<ByteSize> = NotGiven, size(64 << 20, MOST_BYTES);
    }
}

section! {
    /// A kind of way between clients and the broker.
    Link checked by link {
        /// As groups and outages call it.
        name: Placed<String> = Required, Kind::Text(NAME);
        /// How long bytes take, each way.
        latency: TimeSpan = Text("1ms"), duration(0, HOUR_MS);
        /// How much longer they may take, at random.
        jitter: TimeSpan = Text("0s"), duration(0, HOUR_MS);
        /// Bytes a second of each client, each way; `None` is no limit.
        bandwidth: Option<ByteSize> = NotGiven, size(1, MOST_BYTES);
        /// From one drop-out of a client's link to the next, on average; `None` is never.
        dropout_every: Option<TimeSpan> = NotGiven, duration(SECOND_MS, YEAR_MS);
        /// How long a drop-out lasts on average.
        dropout_lasts: Option<TimeSpan> = NotGiven, duration(1, YEAR_MS);
    }
}

section! {
    /// Clients that are alike.
    Group checked by nothing {
        /// As outages call it; its clients are called by it and their number.
        name: Placed<String> = Required, Kind::Text(NAME);
        /// How many.
        clients: Placed<u32> = Required, integer(1, 1_000_000, "clients");
        /// Their link; where it is not said, the first one.
        link: Option<Placed<String>> = NotGiven, Kind::Text(NAME);
        /// What they speak.
        protocol: Protocol = Text("3.1.1"), Kind::Choice(Protocol::WORDS);
        /// Whether their sessions end with their connections.
        clean_session: bool = Text("false"), Kind::Bool;
        /// For how long an MQTT 5 client asks its session to be kept.
        session_expiry: Option<Placed<TimeSpan>> = NotGiven, seconds_or("never", 0, MOST_SECONDS);
        /// Keep alive.
        keep_alive: Option<TimeSpan> = Text("60s"), seconds_or_zero("off", 1, 65_535);
        /// They connect within this time of the beginning.
        start_over: TimeSpan = Text("10s"), duration(0, YEAR_MS);
        /// The shortest and the longest time to the next attempt to connect.
        reconnect_first: TimeSpan = Text("1s"), duration(1, YEAR_MS);
        /// See `reconnect_first`.
        reconnect_max: TimeSpan = Text("60s"), duration(1, YEAR_MS);
        /// QoS 1 and 2 messages that a client keeps while it cannot send them.
        queue: u32 = Text("1000"), integer(0, 1_000_000, "messages");
        /// What each of them publishes.
        publish: Vec<Publish> = NotGiven, Kind::List(Publish::KEYS);
        /// What each of them subscribes to.
        subscribe: Vec<Subscribe> = NotGiven, Kind::List(Subscribe::KEYS);
    }
}

section! {
    /// Messages that each client of a group publishes.
    Publish checked by nothing {
        /// Where.
        topic: Placed<String> = Required, Kind::Text(TOPIC);
        /// How far apart.
        every: TimeSpan = Required, duration(1, YEAR_MS);
        /// How they lie in time.
        timing: Timing = Text("regular"), Kind::Choice(Timing::WORDS);
        /// How many at once.
        burst: u32 = Text("1"), integer(1, 10_000, "messages");
        /// Bytes of a payload.
        payload: ByteSize = Text("64B"), size(8, 256 << 20);
        /// Payloads are of `payload` bytes up to this many.
        payload_max: Option<Placed<ByteSize>> = NotGiven, size(8, 256 << 20);
        /// At which QoS.
        qos: Qos = Text("0"), Kind::Choice(Qos::WORDS);
        /// Whether they are retained.
        retain: bool = Text("false"), Kind::Bool;
        /// Message expiry interval (MQTT 5).
        expiry: Option<Placed<TimeSpan>> = NotGiven, seconds_or("never", 1, MOST_SECONDS);
    }
}

section! {
    /// A subscription of each client of a group.
    Subscribe checked by nothing {
        /// To what.
        filter: Placed<String> = Required, Kind::Text(TOPIC);
        /// At most at which QoS.
        qos: Qos = Text("0"), Kind::Choice(Qos::WORDS);
    }
}

section! {
    /// Something that is not there for a while.
    Outage checked by outage {
        /// The broker, and how it ends.
        broker: Option<End> = NotGiven, Kind::Choice(End::WORDS);
        /// All links of this name.
        link: Option<Placed<String>> = NotGiven, Kind::Text(NAME);
        /// The clients of this group, without power.
        group: Option<Placed<String>> = NotGiven, Kind::Text(NAME);
        /// From when on, since the beginning.
        at: Placed<TimeSpan> = Required, duration(0, YEAR_MS);
        /// For how long.
        lasts: TimeSpan = Required, duration(1, YEAR_MS);
        /// Within which time of its end the clients of a group are back.
        return_over: TimeSpan = Text("0s"), duration(0, YEAR_MS);
    }
}

fn nothing<T>(_: &T, _: &mut Reader, _: &Place) {}

fn link(link: &Link, reader: &mut Reader, place: &Place) {
    if link.dropout_every.is_some() != link.dropout_lasts.is_some() {
        let found = "one of dropout_every and dropout_lasts".to_owned();
        let expected = "both, such as 30m and 20s, or neither".to_owned();
        reader.problem(place, Fault::NotAllowed { found, expected });
    }
}

fn outage(outage: &Outage, reader: &mut Reader, place: &Place) {
    let named = [outage.broker.is_some(), outage.link.is_some(), outage.group.is_some()];
    let count = named.iter().filter(|named| **named).count();
    if count != 1 {
        let found = format!("{count} of the keys broker, link and group");
        let expected = "one: what it is that goes".to_owned();
        reader.problem(place, Fault::NotAllowed { found, expected });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every key is a row of the page's tables, with its default.
    fn is_documented(keys: &[Key], page: &str) {
        for key in keys {
            let row = page.lines().find(|line| line.starts_with(&format!("| `{}` |", key.name)));
            let row = row.unwrap_or_else(|| panic!("docs/simulate.md lacks {}", key.name));
            if let Text(text) = key.preset {
                let default = format!("| `{text}` |");
                let rows =
                    page.lines().filter(|line| line.starts_with(&format!("| `{}`", key.name)));
                assert!(rows.clone().any(|row| row.contains(&default)), "{row} lacks {default}");
            }
            if let Kind::List(keys) = &key.kind {
                is_documented(keys, page);
            } else if let Kind::Section(keys) = &key.kind
                && key.name != "config"
            {
                is_documented(keys, page);
            }
        }
    }

    #[test]
    fn every_key_and_default_is_in_the_documentation() {
        is_documented(File::KEYS, include_str!("../../../../docs/simulate.md"));
    }
}
