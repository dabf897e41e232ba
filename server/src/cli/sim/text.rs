//! The report for people at a terminal: 80 columns, no colours.

use std::fmt::Write;
use std::time::Duration;

use surewire_engine::notice::{CloseReason, DropReason};
use surewire_fleet::report::{Delays, Group, Tally};
use surewire_fleet::{Plan, Report};

use super::clients;
use super::curves::curves;
use crate::api::words::{self, Words};

/// What a run shows.
pub(super) fn report(name: &str, plan: &Plan, report: &Report) -> String {
    let mut text = head(name, plan);
    text.push_str(&messages(report));
    text.push_str(&reasons(report));
    text.push_str(&connections(report));
    text.push_str(&delays(report));
    text.push_str(&groups(report));
    text.push('\n');
    text.push_str(&curves(&report.curves, plan.length));
    text.push_str(&foot(report));
    text
}

fn head(name: &str, plan: &Plan) -> String {
    format!(
        "{name}: {} of {} clients, seed {}\n\
         Logic and limits are exact: this is the shipped broker in virtual time. CPU time is\n\
         not modelled: delays are those of links, disk and outages alone.\n",
        span(plan.length),
        number(clients(plan)),
        plan.seed
    )
}

fn messages(report: &Report) -> String {
    let broker = &report.broker;
    let mut text = String::from("\nmessages\n");
    let sum = |of: fn(&Group) -> u64| report.sum(of);
    row(&mut text, "published", sum(|g| g.published), "by the clients' applications");
    row_if(&mut text, "  not sent", sum(|g| g.unsent), "QoS 0 while there was no connection");
    row_if(&mut text, "  not taken", sum(|g| g.overflowed), "the client's own queue was full");
    row_if(
        &mut text,
        "  forgotten",
        sum(|g| g.forgotten),
        "QoS 1 and 2 in clients that lost power",
    );
    row_if(
        &mut text,
        "  lost to broker",
        broker.lost_to_broker,
        "QoS 0, on their way at the end or cut",
    );
    row_if(
        &mut text,
        "  refused",
        sum(|g| g.refused),
        "the broker answered with an error (MQTT 5)",
    );
    row_if(
        &mut text,
        "  uncertain",
        sum(|g| g.uncertain),
        "QoS 2, the broker had lost the session",
    );
    row_if(&mut text, "  not finished", sum(|g| g.pending), "QoS 1 and 2, at the end of the run");
    row(&mut text, "taken by broker", broker.taken, "PUBLISH packets, repetitions included");
    row(&mut text, "for sessions", broker.routed, "one for each session that a message is for");
    row(&mut text, "  delivered", broker.delivered, "written (QoS 0) or acknowledged (QoS 1, 2)");
    row(
        &mut text,
        "  dropped",
        broker.dropped.values().sum(),
        "by the broker; the reasons are below",
    );
    row_if(&mut text, "  held", broker.held, "queued or in flight at the end of the run");
    if broker.lost_at_end > 0 {
        let lost = broker.lost_at_end.unsigned_abs();
        row(&mut text, "  lost with broker", lost, "in its memory alone when it ended");
    }
    let clients = "QoS 0, on their way at the end or cut";
    row_if(&mut text, "  lost to clients", broker.lost_to_clients, clients);
    row(&mut text, "received", sum(|g| g.received), "by applications, repetitions included");
    row_if(&mut text, "  and retained", sum(|g| g.received_retained), "because they subscribed");
    let most = broker.most_held;
    row(&mut text, "most held at once", most, "queued and in flight, in all sessions together");
    text
}

