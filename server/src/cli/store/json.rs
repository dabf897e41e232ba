//! Records as JSON. The names are those of docs/log-format.md.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use jiff::tz::TimeZone;
use serde_json::{Value, json};
use surewire_engine::id::PacketId;
use surewire_engine::log::record::{Kept, Record, Retained, SessionKey, Target};
use surewire_engine::message::{Content, RetainFlag};
use surewire_engine::packet::{Properties, RetainHandling, SubscribeOptions};
use surewire_engine::time::Time;

use crate::api::time::shown;

/// RFC 3339 in UTC; null where it is not kept.
pub(super) fn time(at: Time) -> Value {
    if at == Time::ZERO { Value::Null } else { shown(at, &TimeZone::UTC).into() }
}

pub(super) fn base64(bytes: &[u8]) -> Value {
    BASE64_STANDARD.encode(bytes).into()
}

/// What a record is called.
pub(super) fn kind(record: &Record) -> &'static str {
    match record {
        Record::SessionBegan { .. } => "session_began",
        Record::SessionResumed { .. } => "session_resumed",
        Record::SessionLeft { .. } => "session_left",
        Record::SessionExpires { .. } => "session_expires",
        Record::SessionEnded { .. } => "session_ended",
        Record::WillSet { .. } => "will_set",
        Record::WillCleared { .. } => "will_cleared",
        Record::Subscribed { .. } => "subscribed",
        Record::Unsubscribed { .. } => "unsubscribed",
        Record::Published { .. } => "published",
        Record::Advanced { .. } => "advanced",
        Record::Received { .. } => "received",
        Record::ReceivedDone { .. } => "received_done",
        Record::Replaying { .. } => "replaying",
        Record::Replayed { .. } => "replayed",
        Record::SubscriptionAwaits { .. } => "subscription_awaits",
        Record::AwaitingEnded { .. } => "awaiting_ended",
        Record::Holds { .. } => "holds",
        Record::GroupHolds { .. } => "group_holds",
        Record::GroupRemoved { .. } => "group_removed",
        Record::Alive => "alive",
    }
}

/// What it says.
#[expect(clippy::wildcard_enum_match_arm, reason = "the others are looked at one by one there")]
pub(super) fn fields(record: &Record) -> Value {
    match record {
        Record::SessionBegan { session, client, address, at, expiry } => json!({
            "session": session.0, "client": client.as_str(), "address": address,
            "at": time(*at), "expiry_seconds": expiry,
        }),
        Record::SessionResumed { session, address, at, expiry } => json!({
            "session": session.0, "address": address, "at": time(*at),
            "expiry_seconds": expiry,
        }),
        Record::SessionLeft { session, at } => {
            json!({ "session": session.0, "at": time(*at) })
        }
        Record::SessionExpires { session, expiry } => {
            json!({ "session": session.0, "expiry_seconds": expiry })
        }
        Record::SessionEnded { session } => json!({ "session": session.0 }),
        Record::WillSet { session, client, will, delay } => json!({
            "session": session.0, "client": client.as_str(), "delay_seconds": delay,
            "message": content(will),
        }),
        Record::WillCleared { session } => json!({ "session": session.0 }),
        Record::Subscribed { session, filter, options, identifier, at } => json!({
            "session": session.0, "filter": filter.as_str(), "options": self::options(*options),
            "subscription_identifier": identifier, "at": time(*at),
        }),
        Record::Unsubscribed { session, filter } => {
            json!({ "session": session.0, "filter": filter.as_str() })
        }
        Record::SubscriptionAwaits { client, filter, options } => json!({
            "client": client.as_str(), "filter": filter.as_str(),
            "options": self::options(*options),
        }),
        Record::AwaitingEnded { client, filter } => {
            let filter = filter.as_ref().map(|filter| filter.as_str());
            json!({ "client": client.as_str(), "filter": filter })
        }
        message => about_messages(message),
    }
}

