//! MQTT's bytes in binary WebSocket messages (MQTT 5.0 section 6).
//!
//! Message borders mean nothing: a packet may span messages and a message may hold many packets.

use std::io::{self, IoSlice, Read, Write};
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio_tungstenite::accept_hdr_async_with_config;
use tokio_tungstenite::tungstenite::handshake::server::{
    Callback, ErrorResponse, Request, Response,
};
use tokio_tungstenite::tungstenite::http::HeaderValue;
use tokio_tungstenite::tungstenite::http::header::SEC_WEBSOCKET_PROTOCOL;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_tungstenite::tungstenite::protocol::{
    CloseFrame, Role, WebSocketConfig, WebSocketContext,
};
use tokio_tungstenite::tungstenite::{Error, Message};

use crate::connection::STRANGER_LIMIT;
use crate::environment::Stream;
use crate::planted::{Bug, Planted};
use crate::worker::line::Line;

/// Subprotocols that mean MQTT: today's name and the one of MQTT 3.1's time.
const SUBPROTOCOLS: [&str; 2] = ["mqtt", "mqttv3.1"];

/// Every connection has one such buffer, always.
const READ_BUFFER: usize = 4 * 1024;

/// At least so much of an unfinished message is read before others get their turn, and of a client that is
/// not admitted yet at most: an ordinary CONNECT is smaller.
const READ_AT_ONCE: usize = 512;

/// A Ping costs as much as so many bytes that are read: its answer is a write.
const PING: usize = 1_024;

/// The most bytes that one outgoing message holds.
const WRITE_MESSAGE: usize = 64 * 1024;

/// One message, and room for the automatic answers to Ping and Close.
const WRITE_BUFFER: usize = WRITE_MESSAGE + 4 * 1024;

/// Headers and mask of a frame, and a little for clients that add something to a packet.
const FRAME_SLACK: usize = 1_024;

/// A WebSocket as a stream of bytes.
pub struct WebSocketBytes {
    socket: Box<dyn Stream>,
    context: WebSocketContext,
    /// What is left of the message being read.
    rest: Bytes,
    max_packet_size: usize,
    admitted: bool,
    /// Bytes that have come since the last whole message.
    unfinished: usize,
    /// There was more to read than its share.
    stands_in_line: bool,
    /// Bytes may be waiting in the context.
    unflushed: bool,
    /// Where to wait after each share, if there is such a place.
    line: Option<Rc<Line>>,
    /// No Close frame has been sent yet.
    open: bool,
    /// What came was refused. What still comes is only taken so that the peer can read why.
    refused: bool,
    /// Why, if nobody was told yet: something good came before it.
    error: Option<io::Error>,
    planted: Planted,
}

/// Answers a client's WebSocket upgrade request, whatever its path, and is its stream of MQTT's bytes
/// from there on. No message is larger than `max_packet_size` bytes and a little, or than 64 KiB
/// until the stream is told that its client was admitted.
///
/// # Errors
/// The request is none, or the stream has failed.
pub async fn accept(
    stream: Box<dyn Stream>,
    max_packet_size: usize,
    planted: Planted,
) -> io::Result<WebSocketBytes> {
    let shaken = accept_hdr_async_with_config(stream, Subprotocol, Some(config(0))).await;
    // The client may send nothing before it has our answer, so nothing is lost in the handshake.
    let socket = shaken.map_err(io::Error::other)?.into_inner();
    let limit = config(max_packet_size.min(STRANGER_LIMIT));
    Ok(WebSocketBytes {
        socket,
        context: WebSocketContext::new(Role::Server, Some(limit)),
        rest: Bytes::new(),
        max_packet_size,
        admitted: false,
        unfinished: 0,
        stands_in_line: false,
        unflushed: false,
        line: None,
        open: true,
        refused: false,
        error: None,
        planted,
    })
}

fn config(max_packet_size: usize) -> WebSocketConfig {
    WebSocketConfig::default()
        .read_buffer_size(READ_BUFFER)
        .write_buffer_size(0)
        .max_write_buffer_size(WRITE_BUFFER)
        .max_message_size(Some(max_packet_size + FRAME_SLACK))
        .max_frame_size(Some(max_packet_size + FRAME_SLACK))
}

/// Selects the first subprotocol of the client's list that we know; none is fine as well.
struct Subprotocol;