/// Everything that the broker dropped, refused or cut off, with its reason and what to do.
fn reasons(report: &Report) -> String {
    let broker = &report.broker;
    let mut text = String::new();
    let dropped = broker.dropped.iter().map(|(why, count)| (words::dropped(*why), *count));
    section(&mut text, "dropped, and why", dropped);
    section(&mut text, "not routed, and why", tally(&broker.publish_refused, words::publish));
    section(&mut text, "not retained, and why", tally(&broker.not_retained, words::publish));
    let refused = tally(&broker.subscribe_refused, words::subscribe);
    section(&mut text, "subscriptions refused, and why", refused);
    section(&mut text, "connections refused, and why", tally(&broker.refused, words::connect));
    let is_trouble = |why: &CloseReason| match why {
        CloseReason::ByClient(code) => code.is_error(),
        CloseReason::Stopping => false,
        CloseReason::Lost(_)
        | CloseReason::Violation(_)
        | CloseReason::Refused
        | CloseReason::KeepAlive
        | CloseReason::TakenOver
        | CloseReason::Stalled
        | CloseReason::QueueFull
        | CloseReason::AuthenticationFailed
        | CloseReason::AnswerTooLarge
        | CloseReason::StorageFull
        | CloseReason::Administrative => true,
    };
    let closed = broker.closed.0.iter().filter(|(why, _)| is_trouble(why));
    let closed = closed.map(|(why, count)| (words::closed(*why), *count));
    section(&mut text, "connections ended, and why", closed);
    section(
        &mut text,
        "sessions ended, and why",
        tally(&broker.sessions_ended, words::session_end),
    );
    text
}

fn tally<T: Copy>(all: &Tally<T>, words: fn(T) -> Words) -> impl Iterator<Item = (Words, u64)> {
    all.0.iter().map(move |(why, count)| (words(*why), *count))
}

/// Nothing where there is nothing; else each with its words, wrapped.
fn section(text: &mut String, title: &str, all: impl Iterator<Item = (Words, u64)>) {
    let mut all: Vec<(Words, u64)> = all.collect();
    all.sort_by(|(a, n), (b, m)| m.cmp(n).then_with(|| a.reason.cmp(b.reason)));
    if all.is_empty() {
        return;
    }
    let _ = writeln!(text, "\n{title}");
    for (words, count) in all {
        let _ = writeln!(text, "  {:>17}  {}", number(count), words.reason);
        for line in wrap(&words.text, 58) {
            let _ = writeln!(text, "{:21}{line}", "");
        }
    }
}

fn connections(report: &Report) -> String {
    let broker = &report.broker;
    let mut text = String::from("\nconnections\n");
    row(&mut text, "accepted", report.sum(|g| g.connects), "reconnects included");
    row(&mut text, "most at a time", broker.most_connections, "as the broker saw it");
    row(&mut text, "most in a second", broker.busiest.connects, "accepted");
    row_if(&mut text, "lost", report.sum(|g| g.losses), "once accepted");
    row_if(
        &mut text,
        "attempts in vain",
        report.sum(|g| g.failed_connects),
        "nobody, or a refusal",
    );
    row_if(&mut text, "broker restarts", broker.starts.saturating_sub(1), "");
    row_if(&mut text, "disk full", broker.disk_full, "times that the log had no room");
    text
}

fn delays(report: &Report) -> String {
    let mut text = String::new();
    let head = format!(
        "\n{:<23}{:>10}{:>10}{:>10}{:>10}{:>15}\n",
        "delays", "median", "90 %", "99 %", "longest", "of"
    );
    let mut line = |name: &str, delays: &Delays| {
        if delays.count() > 0 {
            if text.is_empty() {
                text.push_str(&head);
            }
            let at = |percent| millis(delays.percentile(percent));
            let (half, ninety, most) = (at(50.0), at(90.0), at(99.0));
            let (max, count) = (millis(delays.max()), number(delays.count()));
            let _ =
                writeln!(text, "  {name:<21}{half:>10}{ninety:>10}{most:>10}{max:>10}{count:>15}");
        }
    };
    line("publish to receive", &report.delays(|g| &g.delay));
    line("publish to its ack", &report.delays(|g| &g.acknowledgement));
    line("lost to reconnected", &report.delays(|g| &g.reconnect));
    text
}

fn groups(report: &Report) -> String {
    let mut text = format!(
        "\n{:<20}{:>9}{:>13}{:>13}{:>12}{:>11}\n",
        "groups", "clients", "published", "received", "dropped", "most held"
    );
    for group in &report.groups {
        let name: String = group.name.chars().take(17).collect();
        let dropped = group.dropped.values().sum();
        let _ = writeln!(
            text,
            "  {name:<18}{:>9}{:>13}{:>13}{:>12}{:>11}",
            number(group.clients.into()),
            number(group.published),
            number(group.received),
            number(dropped),
            number(group.most_queued),
        );
        if let Some((why, count)) = most_dropped(group) {
            let reason = words::dropped(why).reason;
            let _ = writeln!(text, "{:4}of which {} {reason}", "", number(count));
        }
        if group.most_queued_one > 0 {
            let one = number(group.most_queued_one);
            let _ = writeln!(text, "{:4}up to {one} held for one client", "");
        }
    }
    text
}

