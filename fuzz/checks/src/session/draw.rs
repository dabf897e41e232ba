//! Values of the session check out of a fuzzer's bytes. Everything is small and comes from short
//! lists, so that clients meet.

use std::time::Duration;

use arbitrary::{Result, Unstructured};
use bytes::Bytes;
use bytestring::ByteString;
use surewire_engine::config::{Config, QueueFullPolicy, ReceiveMaximumPolicy};
use surewire_engine::id::ClientId;
use surewire_engine::message::Content;
use surewire_engine::packet::{
    Connect, Properties, PropertySet, QoS, RetainHandling, SubscribeFilter, SubscribeOptions,
    Version, Will,
};
use surewire_engine::planted::Planted;
use surewire_engine::request::{Command, Cursor, Query, Request, Start, SubscriptionsOf};
use surewire_engine::topic::{TopicFilter, TopicName};

use crate::choice::{below, one_in, one_of};

type U<'a> = Unstructured<'a>;

const CLIENTS: [&str; 4] = ["a", "b", "c", "a client id of more bytes than are allowed"];
const TOPICS: [&str; 8] = ["a", "a/b", "b", "a//b", "/", "$SYS/x", "a/b/c/d/e/f", "\u{e9}"];
const FILTERS: [&str; 16] = [
    "a",
    "a/b",
    "b",
    "#",
    "a/#",
    "+",
    "+/b",
    "a/+/b",
    "$SYS/#",
    "$share/g/a",
    "$share/g/#",
    "$share/h/+/b",
    "/",
    "a#",
    "",
    "a/b/c/d/e/f",
];

/// Limits so low that they are met.
pub(super) fn config(u: &mut U<'_>, planted: Planted) -> Result<Config> {
    let drop =
        [QueueFullPolicy::DropOldest, QueueFullPolicy::DropNewest, QueueFullPolicy::Disconnect];
    let received = [
        ReceiveMaximumPolicy::ByVersion,
        ReceiveMaximumPolicy::Strict,
        ReceiveMaximumPolicy::Backpressure,
    ];
    Ok(Config {
        delivery_retry_interval: Duration::from_secs(one_of(u, &[20, 0])?),
        max_inflight_messages: one_of(u, &[3, 1, 2, 20])?,
        queue_qos0_messages: !one_in(u, 3)?,
        max_msgqueue_messages: one_of(u, &[Some(4), None, Some(1), Some(0)])?,
        max_queued_bytes: one_of(u, &[64 << 20, 300])?,
        queue_full_policy: one_of(u, &drop)?,
        max_connections: one_of(u, &[1_000, 2])?,
        receive_maximum: one_of(u, &[3, 1, 256])?,
        receive_maximum_policy: one_of(u, &received)?,
        topic_alias_maximum: one_of(u, &[2, 0, 1])?,
        max_unsent_bytes: one_of(u, &[1 << 20, 100, 1])?,
        max_topic_levels: 5,
        max_client_id_length: 23,
        max_subscriptions_per_client: one_of(u, &[4, 100])?,
        max_filters_per_subscribe: 3,
        max_retained_messages: one_of(u, &[100, 2])?,
        max_retained_bytes: one_of(u, &[1 << 20, 400])?,
        max_keepalive: one_of(u, &[None, Some(10)])?,
        session_expiry_interval: one_of(u, &[None, Some(Duration::from_secs(100))])?,
        max_session_expiry_interval: one_of(u, &[None, Some(50)])?,
        check_payload_format: one_in(u, 2)?,
        authentication_methods: vec!["m".to_owned()],
        server_reference: Some("other.example".to_owned()),
        response_information: Some("answers/".to_owned()),
        planted,
        ..Config::default()
    })
}

pub(super) fn connect(u: &mut U<'_>) -> Result<Connect> {
    let version = one_of(u, &[Version::V3_1_1, Version::V5, Version::V3_1])?;
    let is_v5 = version == Version::V5;
    let properties = if is_v5 { connect_properties(u)? } else { Properties::NONE };
    let clean_start = one_in(u, 3)?;
    // No name: the broker is to give one.
    let client_id = if one_in(u, 16)? { "" } else { one_of(u, &CLIENTS[..3])? };
    let client_id = if one_in(u, 64)? { CLIENTS[3] } else { client_id };
    Ok(Connect {
        version,
        clean_start,
        keep_alive: one_of(u, &[0, 0, 5, 60])?,
        client_id: ByteString::from_static(client_id),
        will: if one_in(u, 4)? { Some(Box::new(will(u, is_v5)?)) } else { None },
        user_name: None,
        password: None,
        properties,
    })
}

fn connect_properties(u: &mut U<'_>) -> Result<Properties> {
    let method = one_of(u, &[None, None, None, Some("m"), None, None, None, Some("n")])?;
    let set = PropertySet {
        session_expiry_interval: one_of(u, &[Some(u32::MAX), None, Some(30), Some(0)])?,
        receive_maximum: one_of(u, &[None, Some(1), Some(2)])?,
        topic_alias_maximum: one_of(u, &[None, Some(1), Some(3)])?,
        maximum_packet_size: one_of(u, &[None, None, Some(60), Some(10)])?,
        request_problem_information: one_of(u, &[None, Some(false)])?,
        request_response_information: one_of(u, &[None, Some(true)])?,
        authentication_method: method.map(ByteString::from_static),
        ..PropertySet::NONE
    };
    Ok(set.into())
}

fn will(u: &mut U<'_>, is_v5: bool) -> Result<Will> {
    let delay = one_of(u, &[None, Some(5), Some(1_000)])?;
    let set = PropertySet { will_delay_interval: delay, ..message_properties(u)? };
    Ok(Will {
        topic: topic(u)?,
        payload: Bytes::from_static(b"will"),
        qos: qos(u)?,
        retain: one_in(u, 3)?,
        properties: if is_v5 { set.into() } else { Properties::NONE },
    })
}

