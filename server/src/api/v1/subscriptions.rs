//! Subscriptions: of everyone, of one client, to one filter, or those that a topic finds.

use axum::extract::State;
use serde::Serialize;
use surewire_engine::answer::{Answer, SubscriptionView};
use surewire_engine::id::ClientId;
use surewire_engine::request::{self, SubscriptionsOf};
use surewire_engine::topic::{TopicFilter, TopicName};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::body::Json;
use super::cursor::{self, Given, Kind};
use super::list::{self, List};
use super::openapi::Refusals;
use super::problem::Problem;
use super::query::{Fields, FromQuery, Query};
use super::values::Limit;
use crate::api::Api;

pub(super) fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new().routes(routes!(list))
}

/// A subscription.
#[derive(Serialize, ToSchema)]
pub(super) struct Subscription {
    /// Whose it is.
    #[schema(example = "sensor-7")]
    client_id: String,
    /// To what, share group included.
    #[schema(example = "$share/g/a/#")]
    filter: String,
    /// The share group; null if it is in none.
    #[schema(required = true, example = "g")]
    share_group: Option<String>,
    /// The QoS granted.
    #[schema(minimum = 0, maximum = 2)]
    qos: u8,
    /// Whether the client's own messages are kept from it (5.0).
    no_local: bool,
    /// Whether messages keep the RETAIN flag they were published with (5.0).
    retain_as_published: bool,
    /// When retained messages are sent (5.0): 0 always, 1 if the subscription is new, 2 never.
    #[schema(minimum = 0, maximum = 2)]
    retain_handling: u8,
    /// Subscription Identifier (5.0); null if it has none.
    #[schema(required = true)]
    identifier: Option<u32>,
    /// When it was asked for last.
    #[schema(format = DateTime)]
    subscribed_at: String,
}

#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
struct ListQuery {
    /// Of this client. At most one of `client_id`, `filter` and `topic` may be given.
    #[param(value_type = Option<String>, min_length = 1)]
    client_id: Option<ClientId>,
    /// To exactly this filter, share group included.
    #[param(value_type = Option<String>, pattern = "^(?:(?:\\+|[^+#/\\u0000]*)/)*(?:\\+|#|[^+#/\\u0000]*)$", min_length = 1)]
    filter: Option<TopicFilter>,
    /// Those that a message on this topic would find.
    #[param(value_type = Option<String>, pattern = "^[^+#\\u0000]+$", min_length = 1)]
    topic: Option<TopicName>,
    /// The `next` of an earlier answer to the same question.
    #[param(value_type = Option<String>, pattern = "^[aift]([0-9]{1,19}|1[0-7][0-9]{18}|1844674407370955161[0-5])$")]
    cursor: Option<Given>,
    /// Items at once.
    #[param(value_type = Option<u16>, minimum = 1, maximum = 1000, default = 100)]
    limit: Limit,
}

impl FromQuery for ListQuery {
    fn read(fields: &mut Fields) -> Result<Self, Problem> {
        Ok(Self {
            client_id: fields.optional("client_id")?,
            filter: fields.optional("filter")?,
            topic: fields.optional("topic")?,
            cursor: fields.optional("cursor")?,
            limit: fields.optional("limit")?.unwrap_or_default(),
        })
    }
}

impl ListQuery {
    fn of(&self) -> Result<(Kind, SubscriptionsOf), Problem> {
        let Self { client_id, filter, topic, .. } = self;
        match (client_id.clone(), filter.clone(), topic.clone()) {
            (None, None, None) => Ok((Kind::AllSubscriptions, SubscriptionsOf::Everyone)),
            (Some(client), None, None) => {
                Ok((Kind::ClientsSubscriptions, SubscriptionsOf::Client(client)))
            }
            (None, Some(filter), None) => {
                Ok((Kind::FiltersSubscriptions, SubscriptionsOf::Filter(filter)))
            }
            (None, None, Some(topic)) => {
                Ok((Kind::TopicsSubscriptions, SubscriptionsOf::Topic(topic)))
            }
            _ => Err(Problem::bad_request(
                "More than one of the parameters `client_id`, `filter` and `topic` is given; at \
                 most one is expected.",
            )),
        }
    }
}

/// List subscriptions
///
/// All or one client's by the time they were asked for, those to a filter or for a topic in no
/// order of meaning.
#[utoipa::path(
    get, path = "/subscriptions", tag = "subscriptions", operation_id = "list_subscriptions",
    params(ListQuery),
    responses((status = 200, description = "Subscriptions", body = List<Subscription>), Refusals)
)]
async fn list(
    State(api): State<Api>,
    Query(query): Query<ListQuery>,
) -> Result<Json<List<Subscription>>, Problem> {
    let (kind, of) = query.of()?;
    let start = cursor::start(query.cursor.as_ref(), kind)?;
    let question = |start, limit| request::Query::Subscriptions { of: of.clone(), start, limit };
    let page = |answer| {
        let Answer::Subscriptions(page) = answer else { return None };
        Some(page)
    };
    let found = list::collect(&api, kind, start, query.limit.0, question, page).await?;
    Ok(Json(found.map(|view| Subscription::of(&api, &view))))
}

impl Subscription {
    fn of(api: &Api, view: &SubscriptionView) -> Self {
        Self {
            client_id: view.client.as_str().to_owned(),
            filter: view.filter.as_str().to_owned(),
            share_group: view.filter.share_name().map(ToOwned::to_owned),
            qos: view.options.qos as u8,
            no_local: view.options.no_local,
            retain_as_published: view.options.retain_as_published,
            retain_handling: view.options.retain_handling as u8,
            identifier: view.identifier,
            subscribed_at: api.shown(view.at),
        }
    }
}
