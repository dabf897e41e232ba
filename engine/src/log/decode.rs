//! Bytes to records. Nothing is taken for granted: what is no record is an error that says so.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use bytes::Bytes;
use bytestring::ByteString;
use smallvec::SmallVec;

use crate::codec;
use crate::id::{ClientId, Lsn, PacketId};
use crate::identifiers::Identifiers;
use crate::log::encode::kind;
use crate::log::record::{Kept, Record, Retained, Seq, SessionKey, Target};
use crate::message::{Content, RetainFlag};
use crate::packet::{Properties, QoS, RetainHandling, SubscribeOptions};
use crate::time::Time;
use crate::topic::{TopicFilter, TopicName};

/// Why bytes are no record.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FormatError {
    /// The record ends in the middle of a field.
    #[error("it ends in the middle of a field")]
    Truncated,
    /// There is more than its fields.
    #[error("there are bytes behind its last field")]
    TrailingBytes,
    /// No record begins with this.
    #[error("no record is of kind {0}")]
    Kind(u8),
    /// A number or flag that the field cannot have.
    #[error("its {0} has a value that it cannot have")]
    Value(&'static str),
}

/// Reads one record. It owns all that it holds.
///
/// # Errors
/// The bytes are none.
pub fn decode(bytes: &[u8]) -> Result<Record, FormatError> {
    let mut fields = Fields(bytes);
    let kind = fields.byte()?;
    let record = match kind {
        kind::SESSION_BEGAN..=kind::UNSUBSCRIBED | kind::SESSION_EXPIRES => {
            of_session(kind, &mut fields)?
        }
        kind::SUBSCRIPTION_AWAITS => Record::SubscriptionAwaits {
            client: fields.client()?,
            filter: fields.filter()?,
            options: fields.options()?,
        },
        kind::AWAITING_ENDED => Record::AwaitingEnded {
            client: fields.client()?,
            filter: fields.if_there(Fields::filter)?,
        },
        _ => about_messages(kind, &mut fields)?,
    };
    if fields.0.is_empty() { Ok(record) } else { Err(FormatError::TrailingBytes) }
}

fn of_session(kind: u8, fields: &mut Fields<'_>) -> Result<Record, FormatError> {
    let session = fields.session()?;
    Ok(match kind {
        kind::SESSION_BEGAN => {
            let client = fields.client()?;
            let (address, at, expiry) = fields.arrival()?;
            Record::SessionBegan { session, client, address, at, expiry }
        }
        kind::SESSION_RESUMED => {
            let (address, at, expiry) = fields.arrival()?;
            Record::SessionResumed { session, address, at, expiry }
        }
        kind::SESSION_LEFT => Record::SessionLeft { session, at: fields.time()? },
        kind::SESSION_EXPIRES => Record::SessionExpires { session, expiry: fields.expiry()? },
        kind::SESSION_ENDED => Record::SessionEnded { session },
        kind::WILL_SET => {
            let (client, delay) = (fields.client()?, fields.number32("delay")?);
            Record::WillSet { session, client, will: fields.content(Time::ZERO)?, delay }
        }
        kind::WILL_CLEARED => Record::WillCleared { session },
        kind::SUBSCRIBED => Record::Subscribed {
            session,
            filter: fields.filter()?,
            options: fields.options()?,
            identifier: fields.if_there(|fields| fields.number32("subscription identifier"))?,
            at: fields.time()?,
        },
        _ => Record::Unsubscribed { session, filter: fields.filter()? },
    })
}

fn about_messages(kind: u8, fields: &mut Fields<'_>) -> Result<Record, FormatError> {
    Ok(match kind {
        kind::PUBLISHED => published(fields)?,
        kind::ADVANCED => advanced(fields)?,
        kind::RECEIVED => {
            Record::Received { session: fields.session()?, packet_id: fields.packet_id()? }
        }
        kind::RECEIVED_DONE => {
            Record::ReceivedDone { session: fields.session()?, packet_id: fields.packet_id()? }
        }
        kind::REPLAYING => Record::Replaying {
            session: fields.session()?,
            filter: fields.filter()?,
            after: fields.if_there(Fields::topic)?,
        },
        kind::REPLAYED => Record::Replayed { session: fields.session()?, filter: fields.filter()? },
        kind::HOLDS => holds(fields)?,
        kind::GROUP_HOLDS => {
            let (group, seq, at) = (fields.filter()?, Seq(fields.number()?), fields.time()?);
            Record::GroupHolds { group, seq, at, message: fields.kept(at)? }
        }
        kind::GROUP_REMOVED => {
            Record::GroupRemoved { group: fields.filter()?, seq: Seq(fields.number()?) }
        }
        kind::ALIVE => Record::Alive,
        other => return Err(FormatError::Kind(other)),
    })
}

