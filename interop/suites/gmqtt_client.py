"""gmqtt, an asyncio client for Python that speaks MQTT 5.0 first. It is told the reason codes of
PUBACK, and does not pass them on."""

import asyncio
import logging
from typing import NamedTuple

import gmqtt
from suites import harness
from suites.harness import LONG, MEBIBYTE, PATIENCE, Line, Stopwatch, test, until

# It complains that it does not connect again, which no test wants it to.
_quiet = logging.getLogger("quiet")
_quiet.setLevel(logging.CRITICAL)


class Message(NamedTuple):
    topic: str
    payload: bytes
    qos: int
    properties: dict


class Client:
    """A gmqtt client; what it hears stands in queues."""

    def __init__(self, scene, name="client", *, clean=True, will=None, **connect_properties):
        """`will`: topic, payload and the properties."""
        self.messages, self.subscribed = asyncio.Queue(), asyncio.Queue()
        self.unsubscribed, self.disconnected = asyncio.Queue(), asyncio.Queue()
        if will:
            topic, payload, will_properties = will
            will = gmqtt.Message(topic, payload, qos=1, **will_properties)
        self.gmqtt = gmqtt.Client(
            scene.client_id(name), clean, will_message=will, logger=_quiet, **connect_properties
        )
        # None at all: it counts failures and stops beyond the number given.
        self.gmqtt.set_config({"reconnect_retries": -2})
        self.gmqtt.on_connect = self._on_connect
        self.gmqtt.on_message = self._on_message
        self.gmqtt.on_subscribe = lambda _c, _m, codes, _p: self.subscribed.put_nowait(codes)
        self.gmqtt.on_unsubscribe = lambda _c, _m, codes: self.unsubscribed.put_nowait(codes)
        self.gmqtt.on_disconnect = lambda _c, packet, *_: self.disconnected.put_nowait(packet)

    async def connect(self, port=None):
        await within("CONNACK", self.gmqtt.connect(harness.HOST, port or harness.PORTS["mqtt"]))
        return self

    async def subscribe(self, topic, qos=1, **options):
        """Returns the code of the SUBACK."""
        self.gmqtt.subscribe(topic, qos, **options)
        [code] = await within("SUBACK", self.subscribed.get())
        return code

    def publish(self, topic, payload, qos=1, **options):
        self.gmqtt.publish(topic, payload, qos, **options)

    async def next(self):
        return await within("message", self.messages.get())

    async def next_payload(self):
        return (await self.next()).payload

    async def leave(self, **disconnect_properties):
        await within("end", self.gmqtt.disconnect(**disconnect_properties))

    async def disconnect_code(self):
        """The reason code of the broker's DISCONNECT."""
        return (await within("DISCONNECT", self.disconnected.get()))[0]

    def _on_connect(self, _client, session_present, _code, connack):
        self.session_present, self.connack = bool(session_present), connack

    def _on_message(self, _client, topic, payload, qos, properties):
        self.messages.put_nowait(Message(topic, payload, qos, properties))
        return 0


async def within(what, event):
    try:
        return await asyncio.wait_for(event, PATIENCE)
    except TimeoutError:
        raise AssertionError(f"no {what} within {PATIENCE} s") from None


ALL_OF_A_MESSAGE = {
    "payload_format_id": 1,
    "message_expiry_interval": harness.MESSAGE_EXPIRY,
    "content_type": harness.CONTENT_TYPE,
    "response_topic": "interop/answers/here",
    "correlation_data": harness.CORRELATION_DATA,
    "user_property": harness.USER_PROPERTIES,
}


def assert_all_of_a_message(properties):
    """They are ALL_OF_A_MESSAGE and nothing else, but for the time that has passed."""
    # gmqtt gives a list for each, and adds two flags.
    got = {name: v for name, v in properties.items() if name not in ("dup", "retain")}
    wanted = {name: v if name == "user_property" else [v] for name, v in ALL_OF_A_MESSAGE.items()}
    [expiry] = got["message_expiry_interval"]
    assert 0 < expiry <= harness.MESSAGE_EXPIRY, got
    assert got == wanted | {"message_expiry_interval": [expiry]}, got


