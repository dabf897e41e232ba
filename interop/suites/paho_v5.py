"""paho-mqtt in MQTT 5.0 mode. It shows Topic Aliases as they come, and leaves them to its user."""

import os
import queue
import socket
import time

from paho.mqtt import client as paho
from paho.mqtt.enums import CallbackAPIVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.reasoncodes import ReasonCode
from paho.mqtt.subscribeoptions import SubscribeOptions
from suites import harness
from suites import paho_properties as properties
from suites.harness import LONG, MEBIBYTE, Stopwatch, next_of, test
from suites.paho_properties import ALL_OF_A_MESSAGE, assert_all_of_a_message


class Client:
    """A paho client in its own thread; what it hears stands in queues."""

    def __init__(self, scene, name="client", *, will=None, messages=None, manual_ack=False):
        """`will`: topic, payload and properties. `messages`: a queue that is shared."""
        self.name = name
        self.messages, self.connected, self.disconnected = messages, queue.Queue(), queue.Queue()
        self.subscribed, self.unsubscribed, self.published = (queue.Queue() for _ in range(3))
        self.paho = paho.Client(
            CallbackAPIVersion.VERSION2,
            scene.client_id(name) if name else "",
            protocol=paho.MQTTv5,
            reconnect_on_failure=False,
            manual_ack=manual_ack,
        )
        if will:
            topic, payload, will_properties = will
            self.paho.will_set(topic, payload, 1, properties=will_properties)
        if messages is None:
            self.messages = queue.Queue()
            self.paho.on_message = lambda _c, _u, message: self.messages.put(message)
        else:
            self.paho.on_message = lambda _c, _u, message: self.messages.put((name, message))
        self._listen()
        scene.at_end(self.close)

    def _listen(self):
        client = self.paho
        client.on_connect = lambda _c, _u, *answer: self.connected.put(answer)
        client.on_disconnect = lambda _c, _u, _f, code, _p: self.disconnected.put(code.value)
        client.on_subscribe = lambda _c, _u, _m, codes, _p: self.subscribed.put(_values(codes))
        client.on_unsubscribe = lambda _c, _u, _m, codes, _p: self.unsubscribed.put(_values(codes))
        client.on_publish = lambda _c, _u, _m, code, _p: self.published.put(code.value)

    def connect(self, *, clean=True, **connect_properties):
        self.paho.connect(
            harness.HOST,
            harness.PORTS["mqtt"],
            clean_start=clean,
            properties=properties.of_connect(**connect_properties),
        )
        self.paho.loop_start()
        flags, code, self.connack = next_of(self.connected, "CONNACK")
        assert not code.is_failure, f"refused: {code}"
        self.session_present = flags.session_present
        return self

    def subscribe(self, topic, qos=1, identifier=None, **options):
        """Returns the code of the SUBACK."""
        identifiers = {"SubscriptionIdentifier": identifier} if identifier else {}
        self.paho.subscribe(
            topic,
            options=SubscribeOptions(qos, **options),
            properties=properties.of_subscribe(**identifiers),
        )
        [code] = next_of(self.subscribed, "SUBACK")
        return code

    def publish(self, topic, payload, qos=1, retain=False, **publish_properties):
        """Returns the code of the PUBACK (of the PUBCOMP at QoS 2)."""
        self.send(topic, payload, qos, retain, **publish_properties)
        return next_of(self.published, f"acknowledgement at qos {qos}")

    def send(self, topic, payload, qos, retain=False, **publish_properties):
        """Publishes, and does not wait for an acknowledgement."""
        sent = properties.of_publish(**publish_properties)
        self.paho.publish(topic, payload, qos, retain, sent)

    def next(self):
        return next_of(self.messages, "message")

    def next_payload(self):
        return self.next().payload

    def leave(self, code=0, **disconnect_properties):
        """The orderly way, by DISCONNECT."""
        reason = ReasonCode(PacketTypes.DISCONNECT, identifier=code)
        self.paho.disconnect(reason, properties.of_disconnect(**disconnect_properties))
        next_of(self.disconnected, "end of the connection")
        self.paho.loop_stop()

    def break_off(self):
        """As a lost line would: the connection ends without DISCONNECT."""
        with socket.socket(fileno=os.dup(self.paho.socket().fileno())) as line:
            line.shutdown(socket.SHUT_RDWR)

    def close(self):
        self.paho.disconnect()
        self.paho.loop_stop()


def _values(codes):
    return [code.value for code in codes]


