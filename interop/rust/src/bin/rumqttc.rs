//! rumqttc's v5 client. It shows Topic Aliases as they come and leaves them to its user; its
//! DISCONNECT has no properties.

use rumqttc::v5::mqttbytes::QoS;
use rumqttc::v5::mqttbytes::v5::{
    ConnAck, ConnAckProperties, DisconnectReasonCode, Filter, LastWill, LastWillProperties, Packet,
    PubAckReason, PubRecReason, Publish, PublishProperties, RetainForwardRule, SubscribeProperties,
    SubscribeReasonCode,
};
use rumqttc::v5::{AsyncClient, ConnectionError, Event, MqttOptions, StateError};
use surewire_interop::{
    CONTENT_TYPE, CORRELATION_DATA, Inbox, LONG, MESSAGE_EXPIRY, Scene, Stopwatch, USER_PROPERTIES,
    run, test, within,
};
use tokio::task::JoinHandle;

/// A connected client; what it hears stands in inboxes.
struct Client {
    client: AsyncClient,
    connack: ConnAck,
    messages: Inbox<Publish>,
    /// All packets but PUBLISH.
    answers: Inbox<Packet>,
    /// Ends with the connection.
    polling: JoinHandle<ConnectionError>,
}

impl Client {
    async fn connect(scene: &Scene, name: &str) -> Self {
        Self::connect_with(scene, name, |_| {}).await
    }

    async fn connect_with(scene: &Scene, name: &str, set: impl FnOnce(&mut MqttOptions)) -> Self {
        let (host, port) = (scene.broker.host(), scene.broker.port());
        let mut options = MqttOptions::new(scene.client_id(name), host, port);
        options.set_max_packet_size(Some(4 << 20));
        set(&mut options);
        let (client, mut events) = AsyncClient::new(options, 1000);
        let (to_messages, messages) = Inbox::new();
        let (to_answers, mut answers) = Inbox::new();
        let polling = tokio::spawn(async move {
            loop {
                match events.poll().await {
                    // Nobody may listen any more.
                    Ok(Event::Incoming(Packet::Publish(p))) => drop(to_messages.send(p)),
                    Ok(Event::Incoming(packet)) => drop(to_answers.send(packet)),
                    Ok(Event::Outgoing(_)) => {}
                    Err(error) => return error,
                }
            }
        });
        match answers.next("CONNACK").await {
            Packet::ConnAck(connack) => Self { client, connack, messages, answers, polling },
            other => panic!("expected CONNACK, got {other:?}"),
        }
    }

    /// A client that finds its session again, and has it kept for `expiry` seconds.
    async fn resume(scene: &Scene, name: &str, expiry: u32, will: Option<LastWill>) -> Self {
        let set = |options: &mut MqttOptions| {
            options.set_clean_start(false).set_session_expiry_interval(Some(expiry));
            if let Some(will) = will {
                options.set_last_will(will);
            }
        };
        Self::connect_with(scene, name, set).await
    }

    async fn subscribe(&mut self, topic: &str) -> SubscribeReasonCode {
        self.subscribe_with(Filter::new(topic, QoS::ExactlyOnce), None).await
    }

    async fn subscribe_with(&mut self, filter: Filter, id: Option<usize>) -> SubscribeReasonCode {
        let properties = SubscribeProperties { id, user_properties: vec![] };
        let sent = self.client.subscribe_many_with_properties([filter], properties).await;
        sent.expect("a filter that the client accepts");
        match self.answers.next("SUBACK").await {
            Packet::SubAck(suback) => suback.return_codes[0],
            other => panic!("expected SUBACK, got {other:?}"),
        }
    }

    /// Publishes at QoS 1 and returns what the PUBACK says.
    async fn publish(&mut self, topic: &str, payload: &str) -> PubAckReason {
        self.publish_with(topic, payload, false, PublishProperties::default()).await
    }

    async fn publish_with(
        &mut self,
        topic: &str,
        payload: &str,
        retain: bool,
        properties: PublishProperties,
    ) -> PubAckReason {
        self.send(topic, payload, QoS::AtLeastOnce, retain, properties).await;
        match self.answers.next("PUBACK").await {
            Packet::PubAck(puback) => puback.reason,
            other => panic!("expected PUBACK, got {other:?}"),
        }
    }

    async fn send(
        &self,
        topic: &str,
        payload: &str,
        qos: QoS,
        retain: bool,
        properties: PublishProperties,
    ) {
        let payload = payload.to_owned();
        let sent =
            self.client.publish_with_properties(topic, qos, retain, payload, properties).await;
        sent.expect("a topic that the client accepts");
    }

    async fn next(&mut self) -> Publish {
        self.messages.next("message").await
    }

