//! The routes that only read.

use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use axum::response::Response;
use surewire_engine::answer::{Answer, Page};
use surewire_engine::id::ClientId;
use surewire_engine::request::{Query, SubscriptionsOf};

use super::paging::Paging;
use super::views::{Client, Session, Subscription};
use super::{Refused, json};
use crate::api::Api;

/// One decoded segment of the path; an error where that is no UTF-8.
type Id = Result<Path<String>, PathRejection>;

const OTHER_ANSWER: &str = "the engine answers what it is asked";

pub(super) async fn clients(State(api): State<Api>, paging: Paging) -> Result<Response, Refused> {
    let page = paging.fetch(async |start, limit| {
        let query = Query::Clients { start, limit, containing: None };
        let Answer::Clients(page) = api.query(query).await? else { unreachable!("{OTHER_ANSWER}") };
        Ok(page)
    });
    let page = page.await?;
    Ok(json(&paging.show(page, |view| Client::new(&view, api.zone()))))
}

pub(super) async fn client(State(api): State<Api>, id: Id) -> Result<Response, Refused> {
    let missing = Refused::Missing("Client Not Found");
    let Some(id) = client_id(id) else { return Err(missing) };
    let Answer::Client(view) = api.query(Query::Client(id)).await? else {
        unreachable!("{OTHER_ANSWER}")
    };
    let view = view.ok_or(missing)?;
    Ok(json(&Client::new(&view, api.zone())))
}

pub(super) async fn sessions(State(api): State<Api>, paging: Paging) -> Result<Response, Refused> {
    let page = paging.fetch(async |start, limit| {
        let query = Query::Sessions { start, limit, containing: None, online: None };
        let Answer::Sessions(page) = api.query(query).await? else {
            unreachable!("{OTHER_ANSWER}")
        };
        Ok(page)
    });
    let page = page.await?;
    Ok(json(&paging.show(page, |view| Session::new(&view, api.zone()))))
}

pub(super) async fn session(State(api): State<Api>, id: Id) -> Result<Response, Refused> {
    let missing = Refused::Missing("Session Not Found");
    let Some(id) = client_id(id) else { return Err(missing) };
    let Answer::Session(view) = api.query(Query::Session(id)).await? else {
        unreachable!("{OTHER_ANSWER}")
    };
    let view = view.ok_or(missing)?;
    Ok(json(&Session::new(&view, api.zone())))
}

pub(super) async fn subscriptions(
    State(api): State<Api>,
    paging: Paging,
) -> Result<Response, Refused> {
    show_subscriptions(&api, SubscriptionsOf::Everyone, paging).await
}

pub(super) async fn subscriptions_of(
    State(api): State<Api>,
    id: Id,
    paging: Paging,
) -> Result<Response, Refused> {
    match client_id(id) {
        Some(id) => show_subscriptions(&api, SubscriptionsOf::Client(id), paging).await,
        // What cannot be an id has no subscriptions, like any other unknown one.
        None => Ok(json(
            &paging.show(Page { items: Vec::<()>::new(), total: 0, number: 1, next: None }, |_| ()),
        )),
    }
}

async fn show_subscriptions(
    api: &Api,
    of: SubscriptionsOf,
    paging: Paging,
) -> Result<Response, Refused> {
    let page = paging.fetch(async |start, limit| {
        let query = Query::Subscriptions { of: of.clone(), start, limit };
        let Answer::Subscriptions(page) = api.query(query).await? else {
            unreachable!("{OTHER_ANSWER}")
        };
        Ok(page)
    });
    let page = page.await?;
    Ok(json(&paging.show(page, |view| Subscription::new(&view, api.zone()))))
}

fn client_id(id: Id) -> Option<ClientId> {
    ClientId::new(&id.ok()?)
}
