//! An operator: requests to the management interface, one after the other on one connection.

use std::io;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::timeout;
use turmoil::net::TcpStream;

use crate::Trace;
use crate::client::PATIENCE;

/// Whom the broker of a story knows, with a password.
const ACCOUNT: &str = "Authorization: Basic YWRtaW46czNjcmV0\r\n";

/// A connection to port 9090.
pub(crate) struct Operator {
    name: String,
    stream: TcpStream,
    trace: Trace,
}

/// What was answered.
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) body: String,
}

impl Operator {
    pub(crate) async fn dial(name: &str, trace: &Trace) -> io::Result<Self> {
        let stream = timeout(PATIENCE, TcpStream::connect(("broker", 9_090))).await??;
        Ok(Self { name: name.to_owned(), stream, trace: trace.clone() })
    }

    pub(crate) async fn get(&mut self, path: &str) -> io::Result<Answer> {
        let request = format!("GET {path} HTTP/1.1\r\nHost: broker\r\n{ACCOUNT}\r\n");
        self.exchange(&request).await
    }

    pub(crate) async fn post(&mut self, path: &str, json: &str) -> io::Result<Answer> {
        let length = json.len();
        let request = format!(
            "POST {path} HTTP/1.1\r\nHost: broker\r\n{ACCOUNT}Content-Length: {length}\r\n\
             Content-Type: application/json\r\n\r\n{json}"
        );
        self.exchange(&request).await
    }

    async fn exchange(&mut self, request: &str) -> io::Result<Answer> {
        timeout(PATIENCE, async {
            self.stream.write_all(request.as_bytes()).await?;
            let mut raw = Vec::new();
            loop {
                if let Some(answer) = parse(&raw) {
                    self.trace.note(&self.name, format!("HTTP {} {}", answer.status, answer.body));
                    return Ok(answer);
                }
                if self.stream.read_buf(&mut raw).await? == 0 {
                    return Err(io::ErrorKind::UnexpectedEof.into());
                }
            }
        })
        .await?
    }
}

/// An answer whose body is as long as its head says, once it is all there.
fn parse(raw: &[u8]) -> Option<Answer> {
    let text = String::from_utf8_lossy(raw);
    let (head, body) = text.split_once("\r\n\r\n")?;
    let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
    let length: usize = length.map_or(Ok(0), str::parse).ok()?;
    let status = head.split(' ').nth(1)?.parse().ok()?;
    (body.len() >= length).then(|| Answer { status, body: body.to_owned() })
}
