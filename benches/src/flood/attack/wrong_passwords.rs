//! Wrong passwords at the management interface, on connections that stay.

use std::io::{BufRead, BufReader, Read, Write};

use surewire_load::dial::Target;

use super::each_of;
use crate::flood::aim::{Aim, Count, Deed};

/// As many as the interface serves at a time.
const CONNECTIONS: u64 = 64;
/// "bench:wrong".
const REQUEST: &[u8] = b"GET /api/v1/status HTTP/1.1\r\nHost: flood\r\n\
    Authorization: Basic YmVuY2g6d3Jvbmc=\r\n\r\n";

pub(in crate::flood) fn flood(aim: &Aim<'_>) -> Deed {
    let count = Count::default();
    each_of(aim, CONNECTIONS, CONNECTIONS, |_| -> Option<()> {
        while !aim.is_over() {
            // A connection that gives way to a new one is opened again.
            let guessed = guess_until_closed(aim, &count);
            if guessed.is_none() {
                count.refused();
            }
        }
        None
    });
    count.deed()
}

fn guess_until_closed(aim: &Aim<'_>, count: &Count) -> Option<()> {
    let mut stream = BufReader::new(Target::new(aim.management).open().ok()?);
    while !aim.is_over() {
        stream.get_mut().write_all(REQUEST).ok()?;
        let (mut line, mut length, mut refused) = (String::new(), 0, false);
        while stream.read_line(&mut line).ok()? > 2 {
            let lower = line.to_ascii_lowercase();
            refused |= lower.starts_with("http/1.1 401 ");
            let told = lower.strip_prefix("content-length:").map(str::trim);
            length = told.and_then(|told| told.parse().ok()).unwrap_or(length);
            line.clear();
        }
        stream.read_exact(&mut vec![0; length]).ok()?;
        count.did(u64::from(refused));
    }
    Some(())
}