    async fn next_payload(&mut self) -> String {
        text(&self.next().await.payload)
    }

    /// The orderly way, by DISCONNECT; waits for the broker's end of the connection.
    async fn leave(self) {
        self.client.disconnect().await.expect("the client runs");
        within("end of the connection", self.polling).await.expect("no panic");
    }

    /// As a lost line would: the connection ends without DISCONNECT.
    async fn break_off(self) {
        self.polling.abort();
        let ended = within("end of the client", self.polling).await;
        assert!(ended.is_err(), "the connection ended before: {ended:?}");
    }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).expect("UTF-8")
}

fn alias(alias: u16) -> PublishProperties {
    PublishProperties { topic_alias: Some(alias), ..PublishProperties::default() }
}

fn all_of_a_message() -> PublishProperties {
    let owned = |(name, value): (&str, &str)| (name.to_owned(), value.to_owned());
    PublishProperties {
        payload_format_indicator: Some(1),
        message_expiry_interval: Some(MESSAGE_EXPIRY),
        topic_alias: None,
        response_topic: Some("interop/answers/here".to_owned()),
        correlation_data: Some(CORRELATION_DATA.into()),
        user_properties: USER_PROPERTIES.map(owned).to_vec(),
        subscription_identifiers: vec![],
        content_type: Some(CONTENT_TYPE.to_owned()),
    }
}

fn delayed_will(scene: &Scene, payload: &str, delay: u32) -> LastWill {
    let properties = LastWillProperties {
        delay_interval: Some(delay),
        payload_format_indicator: None,
        message_expiry_interval: None,
        content_type: None,
        response_topic: None,
        correlation_data: None,
        user_properties: vec![],
    };
    LastWill::new(scene.topic("will"), payload, QoS::AtLeastOnce, false, Some(properties))
}

async fn properties(scene: Scene) {
    let mut client = Client::connect(&scene, "client").await;
    let topic = scene.topic("topic");
    client.subscribe(&topic).await;
    for qos in [QoS::AtMostOnce, QoS::AtLeastOnce, QoS::ExactlyOnce] {
        client.send(&topic, "für alle", qos, false, all_of_a_message()).await;
        let message = client.next().await;
        assert_eq!((text(&message.payload).as_str(), message.qos), ("für alle", qos));
        let mut got = message.properties.expect("properties");
        let expiry = got.message_expiry_interval.replace(MESSAGE_EXPIRY).expect("an expiry");
        assert!((1..=MESSAGE_EXPIRY).contains(&expiry), "{expiry}");
        assert_eq!(got, all_of_a_message());
    }
}

async fn request_and_response(scene: Scene) {
    let set = |options: &mut MqttOptions| {
        options.set_request_response_info(Some(1));
    };
    let mut requester = Client::connect_with(&scene, "requester", set).await;
    let answers = limits(&requester).response_information.clone().expect("Response Information");
    let named = format!("{}{}", scene.broker.response_information(), scene.client_id("requester"));
    assert_eq!(answers, named);
    let mut responder = Client::connect(&scene, "responder").await;
    requester.subscribe(&answers).await;
    responder.subscribe(&scene.topic("questions")).await;
    let question = PublishProperties {
        response_topic: Some(answers),
        correlation_data: Some(CORRELATION_DATA.into()),
        ..PublishProperties::default()
    };
    requester.publish_with(&scene.topic("questions"), "question", false, question).await;
    let asked = responder.next().await.properties.expect("properties");
    let topic = asked.response_topic.expect("a Response Topic");
    let correlation_data = asked.correlation_data;
    let answer = PublishProperties { correlation_data, ..PublishProperties::default() };
    responder.publish_with(&topic, "answer", false, answer).await;
    let answer = requester.next().await;
    assert_eq!(text(&answer.payload), "answer");
    let correlation = answer.properties.and_then(|set| set.correlation_data);
    assert_eq!(correlation.as_deref(), Some(CORRELATION_DATA));
}

async fn share_group(scene: Scene) {
    let mut first = Client::connect(&scene, "first").await;
    let mut second = Client::connect(&scene, "second").await;
    let shared = format!("$share/group/{}", scene.topic("jobs"));
    first.subscribe(&shared).await;
    second.subscribe(&shared).await;
    let mut publisher = Client::connect(&scene, "publisher").await;
    let mut wanted: Vec<_> = (0..30).map(|n| format!("job {n:02}")).collect();
    for payload in &wanted {
        publisher.publish(&scene.topic("jobs"), payload).await;
    }
    let mut got = [vec![], vec![]];
    for _ in &wanted {
        tokio::select! {
            payload = first.next_payload() => got[0].push(payload),
            payload = second.next_payload() => got[1].push(payload),
        }
    }
    assert!(got.iter().all(|part| !part.is_empty()), "one member got everything");
    let mut got = got.concat();
    got.sort();
    wanted.sort();
    assert_eq!(got, wanted);
}

