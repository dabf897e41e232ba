//! What is told, under which name.

use std::collections::BTreeMap;
use std::sync::atomic::Ordering;

use surewire_engine::counters::{ByPacket, ByQoS, Counters};
use surewire_engine::engine::Sizes;
use surewire_engine::event::Memory;
use surewire_engine::notice::DropReason;

use super::labels;
use super::text::{Family, Text};
use crate::api::words;
use crate::config::Durability;
use crate::core::Snapshot;
use crate::shared::Shared;
use crate::store::Figures;
use crate::traffic;

/// How much there is now.
pub(super) fn sizes(text: &mut Text, sizes: &Sizes) {
    let mut gauge = |name, help, value: usize| text.gauge(name, help, value);
    gauge("surewire_connections", "Clients that are connected.", sizes.connections);
    gauge("surewire_sessions", "Sessions, connected or not.", sizes.sessions);
    gauge("surewire_subscriptions", "Subscriptions of all sessions.", sizes.subscriptions);
    gauge(
        "surewire_retained_messages",
        "Retained messages, without the broker's own below $SYS.",
        sizes.retained,
    );
    gauge("surewire_retained_bytes", "Bytes that these count for.", sizes.retained_bytes);
    gauge(
        "surewire_waiting_clients",
        "Clients that have never connected and that subscriptions wait for.",
        sizes.waiting_clients,
    );
}

/// Who came.
pub(super) fn connections(text: &mut Text, counters: &Counters, shared: &Shared) {
    text.gauge(
        "surewire_sockets",
        "Open connections to MQTT listeners, those before CONNECT included.",
        shared.open(),
    );
    let mut counter = |name, help, value: u64| text.counter(name, help, value);
    counter(
        "surewire_sockets_accepted_total",
        "Connections to MQTT listeners, whatever came on them.",
        shared.accepted(),
    );
    counter("surewire_connects_total", "CONNECTs that were accepted.", counters.connections);
    counter("surewire_connects_refused_total", "CONNECTs that were refused.", counters.refused);
    counter(
        "surewire_sessions_expired_total",
        "Sessions that ended because their client did not come back in time.",
        counters.sessions_expired,
    );
    text.gauge(
        "surewire_connections_max",
        "The most clients that were connected at a time.",
        counters.most_connections,
    );
}

/// What went over the wire.
pub(super) fn packets(text: &mut Text, counters: &Counters, traffic: traffic::Bytes) {
    by_packet(
        text.counters("surewire_packets_received_total", "Packets from accepted clients."),
        &counters.packets_received,
    );
    by_packet(
        text.counters("surewire_packets_sent_total", "Packets to accepted clients."),
        &counters.packets_sent,
    );
    by_qos(
        text.counters("surewire_publishes_received_total", "PUBLISH packets from clients."),
        counters.received,
    );
    by_qos(
        text.counters(
            "surewire_publishes_sent_total",
            "PUBLISH packets to clients, repetitions included.",
        ),
        counters.sent,
    );
    let mut counter = |name, help, value: u64| text.counter(name, help, value);
    counter(
        "surewire_payload_received_bytes_total",
        "Bytes of payload in PUBLISH packets from clients.",
        counters.payload_received,
    );
    counter(
        "surewire_payload_sent_bytes_total",
        "Bytes of payload in PUBLISH packets to clients, repetitions included.",
        counters.payload_sent,
    );
    counter(
        "surewire_socket_received_bytes_total",
        "Bytes of MQTT from clients, without what TLS and WebSocket put around it.",
        traffic.received,
    );
    counter(
        "surewire_socket_sent_bytes_total",
        "Bytes of MQTT to clients, without what TLS and WebSocket put around it.",
        traffic.sent,
    );
}

fn by_packet(mut family: Family<'_>, counts: &ByPacket) {
    for (packet, count) in counts.iter() {
        family.labelled("type", labels::packet(packet), count);
    }
}

fn by_qos(mut family: Family<'_>, counts: ByQoS) {
    let counts = [counts.at_most_once, counts.at_least_once, counts.exactly_once];
    for (qos, count) in counts.into_iter().enumerate() {
        family.labelled("qos", qos, count);
    }
}

/// What became of messages. The unit is one message for one session.
pub(super) fn messages(text: &mut Text, counters: &Counters) {
    let gone = counters.delivered + counters.dropped.total();
    text.gauge(
        "surewire_messages_held",
        "Messages that a session holds until they are delivered, one for each session.",
        counters.routed.saturating_sub(gone),
    );
    text.counter(
        "surewire_messages_routed_total",
        "Messages that were going to reach a session, one for each session.",
        counters.routed,
    );
    text.counter(
        "surewire_messages_delivered_total",
        "Of these: handed to the connection (QoS 0) or acknowledged in full (QoS 1 and 2).",
        ever_delivered(counters),
    );
    let mut dropped = text.counters(
        "surewire_messages_dropped_total",
        "Of these: dropped; connection_closed ones count as delivered as well.",
    );
    for (why, count) in counters.dropped.iter() {
        dropped.labelled("reason", words::dropped(why).reason, count);
    }
    text.counter(
        "surewire_publishes_refused_total",
        "PUBLISH packets that were not routed, whether or not they were acknowledged.",
        counters.publish_refused,
    );
    text.counter(
        "surewire_subscribes_refused_total",
        "Topic Filters that were refused.",
        counters.subscribe_refused,
    );
}

