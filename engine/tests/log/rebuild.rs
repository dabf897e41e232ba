//! Records of which some are missing become a state that a broker could have been in.

use surewire_engine::Engine;
use surewire_engine::config::Config;
use surewire_engine::id::{ClientId, Lsn, PacketId};
use surewire_engine::log::image::{Counts, Image, Outdated};
use surewire_engine::log::record::{Kept, Record, Retained, Seq, SessionKey, Target};
use surewire_engine::log::salvage::{Rebuild, Unfit};
use surewire_engine::message::RetainFlag;
use surewire_engine::packet::{QoS, SubscribeOptions};
use surewire_engine::time::Time;

use crate::directory::{began, filter, holds, published, subscribed, to, will};

/// What these records make, which an engine takes.
fn rebuilt(records: impl IntoIterator<Item = Record>) -> (Image, Unfit) {
    let mut rebuild = Rebuild::default();
    for (lsn, record) in (1..).map(Lsn).zip(records) {
        rebuild.apply(lsn, record);
    }
    let (image, unfit) = rebuild.finish();
    Engine::restore(Config::default(), [0; 32], image.clone(), Lsn(1_000), Time::MAX).check();
    (image, unfit)
}

fn kept(to: Vec<Target>) -> Record {
    published("t", Retained::Untouched, to, 9)
}

#[test]
fn records_of_a_session_whose_beginning_is_lost_are_counted() {
    let left = Record::SessionLeft { session: SessionKey(7), at: Time::ZERO };
    let records = [began(1, "there", 1), kept(vec![to(1, 1, None), to(7, 1, None)]), left];
    let (image, unfit) = rebuilt(records);
    assert_eq!((unfit.sessions, unfit.records, image.sessions()), (1, 2, 1));
    assert_eq!(image.counts().queued, 1);
    assert!(!unfit.is_nothing() && Unfit::default().is_nothing());
}

#[test]
fn a_session_that_is_written_anew_or_has_ended_is_not_missing() {
    let subscribed = || subscribed(7, "a", QoS::AtLeastOnce, 2);
    let (image, unfit) = rebuilt([subscribed(), began(7, "c", 1), subscribed()]);
    assert_eq!((unfit, image.counts().subscriptions), (Unfit::default(), 1));
    let ended = Record::SessionEnded { session: SessionKey(7) };
    let (image, unfit) = rebuilt([subscribed(), ended, kept(vec![to(7, 1, None)])]);
    assert_eq!((unfit, image), (Unfit::default(), Image::default()));
}

#[test]
fn a_message_whose_text_is_lost_is_counted() {
    let (image, unfit) = rebuilt([began(1, "c", 1), holds(1, 1, Kept::Earlier(Lsn(40)), None)]);
    assert_eq!((unfit.without_message, image.counts().queued), (1, 0));
}

#[test]
fn the_newest_session_of_a_client_stays() {
    let (image, unfit) = rebuilt([began(1, "c", 1), began(2, "other", 2), began(3, "c", 3)]);
    let sessions = vec![ClientId::new("c").unwrap()];
    assert_eq!(unfit.outdated, Outdated { sessions, ..Outdated::default() });
    assert!(!unfit.outdated.is_nothing() && Outdated::default().is_nothing());
    assert_eq!(image.sessions(), 2);
    // One that is not stored ended the one before as well.
    let (image, unfit) = rebuilt([began(1, "c", 1), will(1, "c", 0), will(2, "c", 0)]);
    assert_eq!((unfit.outdated.sessions.len(), unfit.outdated.wills), (1, 1));
    assert_eq!(image.counts(), Counts { wills: 1, ..Counts::default() });
}

#[test]
fn an_identifier_that_is_used_again_was_free() {
    let messages =
        [kept(vec![to(1, 1, Some(5))]), kept(vec![to(1, 2, Some(5)), to(1, 3, Some(6))])];
    let (image, unfit) = rebuilt([began(1, "c", 1)].into_iter().chain(messages));
    assert_eq!((unfit.outdated.messages, image.counts().in_flight), (1, 2));
    let mut seqs = Vec::new();
    image.records(Lsn(1), |_, record| {
        if let Record::Holds { seq, .. } = record {
            seqs.push(seq);
        }
    });
    assert_eq!(seqs, [Seq(2), Seq(3)]);
}

#[test]
fn what_waited_for_a_client_that_is_there_goes() {
    let awaits = |client: &str| Record::SubscriptionAwaits {
        client: ClientId::new(client).unwrap(),
        filter: filter("a"),
        options: SubscribeOptions::default(),
    };
    let (image, unfit) = rebuilt([awaits("c"), awaits("later"), began(1, "c", 1)]);
    assert_eq!((unfit.outdated.awaited, image.counts().awaited), (1, 1));
}

#[test]
fn a_replay_without_its_subscription_goes() {
    let replaying = Record::Replaying { session: SessionKey(1), filter: filter("a"), after: None };
    let (_, unfit) = rebuilt([began(1, "c", 1), replaying]);
    assert_eq!(unfit.outdated.replays, 1);
}

/// Tests compare images: whatever they differ in must tell them apart.
#[test]
fn images_that_differ_in_anything_are_not_equal() {
    let target = || to(1, 1, None);
    let Target::Session { session, seq, qos, retain, packet_id, group, identifiers } = target()
    else {
        unreachable!()
    };
    let with = |qos, retain, packet_id, identifiers| {
        let group = group.clone();
        vec![Target::Session { session, seq, qos, retain, packet_id, group, identifiers }]
    };
    let none = || identifiers.clone();
    let of = |records: Vec<Record>| rebuilt([vec![began(1, "c", 1)], records].concat()).0;
    let awaits = Record::SubscriptionAwaits {
        client: ClientId::new("later").unwrap(),
        filter: filter("a"),
        options: SubscribeOptions::default(),
    };
    let in_group = Target::Group { group: filter("$share/g/a/#"), seq: Seq(1) };
    let images = [
        of(vec![]),
        of(vec![kept(vec![target()])]),
        of(vec![published("other", Retained::Untouched, vec![target()], 9)]),
        of(vec![kept(with(QoS::AtLeastOnce, retain, packet_id, none()))]),
        of(vec![kept(with(qos, RetainFlag::Stored, packet_id, none()))]),
        of(vec![kept(with(qos, retain, PacketId::new(5), none()))]),
        of(vec![kept(with(qos, retain, packet_id, [7].as_slice().into()))]),
        of(vec![will(1, "c", 0)]),
        of(vec![published("t", Retained::Stored, vec![], 9)]),
        of(vec![awaits]),
        of(vec![subscribed(1, "$share/g/a/#", QoS::AtLeastOnce, 2), kept(vec![in_group])]),
        of(vec![subscribed(1, "$share/g/a/#", QoS::AtLeastOnce, 2)]),
    ];
    for (place, image) in images.iter().enumerate() {
        let equal = images.iter().enumerate().filter(|(_, other)| *other == image);
        assert_eq!(equal.map(|(place, _)| place).collect::<Vec<_>>(), [place]);
    }
}
