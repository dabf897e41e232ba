//! Random packets: everything that a version can represent.

use bytes::Bytes;
use bytestring::ByteString;
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use proptest::sample::select;
use surewire_engine::id::PacketId;
use surewire_engine::packet::*;
use surewire_engine::topic::TopicName;

/// Any of the three.
pub(crate) fn version() -> impl Strategy<Value = Version> {
    select(&[Version::V3_1, Version::V3_1_1, Version::V5])
}

/// Any packet that `version` has.
pub(crate) fn packet(version: Version) -> BoxedStrategy<Packet> {
    let common = prop_oneof![
        connect(version).prop_map(|connect| Packet::Connect(Box::new(connect))),
        connack(version).prop_map(Packet::Connack),
        publish(version).prop_map(Packet::Publish),
        ack(version, PUBACK).prop_map(Packet::Puback),
        ack(version, PUBACK).prop_map(Packet::Pubrec),
        ack(version, PUBREL).prop_map(Packet::Pubrel),
        ack(version, PUBREL).prop_map(Packet::Pubcomp),
        subscribe(version).prop_map(|subscribe| Packet::Subscribe(Box::new(subscribe))),
        suback(version).prop_map(|suback| Packet::Suback(Box::new(suback))),
        unsubscribe(version).prop_map(|packet| Packet::Unsubscribe(Box::new(packet))),
        unsuback(version).prop_map(|unsuback| Packet::Unsuback(Box::new(unsuback))),
        Just(Packet::Pingreq),
        Just(Packet::Pingresp),
        disconnect(version).prop_map(Packet::Disconnect),
    ];
    match version {
        Version::V3_1 | Version::V3_1_1 => common.boxed(),
        Version::V5 => prop_oneof![14 => common, 1 => auth()].boxed(),
    }
}

const CONNACK_V3: &[u8] = &[0x00, 0x84, 0x85, 0x88, 0x86, 0x87];
const CONNACK: &[u8] = &[
    0x00, 0x80, 0x81, 0x82, 0x83, 0x84, 0x85, 0x86, 0x87, 0x88, 0x89, 0x8A, 0x8C, 0x90, 0x95, 0x97,
    0x99, 0x9A, 0x9B, 0x9C, 0x9D, 0x9F,
];
const PUBACK: &[u8] = &[0x00, 0x10, 0x80, 0x83, 0x87, 0x90, 0x91, 0x97, 0x99];
const PUBREL: &[u8] = &[0x00, 0x92];
const SUBACK_V3: &[u8] = &[0x00, 0x01, 0x02, 0x80];
const SUBACK: &[u8] = &[0x00, 0x01, 0x02, 0x80, 0x83, 0x87, 0x8F, 0x91, 0x97, 0x9E, 0xA1, 0xA2];
const UNSUBACK: &[u8] = &[0x00, 0x11, 0x80, 0x83, 0x87, 0x8F, 0x91];
const DISCONNECT: &[u8] = &[
    0x00, 0x04, 0x80, 0x81, 0x82, 0x83, 0x87, 0x89, 0x8B, 0x8C, 0x8D, 0x8E, 0x8F, 0x90, 0x93, 0x94,
    0x95, 0x96, 0x97, 0x98, 0x99, 0x9A, 0x9B, 0x9C, 0x9D, 0x9E, 0x9F, 0xA0, 0xA1, 0xA2,
];
const AUTH: &[u8] = &[0x00, 0x18, 0x19];

fn code(bytes: &'static [u8]) -> impl Strategy<Value = ReasonCode> {
    select(bytes).prop_map(|byte| ReasonCode::from_byte(byte).unwrap())
}

fn text() -> impl Strategy<Value = ByteString> {
    let any = vec(any::<char>().prop_filter("U+0000 is no text", |c| *c != '\0'), 0..12);
    prop_oneof![any.prop_map(String::from_iter), "[a-z/+#$]{0,20}"].prop_map(ByteString::from)
}

fn topic() -> impl Strategy<Value = TopicName> {
    let name = text().prop_map(|text| text.replace(['+', '#'], "/"));
    name.prop_map(|name| TopicName::new(format!("{name}.").into()).unwrap())
}

fn data() -> impl Strategy<Value = Bytes> {
    prop_oneof![
        9 => vec(any::<u8>(), 0..40).prop_map(Bytes::from),
        1 => vec(any::<u8>(), 100..400).prop_map(Bytes::from),
    ]
}

fn packet_id() -> impl Strategy<Value = PacketId> {
    (1..=u16::MAX).prop_map(|id| PacketId::new(id).unwrap())
}

fn qos() -> impl Strategy<Value = QoS> {
    select(&[QoS::AtMostOnce, QoS::AtLeastOnce, QoS::ExactlyOnce])
}