fn published(fields: &mut Fields<'_>) -> Result<Record, FormatError> {
    let (mut message, at) = (fields.parts()?, fields.time()?);
    message.accept(at);
    let message = Arc::new(message);
    let bits = fields.bits(0b111, "flags of a message")?;
    let retained = match bits & 3 {
        0 => Retained::Untouched,
        1 => Retained::Stored,
        2 => Retained::Cleared,
        _ => return Err(FormatError::Value("retained")),
    };
    let received = match bits >> 2 {
        0 => None,
        _ => Some((fields.session()?, fields.packet_id()?)),
    };
    let mut to = Vec::new();
    for _ in 0..fields.number()? {
        to.push(fields.target()?);
    }
    Ok(Record::Published { message, at, received, retained, to })
}

fn advanced(fields: &mut Fields<'_>) -> Result<Record, FormatError> {
    let session = fields.session()?;
    let removed = fields.if_there(Fields::number)?.map(Seq);
    let released = fields.if_there(Fields::number)?.map(Seq);
    let mut sent = SmallVec::new();
    for _ in 0..fields.number()? {
        sent.push((Seq(fields.number()?), fields.packet_id()?));
    }
    Ok(Record::Advanced { session, removed, released, sent })
}

fn holds(fields: &mut Fields<'_>) -> Result<Record, FormatError> {
    let (session, seq) = (fields.session()?, Seq(fields.number()?));
    let bits = fields.bits(0b11_1111, "flags of a message")?;
    let packet_id = fields.if_there(Fields::packet_id)?;
    let group = fields.if_there(Fields::filter)?;
    let at = fields.time()?;
    let identifiers = if bits & 1 << 4 == 0 { Identifiers::NONE } else { fields.identifiers()? };
    Ok(Record::Holds {
        session,
        seq,
        message: fields.kept(at)?,
        at,
        qos: qos(bits)?,
        retain: retain_flag(bits, 5)?,
        packet_id,
        released: bits & 1 << 3 != 0,
        group,
        identifiers,
    })
}

fn retain_flag(bits: u8, as_published: u8) -> Result<RetainFlag, FormatError> {
    match (bits & 1 << 2 != 0, bits & 1 << as_published != 0) {
        (false, false) => Ok(RetainFlag::Clear),
        (true, true) => Ok(RetainFlag::AsPublished),
        (true, false) => Ok(RetainFlag::Stored),
        (false, true) => Err(FormatError::Value("RETAIN")),
    }
}

fn qos(bits: u8) -> Result<QoS, FormatError> {
    QoS::from_bits(bits & 3).ok_or(FormatError::Value("QoS"))
}

/// What is left of a record.
struct Fields<'a>(&'a [u8]);

