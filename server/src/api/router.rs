//! All routes in one place, and what is answered where there is none.

use axum::Router;
use axum::body::Body;
use axum::extract::Request;
use axum::http::header::{CONTENT_TYPE, LOCATION};
use axum::http::{HeaderValue, Method, StatusCode, Uri};
use axum::middleware::{from_fn, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use hyper::service::Service;
use hyper_util::service::TowerToHyperService;

use super::{Api, access, body, dashboard, guard, health, legacy, origin};

/// The whole interface.
pub(crate) fn router(api: &Api) -> Router {
    let routes = routes(api);
    let probe = Probe::new(routes.clone());
    routes
        .fallback(move |method: Method, uri: Uri| unknown(probe, method, uri))
        .layer(from_fn_with_state(api.clone(), access::watch))
}

fn routes(api: &Api) -> Router {
    let legacy = legacy::routes().route_layer(from_fn(body::collect));
    let dashboard = dashboard::routes().route_layer(from_fn(body::collect));
    Router::new()
        .merge(guarded(api, legacy).route_layer(from_fn(legacy::without_head)))
        .merge(guarded(api, dashboard))
        // `v1::routes()` and `metrics::routes()` come here, guarded, the latter not where
        // `metrics_open` says so.
        .merge(health::routes())
        .method_not_allowed_fallback(page_not_found)
        .with_state(api.clone())
}

/// Routes for those who have an account, and not for other people's web pages.
fn guarded(api: &Api, routes: Router<Api>) -> Router<Api> {
    routes
        .route_layer(from_fn_with_state(api.clone(), guard::authenticate))
        .route_layer(from_fn(origin::refuse_other_sites))
}

/// The answer to a path or method that there is not (contract section 3).
pub(super) async fn page_not_found() -> Response {
    text(StatusCode::NOT_FOUND, "404 page not found")
}

/// An answer for people, as the interface of contract section 3 gives them.
pub(super) fn text(status: StatusCode, text: &'static str) -> Response {
    let plain = HeaderValue::from_static("text/plain; charset=utf-8");
    (status, [(CONTENT_TYPE, plain)], text).into_response()
}

/// Leads from a path with a slash behind it to the one without, if there is one.
async fn unknown(probe: Probe, method: Method, uri: Uri) -> Response {
    let Some(shorter) = without_slash(&uri) else { return page_not_found().await };
    let Ok(location) = HeaderValue::try_from(shorter.to_string()) else {
        return page_not_found().await;
    };
    if !probe.knows(shorter).await {
        return page_not_found().await;
    }
    let status = match method {
        Method::GET => StatusCode::MOVED_PERMANENTLY,
        // The method and the body must stay as they are.
        _ => StatusCode::TEMPORARY_REDIRECT,
    };
    (status, [(LOCATION, location)]).into_response()
}

fn without_slash(uri: &Uri) -> Option<Uri> {
    let path = uri.path().strip_suffix('/').filter(|path| !path.is_empty())?;
    let shorter = match uri.query() {
        Some(query) => format!("{path}?{query}"),
        None => path.to_owned(),
    };
    shorter.parse().ok()
}

/// The routes once more, to be asked whether there is one for a path.
#[derive(Clone)]
struct Probe(TowerToHyperService<Router>);

/// Marks the probe's own answer.
#[derive(Clone)]
struct NoRoute;

impl Probe {
    fn new(routes: Router) -> Self {
        let nothing = async || {
            let mut answer = Response::new(Body::empty());
            answer.extensions_mut().insert(NoRoute);
            answer
        };
        Self(TowerToHyperService::new(routes.fallback(nothing)))
    }

    async fn knows(&self, uri: Uri) -> bool {
        let mut question = Request::new(Body::empty());
        *question.uri_mut() = uri;
        // No route has this method, so that nothing is done.
        *question.method_mut() = Method::from_bytes(b"PROBE").expect("it is a token");
        match self.0.call(question).await {
            Ok(answer) => answer.extensions().get::<NoRoute>().is_none(),
            Err(never) => match never {},
        }
    }
}
