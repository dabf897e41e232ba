//! What the log stores. Its format and the machine that reads and writes it come with the store;
//! the records are here from the start, because everything durable is said in them.

pub mod record;
