//! Properties: which packet may carry which, how often, and with which values.

use super::{Refused, V5, frame, list, refuse};
use surewire_engine::violation::Violation;

/// Every property of table 2-4 with a valid value, and the carriers that may have it.
const PROPERTIES: &[(u8, &[u8], &[Carrier])] = &[
    (0x01, b"\x01\x01", MESSAGES),
    (0x02, b"\x02\x00\x00\x00\x01", MESSAGES),
    (0x03, b"\x03\x00\x01x", MESSAGES),
    (0x08, b"\x08\x00\x01x", MESSAGES),
    (0x09, b"\x09\x00\x01x", MESSAGES),
    (0x0B, b"\x0b\x01", &[Carrier::Publish, Carrier::Subscribe]),
    (0x11, b"\x11\x00\x00\x00\x01", &[Carrier::Connect, Carrier::Connack, Carrier::Disconnect]),
    (0x12, b"\x12\x00\x01x", &[Carrier::Connack]),
    (0x13, b"\x13\x00\x01", &[Carrier::Connack]),
    (0x15, b"\x15\x00\x01x", LOGIN),
    // Never without a method, which is why the method comes along.
    (0x16, b"\x15\x00\x01x\x16\x00\x01x", LOGIN),
    (0x17, b"\x17\x01", &[Carrier::Connect]),
    (0x18, b"\x18\x00\x00\x00\x01", &[Carrier::Will]),
    (0x19, b"\x19\x01", &[Carrier::Connect]),
    (0x1A, b"\x1a\x00\x01x", &[Carrier::Connack]),
    (0x1C, b"\x1c\x00\x01x", &[Carrier::Connack, Carrier::Disconnect]),
    (0x1F, b"\x1f\x00\x01x", ANSWERS),
    (0x21, b"\x21\x00\x01", &[Carrier::Connect, Carrier::Connack]),
    (0x22, b"\x22\x00\x01", &[Carrier::Connect, Carrier::Connack]),
    (0x23, b"\x23\x00\x01", &[Carrier::Publish]),
    (0x24, b"\x24\x01", &[Carrier::Connack]),
    (0x25, b"\x25\x01", &[Carrier::Connack]),
    (0x26, b"\x26\x00\x01x\x00\x01y", Carrier::ALL),
    (0x27, b"\x27\x00\x00\x00\x01", &[Carrier::Connect, Carrier::Connack]),
    (0x28, b"\x28\x01", &[Carrier::Connack]),
    (0x29, b"\x29\x01", &[Carrier::Connack]),
    (0x2A, b"\x2a\x01", &[Carrier::Connack]),
];

const MESSAGES: &[Carrier] = &[Carrier::Publish, Carrier::Will];
const LOGIN: &[Carrier] = &[Carrier::Connect, Carrier::Connack, Carrier::Auth];
const ANSWERS: &[Carrier] = &[
    Carrier::Connack,
    Carrier::Puback,
    Carrier::Pubrec,
    Carrier::Pubrel,
    Carrier::Pubcomp,
    Carrier::Suback,
    Carrier::Unsuback,
    Carrier::Disconnect,
    Carrier::Auth,
];

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Carrier {
    Connect,
    Will,
    Connack,
    Publish,
    Puback,
    Pubrec,
    Pubrel,
    Pubcomp,
    Subscribe,
    Suback,
    Unsubscribe,
    Unsuback,
    Disconnect,
    Auth,
}

impl Carrier {
    const ALL: &[Self] = &[
        Self::Connect,
        Self::Will,
        Self::Connack,
        Self::Publish,
        Self::Puback,
        Self::Pubrec,
        Self::Pubrel,
        Self::Pubcomp,
        Self::Subscribe,
        Self::Suback,
        Self::Unsubscribe,
        Self::Unsuback,
        Self::Disconnect,
        Self::Auth,
    ];

    /// A valid packet but for its properties.
    fn packet(self, properties: &[&[u8]]) -> Vec<u8> {
        let p = &list(properties)[..];
        match self {
            Self::Connect => frame(0x10, &[b"\0\x04MQTT\x05\x02\0\0", p, b"\0\x01c"]),
            Self::Will => frame(0x10, &[b"\0\x04MQTT\x05\x06\0\0\0\0\x01c", p, b"\0\x01w\0\0"]),
            Self::Connack => frame(0x20, &[b"\0\0", p]),
            Self::Publish => frame(0x30, &[b"\0\x01t", p]),
            Self::Puback => frame(0x40, &[b"\0\x01\0", p]),
            Self::Pubrec => frame(0x50, &[b"\0\x01\0", p]),
            Self::Pubrel => frame(0x62, &[b"\0\x01\0", p]),
            Self::Pubcomp => frame(0x70, &[b"\0\x01\0", p]),
            Self::Subscribe => frame(0x82, &[b"\0\x01", p, b"\0\x01t\0"]),
            Self::Suback => frame(0x90, &[b"\0\x01", p, b"\0"]),
            Self::Unsubscribe => frame(0xA2, &[b"\0\x01", p, b"\0\x01t"]),
            Self::Unsuback => frame(0xB0, &[b"\0\x01", p, b"\0"]),
            Self::Disconnect => frame(0xE0, &[b"\0", p]),
            Self::Auth => frame(0xF0, &[b"\x18", p]),
        }
    }
}

/// Every pair of property and carrier that the standard allows.
pub(crate) fn allowed() -> Vec<Vec<u8>> {
    let pairs = PROPERTIES
        .iter()
        .flat_map(|(_, bytes, carriers)| carriers.iter().map(|carrier| carrier.packet(&[bytes])));
    pairs.collect()
}