fn connect(version: Version) -> impl Strategy<Value = Connect> {
    let user = option::of(text());
    let password = option::of(data().prop_map(Password));
    let parts = (any::<bool>(), any::<u16>(), text(), option::of(will(version)), user, password);
    (parts, connect_properties(version)).prop_map(move |(parts, properties)| {
        let (clean_start, keep_alive, client_id, will, user_name, password) = parts;
        let password = password.filter(|_| version == Version::V5 || user_name.is_some());
        Connect {
            version,
            clean_start,
            keep_alive,
            client_id,
            will: will.map(Box::new),
            user_name,
            password,
            properties,
        }
    })
}

fn will(version: Version) -> impl Strategy<Value = Will> {
    (topic(), data(), qos(), any::<bool>(), will_properties(version)).prop_map(
        |(topic, payload, qos, retain, properties)| Will {
            topic,
            payload,
            qos,
            retain,
            properties,
        },
    )
}

fn connack(version: Version) -> impl Strategy<Value = Connack> {
    let codes = if version == Version::V5 { CONNACK } else { CONNACK_V3 };
    (any::<bool>(), code(codes), connack_properties(version)).prop_map(
        move |(present, code, properties)| {
            let session_present = present && version != Version::V3_1;
            Connack { session_present, code, properties }
        },
    )
}

fn publish(version: Version) -> impl Strategy<Value = Publish> {
    let parts = (any::<bool>(), qos(), any::<bool>(), topic(), packet_id(), data());
    (parts, publish_properties(version)).prop_map(|(parts, properties)| {
        let (dup, qos, retain, topic, packet_id, payload) = parts;
        let tracked = qos > QoS::AtMostOnce;
        // One in two packets with an alias leaves its topic out.
        let by_alias = properties.get().topic_alias.is_some_and(|alias| alias % 2 == 0);
        Publish {
            dup: dup && tracked,
            qos,
            retain,
            topic: (!by_alias).then_some(topic),
            packet_id: tracked.then_some(packet_id),
            properties,
            payload,
        }
    })
}

fn ack(version: Version, codes: &'static [u8]) -> impl Strategy<Value = Ack> {
    (packet_id(), code(codes), reason_properties(version)).prop_map(
        move |(packet_id, code, properties)| {
            let code = if version == Version::V5 { code } else { ReasonCode::Success };
            Ack { packet_id, code, properties }
        },
    )
}

fn subscribe(version: Version) -> impl Strategy<Value = Subscribe> {
    let filters = vec((text(), options(version)), 1..6);
    (packet_id(), filters, subscribe_properties(version)).prop_map(
        |(packet_id, filters, properties)| {
            let filter = |(filter, options)| SubscribeFilter { filter, options };
            Subscribe { packet_id, filters: filters.into_iter().map(filter).collect(), properties }
        },
    )
}

fn options(version: Version) -> impl Strategy<Value = SubscribeOptions> {
    let handling = [RetainHandling::Always, RetainHandling::IfNew, RetainHandling::Never];
    (qos(), any::<bool>(), any::<bool>(), select(handling.to_vec())).prop_map(
        move |(qos, no_local, retain_as_published, retain_handling)| match version {
            Version::V3_1 | Version::V3_1_1 => {
                SubscribeOptions { qos, ..SubscribeOptions::default() }
            }
            Version::V5 => SubscribeOptions { qos, no_local, retain_as_published, retain_handling },
        },
    )
}

fn suback(version: Version) -> impl Strategy<Value = Suback> {
    let codes = if version == Version::V5 { SUBACK } else { SUBACK_V3 };
    (packet_id(), vec(code(codes), 1..8), reason_properties(version)).prop_map(
        |(packet_id, codes, properties)| Suback { packet_id, codes: codes.into(), properties },
    )
}

fn unsuback(version: Version) -> impl Strategy<Value = Suback> {
    (packet_id(), vec(code(UNSUBACK), 1..8), reason_properties(version)).prop_map(
        move |(packet_id, codes, properties)| {
            let codes = if version == Version::V5 { codes } else { Vec::new() };
            Suback { packet_id, codes: codes.into(), properties }
        },
    )
}

fn unsubscribe(version: Version) -> impl Strategy<Value = Unsubscribe> {
    (packet_id(), vec(text(), 1..6), user_properties(version))
        .prop_map(|(packet_id, filters, properties)| Unsubscribe { packet_id, filters, properties })
}

fn disconnect(version: Version) -> impl Strategy<Value = Disconnect> {
    let set = (reason_set(), option::of(any::<u32>()), option::of(text()));
    let set = set.prop_map(|(set, session_expiry_interval, server_reference)| PropertySet {
        session_expiry_interval,
        server_reference,
        ..set
    });
    (code(DISCONNECT), only_in_v5(version, set)).prop_map(move |(code, properties)| {
        let code = if version == Version::V5 { code } else { ReasonCode::Success };
        Disconnect { code, properties }
    })
}