@test("properties of a message arrive as they were sent, at every qos")
def _(scene):
    client = Client(scene).connect()
    client.subscribe(scene.topic(), qos=2)
    for qos in range(3):
        client.publish(scene.topic(), "für alle".encode(), qos, **ALL_OF_A_MESSAGE)
        message = client.next()
        assert (message.payload, message.qos) == ("für alle".encode(), qos)
        assert_all_of_a_message(message.properties)


@test("properties of a retained message and of one that waited offline")
def _(scene):
    late = Client(scene, "late").connect(SessionExpiryInterval=LONG)
    late.subscribe(scene.topic("queued"))
    late.leave()
    publisher = Client(scene, "publisher").connect()
    publisher.publish(scene.topic("queued"), b"queued", **ALL_OF_A_MESSAGE)
    publisher.publish(scene.topic("kept"), b"kept", retain=True, **ALL_OF_A_MESSAGE)
    late = Client(scene, "late").connect(clean=False, SessionExpiryInterval=LONG)
    assert late.session_present
    late.subscribe(scene.topic("kept"))
    for payload in (b"queued", b"kept"):
        message = late.next()
        assert message.payload == payload
        assert_all_of_a_message(message.properties)


@test("message expiry: what is overdue does not arrive, the rest is told what is left")
def _(scene):
    offline = Client(scene).connect(SessionExpiryInterval=LONG)
    offline.subscribe(scene.topic("#"))
    offline.leave()
    publisher = Client(scene, "publisher").connect()
    publisher.publish(scene.topic("queued"), b"overdue", MessageExpiryInterval=1)
    publisher.publish(scene.topic("queued"), b"in time", MessageExpiryInterval=600)
    publisher.publish(scene.topic("kept"), b"overdue", retain=True, MessageExpiryInterval=1)
    time.sleep(2)
    back = Client(scene).connect(clean=False)
    message = back.next()
    assert message.payload == b"in time"
    assert 0 < message.properties.MessageExpiryInterval < 600, message.properties
    back.subscribe(scene.topic("kept"))
    publisher.publish(scene.topic("kept"), b"live")
    assert back.next_payload() == b"live"


@test("request and response, on a topic made of the Response Information", not_mosquitto=True)
def _(scene):
    # Mosquitto gives no Response Information.
    requester = Client(scene, "requester").connect(RequestResponseInformation=1)
    answers = requester.connack.ResponseInformation
    assert answers == harness.ENV["response_information"] + scene.client_id("requester")
    requester.subscribe(answers)
    responder = Client(scene, "responder").connect()
    assert not hasattr(responder.connack, "ResponseInformation"), "nobody asked for it"
    responder.subscribe(scene.topic())
    correlation = {"CorrelationData": harness.CORRELATION_DATA}
    requester.publish(scene.topic(), b"question", ResponseTopic=answers, **correlation)
    asked = responder.next().properties
    responder.publish(asked.ResponseTopic, b"answer", CorrelationData=asked.CorrelationData)
    answer = requester.next()
    assert (answer.payload, answer.properties.CorrelationData) == (b"answer", *correlation.values())


@test("$share: each message goes to one of the group, and each member gets some")
def _(scene):
    messages, names = queue.Queue(), ["first", "second"]
    for name in names:
        member = Client(scene, name, messages=messages).connect()
        assert member.subscribe(f"$share/group/{scene.topic()}") == 1
    publisher = Client(scene, "publisher").connect()
    wanted = [f"job {n}".encode() for n in range(30)]
    for payload in wanted:
        publisher.publish(scene.topic(), payload)
    got = [next_of(messages, "message of the share group") for _ in wanted]
    assert sorted(message.payload for _, message in got) == sorted(wanted)
    assert {name for name, _ in got} == set(names), "one member got everything"


@test("will delay: published behind it, but not if the client is back in time")
def _(scene):
    watcher = Client(scene, "watcher").connect()
    watcher.subscribe(scene.topic("will"))

    def client(name):
        delay = properties.of_will(WillDelayInterval=2)
        will = (scene.topic("will"), name.encode(), delay)
        return Client(scene, name, will=will).connect(clean=False, SessionExpiryInterval=LONG)

    client("comes back").break_off()
    assert client("comes back").session_present
    stays_away, watch = client("stays away"), Stopwatch()
    stays_away.break_off()
    assert watcher.next_payload() == b"stays away"
    watch.assert_at_least(2)


