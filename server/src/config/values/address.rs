//! The address of a listener.

use std::fmt;
use std::net::{IpAddr, Ipv6Addr};
use std::str::FromStr;

/// Where to listen: what was written, and its parts. Names are resolved when it is bound.
///
/// `:1883` (every interface, IPv6 and IPv4), `0.0.0.0:1883`, `[::1]:1883`, `localhost:1883`.
/// Port 0 asks the system for any free one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListenAddress {
    written: String,
    host: Host,
    port: u16,
}

/// The part before the port.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Host {
    /// None written: every interface, IPv6 and IPv4.
    All,
    /// One address; `0.0.0.0` and `[::]` are every interface of their family.
    Ip(IpAddr),
    /// A name, for the system to resolve; every address it has is meant.
    Name(String),
}

/// Why a text is no address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AddressError {
    /// No colon, so no port.
    NoPort,
    /// What follows the last colon is no number from 0 to 65535.
    BadPort,
    /// An IPv6 address without brackets.
    NoBrackets,
    /// What precedes the port is neither an address nor a name.
    BadHost,
}

impl ListenAddress {
    /// As it was written.
    #[must_use]
    pub fn as_written(&self) -> &str {
        &self.written
    }

    /// The part before the port.
    #[must_use]
    pub fn host(&self) -> &Host {
        &self.host
    }

    /// The port; 0 is any free one.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Whether only this machine can reach it. A name other than `localhost` may mean anything.
    #[must_use]
    pub fn is_loopback(&self) -> bool {
        match &self.host {
            Host::All => false,
            Host::Ip(ip) => ip.to_canonical().is_loopback(),
            Host::Name(name) => name.eq_ignore_ascii_case("localhost"),
        }
    }
}

impl FromStr for ListenAddress {
    type Err = AddressError;

    fn from_str(text: &str) -> Result<Self, AddressError> {
        let (host, port) = text.rsplit_once(':').ok_or(AddressError::NoPort)?;
        let host = parse_host(host)?;
        let port = parse_port(port)?;
        Ok(Self { written: text.to_owned(), host, port })
    }
}

fn parse_port(text: &str) -> Result<u16, AddressError> {
    // The standard parser would take a leading plus.
    let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    if digits {
        text.parse().map_err(|_| AddressError::BadPort)
    } else {
        Err(AddressError::BadPort)
    }
}

fn parse_host(text: &str) -> Result<Host, AddressError> {
    if text.is_empty() {
        return Ok(Host::All);
    }
    if let Some(rest) = text.strip_prefix('[') {
        let inner = rest.strip_suffix(']').ok_or(AddressError::BadHost)?;
        let ip: Ipv6Addr = inner.parse().map_err(|_| AddressError::BadHost)?;
        return Ok(Host::Ip(IpAddr::V6(ip)));
    }
    if text.contains(':') {
        return Err(AddressError::NoBrackets);
    }
    match text.parse() {
        Ok(ip) => Ok(Host::Ip(IpAddr::V4(ip))),
        Err(_) if is_name(text) => Ok(Host::Name(text.to_owned())),
        Err(_) => Err(AddressError::BadHost),
    }
}

/// A host name; digits and dots alone are an IPv4 address gone wrong, which a resolver might take.
fn is_name(text: &str) -> bool {
    let label = |label: &str| {
        !label.is_empty()
            && label.len() <= 63
            && label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
    };
    text.len() <= 253
        && text.strip_suffix('.').unwrap_or(text).split('.').all(label)
        && !text.bytes().all(|b| b.is_ascii_digit() || b == b'.')
}

impl fmt::Display for ListenAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.written)
    }
}

impl AddressError {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::NoPort => "there is no colon in it",
            Self::BadPort => "its port is no number from 0 to 65535",
            Self::NoBrackets => "an IPv6 address needs brackets",
            Self::BadHost => "what precedes its port is neither an address nor a name",
        }
    }
}

impl std::error::Error for AddressError {}

impl fmt::Display for AddressError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(text: &str) -> ListenAddress {
        text.parse().unwrap()
    }

    // contract: section 2, address forms
    #[test]
    fn every_form_is_read() {
        let ip = |text: &str| Host::Ip(text.parse().unwrap());
        let rows = [
            (":1883", Host::All, 1883, false),
            (":0", Host::All, 0, false),
            ("0.0.0.0:1883", ip("0.0.0.0"), 1883, false),
            ("127.0.0.1:1883", ip("127.0.0.1"), 1883, true),
            ("127.1.2.3:1883", ip("127.1.2.3"), 1883, true),
            ("[::1]:1883", ip("::1"), 1883, true),
            ("[::]:1883", ip("::"), 1883, false),
            ("[::ffff:127.0.0.1]:1", ip("::ffff:127.0.0.1"), 1, true),
            ("localhost:1883", Host::Name("localhost".into()), 1883, true),
            ("LocalHost:1883", Host::Name("LocalHost".into()), 1883, true),
            ("localhost.example:1", Host::Name("localhost.example".into()), 1, false),
            ("broker_1.example.:65535", Host::Name("broker_1.example.".into()), 65535, false),
        ];
        for (text, host, port, loopback) in rows {
            let read = address(text);
            assert_eq!((read.host(), read.port()), (&host, port), "{text}");
            assert_eq!(read.is_loopback(), loopback, "{text}");
            assert_eq!(read.to_string(), text);
        }
    }

    // contract: section 2, address forms
    #[test]
    fn what_is_no_address_says_why() {
        let rows = [
            ("", AddressError::NoPort),
            ("1883", AddressError::NoPort),
            ("localhost", AddressError::NoPort),
            (":", AddressError::BadPort),
            ("localhost:", AddressError::BadPort),
            (":65536", AddressError::BadPort),
            (":-1", AddressError::BadPort),
            (":+1883", AddressError::BadPort),
            (":18 83", AddressError::BadPort),
            (":mqtt", AddressError::BadPort),
            ("::1:1883", AddressError::NoBrackets),
            ("tcp://0.0.0.0:1883", AddressError::NoBrackets),
            ("[::1:1883", AddressError::BadHost),
            ("[]:1883", AddressError::BadHost),
            ("[127.0.0.1]:1883", AddressError::BadHost),
            ("256.0.0.1:1883", AddressError::BadHost),
            ("127.1:1883", AddressError::BadHost),
            ("*:1883", AddressError::BadHost),
            ("a b:1883", AddressError::BadHost),
            (".:1883", AddressError::BadHost),
        ];
        for (text, why) in rows {
            assert_eq!(text.parse::<ListenAddress>(), Err(why), "{text}");
        }
    }
}