@test("properties of a message arrive as they were sent, at every qos")
async def _(scene):
    client = await Client(scene).connect()
    await client.subscribe(scene.topic(), qos=2)
    for qos in range(3):
        client.publish(scene.topic(), "für alle", qos, **ALL_OF_A_MESSAGE)
        message = await client.next()
        assert message[:3] == (scene.topic(), "für alle".encode(), qos)
        assert_all_of_a_message(message.properties)


@test("100 publishes at once at qos 1 and 2 arrive once each", not_mosquitto=True)
async def _(scene):
    # Beyond a broker's Receive Maximum, which is 20 with Mosquitto, gmqtt does not wait but fails.
    client = await Client(scene).connect()
    await client.subscribe(scene.topic(), qos=2)
    wanted = [b"%d" % n for n in range(100)]
    for payload in wanted:
        client.publish(scene.topic(), payload, qos=1)
        client.publish(scene.topic(), payload, qos=2)
    got = [await client.next() for _ in range(200)]
    for qos in (1, 2):
        assert [m.payload for m in got if m.qos == qos] == wanted


@test("1 MiB at qos 2, with properties")
async def _(scene):
    client = await Client(scene).connect()
    await client.subscribe(scene.topic(), qos=2)
    client.publish(scene.topic(), MEBIBYTE, 2, content_type="application/octet-stream")
    message = await client.next()
    assert message.payload == MEBIBYTE
    assert message.properties["content_type"] == ["application/octet-stream"]


@test("request and response")
async def _(scene):
    requester = await Client(scene, "requester").connect()
    responder = await Client(scene, "responder").connect()
    await requester.subscribe(scene.topic("answers"))
    await responder.subscribe(scene.topic("questions"))
    requester.publish(
        scene.topic("questions"),
        "question",
        response_topic=scene.topic("answers"),
        correlation_data=harness.CORRELATION_DATA,
    )
    asked = (await responder.next()).properties
    [topic], [correlation] = asked["response_topic"], asked["correlation_data"]
    responder.publish(topic, "answer", correlation_data=correlation)
    answer = await requester.next()
    assert answer.payload == b"answer"
    assert answer.properties["correlation_data"] == [harness.CORRELATION_DATA]


@test("$share: each message goes to one of the group, and each member gets some")
async def _(scene):
    members = [await Client(scene, name).connect() for name in ("first", "second")]
    for member in members:
        await member.subscribe(f"$share/group/{scene.topic()}")
        await member.subscribe(scene.topic("end"))
    publisher = await Client(scene, "publisher").connect()
    wanted = [f"job {n}".encode() for n in range(15)]
    for payload in wanted:
        publisher.publish(scene.topic(), payload)
    publisher.publish(scene.topic("end"), b"end")
    parts = [await until(b"end", member.next_payload) for member in members]
    assert sorted(parts[0] + parts[1]) == sorted(wanted)
    assert all(parts), "one member got everything"


@test("will delay: published behind it, but not if the client is back in time")
async def _(scene):
    watcher = await Client(scene, "watcher").connect()
    await watcher.subscribe(scene.topic("will"))

    def client(name):
        will = (scene.topic("will"), name, {"will_delay_interval": 2})
        return Client(scene, name, clean=False, will=will, session_expiry_interval=LONG)

    lines = [Line(scene), Line(scene)]
    await client("comes back").connect(lines[0].port)
    lines[0].cut()
    back = await client("comes back").connect()
    assert back.session_present
    await client("stays away").connect(lines[1].port)
    watch = Stopwatch()
    lines[1].cut()
    assert await watcher.next_payload() == b"stays away"
    watch.assert_at_least(2)