@test("a will has all properties of a message")
def _(scene):
    watcher = Client(scene, "watcher").connect()
    watcher.subscribe(scene.topic("will"))
    will = (scene.topic("will"), b"gone", properties.of_will(**ALL_OF_A_MESSAGE))
    Client(scene, will=will).connect().break_off()
    assert_all_of_a_message(watcher.next().properties)


@test("DISCONNECT with 0x04 has the will published")
def _(scene):
    watcher = Client(scene, "watcher").connect()
    watcher.subscribe(scene.topic("will"))
    Client(scene, will=(scene.topic("will"), b"gone", None)).connect().leave(code=4)
    assert watcher.next_payload() == b"gone"


@test("session expiry: present within, gone behind, and a will is published at its end")
def _(scene):
    watcher = Client(scene, "watcher").connect()
    watcher.subscribe(scene.topic("will"))
    will = (scene.topic("will"), b"session ended", properties.of_will(WillDelayInterval=LONG))
    first = Client(scene).connect(clean=False, SessionExpiryInterval=LONG)
    assert not first.session_present
    first.leave()
    second = Client(scene, will=will).connect(clean=False, SessionExpiryInterval=1)
    assert second.session_present
    watch = Stopwatch()
    second.break_off()
    assert watcher.next_payload() == b"session ended"
    watch.assert_at_least(1)
    assert not Client(scene).connect(clean=False, SessionExpiryInterval=1).session_present


@test("session expiry: DISCONNECT can change it")
def _(scene):
    def client():
        return Client(scene).connect(clean=False, SessionExpiryInterval=LONG)

    client().leave()
    back = client()
    assert back.session_present
    back.leave(SessionExpiryInterval=0)
    assert not client().session_present


@test("topic alias: the client's stands for its topic, and for another one later")
def _(scene):
    client = Client(scene).connect()
    assert client.connack.TopicAliasMaximum >= 1
    client.subscribe(scene.topic("+"))
    for topic, alias in (("a", 1), ("", 1), ("b", 1), ("", 1)):
        name = scene.topic(topic) if topic else ""
        client.publish(name, topic or "by alias", TopicAlias=alias)
    got = [client.next() for _ in range(4)]
    assert [m.topic for m in got] == [scene.topic(name) for name in "aabb"]
    assert not any(hasattr(m.properties, "TopicAlias") for m in got), "of another connection"


@test("topic alias: the broker's stand for its topics", not_mosquitto=True)
def _(scene):
    # Mosquitto 2.0.11 has none of its own.
    client = Client(scene).connect(TopicAliasMaximum=2)
    client.subscribe(scene.topic("+"))
    known, topics = {}, ["one", "two", "one", "two", "three", "one"]
    for topic in topics:
        client.publish(scene.topic(topic), topic)
    got = [client.next() for _ in topics]
    for message in got:
        alias = getattr(message.properties, "TopicAlias", None)
        assert alias in (1, 2, None), alias
        if alias and message.topic:
            known[alias] = message.topic
        assert (message.topic or known[alias]) == scene.topic(message.payload.decode())
    assert not all(m.topic for m in got), "no alias ever stood for its topic"


@test("CONNACK: Assigned Client Identifier, and the limits")
def _(scene):
    client = Client(scene, name=None).connect()
    assert client.connack.AssignedClientIdentifier
    assert client.connack.ReceiveMaximum >= 1
    assert not hasattr(Client(scene).connect().connack, "AssignedClientIdentifier")


@test("CONNACK: the Maximum Packet Size, and DISCONNECT 0x95 beyond it", not_mosquitto=True)
def _(scene):
    # Mosquitto 2.0.11 has no such limit unless it is configured.
    client = Client(scene).connect()
    size = client.connack.MaximumPacketSize
    client.send(scene.topic(), bytes(size), 1)
    assert next_of(client.disconnected, "DISCONNECT") == 0x95


@test("reason codes: SUBACK 0x8F for a filter that is none, next to one", not_mosquitto=True)
def _(scene):
    # Mosquitto 2.0.11 takes an empty share name.
    client = Client(scene).connect()
    # paho itself refuses wildcards in the wrong place, but knows no share names.
    filters = [("$share//t", SubscribeOptions(1)), (scene.topic(), SubscribeOptions(2))]
    client.paho.subscribe(filters)
    assert next_of(client.subscribed, "SUBACK") == [0x8F, 2]


@test("reason codes: UNSUBACK 0x11 where no subscription was")
def _(scene):
    client = Client(scene).connect()
    client.subscribe(scene.topic("a"))
    client.paho.unsubscribe([scene.topic("a"), scene.topic("b")])
    assert next_of(client.unsubscribed, "UNSUBACK") == [0, 0x11]


