//! The types of values, each with the one way to read it and to write it.

mod address;
mod byte_size;
mod choice;
mod memory_limit;
mod multiplier;
mod quantity;
mod secret;
mod time_span;

pub use address::{AddressError, Host, ListenAddress};
pub use byte_size::ByteSize;
pub(crate) use choice::choice;
pub use choice::{
    Durability, LogFormat, LogLevel, Protocol, QueueFullPolicy, ReceiveMaximumPolicy,
};
pub use memory_limit::MemoryLimit;
pub use multiplier::Multiplier;
pub(crate) use quantity::NotAQuantity;
pub use secret::Secret;
pub use time_span::TimeSpan;