impl Callback for Subprotocol {
    fn on_request(
        self,
        request: &Request,
        mut response: Response,
    ) -> Result<Response, ErrorResponse> {
        let offered = request.headers().get_all(SEC_WEBSOCKET_PROTOCOL).into_iter();
        let mut offered =
            offered.filter_map(|value| value.to_str().ok()).flat_map(|v| v.split(','));
        let known = |name: &str| SUBPROTOCOLS.into_iter().find(|known| *known == name.trim());
        if let Some(selected) = offered.find_map(known) {
            let value = HeaderValue::from_static(selected);
            response.headers_mut().insert(SEC_WEBSOCKET_PROTOCOL, value);
        }
        Ok(response)
    }
}

impl Stream for WebSocketBytes {
    fn admit(&mut self) {
        self.socket.admit();
        self.admitted = true;
        let limit = self.max_packet_size + FRAME_SLACK;
        self.context.set_config(|config| {
            config.max_message_size = Some(limit);
            config.max_frame_size = Some(limit);
        });
    }

    fn unfinished(&self) -> usize {
        self.unfinished
    }

    fn stands_in_line(&self) -> bool {
        self.stands_in_line
    }
}

impl WebSocketBytes {
    /// Waits in this line after each share.
    pub(super) fn in_line(self, line: Rc<Line>) -> Self {
        Self { line: Some(line), ..self }
    }

    /// Bytes that are read at once for somebody who has room for so many. It does not matter how few of them
    /// MQTT sees: a message may be in fragments of one byte, and none of it is seen until it is whole.
    fn share(&self, room: usize) -> usize {
        if self.admitted { room.max(READ_AT_ONCE) } else { READ_AT_ONCE }
    }

    /// Takes the next message, for which `left` bytes are read at most and taken off. False at the end.
    fn poll_next(&mut self, cx: &mut Context<'_>, left: &mut usize) -> Poll<io::Result<bool>> {
        let mut socket = Blocking { socket: &mut self.socket, cx, left: *left };
        let read = poll(self.context.read(&mut socket));
        self.unfinished += *left - socket.left;
        *left = socket.left;
        let taken = match ready!(read) {
            Ok(message) => {
                if message.is_ping() {
                    *left = left.saturating_sub(PING);
                }
                self.take(message, cx)
            }
            Err(Error::ConnectionClosed | Error::AlreadyClosed) => return Poll::Ready(Ok(false)),
            Err(error) => Err(into_io(error)),
        };
        self.refused = taken.is_err();
        Poll::Ready(taken.map(|()| true))
    }

    /// Has the task woken for its next share.
    fn wait_for_more(&self, cx: &Context<'_>) {
        match &self.line {
            Some(line) => line.stand(cx),
            None => cx.waker().wake_by_ref(),
        }
    }

    /// What is left of a message, as far as there is room.
    fn put_rest(&mut self, buf: &mut ReadBuf<'_>) {
        let len = self.rest.len().min(buf.remaining());
        buf.put_slice(&self.rest.split_to(len));
        if self.planted.is(Bug::MessageRestLost) {
            self.rest = Bytes::new();
        }
    }

    /// Takes one message.
    fn take(&mut self, message: Message, cx: &mut Context<'_>) -> io::Result<()> {
        match message {
            Message::Binary(bytes) => {
                self.unfinished = 0;
                self.rest = bytes;
            }
            Message::Text(_) => {
                self.refuse_text(cx);
                return Err(io::Error::new(io::ErrorKind::InvalidData, "a text frame"));
            }
            // They may come in the middle of a message. The answer leaves with the next read, which follows
            // at once.
            Message::Ping(_) | Message::Pong(_) | Message::Close(_) | Message::Frame(_) => {}
        }
        Ok(())
    }

    /// Says that only binary frames carry MQTT. Whether that arrives is the peer's business.
    fn refuse_text(&mut self, cx: &mut Context<'_>) {
        self.open = false;
        let reason = "MQTT travels in binary frames".into();
        let frame = CloseFrame { code: CloseCode::Unsupported, reason };
        let mut socket = Blocking { socket: &mut self.socket, cx, left: 0 };
        let _ = self.context.close(&mut socket, Some(frame));
        let _ = self.context.flush(&mut socket);
    }

    fn poll_send(&mut self, cx: &mut Context<'_>, message: Message) -> Poll<io::Result<()>> {
        let mut socket = Blocking { socket: &mut self.socket, cx, left: 0 };
        match poll(self.context.write(&mut socket, message)) {
            // Accepted, and in the context's buffer until it is flushed.
            Poll::Pending => self.unflushed = true,
            Poll::Ready(sent) => sent.map_err(into_io)?,
        }
        Poll::Ready(Ok(()))
    }