fn auth() -> impl Strategy<Value = Packet> {
    let set = (reason_set(), method()).prop_map(|(set, (method, data))| PropertySet {
        authentication_method: method,
        authentication_data: data,
        ..set
    });
    (code(AUTH), only_in_v5(Version::V5, set))
        .prop_map(|(code, properties)| Packet::Auth(Auth { code, properties }))
}

/// None before 5.0, and now and then none in 5.0.
fn only_in_v5(
    version: Version,
    set: impl Strategy<Value = PropertySet> + 'static,
) -> BoxedStrategy<Properties> {
    match version {
        Version::V3_1 | Version::V3_1_1 => Just(Properties::NONE).boxed(),
        Version::V5 => {
            prop_oneof![1 => Just(Properties::NONE), 2 => set.prop_map(Properties::from)].boxed()
        }
    }
}

fn user_set() -> impl Strategy<Value = PropertySet> {
    vec((text(), text()), 0..4)
        .prop_map(|user_properties| PropertySet { user_properties, ..PropertySet::NONE })
}

fn reason_set() -> impl Strategy<Value = PropertySet> {
    (user_set(), option::of(text()))
        .prop_map(|(set, reason_string)| PropertySet { reason_string, ..set })
}

fn user_properties(version: Version) -> BoxedStrategy<Properties> {
    only_in_v5(version, user_set())
}

fn reason_properties(version: Version) -> BoxedStrategy<Properties> {
    only_in_v5(version, reason_set())
}

fn subscribe_properties(version: Version) -> BoxedStrategy<Properties> {
    let set = (user_set(), option::of(1..=268_435_455_u32)).prop_map(|(set, identifier)| {
        PropertySet { subscription_identifiers: identifier.into_iter().collect(), ..set }
    });
    only_in_v5(version, set)
}

/// No data without a method.
fn method() -> impl Strategy<Value = (Option<ByteString>, Option<Bytes>)> {
    let both = (text(), option::of(data())).prop_map(|(method, data)| (Some(method), data));
    prop_oneof![Just((None, None)), both]
}

/// What a message carries, in a PUBLISH or in a Will.
fn message_set() -> impl Strategy<Value = PropertySet> {
    let fields = (option::of(any::<bool>()), option::of(any::<u32>()), option::of(text()));
    (user_set(), fields, option::of(topic()), option::of(data())).prop_map(
        |(set, (payload_format_indicator, message_expiry_interval, content_type), to, data)| {
            PropertySet {
                payload_format_indicator,
                message_expiry_interval,
                content_type,
                response_topic: to,
                correlation_data: data,
                ..set
            }
        },
    )
}

fn will_properties(version: Version) -> BoxedStrategy<Properties> {
    let set = (message_set(), option::of(any::<u32>()))
        .prop_map(|(set, will_delay_interval)| PropertySet { will_delay_interval, ..set });
    only_in_v5(version, set)
}

fn publish_properties(version: Version) -> BoxedStrategy<Properties> {
    let identifiers = vec(1..=268_435_455_u32, 0..4);
    let set = (message_set(), option::of(any::<u16>()), identifiers).prop_map(
        |(set, topic_alias, identifiers)| PropertySet {
            topic_alias,
            subscription_identifiers: identifiers.into(),
            ..set
        },
    );
    only_in_v5(version, set)
}

/// What CONNECT and CONNACK share.
fn session_set() -> impl Strategy<Value = PropertySet> {
    let maximums = (option::of(1..=u16::MAX), option::of(any::<u16>()), option::of(1..=u32::MAX));
    (user_set(), option::of(any::<u32>()), maximums, method()).prop_map(
        |(set, session_expiry_interval, (receive, aliases, size), (method, data))| PropertySet {
            session_expiry_interval,
            receive_maximum: receive,
            topic_alias_maximum: aliases,
            maximum_packet_size: size,
            authentication_method: method,
            authentication_data: data,
            ..set
        },
    )
}

fn connect_properties(version: Version) -> BoxedStrategy<Properties> {
    let flag = || option::of(any::<bool>());
    let set = (session_set(), flag(), flag()).prop_map(|(set, problem, response)| PropertySet {
        request_problem_information: problem,
        request_response_information: response,
        ..set
    });
    only_in_v5(version, set)
}

fn connack_properties(version: Version) -> BoxedStrategy<Properties> {
    let flag = || option::of(any::<bool>());
    let name = || option::of(text());
    let names = (name(), name(), name(), name(), option::of(any::<u16>()));
    let flags = (option::of(0..=1_u8), flag(), flag(), flag(), flag());
    let set = (session_set(), names, flags).prop_map(|(set, names, flags)| PropertySet {
        assigned_client_identifier: names.0,
        response_information: names.1,
        server_reference: names.2,
        reason_string: names.3,
        server_keep_alive: names.4,
        maximum_qos: flags.0,
        retain_available: flags.1,
        wildcard_subscription_available: flags.2,
        subscription_identifier_available: flags.3,
        shared_subscription_available: flags.4,
        ..set
    });
    only_in_v5(version, set)
}
