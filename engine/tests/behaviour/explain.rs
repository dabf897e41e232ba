//! Whether a message would reach a client, and why not: each answer is checked against what then
//! happens.

use proptest::prelude::*;

use crate::support::requests::{publish, subscribe};
use crate::support::{Bench, Client};
use surewire_engine::answer::{Explanation, Obstacle, Outcome, Standing};
use surewire_engine::config::{Config, QueueFullPolicy};
use surewire_engine::notice::{DropReason, Notice, PublishRefusal};
use surewire_engine::packet::{Packet, QoS};

fn why(explanation: &Explanation) -> (Outcome, &[Obstacle]) {
    (explanation.outcome, &explanation.obstacles)
}

#[test]
fn a_client_that_is_not_there() {
    let bench = Bench::new();
    let unknown = bench.explain("c", "t", 1);
    assert_eq!(unknown.standing, Standing::Unknown);
    assert_eq!(why(&unknown), (Outcome::NotRouted, &[Obstacle::NoSession][..]));
    bench.command(subscribe("c", "t", 1));
    let awaited = bench.explain("c", "t", 1);
    assert_eq!(awaited.standing, Standing::Awaited(1));
    assert_eq!(why(&awaited), (Outcome::NotRouted, &[Obstacle::AwaitsFirstConnection][..]));
}

#[test]
fn a_client_that_gets_the_message_and_by_which_subscriptions() {
    let bench = Bench::new();
    let client = bench.connect("c");
    client.subscribe_many(&[("t/#", 0), ("t/+", 1), ("u", 2)]);
    let sent = bench.explain("c", "t/x", 2);
    assert_eq!(why(&sent), (Outcome::Sent(QoS::AtLeastOnce), &[][..]));
    let mut matches: Vec<_> = sent
        .matches
        .iter()
        .map(|m| (m.filter.as_str(), m.granted as u8, m.effective as u8))
        .collect();
    matches.sort_unstable();
    assert_eq!(matches, [("t/#", 0, 0), ("t/+", 1, 1)]);
    let other = bench.explain("c", "v", 2);
    assert_eq!(why(&other), (Outcome::NotRouted, &[Obstacle::NoMatchingSubscription][..]));
}

#[test]
fn a_message_that_would_be_refused_wherever_it_goes() {
    let bench = Bench::with(Config { max_topic_levels: 2, ..Config::default() });
    bench.connect("c").subscribe_many(&[("#", 1), ("$SYS/#", 0), ("$x", 0)]);
    for (topic, refusal) in
        [("$x", PublishRefusal::DollarTopic), ("a/b/c", PublishRefusal::TopicLimit)]
    {
        let refused = bench.explain("c", topic, 1);
        assert_eq!(why(&refused), (Outcome::NotRouted, &[Obstacle::Refused(refusal)][..]));
        assert_eq!(refused.matches.len(), 1);
    }
    // The broker itself publishes there.
    assert_eq!(bench.explain("c", "$SYS/x", 0).outcome, Outcome::Sent(QoS::AtMostOnce));
}

#[test]
fn a_window_and_a_backlog_that_are_full() {
    let config =
        Config { max_inflight_messages: 1, max_msgqueue_messages: Some(1), ..Config::default() };
    let bench = Bench::with(config);
    let client = bench.connect("c");
    client.subscribe("t", 2);
    bench.command(publish("t", 1, false, "in the window"));
    assert_eq!(
        why(&bench.explain("c", "t", 1)),
        (Outcome::Queued(QoS::AtLeastOnce), &[Obstacle::WindowFull][..])
    );
    assert_eq!(bench.explain("c", "t", 0).outcome, Outcome::Sent(QoS::AtMostOnce));
    bench.command(publish("t", 1, false, "in the backlog"));
    let full = Obstacle::Displaces(DropReason::QueueFullOldest);
    assert_eq!(
        why(&bench.explain("c", "t", 1)),
        (
            Outcome::Queued(QoS::AtLeastOnce),
            &[Obstacle::BehindBacklog, Obstacle::WindowFull, full][..]
        )
    );
    bench.command(publish("t", 1, false, "displaces it"));
    let recent = bench.explain("c", "t", 1).recent;
    assert!(matches!(recent[0].notice, Notice::Dropped { why: DropReason::QueueFullOldest, .. }));
}

#[test]
fn a_share_group_whose_turn_is_anothers() {
    let bench = Bench::new();
    let members = ["a", "b"].map(|id| {
        let member = bench.connect(id);
        member.subscribe("$share/g/t", 1);
        member
    });
    assert_eq!(bench.explain("a", "t", 1).outcome, Outcome::Sent(QoS::AtLeastOnce));
    let not_b = bench.explain("b", "t", 1);
    assert_eq!(why(&not_b), (Outcome::Elsewhere, &[Obstacle::NotItsTurn][..]));
    assert_eq!(not_b.matches[0].turn, Some(false));
    bench.command(publish("t", 1, false, "x"));
    assert_eq!(members[0].messages(), ["t=x q1"]);
    assert_eq!(bench.explain("b", "t", 1).outcome, Outcome::Sent(QoS::AtLeastOnce));
}

