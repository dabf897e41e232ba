//! Whether a message would reach a client, and if not, why.

use std::borrow::Cow;

use axum::extract::State;
use bytestring::ByteString;
use serde::Serialize;
use surewire_engine::answer::{Answer, Explanation, Match, Outcome, Standing};
use surewire_engine::id::ClientId;
use surewire_engine::packet::QoS;
use surewire_engine::request;
use surewire_engine::topic::TopicName;
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::body::Json;
use super::openapi::Refusals;
use super::problem::Problem;
use super::query::{Fields, FromQuery, Query};
use super::recent::{self, Recent};
use super::values::NO_TOPIC;
use crate::api::Api;
use crate::api::words::{self, Words};

pub(super) fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new().routes(routes!(explain))
}

/// Whether a message would reach a client now.
#[derive(Serialize, ToSchema)]
struct Explained {
    /// Whom.
    client_id: String,
    /// Where it would be published.
    topic: String,
    /// The QoS it would be published at.
    #[schema(minimum = 0, maximum = 2)]
    qos: u8,
    /// Whether it would be sent, now or later.
    would_reach: bool,
    /// What would become of it.
    outcome: Fate,
    /// The answer in a sentence.
    #[schema(example = "Yes: it would be sent now at QoS 1, by the subscription `a/#`.")]
    summary: String,
    /// What there is of the client.
    session: Presence,
    /// The client's subscriptions that match.
    subscriptions: Vec<Matching>,
    /// What keeps it from being sent at once, or at all; empty if it would be sent now.
    obstacles: Vec<Obstacle>,
    /// What was dropped, refused or cut off for this client lately, newest first.
    recent: Vec<Recent>,
}

/// What would become of a message.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
enum Fate {
    /// It would be sent at once.
    Sent,
    /// It would wait for the client.
    Queued,
    /// It would be dropped.
    Dropped,
    /// It would not be routed to this client.
    NotDelivered,
    /// Another member of the share group would get it, or the group would keep it.
    AnotherMember,
}

/// What there is of a client.
#[derive(Clone, Copy, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
enum Presence {
    /// Nothing.
    None,
    /// A session, and the client is connected.
    Online,
    /// A session, and the client is not connected.
    Offline,
}

/// A subscription that matches.
#[derive(Serialize, ToSchema)]
struct Matching {
    /// To what, share group included.
    filter: String,
    /// The share group; null if it is in none.
    #[schema(required = true)]
    share_group: Option<String>,
    /// The QoS granted.
    #[schema(minimum = 0, maximum = 2)]
    granted_qos: u8,
    /// The QoS the message would have by it.
    #[schema(minimum = 0, maximum = 2)]
    effective_qos: u8,
    /// Whether the message would come by it.
    used: bool,
    /// Why it would not; null if it would.
    #[schema(required = true)]
    why_not: Option<&'static str>,
}

/// Something between a message and a client.
#[derive(Serialize, ToSchema)]
struct Obstacle {
    /// As a code.
    #[schema(example = "queue_full", pattern = "^[a-z0-9_]+$")]
    reason: &'static str,
    /// For people, with what to do.
    text: String,
}

#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
struct ExplainQuery {
    /// Whom the message should reach.
    #[param(value_type = String, min_length = 1, example = "sensor-7")]
    client_id: ClientId,
    /// Where it would be published.
    #[param(example = "house/door")]
    topic: String,
    /// The QoS it would be published at.
    #[param(value_type = Option<u8>, minimum = 0, maximum = 2, default = 2)]
    qos: QoS,
}

impl FromQuery for ExplainQuery {
    fn read(fields: &mut Fields) -> Result<Self, Problem> {
        Ok(Self {
            client_id: fields.required("client_id")?,
            topic: fields.required("topic")?,
            qos: fields.optional("qos")?.unwrap_or(QoS::ExactlyOnce),
        })
    }
}