    fn poll_flush_context(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let mut socket = Blocking { socket: &mut self.socket, cx, left: 0 };
        match ready!(poll(self.context.flush(&mut socket))) {
            Ok(()) | Err(Error::ConnectionClosed | Error::AlreadyClosed) => {}
            Err(error) => return Poll::Ready(Err(into_io(error))),
        }
        self.unflushed = false;
        Poll::Ready(Ok(()))
    }
}

impl AsyncRead for WebSocketBytes {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if let Some(error) = self.error.take() {
            return Poll::Ready(Err(error));
        }
        if self.refused {
            return Pin::new(&mut self.socket).poll_read(cx, buf);
        }
        // For all messages that bring nothing together.
        let mut left = self.share(buf.remaining());
        while self.rest.is_empty() {
            let next = self.poll_next(cx, &mut left);
            let goes_on = matches!(next, Poll::Pending | Poll::Ready(Ok(true)));
            self.stands_in_line = goes_on && left == 0 && self.rest.is_empty();
            if self.stands_in_line {
                self.wait_for_more(cx);
                return Poll::Pending;
            }
            if !ready!(next)? {
                return Poll::Ready(Ok(()));
            }
        }
        self.put_rest(buf);
        // Those that came with it; nothing is read for them.
        while self.rest.is_empty() && buf.remaining() > 0 {
            match self.poll_next(cx, &mut 0) {
                Poll::Ready(Ok(true)) if !self.rest.is_empty() => self.put_rest(buf),
                // What else there is, as a Ping, costs something in the next turn.
                Poll::Ready(Ok(_)) | Poll::Pending => break,
                Poll::Ready(Err(error)) => {
                    self.error = Some(error);
                    break;
                }
            }
        }
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for WebSocketBytes {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.poll_write_vectored(cx, &[IoSlice::new(buf)])
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        // One message at a time in the context, so that its buffer stays small.
        if self.unflushed {
            ready!(self.poll_flush_context(cx))?;
        }
        let message = gather(slices);
        let len = message.len();
        ready!(self.poll_send(cx, Message::Binary(message.into())))?;
        Poll::Ready(Ok(len))
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.poll_flush_context(cx))?;
        Pin::new(&mut self.socket).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if std::mem::take(&mut this.open) {
            let mut socket = Blocking { socket: &mut this.socket, cx: &mut *cx, left: 0 };
            // Full or closed already: the flush below finds out.
            let _ = this.context.close(&mut socket, None);
        }
        ready!(this.poll_flush_context(cx))?;
        Pin::new(&mut this.socket).poll_shutdown(cx)
    }
}

/// As much of the slices as one message holds.
fn gather(slices: &[IoSlice<'_>]) -> Vec<u8> {
    let len = slices.iter().map(|slice| slice.len()).sum::<usize>().min(WRITE_MESSAGE);
    let mut message = Vec::with_capacity(len);
    for slice in slices {
        let room = len - message.len();
        message.extend_from_slice(slice.get(..room).unwrap_or(slice));
    }
    message
}

/// The socket as tungstenite wants it: an operation that would wait fails with `WouldBlock`, and
/// the task is woken when it is worth another try.
struct Blocking<'a, 'b> {
    socket: &'a mut Box<dyn Stream>,
    cx: &'a mut Context<'b>,
    /// Bytes that may be read before others get their turn.
    left: usize,
}

impl Read for Blocking<'_, '_> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        if self.left == 0 {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        let most = self.left.min(buf.len());
        let mut buf = ReadBuf::new(buf.get_mut(..most).unwrap_or_default());
        unblocked(Pin::new(&mut *self.socket).poll_read(self.cx, &mut buf))?;
        self.left -= buf.filled().len();
        Ok(buf.filled().len())
    }
}

impl Write for Blocking<'_, '_> {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        unblocked(Pin::new(&mut *self.socket).poll_write(self.cx, buf))
    }

    fn flush(&mut self) -> io::Result<()> {
        unblocked(Pin::new(&mut *self.socket).poll_flush(self.cx))
    }
}

fn unblocked<T>(poll: Poll<io::Result<T>>) -> io::Result<T> {
    match poll {
        Poll::Ready(result) => result,
        Poll::Pending => Err(io::ErrorKind::WouldBlock.into()),
    }
}

fn poll<T>(result: Result<T, Error>) -> Poll<Result<T, Error>> {
    match result {
        Err(Error::Io(error)) if error.kind() == io::ErrorKind::WouldBlock => Poll::Pending,
        result => Poll::Ready(result),
    }
}

