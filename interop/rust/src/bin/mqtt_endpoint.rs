//! mqtt-endpoint-tokio as a client of MQTT 5.0. It works on packets, checks all that it receives,
//! and refuses to send what breaks the standard or what the broker has said it does not take.

use std::sync::Arc;

use mqtt_endpoint_tokio::mqtt_ep::packet::v5_0::{
    Connack, Connect, Disconnect, Puback, Publish, Subscribe, Unsubscribe,
};
use mqtt_endpoint_tokio::mqtt_ep::packet::{
    ContentType, CorrelationData, MaximumPacketSize, MessageExpiryInterval, Packet, PayloadFormat,
    PayloadFormatIndicator, Properties, Property, Qos, ReceiveMaximum, RequestResponseInformation,
    ResponseTopic, RetainHandling, SessionExpiryInterval, SubEntry, SubOpts,
    SubscriptionIdentifier, TopicAlias, TopicAliasMaximum, UserProperty, WillDelayInterval,
};
use mqtt_endpoint_tokio::mqtt_ep::result_code::{
    DisconnectReasonCode, MqttError, PubackReasonCode, PubrecReasonCode, SubackReasonCode,
    UnsubackReasonCode,
};
use mqtt_endpoint_tokio::mqtt_ep::role;
use mqtt_endpoint_tokio::mqtt_ep::transport::TcpTransport;
use mqtt_endpoint_tokio::mqtt_ep::{ConnectionError, ConnectionOption, Endpoint, Mode, Version};
use surewire_interop::{
    CONTENT_TYPE, CORRELATION_DATA, Inbox, LONG, MESSAGE_EXPIRY, Scene, Stopwatch, USER_PROPERTIES,
    run, test, within,
};
use tokio::net::TcpStream;
use tokio::task::JoinHandle;

/// How a client connects; `Options::default()` is Clean Start and nothing else.
#[derive(Clone, Default)]
struct Options {
    properties: Properties,
    resumes: bool,
    /// Topic, payload, delay in seconds.
    will: Option<(String, String, u32)>,
    has_no_name: bool,
    acknowledges_by_hand: bool,
    aliases_by_itself: bool,
}

impl Options {
    fn with(property: Property) -> Self {
        Self { properties: vec![property], ..Self::default() }
    }

    /// Finds its session again, and has it kept for `expiry` seconds.
    fn resume(expiry: u32) -> Self {
        let property = SessionExpiryInterval::new(expiry).expect("any number");
        Self { resumes: true, ..Self::with(Property::SessionExpiryInterval(property)) }
    }

    fn packet(&self, id: &str) -> Connect {
        let mut connect = Connect::builder()
            .clean_start(!self.resumes)
            .keep_alive(60)
            .props(self.properties.clone());
        if !self.has_no_name {
            connect = connect.client_id(id).expect("a short id");
        }
        if let Some((topic, payload, delay)) = &self.will {
            let delay = WillDelayInterval::new(*delay).expect("any number");
            connect = connect
                .will_message(topic.as_str(), payload.as_bytes().to_vec(), Qos::AtLeastOnce, false)
                .expect("a short Will")
                .will_props(vec![Property::WillDelayInterval(delay)]);
        }
        connect.build().expect("a valid CONNECT")
    }
}

/// A connected client; what it hears stands in inboxes.
struct Client {
    endpoint: Arc<Endpoint<role::Client>>,
    connack: Connack,
    messages: Inbox<Publish>,
    /// All packets but PUBLISH.
    answers: Inbox<Packet>,
    /// Ends with the connection.
    reading: JoinHandle<ConnectionError>,
}

impl Client {
    async fn connect(scene: &Scene, name: &str) -> Self {
        Self::connect_with(scene, name, &Options::default()).await
    }