/// One thing that brings the client into another state.
#[derive(Clone, Debug)]
enum Step {
    Publish { qos: u8 },
    Acknowledge,
    Stuck(bool),
    Lose,
    Return,
    Subscribe { qos: u8 },
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        6 => (0_u8..3).prop_map(|qos| Step::Publish { qos }),
        2 => Just(Step::Acknowledge),
        2 => any::<bool>().prop_map(Step::Stuck),
        1 => Just(Step::Lose),
        2 => Just(Step::Return),
        1 => (0_u8..3).prop_map(|qos| Step::Subscribe { qos }),
    ]
}

fn config() -> impl Strategy<Value = Config> {
    let policy = prop_oneof![
        Just(QueueFullPolicy::DropOldest),
        Just(QueueFullPolicy::DropNewest),
        Just(QueueFullPolicy::Disconnect),
    ];
    (1_u16..4, 0_usize..4, any::<bool>(), policy, 1_usize..400).prop_map(
        |(window, backlog, queue_qos0_messages, queue_full_policy, max_queued_bytes)| Config {
            max_inflight_messages: window,
            max_msgqueue_messages: Some(backlog),
            queue_qos0_messages,
            queue_full_policy,
            max_queued_bytes,
            max_unsent_bytes: 40,
            ..Config::default()
        },
    )
}

/// A client `c` that is there or away.
struct Scene {
    bench: Bench,
    client: Option<Client>,
}

impl Scene {
    fn new(config: Config) -> Self {
        let bench = Bench::with(config);
        let client = bench.connect_persistent("c", false);
        client.subscribe("t", 2);
        Self { bench, client: Some(client) }
    }

    fn step(&mut self, step: &Step) {
        let open = self.client.take().filter(Client::is_open);
        self.client = match (step, open) {
            (Step::Return, None) => Some(self.bench.connect_persistent("c", true)),
            (Step::Lose, Some(client)) => {
                client.lose();
                None
            }
            (Step::Acknowledge, Some(client)) => {
                client.stuck(false);
                client.ack_all();
                Some(client)
            }
            (Step::Stuck(stuck), Some(client)) => {
                client.stuck(*stuck);
                Some(client)
            }
            (Step::Subscribe { qos }, open) => {
                self.bench.command(subscribe("c", "t", *qos));
                open
            }
            (Step::Publish { qos }, open) => {
                self.bench.command(publish("t", *qos, false, ""));
                open
            }
            (_, open) => open,
        };
    }

    /// What becomes of one more message.
    fn outcome(&self, qos: u8) -> Outcome {
        let open = self.client.as_ref().filter(|client| client.is_open());
        open.map(Client::take);
        let queued = |bench: &Bench| bench.session_view("c").unwrap().queued;
        self.bench.notices();
        let before = queued(&self.bench);
        self.bench.command(publish("t", qos, false, ""));
        let sent = open.map(Client::take).unwrap_or_default();
        let drops: Vec<DropReason> = self.bench.notices().iter().filter_map(of_c).collect();
        match (sent.as_slice(), drops.as_slice()) {
            ([packet], _) => {
                let Packet::Publish(publish) = packet else { panic!("{packet:?}") };
                Outcome::Sent(publish.qos)
            }
            ([], [why])
                if !matches!(
                    why,
                    DropReason::QueueFullOldest | DropReason::QueueFullOldestQoS0
                ) =>
            {
                Outcome::Dropped(*why)
            }
            ([], _) => {
                assert!(queued(&self.bench) > before || !drops.is_empty(), "nowhere");
                let found = self.bench.explain("c", "t", qos).matches;
                Outcome::Queued(found[0].effective)
            }
            other => panic!("{other:?}"),
        }
    }
}

fn of_c(notice: &Notice) -> Option<DropReason> {
    match notice {
        Notice::Dropped { client: Some(client), why, .. } if client.as_str() == "c" => Some(*why),
        _ => None,
    }
}

proptest! {
    #[test]
    fn what_it_says_is_what_happens(
        config in config(),
        steps in prop::collection::vec(step(), 0..40),
        qos in 0_u8..3,
    ) {
        let mut scene = Scene::new(config);
        for step in &steps {
            scene.step(step);
        }
        let said = scene.bench.explain("c", "t", qos);
        prop_assert_eq!(said.outcome, scene.outcome(qos), "{:?}", said);
        let sent = matches!(said.outcome, Outcome::Sent(_));
        prop_assert_eq!(said.obstacles.is_empty(), sent, "{:?}", said);
    }
}