async fn will_delay(scene: Scene) {
    let mut watcher = Client::connect(&scene, "watcher").await;
    watcher.subscribe(&scene.topic("will")).await;
    let client = async |name: &str| {
        Client::resume(&scene, name, LONG, Some(delayed_will(&scene, name, 2))).await
    };
    client("comes back").await.break_off().await;
    let back = client("comes back").await;
    assert!(back.connack.session_present);
    let stays_away = client("stays away").await;
    let watch = Stopwatch::start();
    stays_away.break_off().await;
    assert_eq!(watcher.next_payload().await, "stays away");
    watch.assert_at_least(2);
}

async fn session_expiry(scene: Scene) {
    let mut watcher = Client::connect(&scene, "watcher").await;
    watcher.subscribe(&scene.topic("will")).await;
    let first = Client::resume(&scene, "client", LONG, None).await;
    assert!(!first.connack.session_present);
    first.leave().await;
    let will = delayed_will(&scene, "session ended", LONG);
    let second = Client::resume(&scene, "client", 1, Some(will)).await;
    assert!(second.connack.session_present);
    let watch = Stopwatch::start();
    second.break_off().await;
    assert_eq!(watcher.next_payload().await, "session ended");
    watch.assert_at_least(1);
    let third = Client::resume(&scene, "client", 1, None).await;
    assert!(!third.connack.session_present);
}

async fn alias_of_the_client(scene: Scene) {
    let mut client = Client::connect(&scene, "client").await;
    let topic = scene.topic("topic");
    client.subscribe(&topic).await;
    for name in [topic.as_str(), "", ""] {
        client.publish_with(name, "hello", false, alias(1)).await;
        assert_eq!(text(&client.next().await.topic), topic);
    }
}

async fn alias_of_the_broker(scene: Scene) {
    let set = |options: &mut MqttOptions| {
        options.set_topic_alias_max(Some(2));
    };
    let mut client = Client::connect_with(&scene, "client", set).await;
    client.subscribe(&scene.topic("+")).await;
    let mut came = vec![];
    for name in ["one", "two", "one", "two"] {
        client.publish(&scene.topic(name), name).await;
        // rumqttc finds the topic of an alias, but in a copy of the message that nobody sees.
        let message = client.next().await;
        let alias = message.properties.and_then(|set| set.topic_alias);
        came.push((text(&message.topic), alias));
    }
    let (one, two) = (scene.topic("one"), scene.topic("two"));
    let none = String::new();
    let wanted = [(one, Some(1)), (two, Some(2)), (none.clone(), Some(1)), (none, Some(2))];
    assert_eq!(came, wanted);
}

fn limits(client: &Client) -> &ConnAckProperties {
    client.connack.properties.as_ref().expect("properties")
}

async fn assigned_client_identifier(scene: Scene) {
    let set = |options: &mut MqttOptions| {
        options.set_client_id(String::new());
    };
    let client = Client::connect_with(&scene, "client", set).await;
    let limits = limits(&client);
    assert!(limits.assigned_client_identifier.as_ref().is_some_and(|id| !id.is_empty()));
    assert!(limits.receive_max.is_some_and(|most| most > 0));
    assert!(limits.topic_alias_max.is_some_and(|most| most > 0));
}

async fn codes_of_acknowledgements(scene: Scene) {
    let mut client = Client::connect(&scene, "client").await;
    assert_eq!(client.subscribe("$share//t").await, SubscribeReasonCode::TopicFilterInvalid);
    let topic = scene.topic("topic");
    assert_eq!(client.publish(&topic, "x").await, PubAckReason::NoMatchingSubscribers);
    client.send(&topic, "x", QoS::ExactlyOnce, false, PublishProperties::default()).await;
    match client.answers.next("PUBREC").await {
        Packet::PubRec(pubrec) => assert_eq!(pubrec.reason, PubRecReason::Success),
        other => panic!("expected PUBREC, got {other:?}"),
    }
    assert!(matches!(client.answers.next("PUBCOMP").await, Packet::PubComp(_)));
    let granted = client.subscribe(&topic).await;
    assert_eq!(granted, SubscribeReasonCode::Success(QoS::ExactlyOnce));
    assert_eq!(client.publish(&topic, "x").await, PubAckReason::Success);
}

async fn take_over(scene: Scene) {
    let first = Client::connect(&scene, "client").await;
    let _second = Client::connect(&scene, "client").await;
    let error = within("DISCONNECT", first.polling).await.expect("no panic");
    let ConnectionError::MqttState(StateError::ServerDisconnect { reason_code, .. }) = error else {
        panic!("expected DISCONNECT, got {error:?}");
    };
    assert_eq!(reason_code, DisconnectReasonCode::SessionTakenOver);
}