fn most_dropped(group: &Group) -> Option<(DropReason, u64)> {
    let most = group.dropped.iter().max_by_key(|(why, count)| (**count, std::cmp::Reverse(**why)));
    most.map(|(why, count)| (*why, *count))
}

fn foot(report: &Report) -> String {
    let broker = &report.broker;
    format!(
        "\nThe busiest second: {} PUBLISH in, {} out. Memory is an estimate for connections,\n\
         sessions, subscriptions and messages; the process itself comes on top.\n",
        number(broker.busiest.taken),
        number(broker.busiest.sent)
    )
}

fn row(text: &mut String, name: &str, value: u64, note: &str) {
    let line = format!("  {name:<19}{:>15}  {note}", number(value));
    let _ = writeln!(text, "{}", line.trim_end());
}

fn row_if(text: &mut String, name: &str, value: u64, note: &str) {
    if value > 0 {
        row(text, name, value, note);
    }
}

/// `1234567` as `1,234,567`.
pub(super) fn number(value: u64) -> String {
    let digits = value.to_string();
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// With a unit, rounded to about three digits.
#[expect(clippy::cast_precision_loss, reason = "shown with few digits")]
pub(super) fn bytes(value: u64) -> String {
    let of = |unit: u64| value as f64 / unit as f64;
    match value {
        v if v >= 1 << 30 => format!("{:.2} GiB", of(1 << 30)),
        v if v >= 1 << 20 => format!("{:.1} MiB", of(1 << 20)),
        v if v >= 1 << 10 => format!("{:.0} KiB", of(1 << 10)),
        v => format!("{v} B"),
    }
}

/// A length of time in its two largest units: `1d 12h`, `37m 30s`, `1.5s`.
pub(super) fn span(length: Duration) -> String {
    let seconds = length.as_secs();
    let parts = [("d", seconds / 86_400), ("h", seconds / 3_600 % 24), ("m", seconds / 60 % 60)];
    if seconds < 60 {
        return format!("{}s", (length.as_millis() as f64 / 1_000.0 * 10.0).round() / 10.0);
    }
    let all = parts.into_iter().chain([("s", seconds % 60)]);
    let shown: Vec<String> = all
        .skip_while(|(_, count)| *count == 0)
        .take(2)
        .filter(|(_, count)| *count > 0)
        .map(|(unit, count)| format!("{count}{unit}"))
        .collect();
    shown.join(" ")
}

/// Milliseconds in the unit that suits.
fn millis(value: f64) -> String {
    match value {
        v if v < 10_000.0 => format!("{v:.1} ms"),
        v if v < 600_000.0 => format!("{:.1} s", v / 1_000.0),
        v if v < 36_000_000.0 => format!("{:.1} min", v / 60_000.0),
        v => format!("{:.1} h", v / 3_600_000.0),
    }
}

/// Lines of at most so many characters, cut between words.
fn wrap(text: &str, width: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in text.split(' ') {
        match lines.last_mut() {
            Some(line) if line.chars().count() + 1 + word.chars().count() <= width => {
                line.push(' ');
                line.push_str(word);
            }
            Some(_) | None => lines.push(word.to_owned()),
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_sizes_and_times_read_well() {
        assert_eq!(
            ["0", "999", "1,000", "12,345,678"],
            [0, 999, 1_000, 12_345_678].map(number)[..]
        );
        assert_eq!(["0 B", "1000 B", "2 KiB"], [0, 1_000, 2_048].map(bytes)[..]);
        assert_eq!(["1.5 MiB", "3.00 GiB"], [3 << 19, 3 << 30].map(bytes)[..]);
        let span = |millis| span(Duration::from_millis(millis));
        assert_eq!(["1.5s", "24m", "37m 30s"], [1_500, 1_440_000, 2_250_000].map(span)[..]);
        assert_eq!(["1d", "1d 12h", "1h 1m"], [86_400_000, 129_600_000, 3_661_000].map(span)[..]);
        assert_eq!(["0.1 ms", "12.0 s", "20.0 min"], [0.1, 12_000.0, 1_200_000.0].map(millis)[..]);
    }

    #[test]
    fn lines_are_cut_between_words() {
        assert_eq!(wrap("one two three", 7), ["one two", "three"]);
    }
}
