//! Requests out of a fuzzer's bytes, and what is answered.

/// A request that HTTP can carry.
pub(super) struct Request {
    pub(super) method: String,
    pub(super) target: String,
    pub(super) account: bool,
    content_type: String,
    body: Vec<u8>,
}

impl Request {
    pub(super) fn get(target: &str) -> Self {
        Self::read(format!("GET {target}").as_bytes())
    }

    pub(super) fn read(bytes: &[u8]) -> Self {
        let mut lines = bytes.splitn(3, |byte| *byte == b'\n');
        let first = lines.next().unwrap_or_default();
        let content_type = lines.next().unwrap_or_default();
        let account = first.first() != Some(&b'!');
        let mut words = first.splitn(2, |byte| *byte == b' ');
        let letters = |byte: &u8| byte.is_ascii_alphabetic().then_some(char::from(*byte));
        let method: String = words.next().unwrap_or_default().iter().filter_map(letters).collect();
        // CONNECT has another form of target.
        let method = if method.is_empty() || method == "CONNECT" { "GET".into() } else { method };
        let visible = |byte: &u8| (b' '..=b'~').contains(byte).then_some(char::from(*byte));
        Self {
            method,
            target: target(words.next().unwrap_or_default()),
            account,
            content_type: content_type.iter().filter_map(visible).collect(),
            body: lines.next().unwrap_or_default().to_vec(),
        }
    }

    pub(super) fn path(&self) -> &str {
        self.target.split('?').next().unwrap_or_default()
    }

    pub(super) fn bytes(&self) -> Vec<u8> {
        let mut head = format!("{} {} HTTP/1.1\r\nHost: broker\r\n", self.method, self.target);
        head.push_str("Connection: close\r\n");
        if self.account {
            head.push_str("Authorization: Basic b3BzOnNlY3JldA==\r\n");
        }
        if !self.content_type.is_empty() {
            head.push_str(&format!("Content-Type: {}\r\n", self.content_type));
        }
        head.push_str(&format!("Content-Length: {}\r\n\r\n", self.body.len()));
        [head.as_bytes(), &self.body].concat()
    }
}

/// A path and a query; what a request line cannot carry is escaped.
fn target(bytes: &[u8]) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"/?&=%._~:@!$'()*+,;-".contains(&byte);
    let mut target = String::new();
    for byte in bytes {
        if plain(*byte) {
            target.push(char::from(*byte));
        } else {
            target.push_str(&format!("%{byte:02X}"));
        }
    }
    if target.starts_with('/') { target } else { format!("/{target}") }
}

/// What came back.
pub(super) struct Answer {
    pub(super) status: u16,
    /// Names in small letters.
    headers: Vec<(String, String)>,
    pub(super) body: Vec<u8>,
}

impl Answer {
    /// `body` is what came behind the head, as it was sent.
    pub(super) fn read(head: &str, body: Vec<u8>) -> Self {
        let mut lines = head.split("\r\n");
        let status = lines.next().and_then(|line| line.split(' ').nth(1)?.parse().ok());
        let pair = |line: &str| {
            let (name, value) = line.split_once(':')?;
            Some((name.to_ascii_lowercase(), value.trim().to_owned()))
        };
        let headers = lines.filter_map(pair).collect();
        let mut answer = Self { status: status.expect("a status"), headers, body };
        if answer.header("transfer-encoding") == Some("chunked") && !answer.is_stream() {
            answer.body = whole(&answer.body);
        }
        answer
    }

    pub(super) fn header(&self, name: &str) -> Option<&str> {
        let mut found = self.headers.iter().filter(|(one, _)| one == name);
        found.next().map(|(_, value)| value.as_str())
    }

    /// Whether it never ends.
    pub(super) fn is_stream(&self) -> bool {
        self.header("content-type").is_some_and(|kind| kind.starts_with("text/event-stream"))
    }
}

/// A chunked body in one piece; of an answer to HEAD, nothing.
fn whole(mut bytes: &[u8]) -> Vec<u8> {
    let mut body = Vec::new();
    while let Some(end) = bytes.windows(2).position(|two| two == b"\r\n") {
        let size = std::str::from_utf8(&bytes[..end]).expect("a size");
        let size = usize::from_str_radix(size, 16).expect("a size");
        let chunk = &bytes[end + 2..];
        body.extend_from_slice(&chunk[..size]);
        bytes = &chunk[size + 2..];
        if size == 0 {
            break;
        }
    }
    body
}