fn into_io(error: Error) -> io::Error {
    if let Error::Io(error) = error {
        return error;
    }
    io::Error::new(io::ErrorKind::InvalidData, error)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::task::Waker;
    use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};

    /// A client's side, and ours.
    async fn pair() -> (DuplexStream, WebSocketBytes) {
        const REQUEST: &[u8] = b"GET /mqtt HTTP/1.1\r\nHost: here\r\nUpgrade: websocket\r\n\
            Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n\
            Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n";
        let (mut ours, theirs) = duplex(256 * 1024);
        ours.write_all(REQUEST).await.expect("room");
        let accepted = accept(Box::new(theirs), 1 << 20, Planted::default()).await;
        (ours, accepted.expect("an upgrade"))
    }

    #[tokio::test]
    async fn messages_that_came_together_are_read_together_and_what_is_wrong_after_them_is_told_next()
     {
        let (mut ours, mut stream) = pair().await;
        stream.admit();
        for message in [[0x82, b'a'], [0x82, b'b'], [0x82, b'c'], [0x81, b'd']] {
            let [head, byte] = message;
            ours.write_all(&[head, 0x81, 0, 0, 0, 0, byte]).await.expect("room");
        }
        let mut bytes = [0; 2];
        assert_eq!(stream.read(&mut bytes).await.expect("bytes"), 2);
        assert_eq!(&bytes, b"ab");
        let mut bytes = [0; 8];
        assert_eq!(stream.read(&mut bytes).await.expect("bytes"), 1);
        assert_eq!(bytes[0], b'c');
        let error = stream.read(&mut bytes).await.expect_err("a text frame");
        assert_eq!(error.kind(), io::ErrorKind::InvalidData);
    }

    #[tokio::test]
    async fn pings_are_answered_some_in_each_turn() {
        // Otherwise tokio's budget ends some of the turns.
        let all = async {
            let (mut ours, mut stream) = pair().await;
            stream.admit();
            ours.write_all(&[0x82, 0x81, 0, 0, 0, 0, b'a']).await.expect("room");
            for _ in 0..300 {
                ours.write_all(&[0x89, 0x80, 0, 0, 0, 0]).await.expect("room");
            }
            // Not all of them because something good came before them.
            assert_eq!(stream.read(&mut [0; 8]).await.expect("bytes"), 1);
            let mut turns = 0;
            loop {
                let (mut cx, mut bytes) = (Context::from_waker(Waker::noop()), [0; 16 * 1024]);
                let read = Pin::new(&mut stream).poll_read(&mut cx, &mut ReadBuf::new(&mut bytes));
                assert!(read.is_pending());
                turns += 1;
                if !stream.stands_in_line() {
                    break;
                }
            }
            assert_eq!(turns, 300_usize.div_ceil(16), "one after each 16 KiB");
            let mut answers = vec![0; 4 * 1024];
            let count = ours.read(&mut answers).await.expect("answers");
            assert!(answers[..count].ends_with(&[0x8A, 0]), "a Pong");
        };
        tokio::task::unconstrained(all).await;
    }

    #[tokio::test]
    async fn a_message_in_tiny_fragments_is_read_in_small_steps() {
        let (mut ours, mut stream) = pair().await;
        // A binary message's first byte, and then one byte after the other, none of them the last.
        ours.write_all(&[0x02, 0x81, 0, 0, 0, 0, 0]).await.expect("room");
        for _ in 0..5_000 {
            ours.write_all(&[0x00, 0x81, 0, 0, 0, 0, 0]).await.expect("room");
            // A Pong may come in between.
            ours.write_all(&[0x8A, 0x80, 0, 0, 0, 0]).await.expect("room");
        }
        let step = |stream: &mut WebSocketBytes, room: usize| {
            let before = stream.unfinished();
            let (mut cx, mut bytes) = (Context::from_waker(Waker::noop()), vec![0; room]);
            let read = Pin::new(&mut *stream).poll_read(&mut cx, &mut ReadBuf::new(&mut bytes));
            assert!(read.is_pending());
            stream.unfinished() - before
        };
        assert_eq!(step(&mut stream, 16 * 1024), READ_AT_ONCE);
        stream.admit();
        assert_eq!(step(&mut stream, 16 * 1024), 16 * 1024);
        assert!(stream.stands_in_line());
        assert_eq!(step(&mut stream, 2_000), 2_000);
        assert_eq!(step(&mut stream, 1), READ_AT_ONCE);
        assert!(step(&mut stream, 64 * 1024) < 64 * 1024);
        assert!(!stream.stands_in_line(), "there was no more");
    }
}