/// What a message of 5.0 may carry.
pub(super) fn message_properties(u: &mut U<'_>) -> Result<PropertySet> {
    if !one_in(u, 3)? {
        return Ok(PropertySet::NONE);
    }
    let user = one_in(u, 2)?.then(|| (ByteString::from_static("k"), ByteString::from_static("v")));
    Ok(PropertySet {
        message_expiry_interval: one_of(u, &[None, Some(1), Some(20), Some(0)])?,
        payload_format_indicator: one_of(u, &[None, Some(true)])?,
        user_properties: user.into_iter().collect(),
        ..PropertySet::NONE
    })
}

pub(super) fn filters(u: &mut U<'_>, version: Version) -> Result<Vec<SubscribeFilter>> {
    let handling = [RetainHandling::Always, RetainHandling::IfNew, RetainHandling::Never];
    let count = one_of(u, &[1, 1, 2, 4])?;
    let mut filters = Vec::new();
    for _ in 0..count {
        let filter = ByteString::from_static(one_of(u, &FILTERS)?);
        let qos = qos(u)?;
        let options = match version {
            Version::V3_1 | Version::V3_1_1 => SubscribeOptions { qos, ..Default::default() },
            Version::V5 => SubscribeOptions {
                qos,
                // A share group must not ask for this.
                no_local: one_in(u, 4)? && !filter.starts_with("$share/"),
                retain_as_published: one_in(u, 2)?,
                retain_handling: one_of(u, &handling)?,
            },
        };
        filters.push(SubscribeFilter { filter, options });
    }
    Ok(filters)
}

pub(super) fn qos(u: &mut U<'_>) -> Result<QoS> {
    one_of(u, &[QoS::ExactlyOnce, QoS::AtLeastOnce, QoS::AtMostOnce])
}

pub(super) fn topic(u: &mut U<'_>) -> Result<TopicName> {
    Ok(TopicName::new(one_of(u, &TOPICS)?.into()).expect("a topic"))
}

pub(super) fn client(u: &mut U<'_>) -> Result<ClientId> {
    Ok(ClientId::new(one_of(u, &CLIENTS)?).expect("not empty"))
}

/// What the management interface asks for.
pub(super) fn request(u: &mut U<'_>) -> Result<Request> {
    if one_in(u, 2)? { query(u).map(Request::Query) } else { command(u).map(Request::Command) }
}

fn query(u: &mut U<'_>) -> Result<Query> {
    let start = match below(u, 3)? {
        0 => Start::FIRST,
        1 => Start::Page { number: 1 + below(u, 4)? as u64, size: 1 + below(u, 3)? as u64 },
        _ => Start::After(Cursor(u.arbitrary()?)),
    };
    let limit = one_of(u, &[10, 0, 1, 1_000])?;
    let containing = one_of(u, &[None, Some("A"), Some("192.0")])?.map(str::to_owned);
    Ok(match below(u, 12)? {
        0 => Query::Numbers,
        1 => Query::Clients { start, limit, containing },
        2 => Query::Client(client(u)?),
        3 => {
            let online = one_of(u, &[None, Some(true), Some(false)])?;
            Query::Sessions { start, limit, containing, online }
        }
        4 => Query::Session(client(u)?),
        5 => Query::Subscriptions { of: SubscriptionsOf::Everyone, start, limit },
        6 => Query::Subscriptions { of: SubscriptionsOf::Client(client(u)?), start, limit },
        7 => Query::Subscriptions { of: SubscriptionsOf::Filter(filter(u)?), start, limit },
        8 => Query::Subscriptions { of: SubscriptionsOf::Topic(topic(u)?), start, limit },
        9 => {
            let after = if one_in(u, 2)? { Some(topic(u)?) } else { None };
            Query::Retained { filter: filter(u)?, after, limit }
        }
        10 => Query::Explain { client: client(u)?, topic: topic(u)?, qos: qos(u)? },
        _ => match below(u, 3)? {
            0 => Query::RetainedMessage(topic(u)?),
            1 => Query::Recent { client: None, limit },
            _ => Query::Topics,
        },
    })
}

fn command(u: &mut U<'_>) -> Result<Command> {
    Ok(match below(u, 7)? {
        0 => Command::Publish(Box::new(content(u)?)),
        1 => Command::Subscribe { client: client(u)?, filter: filter(u)?, qos: qos(u)? },
        2 => Command::Unsubscribe { client: client(u)?, filter: filter(u)? },
        3 => Command::Disconnect(client(u)?),
        4 => Command::EndSession(client(u)?),
        5 => {
            let after = if one_in(u, 2)? { Some(topic(u)?) } else { None };
            Command::ClearRetained { filter: filter(u)?, after }
        }
        _ => Command::PublishSystem {
            topic: TopicName::new("$SYS/broker/x".into()).expect("a topic"),
            payload: Bytes::from_static(b"1"),
        },
    })
}

fn content(u: &mut U<'_>) -> Result<Content> {
    Ok(Content {
        topic: topic(u)?,
        payload: Bytes::from_static(one_of(u, &[&b"by order"[..], b""])?),
        qos: qos(u)?,
        retain: one_in(u, 2)?,
        properties: message_properties(u)?.into(),
    })
}

fn filter(u: &mut U<'_>) -> Result<TopicFilter> {
    // Those behind the first thirteen are none.
    Ok(TopicFilter::parse(one_of(u, &FILTERS[..13])?.into()).expect("a filter"))
}