/// Explain whether a message would reach a client
///
/// As things are now, without publishing anything.
#[utoipa::path(
    get, path = "/explain", tag = "diagnosis", operation_id = "explain", params(ExplainQuery),
    responses((status = 200, description = "The explanation", body = Explained), Refusals)
)]
async fn explain(
    State(api): State<Api>,
    Query(query): Query<ExplainQuery>,
) -> Result<Json<Explained>, Problem> {
    let Some(topic) = TopicName::new(ByteString::from(query.topic.as_str())) else {
        return no_topic(&api, query).await.map(Json);
    };
    let (client, qos) = (query.client_id.clone(), query.qos);
    let question = request::Query::Explain { client, topic, qos };
    let Answer::Explanation(explanation) = api.query(question).await? else {
        return Err(Problem::mismatch());
    };
    Ok(Json(told(&api, query, &explanation)))
}

fn told(api: &Api, query: ExplainQuery, explanation: &Explanation) -> Explained {
    let Explanation { outcome, standing, matches, obstacles, recent } = explanation;
    let obstacles: Vec<Words> = obstacles.iter().map(|one| words::obstacle(*one)).collect();
    Explained {
        client_id: query.client_id.as_str().to_owned(),
        topic: query.topic,
        qos: query.qos as u8,
        would_reach: matches!(outcome, Outcome::Sent(_) | Outcome::Queued(_)),
        outcome: fate(*outcome),
        summary: summary(*outcome, matches, &obstacles),
        session: presence(*standing),
        subscriptions: subscriptions(*outcome, matches),
        obstacles: obstacles.into_iter().map(Obstacle::from).collect(),
        recent: recent::all(api, recent),
    }
}

/// What is no topic reaches nobody; the rest of the answer is as for any other.
async fn no_topic(api: &Api, query: ExplainQuery) -> Result<Explained, Problem> {
    let client = query.client_id.clone();
    let Answer::Session(found) = api.query(request::Query::Session(client.clone())).await? else {
        return Err(Problem::mismatch());
    };
    let recent = request::Query::Recent { client: Some(client), limit: RECENT };
    let Answer::Recent(recent) = api.query(recent).await? else { return Err(Problem::mismatch()) };
    let text =
        format!("Messages are published to topics, and this is none; {NO_TOPIC} is expected.");
    Ok(Explained {
        client_id: query.client_id.as_str().to_owned(),
        topic: query.topic,
        qos: query.qos as u8,
        would_reach: false,
        outcome: Fate::NotDelivered,
        summary: format!("No: {text}"),
        session: match found {
            None => Presence::None,
            Some(session) if session.online => Presence::Online,
            Some(_) => Presence::Offline,
        },
        subscriptions: Vec::new(),
        obstacles: vec![Obstacle { reason: "topic_invalid", text }],
        recent: recent::all(api, &recent),
    })
}

/// Incidents that go with an explanation.
const RECENT: usize = 20;

fn fate(outcome: Outcome) -> Fate {
    match outcome {
        Outcome::Sent(_) => Fate::Sent,
        Outcome::Queued(_) => Fate::Queued,
        Outcome::Dropped(_) => Fate::Dropped,
        Outcome::Elsewhere => Fate::AnotherMember,
        Outcome::NotRouted => Fate::NotDelivered,
    }
}

fn presence(standing: Standing) -> Presence {
    match standing {
        Standing::Unknown | Standing::Awaited(_) => Presence::None,
        Standing::Online => Presence::Online,
        Standing::Offline(_) => Presence::Offline,
    }
}

fn summary(outcome: Outcome, matches: &[Match], obstacles: &[Words]) -> String {
    // That others wait before it says less than what they wait for.
    let first = obstacles.iter().find(|one| one.reason != "behind_backlog").or(obstacles.first());
    let because = |otherwise: &'static str| {
        first.map_or(Cow::Borrowed(otherwise), |first| Cow::Borrowed(first.text.as_str()))
    };
    match outcome {
        Outcome::Sent(qos) => {
            format!("Yes: it would be sent now at QoS {}{}.", qos as u8, by(matches))
        }
        Outcome::Queued(qos) => format!(
            "Yes, but not at once: it would wait in the queue of the session at QoS {}{}. {}",
            qos as u8,
            by(matches),
            because("Other messages come first.")
        ),
        Outcome::Dropped(why) => format!("No: it would be dropped. {}", words::dropped(why).text),
        Outcome::Elsewhere => {
            "No: another member of the share group would get it, or the group would keep it until \
             one can."
                .to_owned()
        }
        Outcome::NotRouted => {
            format!("No: it would not be routed to this client. {}", because("Nothing matches."))
        }
    }
}