pub(crate) fn refused() -> Vec<Refused> {
    let rows = &mut Vec::new();
    foreign(rows);
    duplicates(rows);
    values(rows);
    texts(rows);
    std::mem::take(rows)
}

/// Every pair that the standard does not allow, and identifiers that it does not know.
fn foreign(rows: &mut Vec<Refused>) {
    for carrier in Carrier::ALL {
        for (id, bytes, carriers) in PROPERTIES {
            if !carriers.contains(carrier) {
                // Where data brings its method along, the method is what is met first.
                let id = u32::from(if *id == 0x16 { 0x15 } else { *id });
                let bytes = carrier.packet(&[bytes]);
                refuse(rows, "in the wrong packet", V5, bytes, Violation::Property { id });
            }
        }
        for id in (0..=0x7F).filter(|id| PROPERTIES.iter().all(|(known, ..)| known != id)) {
            let unknown = Violation::Property { id: u32::from(id) };
            refuse(rows, "unknown", V5, carrier.packet(&[&[id, 0, 0, 0, 0, 0]]), unknown);
        }
        let wide = carrier.packet(&[b"\x83\x02\x00"]);
        refuse(rows, "wide identifier", V5, wide, Violation::Property { id: 0x103 });
        let over_long = carrier.packet(&[b"\xa6\x00\x00\x00\x00\x00"]);
        refuse(rows, "over-long identifier", V5, over_long, Violation::VariableByteInteger);
    }
}

fn duplicates(rows: &mut Vec<Refused>) {
    for (id, bytes, carriers) in PROPERTIES {
        for carrier in *carriers {
            if *id == 0x26 || (*id == 0x0B && *carrier == Carrier::Publish) {
                continue;
            }
            let id = u32::from(if *id == 0x16 { 0x15 } else { *id });
            let twice = carrier.packet(&[bytes, bytes]);
            refuse(rows, "twice", V5, twice, Violation::DuplicateProperty { id });
        }
    }
    let data = Carrier::Auth.packet(&[b"\x15\x00\x00\x16\x00\x00\x16\x00\x00"]);
    refuse(rows, "data twice", V5, data, Violation::DuplicateProperty { id: 0x16 });
}

fn values(rows: &mut Vec<Refused>) {
    let value = |id| Violation::PropertyValue { id };
    let of = |carrier: Carrier, bytes: &[u8]| carrier.packet(&[bytes]);
    for (id, carrier) in [
        (0x01, Carrier::Publish),
        (0x01, Carrier::Will),
        (0x17, Carrier::Connect),
        (0x19, Carrier::Connect),
        (0x24, Carrier::Connack),
        (0x25, Carrier::Connack),
        (0x28, Carrier::Connack),
        (0x29, Carrier::Connack),
        (0x2A, Carrier::Connack),
    ] {
        refuse(rows, "a flag of 2", V5, of(carrier, &[id, 2]), value(u32::from(id)));
    }
    refuse(rows, "identifier 0", V5, of(Carrier::Publish, b"\x0b\x00"), value(0x0B));
    refuse(rows, "identifier 0", V5, of(Carrier::Subscribe, b"\x0b\x00"), value(0x0B));
    let over_long = of(Carrier::Subscribe, b"\x0b\x80\x80\x80\x80\x01");
    refuse(rows, "identifier too large", V5, over_long, Violation::VariableByteInteger);
    for carrier in [Carrier::Connect, Carrier::Connack] {
        refuse(rows, "Receive Maximum 0", V5, of(carrier, b"\x21\x00\x00"), value(0x21));
        refuse(rows, "packet size 0", V5, of(carrier, b"\x27\x00\x00\x00\x00"), value(0x27));
    }
    for carrier in LOGIN {
        let data = of(*carrier, b"\x16\x00\x01x");
        refuse(rows, "data without method", V5, data, Violation::AuthenticationData);
    }
    let nine = [&b"\x26\x00\x00\x00\x00"[..]; 9];
    let many = Violation::TooManyUserProperties { limit: 8 };
    refuse(rows, "nine User Properties", V5, Carrier::Publish.packet(&nine), many);
}

fn texts(rows: &mut Vec<Refused>) {
    for (id, bytes, carriers) in PROPERTIES {
        // Those that are one string: two bytes of length and one of text.
        let is_text = bytes.len() == 4 && bytes[1..] == *b"\x00\x01x" && *id != 0x09;
        for carrier in carriers.iter().filter(|_| is_text) {
            let ill = carrier.packet(&[&[*id, 0, 1, 0xFF]]);
            refuse(rows, "ill-formed text", V5, ill, Violation::IllFormedUtf8);
            let nul = carrier.packet(&[&[*id, 0, 1, 0]]);
            refuse(rows, "U+0000 in text", V5, nul, Violation::Nul);
            let cut = carrier.packet(&[&[*id, 0, 9, b'x']]);
            refuse(rows, "cut text", V5, cut, Violation::Truncated);
        }
    }
    for carrier in Carrier::ALL {
        let name = carrier.packet(&[b"\x26\x00\x01\xff\x00\x01v"]);
        refuse(rows, "ill-formed name", V5, name, Violation::IllFormedUtf8);
        let value = carrier.packet(&[b"\x26\x00\x01n\x00\x03\xed\xa0\x80"]);
        refuse(rows, "ill-formed value", V5, value, Violation::IllFormedUtf8);
        let nul = carrier.packet(&[b"\x26\x00\x01n\x00\x01\x00"]);
        refuse(rows, "U+0000 in value", V5, nul, Violation::Nul);
        let lone = carrier.packet(&[b"\x26\x00\x01n"]);
        refuse(rows, "name without value", V5, lone, Violation::Truncated);
    }
}