impl<'a> Fields<'a> {
    fn take(&mut self, len: usize) -> Result<&'a [u8], FormatError> {
        let (taken, rest) = self.0.split_at_checked(len).ok_or(FormatError::Truncated)?;
        self.0 = rest;
        Ok(taken)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], FormatError> {
        let (array, rest) = self.0.split_first_chunk().ok_or(FormatError::Truncated)?;
        self.0 = rest;
        Ok(*array)
    }

    fn byte(&mut self) -> Result<u8, FormatError> {
        self.array().map(|[byte]| byte)
    }

    /// A byte that has no other bits than these.
    fn bits(&mut self, mask: u8, name: &'static str) -> Result<u8, FormatError> {
        let bits = self.byte()?;
        if bits & !mask == 0 { Ok(bits) } else { Err(FormatError::Value(name)) }
    }

    /// LEB128, in no more bytes than needed.
    fn number(&mut self) -> Result<u64, FormatError> {
        let mut value = 0;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            let low = u64::from(byte & 0x7F);
            value |= low << shift;
            let too_long = (byte == 0 && shift > 0) || low << shift >> shift != low;
            if too_long {
                return Err(FormatError::Value("number"));
            }
            if byte & 0x80 == 0 {
                return Ok(value);
            }
        }
        Err(FormatError::Value("number"))
    }

    fn number32(&mut self, name: &'static str) -> Result<u32, FormatError> {
        u32::try_from(self.number()?).map_err(|_| FormatError::Value(name))
    }

    fn if_there<T>(
        &mut self,
        read: impl FnOnce(&mut Self) -> Result<T, FormatError>,
    ) -> Result<Option<T>, FormatError> {
        match self.bits(1, "flag")? {
            0 => Ok(None),
            _ => read(self).map(Some),
        }
    }

    fn bytes(&mut self) -> Result<&'a [u8], FormatError> {
        let len = usize::try_from(self.number()?).map_err(|_| FormatError::Truncated)?;
        self.take(len)
    }

    fn text(&mut self, name: &'static str) -> Result<ByteString, FormatError> {
        let text = std::str::from_utf8(self.bytes()?).map_err(|_| FormatError::Value(name))?;
        Ok(ByteString::from(String::from(text).into_boxed_str()))
    }

    fn client(&mut self) -> Result<ClientId, FormatError> {
        ClientId::new(&self.text("client id")?).ok_or(FormatError::Value("client id"))
    }

    fn topic(&mut self) -> Result<TopicName, FormatError> {
        TopicName::new(self.text("topic")?).ok_or(FormatError::Value("topic"))
    }

    fn filter(&mut self) -> Result<TopicFilter, FormatError> {
        TopicFilter::parse(self.text("filter")?).map_err(|_| FormatError::Value("filter"))
    }

    fn session(&mut self) -> Result<SessionKey, FormatError> {
        self.number().map(SessionKey)
    }

    fn time(&mut self) -> Result<Time, FormatError> {
        self.number().map(Time::from_nanos)
    }

    fn packet_id(&mut self) -> Result<PacketId, FormatError> {
        let id = u16::try_from(self.number()?).ok().and_then(PacketId::new);
        id.ok_or(FormatError::Value("packet identifier"))
    }

    fn arrival(&mut self) -> Result<(SocketAddr, Time, Option<u32>), FormatError> {
        let ip = match self.byte()? {
            4 => IpAddr::from(self.array::<4>()?),
            6 => IpAddr::from(self.array::<16>()?),
            _ => return Err(FormatError::Value("address family")),
        };
        let port = u16::try_from(self.number()?).map_err(|_| FormatError::Value("port"))?;
        let at = self.time()?;
        Ok((SocketAddr::new(ip, port), at, self.expiry()?))
    }

    fn expiry(&mut self) -> Result<Option<u32>, FormatError> {
        self.if_there(|fields| fields.number32("expiry"))
    }

    fn identifiers(&mut self) -> Result<Identifiers, FormatError> {
        let count = self.number()?;
        let number = |_| self.number32("subscription identifier");
        let list: SmallVec<[u32; 2]> = (0..count).map(number).collect::<Result<_, _>>()?;
        Ok(list.as_slice().into())
    }

    fn options(&mut self) -> Result<SubscribeOptions, FormatError> {
        let bits = self.bits(0b11_1111, "subscription options")?;
        let retain_handling = match bits >> 4 {
            0 => RetainHandling::Always,
            1 => RetainHandling::IfNew,
            2 => RetainHandling::Never,
            _ => return Err(FormatError::Value("retain handling")),
        };
        let (no_local, retain_as_published) = (bits & 1 << 2 != 0, bits & 1 << 3 != 0);
        Ok(SubscribeOptions { qos: qos(bits)?, no_local, retain_as_published, retain_handling })
    }

    fn target(&mut self) -> Result<Target, FormatError> {
        let bits = self.bits(0b111_1111, "flags of a holder")?;
        if bits == 1 << 4 {
            return Ok(Target::Group { group: self.filter()?, seq: Seq(self.number()?) });
        }
        if bits & 1 << 4 != 0 {
            return Err(FormatError::Value("flags of a holder"));
        }
        let (session, seq) = (self.session()?, Seq(self.number()?));
        let id = u16::try_from(self.number()?).map_err(|_| FormatError::Value("packet identifier"));
        let packet_id = PacketId::new(id?);
        let group = if bits & 1 << 3 != 0 { Some(self.filter()?) } else { None };
        let identifiers = if bits & 1 << 5 == 0 { Identifiers::NONE } else { self.identifiers()? };
        let (qos, retain) = (qos(bits)?, retain_flag(bits, 6)?);
        Ok(Target::Session { session, seq, qos, retain, packet_id, group, identifiers })
    }

    /// A message that was accepted at that time.
    fn kept(&mut self, at: Time) -> Result<Kept, FormatError> {
        Ok(match self.bits(1, "place of a message")? {
            0 => Kept::Here(self.content(at)?),
            _ => Kept::Earlier(Lsn(self.number()?)),
        })
    }

    fn content(&mut self, at: Time) -> Result<Arc<Content>, FormatError> {
        let mut message = self.parts()?;
        message.accept(at);
        Ok(Arc::new(message))
    }

    fn parts(&mut self) -> Result<Content, FormatError> {
        let bits = self.bits(0b1111, "flags of a message")?;
        let topic = self.topic()?;
        let payload = Bytes::copy_from_slice(self.bytes()?);
        let properties = if bits & 1 << 3 == 0 {
            Properties::NONE
        } else {
            let list = Bytes::copy_from_slice(self.bytes()?);
            let read = codec::read_message_properties(&list);
            read.ok().filter(|read| !read.is_empty()).ok_or(FormatError::Value("properties"))?
        };
        let (qos, retain) = (qos(bits)?, bits & 1 << 2 != 0);
        Ok(Content { topic, payload, qos, retain, properties })
    }
}
