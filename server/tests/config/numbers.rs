//! contract: sections 2 and 8, every number at its ends and beyond.

use super::{config, load, message};

const U16: u64 = 65_535;
const U32: u64 = u32::MAX as u64;
const SIZE: u64 = 1 << 60;

/// Key, least and greatest value; the unit, if it needs one to be counted in.
const KEYS: &[(&str, u64, u64, &str)] = &[
    ("delivery_retry_interval", 0, U32, ""),
    ("max_msgqueue_messages", 0, U32, ""),
    ("workers", 0, 1024, ""),
    ("max_connections", 1, U32, ""),
    ("connect_timeout", 100, 3_600_000, "ms"),
    ("tcp_keepalive", 1, 32_767, "s"),
    ("sys_interval", 0, 86_400, "s"),
    ("max_keepalive", 1, U16, "s"),
    ("keepalive_multiplier", 1, 10, ""),
    ("session_expiry_interval", 1, U32 - 1, "s"),
    ("max_session_expiry_interval", 0, U32 - 1, "s"),
    ("max_packet_size", 128, 268_435_460, "B"),
    ("receive_maximum", 1, U16, ""),
    ("topic_alias_maximum", 0, U16, ""),
    ("max_topic_levels", 1, U16, ""),
    ("max_topic_length", 1, U16, ""),
    ("max_client_id_length", 23, U16, ""),
    ("max_user_properties", 0, U32, ""),
    ("max_subscriptions_per_client", 1, U32, ""),
    ("max_share_groups_per_client", 1, U32, ""),
    ("max_filters_per_subscribe", 1, U32, ""),
    ("max_queued_bytes", 1024, SIZE, ""),
    ("max_unsent_bytes", 1024, SIZE, ""),
    ("retained.max_messages", 0, U32, ""),
    ("retained.max_bytes", 0, SIZE, ""),
    ("memory_limit", 1, 100, "%"),
    ("memory_limit", 16 << 20, u64::MAX, "B"),
];

fn file(key: &str, value: &str) -> String {
    match key.split_once('.') {
        Some((section, key)) => format!("{section}: {{{key}: {value}}}"),
        None => format!("{key}: {value}"),
    }
}

#[test]
fn every_number_is_taken_within_its_limits_and_nowhere_else() {
    for (key, min, max, unit) in KEYS {
        for value in [0, 1, *min, *max, max.saturating_add(1)] {
            let file = file(key, &format!("{value}{unit}"));
            let allowed = (*min..=*max).contains(&value);
            assert_eq!(load(&file).is_ok(), allowed, "{file}");
        }
    }
}

#[test]
fn a_value_out_of_range_names_itself_and_the_range() {
    for (key, min, _, unit) in KEYS {
        let value = format!("-1{unit}");
        let text = message(&file(key, &value));
        assert!(text.contains(&format!("{key}: found `{value}`, expected ")), "{text}");
        if *min > 1 || unit.is_empty() {
            continue;
        }
        assert!(text.contains(" from ") || text.contains(" at least "), "{text}");
    }
}

#[test]
fn text_is_no_number() {
    for (key, ..) in KEYS {
        for value in ["many", "1e3", "'many'", "[1]", "{a: 1}", "99 99"] {
            let text = message(&file(key, value));
            assert!(text.contains(&format!("{key}: found ")), "{text}");
            assert!(text.contains(", expected a "), "{text}");
        }
    }
}

#[test]
fn a_number_far_beyond_64_bits_is_out_of_range() {
    for (key, _, _, unit) in KEYS {
        let text = message(&file(key, &format!("{}{unit}", "9".repeat(50))));
        assert!(text.contains(&format!("{key}: found `")), "{text}");
    }
}

// contract: section 2, max_inflight_messages
#[test]
fn the_window_is_clamped_with_a_warning() {
    let rows = [("0", 65_535, 0), ("1", 1, 0), ("65535", 65_535, 0), ("65536", 65_535, 1)];
    for (written, window, warnings) in rows {
        // On loopback, so that there is nothing else to warn of.
        let file = format!(
            "max_inflight_messages: {written}\nlistener: [{{protocol: mqtt, addr: '[::1]:0'}}]"
        );
        let loaded = load(&file).unwrap();
        assert_eq!(loaded.config.max_inflight_messages.get(), window, "{written}");
        assert_eq!(loaded.warnings.len(), warnings, "{written}");
    }
    assert_eq!(
        message("max_inflight_messages: -1"),
        "config.yaml:1:24: max_inflight_messages: found `-1`, expected a number of messages, 0 \
         or more (0 = 65535)"
    );
}

// contract: section 2, the meaning of zero
#[test]
fn zero_is_never_or_unlimited_where_the_contract_says_so() {
    let config = config("delivery_retry_interval: 0\nmax_msgqueue_messages: 0\nworkers: 0");
    assert_eq!(config.delivery_retry_interval, None);
    assert_eq!(config.max_msgqueue_messages, None);
    assert_eq!(config.workers, None);
}

#[test]
fn the_topics_below_sys_are_turned_off_by_zero_and_by_the_word() {
    for value in ["0", "0s", "off"] {
        assert_eq!(config(&format!("sys_interval: {value}")).sys_interval, None, "{value}");
    }
    let text = message("sys_interval: 100ms");
    assert!(text.contains("from 1s to 1d in whole seconds, such as 10s, or `off` or 0"), "{text}");
}

// contract: section 2, units
#[test]
fn new_keys_take_units() {
    let file = "connect_timeout: 1500ms\nmax_packet_size: 1MiB\nmax_queued_bytes: 1048576\n\
                session_expiry_interval: 7d\nmax_keepalive: 600\nkeepalive_multiplier: 2\n\
                tcp_keepalive: off\nmemory_limit: 2GiB\nretained: {max_bytes: '1 GiB'}";
    let config = config(file);
    assert_eq!(config.connect_timeout.as_millis(), 1_500);
    assert_eq!(config.max_packet_size.get(), 1 << 20);
    assert_eq!(config.max_queued_bytes, config.max_packet_size);
    assert_eq!(config.session_expiry_interval.unwrap().as_secs(), 7 * 86_400);
    assert_eq!(config.max_keepalive.unwrap().as_secs(), 600);
    assert_eq!(config.keepalive_multiplier.thousandths(), 2_000);
    assert_eq!(config.tcp_keepalive, None);
    assert_eq!(config.memory_limit.bytes_of(0), 2 << 30);
    assert_eq!(config.retained.max_bytes.get(), 1 << 30);
}