@test("reason codes: PUBACK 0x10 where nobody subscribes")
def _(scene):
    client = Client(scene).connect()
    assert client.publish(scene.topic(), b"for nobody") == 0x10
    client.subscribe(scene.topic())
    assert client.publish(scene.topic(), b"for one") == 0


@test("reason codes: DISCONNECT 0x8E on a take-over", not_mosquitto=True)
def _(scene):
    # Mosquitto 2.0.11 closes without a word.
    first = Client(scene).connect()
    Client(scene).connect()
    assert next_of(first.disconnected, "DISCONNECT") == 0x8E


@test("Receive Maximum of a client: no more are under way, and QoS 0 is not held up")
def _(scene):
    client = Client(scene, manual_ack=True).connect(ReceiveMaximum=2)
    client.subscribe(scene.topic())
    publisher = Client(scene, "publisher").connect()
    for n in range(4):
        publisher.publish(scene.topic(), b"%d" % n)
    publisher.send(scene.topic(), b"behind", 0)
    first, second, behind = (client.next() for _ in range(3))
    assert [m.payload for m in (first, second, behind)] == [b"0", b"1", b"behind"]
    client.paho.ack(first.mid, 1)
    assert client.next_payload() == b"2"


@test("Maximum Packet Size of a client: what is larger does not arrive")
def _(scene):
    client = Client(scene).connect(MaximumPacketSize=200)
    client.subscribe(scene.topic())
    publisher = Client(scene, "publisher").connect()
    for payload in (b"small", MEBIBYTE[:300], MEBIBYTE, b"small again"):
        publisher.publish(scene.topic(), payload)
    assert [client.next_payload() for _ in range(2)] == [b"small", b"small again"]


@test("No Local: a client does not hear itself, and others do")
def _(scene):
    client, other = Client(scene).connect(), Client(scene, "other").connect()
    client.subscribe(scene.topic(), noLocal=True)
    other.subscribe(scene.topic())
    client.publish(scene.topic(), b"from itself")
    other.publish(scene.topic(), b"from another")
    assert client.next_payload() == b"from another"
    assert [other.next_payload() for _ in range(2)] == [b"from itself", b"from another"]


@test("Retain As Published: the flag stays on live messages")
def _(scene):
    keeps, plain = Client(scene, "keeps").connect(), Client(scene, "plain").connect()
    keeps.subscribe(scene.topic(), retainAsPublished=True)
    plain.subscribe(scene.topic())
    for retain in (True, False):
        plain.publish(scene.topic(), b"live", retain=retain)
    assert [keeps.next().retain for _ in range(2)] == [True, False]
    assert [plain.next().retain for _ in range(2)] == [False, False]


@test("Retain Handling: always, only for a new subscription, never")
def _(scene):
    client = Client(scene).connect()
    client.publish(scene.topic(), b"kept", retain=True)

    def replayed(handling):
        """Whether subscribing brings the retained message, ahead of what is published then."""
        client.subscribe(scene.topic(), retainHandling=handling)
        client.publish(scene.topic("live"), b"live")
        payload = client.next_payload()
        if payload == b"kept":
            assert client.next_payload() == b"live"
        return payload == b"kept"

    client.subscribe(scene.topic("live"))
    always, if_new, never = (
        SubscribeOptions.RETAIN_SEND_ON_SUBSCRIBE,
        SubscribeOptions.RETAIN_SEND_IF_NEW_SUB,
        SubscribeOptions.RETAIN_DO_NOT_SEND,
    )
    assert [replayed(h) for h in (never, if_new, always)] == [False, False, True]
    client.paho.unsubscribe(scene.topic())
    next_of(client.unsubscribed, "UNSUBACK")
    assert [replayed(h) for h in (if_new, if_new)] == [True, False]


@test("Subscription Identifiers tell by which subscriptions a message came")
def _(scene):
    client = Client(scene).connect()
    client.subscribe(scene.topic("a"), identifier=1)
    client.subscribe(scene.topic("#"), identifier=268_435_455)
    client.publish(scene.topic("a"), b"both")
    client.publish(scene.topic("b"), b"one")
    # Either one copy with all of them, or a copy for each subscription.
    came = {b"both": [], b"one": []}
    while not came[b"one"]:
        message = client.next()
        came[message.payload] += message.properties.SubscriptionIdentifier
    assert {p: sorted(ids) for p, ids in came.items()} == {
        b"both": [1, 268_435_455],
        b"one": [268_435_455],
    }


if __name__ == "__main__":
    harness.run()
