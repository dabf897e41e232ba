//! Packets byte by byte, for what no encoder of ours would write.

/// The CONNECT flag for Clean Session 1.
pub const CLEAN: u8 = 0x02;

/// A whole packet: first byte, Remaining Length, and the parts of its body.
pub fn packet(first: u8, body: &[&[u8]]) -> Vec<u8> {
    let body = body.concat();
    let mut bytes = vec![first];
    let mut left = body.len();
    loop {
        let low = u8::try_from(left % 128).unwrap();
        left /= 128;
        bytes.push(if left > 0 { low | 0x80 } else { low });
        if left == 0 {
            break;
        }
    }
    bytes.extend(body);
    bytes
}

/// A text or data field: its length in two bytes and itself.
pub fn field(text: impl AsRef<[u8]>) -> Vec<u8> {
    let text = text.as_ref();
    let mut bytes = u16::try_from(text.len()).unwrap().to_be_bytes().to_vec();
    bytes.extend_from_slice(text);
    bytes
}

/// A 3.1.1 CONNECT without keep alive, with these flags and these fields as its payload.
pub fn connect_packet(flags: u8, payload: &[&[u8]]) -> Vec<u8> {
    connect_as("MQTT", 4, flags, payload)
}

/// The same by this protocol name and level.
pub fn connect_as(name: &str, level: u8, flags: u8, payload: &[&[u8]]) -> Vec<u8> {
    let fields: Vec<u8> = payload.iter().flat_map(field).collect();
    packet(0x10, &[&field(name), &[level, flags, 0, 0], &fields])
}

/// A PUBLISH of QoS 0.
pub fn publish_packet(topic: impl AsRef<[u8]>, payload: &[u8]) -> Vec<u8> {
    packet(0x30, &[&field(topic), payload])
}

/// A SUBSCRIBE with one filter at QoS 0.
pub fn subscribe_packet(id: u16, filter: impl AsRef<[u8]>) -> Vec<u8> {
    packet(0x82, &[&id.to_be_bytes(), &field(filter), &[0]])
}

/// An UNSUBSCRIBE with one filter.
pub fn unsubscribe_packet(id: u16, filter: impl AsRef<[u8]>) -> Vec<u8> {
    packet(0xA2, &[&id.to_be_bytes(), &field(filter)])
}

/// The first bytes of the packets in a stream.
pub fn first_bytes(mut stream: &[u8]) -> Vec<u8> {
    let mut first = Vec::new();
    while let Some(byte) = stream.first() {
        first.push(*byte);
        let len = surewire_engine::codec::frame_len(stream, usize::MAX).unwrap().unwrap();
        stream = &stream[len..];
    }
    first
}
