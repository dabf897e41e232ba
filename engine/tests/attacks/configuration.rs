//! Numbers of the configuration at their ends.

use std::time::Duration;

use surewire_engine::config::Config;

use crate::support::{Bench, SECOND, puback, will};

/// A little of everything, all of which may be refused and none of which may panic. The bench checks the
/// invariants.
fn use_it(config: Config) {
    let bench = Bench::with(config);
    for version in [4, 5] {
        let connect = surewire_engine::packet::Connect {
            clean_start: false,
            keep_alive: 1,
            will: will("w", "x", 1, true),
            ..if version == 4 {
                crate::support::connect("c")
            } else {
                crate::support::resume5("c", u32::MAX)
            }
        };
        let client = bench.open(connect.clone());
        for n in 1..=4 {
            if client.is_open() {
                client.subscribe_as(n, &[("#", 2), ("$share/g/#", 1)]);
            }
            let peer = bench.open(crate::support::connect("peer"));
            if peer.is_open() {
                peer.publish_as("t", 1, true, "message", n, false);
            }
            if client.is_open() {
                client.send(puback(n));
            }
            bench.advance(SECOND);
        }
        client.lose();
        bench.advance(Duration::from_secs(3_600));
        bench.crash(SECOND);
        let again = bench.open(connect);
        bench.advance(SECOND);
        drop(again);
    }
    bench.stop();
}

// A timeout of zero was a division by zero. Each number by itself at 0, 1 and the most.
#[test]
fn cve_2026_42209_no_number_of_the_configuration_breaks_the_broker() {
    let default = Config::default;
    use_it(default());
    for n in [0, 1, usize::MAX] {
        let small = u16::try_from(n).unwrap_or(u16::MAX);
        let some = u32::try_from(n).unwrap_or(u32::MAX);
        let time = if n == usize::MAX { Duration::MAX } else { Duration::from_nanos(n as u64) };
        let configs = [
            Config { delivery_retry_interval: time, ..default() },
            Config { max_inflight_messages: small.max(1), ..default() },
            Config { max_msgqueue_messages: Some(n), ..default() },
            Config { max_queued_bytes: n, ..default() },
            Config { max_connections: n, ..default() },
            Config { receive_maximum: small.max(1), ..default() },
            Config { topic_alias_maximum: small, ..default() },
            Config { max_unsent_bytes: n as u64, ..default() },
            Config { stall_timeout: time, ..default() },
            Config { max_topic_levels: n, ..default() },
            Config { max_topic_length: n, ..default() },
            Config { max_client_id_length: n, ..default() },
            Config { max_subscriptions_per_client: n, ..default() },
            Config { max_share_groups_per_client: n, ..default() },
            Config { max_filters_per_subscribe: n, ..default() },
            Config { max_retained_messages: n, ..default() },
            Config { max_retained_bytes: n, ..default() },
            Config { max_keepalive: Some(small), ..default() },
            Config { keepalive_multiplier_milli: some, ..default() },
            Config { session_expiry_interval: Some(time), ..default() },
            Config { max_session_expiry_interval: Some(some), ..default() },
            Config { authentication_timeout: time, ..default() },
        ];
        configs.into_iter().for_each(use_it);
    }
}