/// What the engine takes back when a connection ends before it is written is told as dropped, but
/// not taken back here: a counter never falls.
fn ever_delivered(counters: &Counters) -> u64 {
    let taken_back = counters.dropped.iter().find(|(why, _)| *why == DropReason::ConnectionClosed);
    counters.delivered + taken_back.map_or(0, |(_, count)| count)
}

/// How long the engine took, and made others wait.
pub(super) fn times(text: &mut Text, snapshot: &Snapshot) {
    text.histogram(
        "surewire_lock_wait_seconds",
        "How long the engine's lock was waited for.",
        &snapshot.lock_wait,
    );
    text.histogram(
        "surewire_lock_held_seconds",
        "How long the engine's lock was held.",
        &snapshot.lock_held,
    );
    text.histogram(
        "surewire_step_seconds",
        "How long steps of the engine took; one in eight is timed.",
        &snapshot.step,
    );
    text.histogram(
        "surewire_chore_seconds",
        "How long steps took that no client waits for: timers, cleaning the log.",
        &snapshot.chore,
    );
    text.histogram(
        "surewire_request_seconds",
        "How long the engine's lock was held for requests of the management interface.",
        &snapshot.request,
    );
}

/// What went to the disk.
pub(super) fn stored(text: &mut Text, stored: &Figures, durability: Durability) {
    let mut level = text.gauges(
        "surewire_store_durability",
        "Always 1; the label tells what an acknowledged message survives.",
    );
    level.labelled("level", durability, 1);
    text.histogram(
        "surewire_store_sync_seconds",
        "How long the disk took to make a batch of records durable.",
        &stored.sync,
    );
    text.histogram(
        "surewire_store_commit_seconds",
        "How long the first record of a batch waited until it was durable.",
        &stored.commit,
    );
    let mut counter = |name, help, value: u64| text.counter(name, help, value);
    counter("surewire_store_batches_total", "Batches of records.", stored.batches);
    counter("surewire_store_records_total", "Records.", stored.records);
    counter("surewire_store_record_bytes_total", "Bytes of records.", stored.record_bytes);
    counter(
        "surewire_store_anew_bytes_total",
        "Of these: bytes that cleaning wrote to tell again what lives.",
        stored.anew_bytes,
    );
    counter(
        "surewire_store_written_bytes_total",
        "Bytes that were written to the disk, those around the records included.",
        stored.written,
    );
    text.gauge(
        "surewire_store_live_bytes",
        "Bytes that what lives took when cleaning wrote it last, or when it was read at the start.",
        stored.live_bytes,
    );
    text.gauge("surewire_store_log_bytes", "Bytes of the log's files.", stored.log_bytes);
    text.gauge(
        "surewire_store_spare_bytes",
        "Bytes of the files that are allocated ahead.",
        stored.spare_bytes,
    );
    text.gauge(
        "surewire_store_full",
        "Whether the disk has no room, so that what would store more is refused: 1 or 0.",
        u8::from(stored.full),
    );
    text.gauge(
        "surewire_store_waiting_bytes",
        "Bytes of records that are not durable yet.",
        stored.waiting_bytes,
    );
}

/// How much memory there may be, and what is done about that.
pub(super) fn memory(text: &mut Text, stage: Memory, limit: Option<u64>) {
    if let Some(limit) = limit {
        text.gauge("surewire_memory_limit_bytes", "Memory that the broker may take.", limit);
    }
    let stage: u8 = match stage {
        Memory::Enough => 0,
        Memory::NoNewSessions => 1,
        Memory::NoQueuedQos0 => 2,
        Memory::NoPublishers => 3,
    };
    text.gauge(
        "surewire_memory_stage",
        "What is not done because memory is short: nothing, new sessions, queuing QoS 0, reading \
         publishers (0 to 3).",
        stage,
    );
}

/// The server around the engine.
pub(super) fn server(text: &mut Text, shared: &Shared) {
    text.counter(
        "surewire_task_panics_total",
        "Connections and requests that ended because the broker's own task failed: a bug.",
        shared.panics.load(Ordering::Relaxed),
    );
    text.gauge("surewire_workers", "Threads that serve connections.", shared.settings.workers);
    text.gauges("surewire_build_info", "Always 1; the label tells the version.").labelled(
        "version",
        env!("CARGO_PKG_VERSION"),
        1,
    );
}

/// The management interface.
pub(super) fn http(text: &mut Text, answered: &BTreeMap<u16, u64>) {
    let mut family = text.counters(
        "surewire_http_requests_total",
        "Requests to the management interface, by the status of their answer.",
    );
    for (status, count) in answered {
        family.labelled("status", status, count);
    }
}