    async fn connect_with(scene: &Scene, name: &str, options: &Options) -> Self {
        let endpoint = Arc::new(Endpoint::<role::Client>::new(Version::V5_0));
        let address = (scene.broker.host(), scene.broker.port());
        let line = within("connection", TcpStream::connect(address)).await.expect("a connection");
        let how = ConnectionOption::builder()
            .auto_pub_response(!options.acknowledges_by_hand)
            .auto_map_topic_alias_send(options.aliases_by_itself)
            .build()
            .expect("valid options");
        let attached =
            endpoint.attach_with_options(TcpTransport::from_stream(line), Mode::Client, how);
        attached.await.expect("a fresh endpoint");
        endpoint.send(options.packet(&scene.client_id(name))).await.expect("a valid CONNECT");
        let (to_messages, messages) = Inbox::new();
        let (to_answers, mut answers) = Inbox::new();
        let reader = Arc::clone(&endpoint);
        let reading = tokio::spawn(async move {
            loop {
                match reader.recv().await {
                    // Nobody may listen any more.
                    Ok(Packet::V5_0Publish(publish)) => drop(to_messages.send(publish)),
                    Ok(packet) => drop(to_answers.send(packet)),
                    Err(error) => return error,
                }
            }
        });
        match answers.next("CONNACK").await {
            Packet::V5_0Connack(connack) => Self { endpoint, connack, messages, answers, reading },
            other => panic!("expected CONNACK, got {other}"),
        }
    }

    async fn packet_id(&self) -> u16 {
        self.endpoint.acquire_packet_id().await.expect("a free packet id")
    }

    async fn subscribe(&mut self, topic: &str) -> SubackReasonCode {
        let options = SubOpts::new().set_qos(Qos::ExactlyOnce);
        self.subscribe_with(topic, options, vec![]).await
    }

    async fn subscribe_with(
        &mut self,
        topic: &str,
        options: SubOpts,
        properties: Properties,
    ) -> SubackReasonCode {
        let subscribe = Subscribe::builder()
            .packet_id(self.packet_id().await)
            .entries(vec![SubEntry::new(topic, options).expect("a short filter")])
            .props(properties)
            .build();
        self.endpoint.send(subscribe.expect("a valid SUBSCRIBE")).await.expect("a connection");
        match self.answers.next("SUBACK").await {
            Packet::V5_0Suback(suback) => suback.reason_codes()[0],
            other => panic!("expected SUBACK, got {other}"),
        }
    }

    async fn unsubscribe(&mut self, topic: &str) -> UnsubackReasonCode {
        let unsubscribe = Unsubscribe::builder()
            .packet_id(self.packet_id().await)
            .entries(vec![topic])
            .expect("a short filter")
            .build();
        self.endpoint.send(unsubscribe.expect("a valid UNSUBSCRIBE")).await.expect("a connection");
        match self.answers.next("UNSUBACK").await {
            Packet::V5_0Unsuback(unsuback) => unsuback.reason_codes()[0],
            other => panic!("expected UNSUBACK, got {other}"),
        }
    }

    /// Publishes at QoS 1 and returns what the PUBACK says.
    async fn publish(&mut self, topic: &str, payload: &str) -> PubackReasonCode {
        self.publish_with(topic, payload, false, vec![]).await
    }

    async fn publish_with(
        &mut self,
        topic: &str,
        payload: &str,
        retain: bool,
        properties: Properties,
    ) -> PubackReasonCode {
        let sent = self.send(topic, payload, Qos::AtLeastOnce, retain, properties).await;
        sent.expect("the endpoint sends it");
        match self.answers.next("PUBACK").await {
            // A PUBACK without a code says Success.
            Packet::V5_0Puback(puback) => puback.reason_code().unwrap_or(PubackReasonCode::Success),
            other => panic!("expected PUBACK, got {other}"),
        }
    }

    async fn send(
        &self,
        topic: &str,
        payload: &str,
        qos: Qos,
        retain: bool,
        properties: Properties,
    ) -> Result<(), ConnectionError> {
        let mut publish = Publish::builder()
            .topic_name(topic)
            .expect("a topic")
            .qos(qos)
            .retain(retain)
            .props(properties)
            .payload(payload.as_bytes());
        if qos != Qos::AtMostOnce {
            publish = publish.packet_id(self.packet_id().await);
        }
        self.endpoint.send(publish.build().expect("a valid PUBLISH")).await
    }