@test("session expiry: present within, gone behind, and a will is published at its end")
async def _(scene):
    watcher = await Client(scene, "watcher").connect()
    await watcher.subscribe(scene.topic("will"))
    first = await Client(scene, clean=False, session_expiry_interval=LONG).connect()
    assert not first.session_present
    await first.leave()
    will = (scene.topic("will"), b"session ended", {"will_delay_interval": LONG})
    line = Line(scene)
    second = Client(scene, clean=False, will=will, session_expiry_interval=1)
    await second.connect(line.port)
    assert second.session_present
    watch = Stopwatch()
    line.cut()
    assert await watcher.next_payload() == b"session ended"
    watch.assert_at_least(1)
    third = await Client(scene, clean=False, session_expiry_interval=1).connect()
    assert not third.session_present


@test("session expiry: DISCONNECT can change it")
async def _(scene):
    def client():
        return Client(scene, clean=False, session_expiry_interval=LONG).connect()

    await (await client()).leave()
    back = await client()
    assert back.session_present
    await back.leave(session_expiry_interval=0)
    assert not (await client()).session_present


@test("topic alias: the client's stands for its topic")
async def _(scene):
    client = await Client(scene).connect()
    await client.subscribe(scene.topic())
    for topic in (scene.topic(), "", ""):
        client.publish(topic, b"hello", topic_alias=1)
    assert [(await client.next()).topic for _ in range(3)] == [scene.topic()] * 3


@test("topic alias: the broker's stand for its topics", not_mosquitto=True)
async def _(scene):
    # Mosquitto 2.0.11 has none of its own.
    client = await Client(scene, topic_alias_maximum=2).connect()
    await client.subscribe(scene.topic("+"))
    topics = [scene.topic(name) for name in ("one", "two", "one", "two", "three", "one")]
    for topic in topics:
        client.publish(topic, b"hello")
    got = [await client.next() for _ in topics]
    assert [m.topic for m in got] == topics
    assert [m.properties.get("topic_alias") for m in got[:4]] == [[1], [2], [1], [2]]


@test("CONNACK: the limits", not_mosquitto=True)
async def _(scene):
    # Mosquitto has no Maximum Packet Size unless it is configured.
    client = await Client(scene).connect()
    for name in ("receive_maximum", "maximum_packet_size", "topic_alias_maximum"):
        assert client.connack[name][0] >= 1, client.connack


@test("reason codes: SUBACK 0x8F, UNSUBACK 0x11, DISCONNECT 0x8E", not_mosquitto=True)
async def _(scene):
    # Mosquitto 2.0.11 takes an empty share name, and closes without a word on a take-over.
    client = await Client(scene).connect()
    assert await client.subscribe("$share//t") == 0x8F
    assert await client.subscribe(scene.topic()) == 1
    client.gmqtt.unsubscribe([scene.topic(), scene.topic("other")])
    assert await within("UNSUBACK", client.unsubscribed.get()) == (0, 0x11)
    await Client(scene).connect()
    assert await client.disconnect_code() == 0x8E


@test("Maximum Packet Size of a client: what is larger does not arrive")
async def _(scene):
    client = await Client(scene, maximum_packet_size=200).connect()
    await client.subscribe(scene.topic())
    publisher = await Client(scene, "publisher").connect()
    for payload in (b"small", MEBIBYTE[:300], b"small again"):
        publisher.publish(scene.topic(), payload)
    assert [await client.next_payload() for _ in range(2)] == [b"small", b"small again"]


@test("No Local, Retain As Published, Retain Handling and Subscription Identifiers")
async def _(scene):
    client = await Client(scene).connect()
    other = await Client(scene, "other").connect()
    other.publish(scene.topic(), b"kept", retain=True)
    await other.subscribe(scene.topic())
    assert await other.next_payload() == b"kept"
    await client.subscribe(
        scene.topic(),
        no_local=True,
        retain_as_published=True,
        retain_handling_options=2,
        subscription_identifier=42,
    )
    client.publish(scene.topic(), b"from itself", retain=True)
    # Once this has come round the broker has seen it.
    assert await other.next_payload() == b"from itself"
    other.publish(scene.topic(), b"from another", retain=True)
    message = await client.next()
    assert (message.payload, message.properties["retain"]) == (b"from another", 1)
    assert message.properties["subscription_identifier"] == [42]


if __name__ == "__main__":
    harness.run()
