//! Scenarios beside the flow of messages: each says what it does and what came out of it.

pub mod churn;
pub mod hold;
pub mod queue;
pub mod retained;
