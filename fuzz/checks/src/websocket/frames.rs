//! Frames of RFC 6455, by hand: what is checked must not check itself.

pub(super) const CONTINUATION: u8 = 0;
pub(super) const BINARY: u8 = 2;
pub(super) const CLOSE: u8 = 8;
pub(super) const PING: u8 = 9;
pub(super) const PONG: u8 = 10;

/// A frame that was read.
pub(super) struct Frame {
    pub(super) opcode: u8,
    pub(super) last: bool,
    pub(super) masked: bool,
    pub(super) content: Vec<u8>,
}

/// Appends a client's frame.
pub(super) fn write(out: &mut Vec<u8>, opcode: u8, last: bool, mask: [u8; 4], content: &[u8]) {
    out.push(opcode | if last { 0x80 } else { 0 });
    match u16::try_from(content.len()).expect("small frames") {
        len @ 0..126 => out.push(0x80 | len.to_be_bytes()[1]),
        len => {
            out.push(0x80 | 126);
            out.extend_from_slice(&len.to_be_bytes());
        }
    }
    out.extend_from_slice(&mask);
    out.extend(content.iter().zip(mask.iter().cycle()).map(|(byte, mask)| byte ^ mask));
}

/// The frames of a server, all of them complete.
pub(super) fn frames_in(mut bytes: &[u8]) -> Vec<Frame> {
    // Behind the answer to the handshake, if that is there.
    if bytes.starts_with(b"HTTP/1.1 ") {
        let end = bytes.windows(4).position(|four| four == b"\r\n\r\n").expect("a whole answer");
        bytes = &bytes[end + 4..];
    }
    let mut frames = Vec::new();
    while let Some((head, rest)) = bytes.split_first_chunk::<2>() {
        let (len, rest) = match head[1] & 0x7F {
            126 => (usize::from(u16::from_be_bytes([rest[0], rest[1]])), &rest[2..]),
            127 => panic!("a frame of 64 KiB"),
            len => (usize::from(len), rest),
        };
        let (content, rest) = rest.split_at(len);
        let (opcode, last, masked) = (head[0] & 0x0F, head[0] & 0x80 != 0, head[1] & 0x80 != 0);
        assert_eq!(head[0] & 0x70, 0, "reserved bits");
        frames.push(Frame { opcode, last, masked, content: content.to_vec() });
        bytes = rest;
    }
    assert!(bytes.is_empty(), "a frame without an end");
    frames
}
