//! An engine without a shell, for the benches of what it does.

use surewire_engine::Engine;
use surewire_engine::action::Action;
use surewire_engine::config::Config;
use surewire_engine::event::{Event, Peer};
use surewire_engine::id::{ConnId, PacketId};
use surewire_engine::packet::{
    Connect, Packet, Properties, QoS, Subscribe, SubscribeFilter, SubscribeOptions, Version,
};
use surewire_engine::time::Time;

/// The time of all that happens.
pub(crate) const NOW: Time = Time::from_secs(1_700_000_000);

/// An engine and the buffer for its actions.
pub(crate) struct Broker {
    pub(crate) engine: Engine,
    pub(crate) actions: Vec<Action>,
}

impl Broker {
    pub(crate) fn new(config: Config) -> Self {
        Self { engine: Engine::new(config, [1; 32]), actions: Vec::new() }
    }

    /// Takes an event and forgets what is to be done; what is to be stored is durable at once.
    pub(crate) fn handle(&mut self, event: Event) {
        self.engine.handle(NOW, event, &mut self.actions);
        let lsn = |action| if let Action::Append { lsn, .. } = action { Some(lsn) } else { None };
        let last = self.actions.drain(..).filter_map(lsn);
        if let Some(upto) = last.max() {
            self.engine.handle(NOW, Event::Durable { upto }, &mut self.actions);
            self.actions.clear();
        }
    }

    /// Client `client-SLOT` connects on connection `slot`.
    pub(crate) fn connect(&mut self, slot: u32, clean_start: bool) {
        self.connect_as(conn(slot), slot, clean_start);
    }

    /// The same on any connection.
    pub(crate) fn connect_as(&mut self, conn: ConnId, client: u32, clean_start: bool) {
        let connect = Connect {
            version: Version::V3_1_1,
            clean_start,
            keep_alive: 0,
            client_id: format!("client-{client}").into(),
            will: None,
            user_name: None,
            password: None,
            properties: Properties::NONE,
        };
        let address = "127.0.0.1:1883".parse().expect("an address");
        let peer = Peer { address, anonymous: true };
        self.handle(Event::Opened { conn, peer, first: Ok(Box::new(connect)) });
    }

    pub(crate) fn subscribe(&mut self, slot: u32, filter: String, qos: QoS) {
        let options = SubscribeOptions { qos, ..SubscribeOptions::default() };
        let packet = Packet::Subscribe(Box::new(Subscribe {
            packet_id: PacketId::FIRST,
            filters: vec![SubscribeFilter { filter: filter.into(), options }],
            properties: Properties::NONE,
        }));
        let conn = conn(slot);
        self.handle(Event::Received { conn, packet });
        self.handle(Event::Written { conn, bytes: 5 });
    }
}

pub(crate) fn conn(slot: u32) -> ConnId {
    ConnId { slot, generation: 0 }
}