    async fn next(&mut self) -> Publish {
        self.messages.next("message").await
    }

    async fn next_payload(&mut self) -> String {
        text(&self.next().await)
    }

    /// The orderly way, by DISCONNECT; waits for the broker's end of the connection.
    async fn leave(self) {
        self.leave_with(vec![]).await;
    }

    async fn leave_with(self, properties: Properties) {
        let disconnect = Disconnect::builder()
            .reason_code(DisconnectReasonCode::NormalDisconnection)
            .props(properties)
            .build();
        self.endpoint.send(disconnect.expect("a valid DISCONNECT")).await.expect("a connection");
        within("end of the connection", self.reading).await.expect("no panic");
    }

    /// As a lost line would: the connection ends without DISCONNECT.
    async fn break_off(self) {
        self.endpoint.close().await.expect("a connection");
    }

    /// The code of the broker's DISCONNECT.
    async fn disconnect_code(&mut self) -> Option<DisconnectReasonCode> {
        match self.answers.next("DISCONNECT").await {
            Packet::V5_0Disconnect(disconnect) => disconnect.reason_code(),
            other => panic!("expected DISCONNECT, got {other}"),
        }
    }
}

fn text(message: &Publish) -> String {
    String::from_utf8(message.payload().as_slice().to_vec()).expect("UTF-8")
}

fn alias_of(properties: &Properties) -> Option<u16> {
    find(properties, |property| match property {
        Property::TopicAlias(alias) => Some(alias.val()),
        _ => None,
    })
}

/// What the first property gives that gives anything.
fn find<'a, T>(properties: &'a Properties, what: impl Fn(&'a Property) -> Option<T>) -> Option<T> {
    properties.iter().find_map(what)
}

fn all_of_a_message() -> Properties {
    let format = PayloadFormatIndicator::new(PayloadFormat::String);
    let user = USER_PROPERTIES.map(|(name, value)| UserProperty::new(name, value));
    let user = user.into_iter().map(|property| Property::UserProperty(property.expect("short")));
    let others = [
        Property::PayloadFormatIndicator(format.expect("0 or 1")),
        Property::MessageExpiryInterval(MessageExpiryInterval::new(MESSAGE_EXPIRY).expect("any")),
        Property::ContentType(ContentType::new(CONTENT_TYPE).expect("short")),
        Property::ResponseTopic(ResponseTopic::new("interop/answers/here").expect("a topic")),
        Property::CorrelationData(CorrelationData::new(CORRELATION_DATA.to_vec()).expect("short")),
    ];
    others.into_iter().chain(user).collect()
}

/// By kind, in their order within each, and without the expiry, which must be there and may have
/// counted down.
fn without_expiry(properties: &Properties) -> Properties {
    let expiry = find(properties, |property| match property {
        Property::MessageExpiryInterval(interval) => Some(interval.val()),
        _ => None,
    });
    let expiry = expiry.expect("an expiry");
    assert!((1..=MESSAGE_EXPIRY).contains(&expiry), "{expiry}");
    let is_other = |property: &&Property| !matches!(property, Property::MessageExpiryInterval(_));
    let mut others: Vec<_> = properties.iter().filter(is_other).cloned().collect();
    others.sort_by_key(|property| property.id().as_u8());
    others
}

async fn properties(scene: Scene) {
    let mut client = Client::connect(&scene, "client").await;
    let topic = scene.topic("topic");
    client.subscribe(&topic).await;
    for qos in [Qos::AtMostOnce, Qos::AtLeastOnce, Qos::ExactlyOnce] {
        let sent = client.send(&topic, "für alle", qos, false, all_of_a_message()).await;
        sent.expect("the endpoint sends it");
        let message = client.next().await;
        assert_eq!((text(&message).as_str(), message.qos()), ("für alle", qos));
        assert_eq!(without_expiry(message.props()), without_expiry(&all_of_a_message()));
    }
}

