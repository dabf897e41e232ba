//! What the tools ask Surewire's management interface.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};

use surewire_load::Error;
use surewire_load::dial::Target;

use crate::broker::{PASSWORD, USER};

/// A connection to the management interface that asks one thing after the other.
#[derive(Debug)]
pub struct Http {
    stream: BufReader<TcpStream>,
    authorization: String,
}

impl Http {
    /// Connects to the management interface at `addr`.
    ///
    /// # Errors
    /// [`Error::System`] when it does not take the connection.
    pub fn open(addr: SocketAddr) -> Result<Self, Error> {
        let stream = BufReader::new(Target::new(addr).open()?);
        let authorization = base64(format!("{USER}:{PASSWORD}").as_bytes());
        Ok(Self { stream, authorization })
    }

    /// The body of the answer, which must be 200 with a Content-Length.
    ///
    /// # Errors
    /// [`Error::System`] when the connection breaks or the answer is another.
    pub fn get(&mut self, path: &str) -> Result<String, Error> {
        let head = format!(
            "GET {path} HTTP/1.1\r\nHost: bench\r\nAuthorization: Basic {}\r\n\r\n",
            self.authorization
        );
        self.exchange(&head).map_err(Error::system(format!("GET {path}")))
    }

    fn exchange(&mut self, head: &str) -> std::io::Result<String> {
        self.stream.get_mut().write_all(head.as_bytes())?;
        let (mut line, mut length, mut is_ok) = (String::new(), None, false);
        while self.stream.read_line(&mut line)? > 2 {
            let lower = line.to_ascii_lowercase();
            is_ok |= lower.starts_with("http/1.1 200 ");
            let value = lower.strip_prefix("content-length:").map(str::trim);
            length = value.and_then(|value| value.parse().ok()).or(length);
            line.clear();
        }
        let mut body = vec![0; length.filter(|_| is_ok).ok_or_else(|| broken("no page"))?];
        self.stream.read_exact(&mut body)?;
        String::from_utf8(body).map_err(|_| broken("no text"))
    }
}

fn broken(what: &'static str) -> std::io::Error {
    std::io::Error::new(std::io::ErrorKind::InvalidData, what)
}

/// RFC 4648; only ever of the few bytes above.
fn base64(bytes: &[u8]) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::new();
    for chunk in bytes.chunks(3) {
        let padded = chunk.iter().chain(&[0, 0]).take(3);
        let bits = padded.fold(0_u32, |bits, byte| bits << 8 | u32::from(*byte));
        for place in 0..4 {
            let index = (bits >> (18 - 6 * place) & 63) as usize;
            let letter = ALPHABET.get(index).copied().unwrap_or(b'=');
            text.push(if place <= chunk.len() { char::from(letter) } else { '=' });
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn credentials_are_encoded_as_rfc_4648_shows() {
        for (bytes, text) in
            [("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v"), ("foob", "Zm9vYg==")]
        {
            assert_eq!(base64(bytes.as_bytes()), text);
        }
    }
}
