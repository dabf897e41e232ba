//! Values of labels. They are stable: dashboards and alarms are built on them.

use surewire_engine::notice::DropReason;
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

pub(super) fn dropped(why: DropReason) -> &'static str {
    match why {
        DropReason::QueueFullOldestQoS0 => "queue_full_oldest_qos0",
        DropReason::QueueFullNewQoS0 => "queue_full_new_qos0",
        DropReason::QueueFullOldest => "queue_full_oldest",
        DropReason::QueueFullNewest => "queue_full_newest",
        DropReason::LargerThanQueue => "larger_than_queue",
        DropReason::OfflineQoS0 => "offline_qos0",
        DropReason::SessionEnded => "session_ended",
        DropReason::ConnectionClosed => "connection_closed",
        DropReason::GroupEnded => "group_ended",
        DropReason::PacketTooLarge => "packet_too_large",
        DropReason::MemoryLimit => "memory_limit",
    }
}