#[expect(clippy::wildcard_enum_match_arm, reason = "the others are looked at above")]
fn about_messages(record: &Record) -> Value {
    match record {
        Record::Published { message, at, received, retained, to } => json!({
            "message": content(message), "at": time(*at),
            "received": received.map(|(session, id)| {
                json!({ "session": session.0, "packet_id": id.get() })
            }),
            "retained": self::retained(*retained),
            "to": to.iter().map(target).collect::<Vec<_>>(),
        }),
        Record::Advanced { session, removed, released, sent } => {
            let sent =
                sent.iter().map(|(seq, id)| json!({ "place": seq.0, "packet_id": id.get() }));
            json!({
                "session": session.0, "removed": removed.map(|seq| seq.0),
                "released": released.map(|seq| seq.0), "sent": sent.collect::<Vec<_>>(),
            })
        }
        Record::Received { session, packet_id } => {
            json!({ "session": session.0, "packet_id": packet_id.get() })
        }
        Record::ReceivedDone { session, packet_id } => {
            json!({ "session": session.0, "packet_id": packet_id.get() })
        }
        Record::Replaying { session, filter, after } => {
            let after = after.as_ref().map(|topic| topic.as_str());
            json!({ "session": session.0, "filter": filter.as_str(), "after": after })
        }
        Record::Replayed { session, filter } => {
            json!({ "session": session.0, "filter": filter.as_str() })
        }
        Record::Holds { .. } => holds(record),
        Record::GroupHolds { group, seq, message, at } => json!({
            "group": group.as_str(), "place": seq.0, "at": time(*at),
            "message": kept(message),
        }),
        Record::GroupRemoved { group, seq } => {
            json!({ "group": group.as_str(), "place": seq.0 })
        }
        _ => Value::Null,
    }
}

fn holds(record: &Record) -> Value {
    let Record::Holds {
        session,
        seq,
        message,
        at,
        qos,
        retain,
        packet_id,
        released,
        group,
        identifiers,
    } = record
    else {
        return Value::Null;
    };
    json!({
        "session": session.0, "place": seq.0, "qos": *qos as u8,
        "retain": *retain != RetainFlag::Clear,
        "retain_as_published": *retain == RetainFlag::AsPublished,
        "packet_id": packet_id.map(PacketId::get), "released": released,
        "group": group.as_ref().map(|group| group.as_str()), "at": time(*at),
        "subscription_identifiers": identifiers.as_slice(), "message": kept(message),
    })
}

fn retained(retained: Retained) -> &'static str {
    match retained {
        Retained::Untouched => "untouched",
        Retained::Stored => "stored",
        Retained::Cleared => "cleared",
    }
}

fn target(target: &Target) -> Value {
    match target {
        Target::Session {
            session: SessionKey(session),
            seq,
            qos,
            retain,
            packet_id,
            group,
            identifiers,
        } => json!({
            "session": session, "place": seq.0, "qos": *qos as u8,
            "retain": *retain != RetainFlag::Clear,
            "retain_as_published": *retain == RetainFlag::AsPublished,
            "packet_id": packet_id.map(PacketId::get),
            "group": group.as_ref().map(|group| group.as_str()),
            "subscription_identifiers": identifiers.as_slice(),
        }),
        Target::Group { group, seq } => json!({ "group": group.as_str(), "place": seq.0 }),
    }
}

fn kept(kept: &Kept) -> Value {
    match kept {
        Kept::Here(message) => content(message),
        Kept::Earlier(lsn) => json!({ "of_record": lsn.0 }),
    }
}

/// The payload is there in base64, and as text as well where it is some.
fn content(message: &Content) -> Value {
    let Content { topic, payload, qos, retain, properties, .. } = message;
    let mut value = json!({
        "topic": topic.as_str(), "qos": *qos as u8, "retain": retain, "payload": base64(payload),
    });
    if let Value::Object(fields) = &mut value {
        if let Ok(text) = std::str::from_utf8(payload) {
            fields.insert("text".into(), text.into());
        }
        if !properties.is_empty() {
            fields.insert("properties".into(), self::properties(properties));
        }
    }
    value
}

fn properties(properties: &Properties) -> Value {
    let set = properties.get();
    let user = set.user_properties.iter().map(|(name, value)| json!([&**name, &**value]));
    json!({
        "payload_format_indicator": set.payload_format_indicator,
        "message_expiry_interval": set.message_expiry_interval,
        "content_type": set.content_type.as_deref(),
        "response_topic": set.response_topic.as_ref().map(|topic| topic.as_str()),
        "correlation_data": set.correlation_data.as_ref().map(|data| base64(data)),
        "user_properties": user.collect::<Vec<_>>(),
    })
}

fn options(options: SubscribeOptions) -> Value {
    let SubscribeOptions { qos, no_local, retain_as_published, retain_handling } = options;
    let retain_handling = match retain_handling {
        RetainHandling::Always => 0,
        RetainHandling::IfNew => 1,
        RetainHandling::Never => 2,
    };
    json!({
        "qos": qos as u8, "no_local": no_local, "retain_as_published": retain_as_published,
        "retain_handling": retain_handling,
    })
}
