//! What the broker may drop: it says why, and the reason has to be one. Whatever is told excuses
//! that a message is missing, so a wrong excuse would hide a loss.

use surewire_engine::config::Config;
use surewire_engine::notice::DropReason;
use surewire_engine::packet::QoS;

/// What is wrong with dropping a message of that QoS for that reason, if anything is.
pub(super) fn judge(config: &Config, qos: QoS, why: DropReason) -> Result<(), String> {
    let default = Config::default();
    let few_bytes = config.max_queued_bytes < default.max_queued_bytes;
    let limited = few_bytes || config.max_msgqueue_messages.is_some();
    let right = match why {
        DropReason::QueueFullOldestQoS0 | DropReason::QueueFullNewQoS0 => {
            limited && qos == QoS::AtMostOnce
        }
        DropReason::QueueFullOldest | DropReason::QueueFullNewest => limited,
        DropReason::LargerThanQueue => few_bytes,
        DropReason::OfflineQoS0 => !config.queue_qos0_messages && qos == QoS::AtMostOnce,
        DropReason::ConnectionClosed | DropReason::MemoryLimit => qos == QoS::AtMostOnce,
        // Clients of these worlds refuse nothing.
        DropReason::RefusedByClient => false,
        DropReason::SessionEnded
        | DropReason::GroupEnded
        | DropReason::PacketTooLarge
        | DropReason::Expired => true,
    };
    right.then_some(()).ok_or_else(|| format!("I1: a message of {qos:?} is dropped: {why:?}"))
}
