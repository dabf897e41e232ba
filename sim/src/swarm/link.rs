//! A connection between a client and the broker: bytes on their way, in order, both ways.

/// A connection. Its number is also that of the broker's end.
#[derive(Debug)]
pub(crate) struct Link {
    pub(crate) client: usize,
    /// Whether each end believes that it is there.
    pub(crate) client_end: bool,
    pub(crate) broker_end: bool,
    /// Whether its client has seen that it was accepted.
    pub(crate) accepted: bool,
    /// Nothing gets through any more, and nobody is told.
    pub(crate) silent: bool,
    /// The client's end was cut: so many more bytes arrive.
    pub(crate) rest: Option<usize>,
    /// When what was sent last arrives.
    pub(crate) to_broker_at: u64,
    pub(crate) to_client_at: u64,
    /// Bytes on their way to the broker.
    pub(crate) under_way: usize,
    /// The broker closed it because it stops.
    pub(crate) stopped: bool,
    /// Its end asks for the client's Will.
    pub(crate) will_due: bool,
}

impl Link {
    pub(crate) fn new(client: usize) -> Self {
        Self {
            client,
            client_end: true,
            broker_end: false,
            accepted: false,
            silent: false,
            rest: None,
            to_broker_at: 0,
            to_client_at: 0,
            under_way: 0,
            stopped: false,
            will_due: false,
        }
    }

    /// What of these bytes arrives at the broker.
    pub(crate) fn arriving<'a>(&mut self, bytes: &'a [u8]) -> &'a [u8] {
        self.under_way = self.under_way.saturating_sub(bytes.len());
        if self.silent {
            return &[];
        }
        match &mut self.rest {
            None => bytes,
            Some(rest) => {
                let len = bytes.len().min(*rest);
                *rest -= len;
                bytes.get(..len).unwrap_or_default()
            }
        }
    }
}
