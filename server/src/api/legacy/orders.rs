//! The routes that change something, each as a client's packet would.

use axum::body::Bytes;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::http::header::CONTENT_TYPE;
use axum::response::Response;
use serde::Serialize;
use surewire_engine::answer::Answer;
use surewire_engine::notice::{PublishRefusal, SubscribeRefusal};
use surewire_engine::request::Command;

use super::{Refused, checks, json};
use crate::api::Api;
use crate::api::form::Form;

/// All that is told of what was done.
#[derive(Serialize)]
struct Done {
    code: u8,
    result: [(); 0],
}

pub(super) async fn publish(
    State(api): State<Api>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Response, Refused> {
    let content = checks::message(&form(&headers, body).await, api.settings())?;
    let answer = api.command(Command::Publish(Box::new(content))).await?;
    let Answer::PublishRefused(why) = answer else { return Ok(done()) };
    Err(match why {
        PublishRefusal::DollarTopic | PublishRefusal::TopicLimit => Refused::Invalid(checks::TOPIC),
        PublishRefusal::PayloadFormat => Refused::Invalid("the payload is not UTF-8"),
        PublishRefusal::RetainedLimit => Refused::Invalid("no more messages can be retained"),
        PublishRefusal::StorageFull => Refused::Full,
    })
}

pub(super) async fn subscribe(
    State(api): State<Api>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Response, Refused> {
    let form = form(&headers, body).await;
    let qos = checks::qos(&form)?;
    let (client, filter) = checks::subscription(&form, api.settings())?;
    let answer = api.command(Command::Subscribe { client, filter, qos }).await?;
    let Answer::SubscribeRefused(why) = answer else { return Ok(done()) };
    Err(Refused::Invalid(match why {
        SubscribeRefusal::StorageFull => return Err(Refused::Full),
        SubscribeRefusal::Invalid(_) | SubscribeRefusal::TopicLimit => checks::FILTER,
        SubscribeRefusal::FilterLimit | SubscribeRefusal::SubscriptionLimit => {
            "the client has as many subscriptions as it may have"
        }
        SubscribeRefusal::ShareGroupLimit => {
            "the client is in as many share groups as it may be in"
        }
        SubscribeRefusal::MemoryShort => "the broker's memory is close to its limit",
        SubscribeRefusal::Awaited => {
            "as many subscriptions wait for clients that never connected as may"
        }
    }))
}

pub(super) async fn unsubscribe(
    State(api): State<Api>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Response, Refused> {
    let form = form(&headers, body).await;
    let (client, filter) = checks::subscription(&form, api.settings())?;
    // Whether there was one makes no difference.
    api.command(Command::Unsubscribe { client, filter }).await?;
    Ok(done())
}

async fn form(headers: &HeaderMap, body: Bytes) -> Form {
    let kind = headers.get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok());
    Form::read(kind.unwrap_or_default(), body).await
}

fn done() -> Response {
    json(&Done { code: 0, result: [] })
}