async fn request_and_response(scene: Scene) {
    let asks = RequestResponseInformation::new(1).expect("0 or 1");
    let asks = Options::with(Property::RequestResponseInformation(asks));
    let mut requester = Client::connect_with(&scene, "requester", &asks).await;
    let answers = find(requester.connack.props(), |property| match property {
        Property::ResponseInformation(information) => Some(information.val().to_owned()),
        _ => None,
    });
    let answers = answers.expect("Response Information");
    let named = format!("{}{}", scene.broker.response_information(), scene.client_id("requester"));
    assert_eq!(answers, named);
    let mut responder = Client::connect(&scene, "responder").await;
    requester.subscribe(&answers).await;
    responder.subscribe(&scene.topic("questions")).await;
    let correlation = CorrelationData::new(CORRELATION_DATA.to_vec()).expect("short");
    let correlation = Property::CorrelationData(correlation);
    let answers = Property::ResponseTopic(ResponseTopic::new(answers).expect("a topic"));
    let question = vec![answers, correlation.clone()];
    requester.publish_with(&scene.topic("questions"), "question", false, question).await;
    let asked = responder.next().await;
    let [Property::ResponseTopic(topic), data] = asked.props().as_slice() else {
        panic!("expected Response Topic and Correlation Data, got {asked}");
    };
    responder.publish_with(topic.val(), "answer", false, vec![data.clone()]).await;
    let answer = requester.next().await;
    assert_eq!((text(&answer).as_str(), answer.props()), ("answer", &vec![correlation]));
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
        let will = Some((scene.topic("will"), name.to_owned(), 2));
        Client::connect_with(&scene, name, &Options { will, ..Options::resume(LONG) }).await
    };
    client("comes back").await.break_off().await;
    let back = client("comes back").await;
    assert!(back.connack.session_present());
    let stays_away = client("stays away").await;
    let watch = Stopwatch::start();
    stays_away.break_off().await;
    assert_eq!(watcher.next_payload().await, "stays away");
    watch.assert_at_least(2);
}

async fn session_expiry(scene: Scene) {
    let mut watcher = Client::connect(&scene, "watcher").await;
    watcher.subscribe(&scene.topic("will")).await;
    let first = Client::connect_with(&scene, "client", &Options::resume(LONG)).await;
    assert!(!first.connack.session_present());
    first.leave().await;
    let will = Some((scene.topic("will"), "session ended".to_owned(), LONG));
    let options = Options { will, ..Options::resume(1) };
    let second = Client::connect_with(&scene, "client", &options).await;
    assert!(second.connack.session_present());
    let watch = Stopwatch::start();
    second.break_off().await;
    assert_eq!(watcher.next_payload().await, "session ended");
    watch.assert_at_least(1);
    let third = Client::connect_with(&scene, "client", &Options::resume(1)).await;
    assert!(!third.connack.session_present());
}

async fn session_expiry_at_disconnect(scene: Scene) {
    let resume = Options::resume(LONG);
    Client::connect_with(&scene, "client", &resume).await.leave().await;
    let back = Client::connect_with(&scene, "client", &resume).await;
    assert!(back.connack.session_present());
    let none = SessionExpiryInterval::new(0).expect("any number");
    back.leave_with(vec![Property::SessionExpiryInterval(none)]).await;
    let last = Client::connect_with(&scene, "client", &resume).await;
    assert!(!last.connack.session_present());
}

async fn alias_of_the_client(scene: Scene) {
    let options = Options { aliases_by_itself: true, ..Options::default() };
    let mut client = Client::connect_with(&scene, "client", &options).await;
    client.subscribe(&scene.topic("+")).await;
    for name in ["one", "two", "one", "two", "one"] {
        client.publish(&scene.topic(name), "hello").await;
        assert_eq!(client.next().await.topic_name(), scene.topic(name));
    }
    // And by hand, for another topic than before.
    let alias = || vec![Property::TopicAlias(TopicAlias::new(1).expect("at least 1"))];
    for name in [scene.topic("three"), String::new()] {
        client.publish_with(&name, "hello", false, alias()).await;
        assert_eq!(client.next().await.topic_name(), scene.topic("three"));
    }
}

