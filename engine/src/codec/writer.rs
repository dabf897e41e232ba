//! Puts packets together. Everything is written to a [`Sink`]: to the out-buffer, or to a
//! [`Length`] that only counts, so that the length written and the length announced are one.

/// Where a packet's bytes go.
pub(super) trait Sink {
    fn slice(&mut self, bytes: &[u8]);

    /// Bytes behind their length in two bytes: Binary Data and UTF-8 Encoded Strings.
    fn field(&mut self, bytes: &[u8]);

    fn byte(&mut self, byte: u8) {
        self.slice(&[byte]);
    }

    fn u16(&mut self, value: u16) {
        self.slice(&value.to_be_bytes());
    }

    fn u32(&mut self, value: u32) {
        self.slice(&value.to_be_bytes());
    }

    /// Variable Byte Integer of at most [`MAX_VARIABLE_BYTE_INTEGER`].
    fn variable_byte_integer(&mut self, value: usize) {
        let mut rest = value;
        while rest > 0x7F {
            self.byte(low_bits(rest) | 0x80);
            rest >>= 7;
        }
        self.byte(low_bits(rest));
    }
}

/// The largest Remaining Length (MQTT 5.0 section 1.5.5).
pub(super) const MAX_VARIABLE_BYTE_INTEGER: usize = 268_435_455;

impl Sink for Vec<u8> {
    fn slice(&mut self, bytes: &[u8]) {
        self.extend_from_slice(bytes);
    }

    fn byte(&mut self, byte: u8) {
        self.push(byte);
    }

    fn field(&mut self, bytes: &[u8]) {
        let len = u16::try_from(bytes.len()).expect("a Length found before that it fits");
        self.u16(len);
        self.slice(bytes);
    }
}

/// Counts what is written, and finds out whether the standard's length fields can hold it.
#[derive(Debug)]
pub(super) struct Length {
    pub(super) bytes: usize,
    fits: bool,
}

impl Length {
    /// The count, if a packet or a list of properties may be that long.
    pub(super) fn checked(&self) -> Option<usize> {
        (self.fits && self.bytes <= MAX_VARIABLE_BYTE_INTEGER).then_some(self.bytes)
    }
}

impl Default for Length {
    fn default() -> Self {
        Self { bytes: 0, fits: true }
    }
}

impl Sink for Length {
    fn slice(&mut self, bytes: &[u8]) {
        self.bytes += bytes.len();
    }

    fn field(&mut self, bytes: &[u8]) {
        self.fits &= bytes.len() <= usize::from(u16::MAX);
        self.bytes += 2 + bytes.len();
    }
}

/// Writes a whole packet: `body` is run twice, to measure and to write.
pub(super) fn packet(first_byte: u8, out: &mut dyn Sink, body: impl Fn(&mut dyn Sink)) {
    let mut length = Length::default();
    body(&mut length);
    let Some(remaining) = length.checked() else { return };
    out.byte(first_byte);
    out.variable_byte_integer(remaining);
    body(out);
}

#[expect(clippy::cast_possible_truncation, reason = "masked to seven bits")]
const fn low_bits(value: usize) -> u8 {
    (value & 0x7F) as u8
}
