//! The last second of a connection.

use std::io;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::task::yield_now;
use tokio::time::timeout;

use crate::environment::Stream;

/// How long the peer may take to close its side.
const LINGER: Duration = Duration::from_secs(1);

/// Bytes that are read before others get their turn.
const AT_ONCE: usize = 16 * 1024;

/// Half-closes and reads on for a while, at most `most` bytes. A socket that is closed with unread
/// bytes sends a reset, and that can destroy what the peer has not read yet: the very packet, or
/// answer, that says why.
pub(crate) async fn linger(stream: &mut Box<dyn Stream>, most: usize) {
    let _ = timeout(LINGER, shut(stream, most)).await;
}

async fn shut(stream: &mut Box<dyn Stream>, most: usize) -> io::Result<()> {
    stream.shutdown().await?;
    let mut sink = vec![0; 4 * 1024];
    let (mut drained, mut waits_at) = (0, AT_ONCE);
    while drained < most {
        match stream.read(&mut sink).await? {
            0 => break,
            count => drained += count,
        }
        // Those who leave wait for those who stay.
        if drained >= waits_at {
            waits_at = drained + AT_ONCE;
            yield_now().await;
        }
    }
    Ok(())
}