async fn alias_of_the_broker(scene: Scene) {
    let most = TopicAliasMaximum::new(2).expect("any number");
    let options = Options::with(Property::TopicAliasMaximum(most));
    let mut client = Client::connect_with(&scene, "client", &options).await;
    client.subscribe(&scene.topic("+")).await;
    let mut came = vec![];
    for name in ["one", "two", "one", "two", "three", "one"] {
        client.publish(&scene.topic(name), "hello").await;
        let message = client.next().await;
        assert_eq!(message.topic_name(), scene.topic(name));
        came.push((message.topic_name_extracted(), alias_of(message.props())));
    }
    let wanted = [(false, Some(1)), (false, Some(2)), (true, Some(1)), (true, Some(2))];
    assert_eq!(came[..4], wanted);
}

async fn assigned_client_identifier(scene: Scene) {
    let options = Options { has_no_name: true, ..Options::default() };
    let client = Client::connect_with(&scene, "", &options).await;
    let assigned = |property: &Property| match property {
        Property::AssignedClientIdentifier(id) => Some(!id.val().is_empty()),
        _ => None,
    };
    assert_eq!(find(client.connack.props(), assigned), Some(true));
    let named = Client::connect(&scene, "client").await;
    assert_eq!(find(named.connack.props(), assigned), None);
}

async fn codes_of_acknowledgements(scene: Scene) {
    let mut client = Client::connect(&scene, "client").await;
    assert_eq!(client.subscribe("a/#/b").await, SubackReasonCode::TopicFilterInvalid);
    let topic = scene.topic("topic");
    assert_eq!(client.unsubscribe(&topic).await, UnsubackReasonCode::NoSubscriptionExisted);
    assert_eq!(client.publish(&topic, "x").await, PubackReasonCode::NoMatchingSubscribers);
    // PUBREC has no such code here: the client would take it for a refusal.
    client.send(&topic, "x", Qos::ExactlyOnce, false, vec![]).await.expect("a connection");
    match client.answers.next("PUBREC").await {
        Packet::V5_0Pubrec(pubrec) => {
            assert!(matches!(pubrec.reason_code(), None | Some(PubrecReasonCode::Success)));
        }
        other => panic!("expected PUBREC, got {other}"),
    }
    client.answers.next("PUBCOMP").await;
    assert_eq!(client.subscribe(&topic).await, SubackReasonCode::GrantedQos2);
    assert_eq!(client.publish(&topic, "x").await, PubackReasonCode::Success);
    assert_eq!(client.unsubscribe(&topic).await, UnsubackReasonCode::Success);
}

async fn take_over(scene: Scene) {
    let mut first = Client::connect(&scene, "client").await;
    let _second = Client::connect(&scene, "client").await;
    assert_eq!(first.disconnect_code().await, Some(DisconnectReasonCode::SessionTakenOver));
}

async fn receive_maximum_of_the_client(scene: Scene) {
    let most = ReceiveMaximum::new(2).expect("at least 1");
    let options =
        Options { acknowledges_by_hand: true, ..Options::with(Property::ReceiveMaximum(most)) };
    let mut client = Client::connect_with(&scene, "client", &options).await;
    let topic = scene.topic("topic");
    client.subscribe(&topic).await;
    let mut publisher = Client::connect(&scene, "publisher").await;
    for payload in ["0", "1", "2"] {
        publisher.publish(&topic, payload).await;
    }
    publisher.send(&topic, "behind", Qos::AtMostOnce, false, vec![]).await.expect("a connection");
    let first = client.next().await;
    assert_eq!(text(&first), "0");
    assert_eq!(client.next_payload().await, "1");
    assert_eq!(client.next_payload().await, "behind");
    let puback = Puback::builder().packet_id(first.packet_id().expect("QoS 1 has one")).build();
    client.endpoint.send(puback.expect("a valid PUBACK")).await.expect("a connection");
    assert_eq!(client.next_payload().await, "2");
}