fn by(matches: &[Match]) -> String {
    let used = chosen(matches).and_then(|place| matches.get(place));
    used.map_or_else(String::new, |used| format!(", by the subscription `{}`", used.filter))
}

/// The subscription that decides at which QoS the message comes: of the client's own the highest,
/// which makes one copy, or else the share group whose turn is the client's.
fn chosen(matches: &[Match]) -> Option<usize> {
    let own = matches.iter().enumerate().rev().filter(|(_, one)| one.turn.is_none());
    let own = own.max_by_key(|(_, one)| one.effective).map(|(place, _)| place);
    own.or_else(|| matches.iter().position(|one| one.turn == Some(true)))
}

fn subscriptions(outcome: Outcome, matches: &[Match]) -> Vec<Matching> {
    let chosen = chosen(matches);
    let why_not = |place: usize, one: &Match| {
        if one.turn == Some(false) {
            Some("It is the turn of another member of the share group.")
        } else if outcome == Outcome::NotRouted {
            Some("The message would be routed to nobody.")
        } else if one.turn.is_none() && chosen != Some(place) {
            Some("Another matching subscription decides: one copy is sent, at the highest QoS.")
        } else {
            None
        }
    };
    let matching = |(place, one): (usize, &Match)| {
        let why_not = why_not(place, one);
        Matching {
            filter: one.filter.as_str().to_owned(),
            share_group: one.filter.share_name().map(ToOwned::to_owned),
            granted_qos: one.granted as u8,
            effective_qos: one.effective as u8,
            used: why_not.is_none(),
            why_not,
        }
    };
    matches.iter().enumerate().map(matching).collect()
}

impl From<Words> for Obstacle {
    fn from(Words { reason, text }: Words) -> Self {
        Self { reason, text }
    }
}

#[cfg(test)]
mod tests {
    use surewire_engine::answer;
    use surewire_engine::notice::DropReason;
    use surewire_engine::topic::TopicFilter;

    use super::*;

    fn matching(filter: &str, granted: QoS, turn: Option<bool>) -> Match {
        let filter = TopicFilter::parse(filter.into()).unwrap();
        Match { filter, granted, effective: granted, turn }
    }

    #[test]
    fn one_copy_comes_at_the_highest_qos() {
        let matches = [
            matching("a/+", QoS::AtMostOnce, None),
            matching("$share/g/a/#", QoS::ExactlyOnce, Some(false)),
            matching("a/#", QoS::AtLeastOnce, None),
        ];
        let used: Vec<bool> = subscriptions(Outcome::Sent(QoS::AtLeastOnce), &matches)
            .iter()
            .map(|one| one.used)
            .collect();
        assert_eq!(used, [false, false, true]);
        assert_eq!(
            summary(Outcome::Sent(QoS::AtLeastOnce), &matches, &[]),
            "Yes: it would be sent now at QoS 1, by the subscription `a/#`."
        );
    }

    #[test]
    fn a_summary_names_the_first_obstacle() {
        let obstacles = [words::obstacle(answer::Obstacle::WindowFull)];
        let told = summary(Outcome::Queued(QoS::AtLeastOnce), &[], &obstacles);
        assert!(told.starts_with("Yes, but not at once"), "{told}");
        assert!(told.contains("max_inflight_messages"), "{told}");
        let told = summary(Outcome::Dropped(DropReason::OfflineQoS0), &[], &[]);
        assert!(told.starts_with("No") && told.contains("queue_qos0_messages"), "{told}");
    }
}
