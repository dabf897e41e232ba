//! The codec, byte by byte: tables of what every packet looks like and of what is refused, and
//! random packets and bytes against the two laws: `decode(encode(p)) == p`, and decoding is total.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "in the tables and helpers of tests, a panic is a failed test"
)]

mod corpus;
mod integers;
#[path = "../support/packets.rs"]
mod packets;
mod random;
mod refused;
mod rows;
mod runs;
mod tables;
