//! The first bytes of every payload: who sent it, as which of its messages, and when it was due.

/// What a payload says about itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stamp {
    /// The number of the publisher, from 0.
    pub publisher: u32,
    /// The number of the message among its publisher's, from 0.
    pub sequence: u64,
    /// When it should have been sent, in ns on the generator's clock.
    pub intended_ns: u64,
}

impl Stamp {
    /// Bytes of a stamp, and so the smallest payload.
    pub const LEN: usize = 20;

    /// What is wrong with payloads of this length in bytes, naming the flag.
    pub(crate) fn mistake_in_payload(length: usize) -> Option<String> {
        let (least, most) = (Self::LEN, 1 << 27);
        (length < least || length > most).then(|| {
            format!("--payload {length}: from {least} bytes, which the stamp takes, to 128 MiB")
        })
    }

    /// The stamp as it stands in the payload.
    #[must_use]
    pub fn to_bytes(self) -> [u8; Self::LEN] {
        let mut bytes = [0; Self::LEN];
        let parts = self.publisher.to_be_bytes().into_iter().chain(self.sequence.to_be_bytes());
        for (to, from) in bytes.iter_mut().zip(parts.chain(self.intended_ns.to_be_bytes())) {
            *to = from;
        }
        bytes
    }

    /// The stamp of a payload; `None` if it is too short to have one.
    #[must_use]
    pub fn of(payload: &[u8]) -> Option<Self> {
        let (publisher, rest) = payload.split_first_chunk()?;
        let (sequence, rest) = rest.split_first_chunk()?;
        Some(Self {
            publisher: u32::from_be_bytes(*publisher),
            sequence: u64::from_be_bytes(*sequence),
            intended_ns: u64::from_be_bytes(*rest.first_chunk()?),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stamp_reads_back() {
        let stamp = Stamp { publisher: 7, sequence: u64::MAX - 1, intended_ns: 1 << 40 };
        let mut payload = stamp.to_bytes().to_vec();
        payload.extend_from_slice(b"filler");
        assert_eq!(Stamp::of(&payload), Some(stamp));
        assert_eq!(Stamp::of(&payload[..Stamp::LEN - 1]), None);
    }
}
