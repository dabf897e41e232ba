//! Packet types as values of a label. They are stable: dashboards are built on them.

use surewire_engine::packet::PacketType;

pub(super) fn packet(packet: PacketType) -> &'static str {
    match packet {
        PacketType::Connect => "connect",
        PacketType::Connack => "connack",
        PacketType::Publish => "publish",
        PacketType::Puback => "puback",
        PacketType::Pubrec => "pubrec",
        PacketType::Pubrel => "pubrel",
        PacketType::Pubcomp => "pubcomp",
        PacketType::Subscribe => "subscribe",
        PacketType::Suback => "suback",
        PacketType::Unsubscribe => "unsubscribe",
        PacketType::Unsuback => "unsuback",
        PacketType::Pingreq => "pingreq",
        PacketType::Pingresp => "pingresp",
        PacketType::Disconnect => "disconnect",
        PacketType::Auth => "auth",
    }
}