async fn limits_of_the_broker(scene: Scene) {
    let mut client = Client::connect(&scene, "client").await;
    let limits = client.connack.props().clone();
    let most = find(&limits, |property| match property {
        Property::MaximumPacketSize(size) => Some(size.val() as usize),
        _ => None,
    });
    let too_large = "x".repeat(most.expect("a Maximum Packet Size"));
    let refused = client.send(&scene.topic("t"), &too_large, Qos::AtMostOnce, false, vec![]).await;
    assert!(
        matches!(refused, Err(ConnectionError::Mqtt(MqttError::PacketTooLarge))),
        "{refused:?}"
    );
    let receive = find(&limits, |property| match property {
        Property::ReceiveMaximum(most) => Some(most.val()),
        _ => None,
    });
    let left = client.endpoint.get_receive_maximum_vacancy_for_send().await.expect("a connection");
    assert_eq!(left, receive);
    client.publish(&scene.topic("t"), "small enough").await;
}

async fn maximum_packet_size_of_the_client(scene: Scene) {
    let topic = scene.topic("topic");
    // The size of a packet to the byte: what is as large as allowed arrives.
    let payload = |size: usize| "x".repeat(size);
    let packet = Publish::builder()
        .topic_name(topic.as_str())
        .expect("a topic")
        .qos(Qos::AtLeastOnce)
        .packet_id(1_u16)
        .payload(payload(300).as_bytes())
        .build()
        .expect("a valid PUBLISH");
    let most = MaximumPacketSize::new(packet.size() as u32).expect("at least 1");
    let options = Options::with(Property::MaximumPacketSize(most));
    let mut client = Client::connect_with(&scene, "client", &options).await;
    client.subscribe(&topic).await;
    let mut publisher = Client::connect(&scene, "publisher").await;
    for size in [1, 301, 300] {
        publisher.publish(&topic, &payload(size)).await;
    }
    assert_eq!(client.next_payload().await.len(), 1);
    assert_eq!(client.next_payload().await.len(), 300);
}

async fn subscription_options(scene: Scene) {
    let mut client = Client::connect(&scene, "client").await;
    let mut other = Client::connect(&scene, "other").await;
    let topic = scene.topic("topic");
    other.publish_with(&topic, "kept", true, vec![]).await;
    let options = SubOpts::new()
        .set_qos(Qos::AtLeastOnce)
        .set_nl(true)
        .set_rap(true)
        .set_rh(RetainHandling::DoNotSendRetained);
    let id = Property::SubscriptionIdentifier(SubscriptionIdentifier::new(42).expect("small"));
    client.subscribe_with(&topic, options, vec![id.clone()]).await;
    client.publish_with(&topic, "from itself", true, vec![]).await;
    other.publish_with(&topic, "from another", true, vec![]).await;
    let message = client.next().await;
    assert_eq!((text(&message).as_str(), message.retain()), ("from another", true));
    assert_eq!(message.props(), &vec![id]);
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
        test("session expiry: DISCONNECT can change it", session_expiry_at_disconnect),
        test("topic alias: the client's stand for their topics", alias_of_the_client),
        test("topic alias: the broker's stand for their topics", alias_of_the_broker)
            .not_mosquitto("2.0.11 has none of its own"),
        test("CONNACK: Assigned Client Identifier", assigned_client_identifier),
        test("CONNACK: the client holds to the broker's limits", limits_of_the_broker)
            .not_mosquitto("it has no Maximum Packet Size unless it is configured"),
        test("reason codes: SUBACK 0x8F, UNSUBACK 0x11, PUBACK 0x10", codes_of_acknowledgements)
            .not_mosquitto("2.0.11 ends the connection of a filter that is none"),
        test("reason codes: DISCONNECT 0x8E on a take-over", take_over)
            .not_mosquitto("2.0.11 closes without a word"),
        test("Receive Maximum of a client: no more are under way", receive_maximum_of_the_client),
        test("Maximum Packet Size of a client: to the byte", maximum_packet_size_of_the_client)
            .not_mosquitto("2.0.11 sends what is a byte larger"),
        test(
            "No Local, Retain As Published, Retain Handling, Subscription Identifiers",
            subscription_options,
        ),
    ]);
}