async fn receive_maximum_of_the_broker(scene: Scene) {
    let mut client = Client::connect(&scene, "client").await;
    let topic = scene.topic("topic");
    client.subscribe(&topic).await;
    let most = limits(&client).receive_max.expect("a Receive Maximum");
    // All are handed to the client at once, and it keeps back what would be too many.
    let count = 3 * u32::from(most);
    for n in 0..count {
        let properties = PublishProperties::default();
        client.send(&topic, &n.to_string(), QoS::AtLeastOnce, false, properties).await;
    }
    for n in 0..count {
        assert_eq!(client.next_payload().await, n.to_string());
    }
}

async fn receive_maximum_of_the_client(scene: Scene) {
    let set = |options: &mut MqttOptions| {
        options.set_receive_maximum(Some(2)).set_manual_acks(true);
    };
    let mut client = Client::connect_with(&scene, "client", set).await;
    let topic = scene.topic("topic");
    client.subscribe(&topic).await;
    let mut publisher = Client::connect(&scene, "publisher").await;
    for payload in ["0", "1", "2"] {
        publisher.publish(&topic, payload).await;
    }
    publisher.send(&topic, "behind", QoS::AtMostOnce, false, PublishProperties::default()).await;
    let first = client.next().await;
    assert_eq!(text(&first.payload), "0");
    assert_eq!(client.next_payload().await, "1");
    assert_eq!(client.next_payload().await, "behind");
    client.client.ack(&first).await.expect("the client runs");
    assert_eq!(client.next_payload().await, "2");
}

async fn maximum_packet_size_of_the_client(scene: Scene) {
    let set = |options: &mut MqttOptions| {
        options.set_max_packet_size(Some(200));
    };
    let mut client = Client::connect_with(&scene, "client", set).await;
    client.subscribe(&scene.topic("topic")).await;
    let mut publisher = Client::connect(&scene, "publisher").await;
    for payload in ["small", &"x".repeat(300), "small again"] {
        publisher.publish(&scene.topic("topic"), payload).await;
    }
    assert_eq!(client.next_payload().await, "small");
    assert_eq!(client.next_payload().await, "small again");
}

async fn subscription_options(scene: Scene) {
    let mut client = Client::connect(&scene, "client").await;
    let mut other = Client::connect(&scene, "other").await;
    let topic = scene.topic("topic");
    let set = PublishProperties::default;
    other.publish_with(&topic, "kept", true, set()).await;
    let mut filter = Filter::new(&topic, QoS::AtLeastOnce);
    filter.nolocal = true;
    filter.preserve_retain = true;
    filter.retain_forward_rule = RetainForwardRule::Never;
    client.subscribe_with(filter, Some(42)).await;
    client.publish_with(&topic, "from itself", true, set()).await;
    other.publish_with(&topic, "from another", true, set()).await;
    let message = client.next().await;
    assert_eq!((text(&message.payload).as_str(), message.retain), ("from another", true));
    assert_eq!(message.properties.expect("properties").subscription_identifiers, [42]);
}

fn main() {
    run(vec![
        test("properties of a message arrive as they were sent, at every qos", properties),
        test(
            "request and response, on a topic made of the Response Information",
            request_and_response,
        )
        .not_mosquitto("it gives no Response Information"),
        test("$share: each message goes to one of the group, each member gets some", share_group),
        test("will delay: published behind it, but not if the client is back in time", will_delay),
        test("session expiry: present within, gone behind", session_expiry),
        test("topic alias: the client's stands for its topic", alias_of_the_client),
        test("topic alias: the broker's stand for their topics", alias_of_the_broker)
            .not_mosquitto("2.0.11 has none of its own"),
        test("CONNACK: Assigned Client Identifier, and the limits", assigned_client_identifier),
        test("reason codes: SUBACK 0x8F, PUBACK 0x10", codes_of_acknowledgements)
            .not_mosquitto("2.0.11 takes an empty share name"),
        test("reason codes: DISCONNECT 0x8E on a take-over", take_over)
            .not_mosquitto("2.0.11 closes without a word"),
        test("Receive Maximum of the broker: the client waits", receive_maximum_of_the_broker),
        test("Receive Maximum of a client: no more are under way", receive_maximum_of_the_client),
        test(
            "Maximum Packet Size of a client: what is larger does not arrive",
            maximum_packet_size_of_the_client,
        ),
        test(
            "No Local, Retain As Published, Retain Handling, Subscription Identifiers",
            subscription_options,
        ),
    ]);
}
