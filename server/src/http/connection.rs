//! One connection: requests in, answers out, until somebody has had enough.

use std::convert::Infallible;
use std::future::poll_fn;
use std::net::SocketAddr;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::Request;
use axum::response::Response;
use bytes::Bytes;
use hyper::body::{Frame, Incoming, SizeHint};
use hyper::server::conn::http1;
use hyper::service::Service;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tracing::debug;

use super::PeerAddress;
use super::patient::Patient;
use super::seats::{Busy, Seat};
use crate::environment::{LocalFuture, Stream};
use crate::linger::linger;

/// From one answer, or the start, to the end of the next request's head.
const HEAD: Duration = Duration::from_secs(30);

/// Bytes of a head that are read before it is refused; a topic or client id may be in it.
const HEAD_BYTES: usize = 256 * 1024;

/// Bytes that the peer may still send after the last answer: more than a body that was refused.
const DRAIN: usize = 4 << 20;

/// Serves a connection to its end.
pub(super) async fn serve(stream: Box<dyn Stream>, peer: SocketAddr, router: Router, seat: Seat) {
    let seat = Rc::new(seat);
    let stream = TokioIo::new(Patient::new(stream, seat.writing()));
    let service =
        Requests { router: TowerToHyperService::new(router), peer, seat: Rc::clone(&seat) };
    let connection = builder().serve_connection(stream, service);
    match run(connection, &seat).await {
        Ok(Some(mut stream)) => linger(&mut stream, DRAIN).await,
        Ok(None) => {}
        Err(error) => debug!(%peer, %error, "HTTP connection ended"),
    }
}

fn builder() -> http1::Builder {
    let mut builder = http1::Builder::new();
    builder
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD)
        .max_buf_size(HEAD_BYTES)
        // A client that only shuts its sending side down still gets its answer.
        .half_close(true)
        // The wall clock would get into simulations.
        .auto_date_header(false);
    builder
}

type Connection = http1::Connection<TokioIo<Patient>, Requests>;

/// Runs it until either side ends it, and returns its stream with nothing left to be written.
/// `None` if it was to end and there was nothing to be answered, or nobody who reads the answer.
async fn run(
    mut connection: Connection,
    seat: &Seat,
) -> Result<Option<Box<dyn Stream>>, hyper::Error> {
    let ended = tokio::select! {
        biased;
        ended = poll_fn(|cx| connection.poll_without_shutdown(cx)) => Some(ended),
        () = seat.closed() => None,
    };
    match ended {
        Some(ended) => ended?,
        None if seat.is_busy() && !seat.is_stalled() => {
            Pin::new(&mut connection).graceful_shutdown();
            poll_fn(|cx| connection.poll_without_shutdown(cx)).await?;
        }
        None => return Ok(None),
    }
    Ok(Some(connection.into_parts().io.into_inner().into_inner()))
}

/// Hands requests to the router.
struct Requests {
    router: TowerToHyperService<Router>,
    peer: SocketAddr,
    seat: Rc<Seat>,
}

impl Service<hyper::Request<Incoming>> for Requests {
    type Response = hyper::Response<Answer>;
    type Error = Infallible;
    type Future = LocalFuture<'static, Result<Self::Response, Infallible>>;

    fn call(&self, request: hyper::Request<Incoming>) -> Self::Future {
        let busy = self.seat.busy();
        let mut request: Request = request.map(Body::new);
        request.extensions_mut().insert(PeerAddress(self.peer));
        let answer = self.router.call(request);
        Box::pin(async move {
            let answer: Response = answer.await?;
            Ok(answer.map(|body| Answer { body, _busy: busy }))
        })
    }
}

/// An answer's body. The connection is busy until it is sent, however long that is: a stream of
/// events is not idle.
struct Answer {
    body: Body,
    _busy: Busy,
}

impl hyper::body::Body for Answer {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        Pin::new(&mut self.body).poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        hyper::body::Body::size_hint(&self.body)
    }
}
