"""paho-mqtt, the Eclipse client for Python, over TCP, TLS, WebSocket and WebSocket over TLS."""

import os
import queue
import socket
import time
from typing import NamedTuple

from paho.mqtt import client as paho
from paho.mqtt.enums import CallbackAPIVersion
from suites import harness
from suites.harness import MEBIBYTE, PATIENCE, TRANSPORTS, next_of, test


class Message(NamedTuple):
    topic: str
    payload: bytes
    qos: int
    retain: int


class Client:
    """A connected paho client in its own thread; what it hears stands in queues."""

    def __init__(self, scene, name="client", *, transport="mqtt", clean=True, will=None, **options):
        self.messages, self.subscribed, self.pongs = queue.Queue(), queue.Queue(), queue.Queue()
        self.connected, self.disconnected = queue.Queue(), queue.Queue()
        self.paho = _paho(scene.client_id(name) if name else "", transport, clean, **options)
        if will:
            self.paho.will_set(*will)
        self.paho.on_message = self._on_message
        self.paho.on_connect = lambda _c, _u, flags, code, _p: self.connected.put((flags, code))
        self.paho.on_disconnect = lambda _c, _u, _f, code, _p: self.disconnected.put(code)
        self.paho.on_subscribe = self._on_subscribe
        self.paho.on_log = self._on_log
        scene.at_end(self.close)

    def connect(self, keepalive=60):
        self.paho.connect(harness.HOST, _port(self.paho), keepalive)
        self.paho.loop_start()
        flags, code = next_of(self.connected, "CONNACK")
        assert not code.is_failure, f"refused: {code}"
        self.session_present = flags.session_present
        return self

    def subscribe(self, *filters):
        """Subscribes to (filter, qos) pairs and returns what the SUBACK grants."""
        self.paho.subscribe(list(filters))
        return next_of(self.subscribed, "SUBACK")

    def publish(self, topic, payload, qos, retain=False):
        info = self.paho.publish(topic, payload, qos, retain)
        info.wait_for_publish(PATIENCE)
        assert info.is_published(), f"qos {qos} not acknowledged within {PATIENCE} s"

    def next(self):
        return next_of(self.messages, "message")

    def leave(self):
        """The orderly way, by DISCONNECT."""
        self.paho.disconnect()
        next_of(self.disconnected, "end of the connection")
        self.paho.loop_stop()

    def break_off(self):
        """As a lost line would: the connection ends without DISCONNECT."""
        with socket.socket(fileno=os.dup(self.paho.socket().fileno())) as line:
            line.shutdown(socket.SHUT_RDWR)

    def close(self):
        self.paho.disconnect()
        self.paho.loop_stop()

    def _on_subscribe(self, _client, _data, _mid, codes, _properties):
        self.subscribed.put([code.value for code in codes])

    def _on_log(self, _client, _data, _level, text):
        if text == "Received PINGRESP":
            self.pongs.put(text)

    def _on_message(self, _client, _data, m):
        self.messages.put(Message(m.topic, m.payload, m.qos, int(m.retain)))


def _paho(client_id, transport, clean, protocol=paho.MQTTv311, manual_ack=False):
    client = paho.Client(
        CallbackAPIVersion.VERSION2,
        client_id,
        clean_session=clean,
        protocol=protocol,
        transport="websockets" if transport.startswith("ws") else "tcp",
        reconnect_on_failure=False,
        manual_ack=manual_ack,
    )
    client.user_data_set(transport)
    if transport in ("mqtts", "wss"):
        client.tls_set(ca_certs=harness.CA)
    return client


def _port(client):
    return harness.PORTS[client.user_data_get()]


def _transport_tests(transport):
    @test(f"{transport}: qos 0, 1 and 2 both ways")
    def _(scene):
        client = Client(scene, transport=transport).connect()
        assert client.subscribe(*((scene.topic(f"at{q}"), q) for q in range(3))) == [0, 1, 2]
        for published in range(3):
            for granted in range(3):
                topic, payload = scene.topic(f"at{granted}"), f"{published} to {granted}".encode()
                client.publish(topic, payload, published)
                assert client.next() == Message(topic, payload, min(published, granted), 0)

    @test(f"{transport}: 1 MiB at qos 0, 1 and 2", not_mosquitto=_slow_websocket(transport))
    def _(scene):
        client = Client(scene, transport=transport).connect()
        client.subscribe((scene.topic(), 2))
        for qos in range(3):
            client.publish(scene.topic(), MEBIBYTE, qos)
            assert client.next() == Message(scene.topic(), MEBIBYTE, qos, 0)

    @test(f"{transport}: a will when the connection breaks off")
    def _(scene):
        watcher = Client(scene, "watcher").connect()
        watcher.subscribe((scene.topic("will"), 2))
        victim = Client(
            scene, transport=transport, will=(scene.topic("will"), b"gone", 2)
        ).connect()
        victim.break_off()
        assert watcher.next() == Message(scene.topic("will"), b"gone", 2, 0)

    @test(f"{transport}: 50 messages of every size class in one burst")
    def _(scene):
        client = Client(scene, transport=transport).connect()
        client.subscribe((scene.topic(), 1))
        sizes = [0, 1, 124, 125, 126, 127, 128, 16_383, 16_384, 65_535, 65_536] + list(
            range(200, 239)
        )
        for size in sizes:
            client.paho.publish(scene.topic(), MEBIBYTE[:size], 1)
        assert [len(client.next().payload) for _ in sizes] == sizes


def _slow_websocket(transport):
    """Mosquitto 2.0.11 sends 4 KiB each tenth of a second to a WebSocket: 26 s for one message."""
    return transport.startswith("ws")


for _transport in TRANSPORTS:
    _transport_tests(_transport)


@test("MQTT 3.1: qos 0, 1 and 2")
def _(scene):
    client = Client(scene, protocol=paho.MQTTv31).connect()
    client.subscribe((scene.topic(), 2))
    for qos in range(3):
        client.publish(scene.topic(), b"hello", qos)
        assert client.next() == Message(scene.topic(), b"hello", qos, 0)


@test("retained: set, replayed to a later subscriber, cleared")
def _(scene):
    publisher = Client(scene, "publisher").connect()
    publisher.publish(scene.topic(), b"kept", 1, retain=True)
    late = Client(scene, "late").connect()
    late.subscribe((scene.topic("+"), 1))
    assert late.next() == Message(scene.topic(), b"kept", 1, 1)
    publisher.publish(scene.topic(), b"", 1, retain=True)
    assert late.next() == Message(scene.topic(), b"", 1, 0)
    later = Client(scene, "later").connect()
    later.subscribe((scene.topic("+"), 1))
    publisher.publish(scene.topic(), b"live", 1)
    assert later.next() == Message(scene.topic(), b"live", 1, 0)


@test("retained: a second SUBSCRIBE to the same filter replays again")
def _(scene):
    client = Client(scene).connect()
    client.publish(scene.topic(), b"kept", 1, retain=True)
    for _ in range(2):
        client.subscribe((scene.topic(), 1))
        assert client.next() == Message(scene.topic(), b"kept", 1, 1)


def _offline_test(qos):
    @test(f"persistent session at qos {qos}: 100 queued messages in order, then the live one")
    def _(scene):
        first = Client(scene, clean=False).connect()
        assert not first.session_present
        first.subscribe((scene.topic(), qos))
        first.leave()
        publisher = Client(scene, "publisher").connect()
        for n in range(100):
            publisher.publish(scene.topic(), b"%d" % n, qos)
        back = Client(scene, clean=False).connect()
        assert back.session_present
        publisher.publish(scene.topic(), b"live", qos)
        wanted = [b"%d" % n for n in range(100)] + [b"live"]
        assert [back.next() for _ in wanted] == [Message(scene.topic(), p, qos, 0) for p in wanted]


for _qos in (1, 2):
    _offline_test(_qos)


@test("persistent session: the same client object reconnects and goes on")
def _(scene):
    client = Client(scene, clean=False).connect()
    client.subscribe((scene.topic(), 1))
    client.break_off()
    next_of(client.disconnected, "end of the connection")
    client.paho.loop_stop()
    publisher = Client(scene, "publisher").connect()
    publisher.publish(scene.topic(), b"meanwhile", 1)
    client.connect()
    assert client.session_present
    assert client.next().payload == b"meanwhile"


@test("persistent session: clean_session=True ends it")
def _(scene):
    Client(scene, clean=False).connect().leave()
    clean = Client(scene, clean=True).connect()
    assert not clean.session_present
    clean.leave()
    assert not Client(scene, clean=False).connect().session_present


@test("take-over: a second client with the same id closes the first")
def _(scene):
    first = Client(scene, will=(scene.topic("will"), b"taken over", 1)).connect()
    watcher = Client(scene, "watcher").connect()
    watcher.subscribe((scene.topic("will"), 1))
    second = Client(scene).connect()
    next_of(first.disconnected, "end of the first connection")
    assert watcher.next().payload == b"taken over"
    second.subscribe((scene.topic(), 1))
    second.publish(scene.topic(), b"alive", 1)
    assert second.next().payload == b"alive"


@test("take-over: the persistent session moves with what is not acknowledged")
def _(scene):
    first = Client(scene, clean=False, manual_ack=True).connect()
    first.subscribe((scene.topic(), 1))
    publisher = Client(scene, "publisher").connect()
    publisher.publish(scene.topic(), b"not acknowledged", 1)
    assert first.next().payload == b"not acknowledged"
    second = Client(scene, clean=False).connect()
    assert second.session_present
    next_of(first.disconnected, "end of the first connection")
    publisher.publish(scene.topic(), b"live", 1)
    assert [second.next().payload for _ in range(2)] == [b"not acknowledged", b"live"]


@test("keep alive: pings are answered and hold the connection")
def _(scene):
    client = Client(scene).connect(keepalive=1)
    client.subscribe((scene.topic(), 1))
    for _ in range(3):
        next_of(client.pongs, "PINGRESP")
    client.publish(scene.topic(), b"alive", 1)
    assert client.next().payload == b"alive"


@test("keep alive: a client that falls silent is closed and its will published")
def _(scene):
    watcher = Client(scene, "watcher").connect()
    watcher.subscribe((scene.topic("will"), 1))
    silent = Client(scene, will=(scene.topic("will"), b"silent", 1))
    silent.paho.connect(harness.HOST, harness.PORTS["mqtt"], keepalive=1)
    # Nothing drives this client once it is connected: its socket stays open without a word.
    deadline = time.monotonic() + PATIENCE
    while silent.connected.empty() and time.monotonic() < deadline:
        silent.paho.loop(timeout=0.1)
    next_of(silent.connected, "CONNACK")
    assert watcher.next() == Message(scene.topic("will"), b"silent", 1, 0)


@test("UNSUBSCRIBE ends a subscription")
def _(scene):
    client = Client(scene).connect()
    unsubscribed = queue.Queue()
    client.paho.on_unsubscribe = lambda *_: unsubscribed.put(True)
    client.subscribe((scene.topic("a"), 1), (scene.topic("b"), 1))
    client.paho.unsubscribe(scene.topic("a"))
    next_of(unsubscribed, "UNSUBACK")
    client.publish(scene.topic("a"), b"unsubscribed", 1)
    client.publish(scene.topic("b"), b"subscribed", 1)
    assert client.next().payload == b"subscribed"


@test("an empty client id gets a session of its own, with clean_session only")
def _(scene):
    client = Client(scene, name=None).connect()
    client.subscribe((scene.topic(), 0))
    client.publish(scene.topic(), b"hello", 0)
    assert client.next().payload == b"hello"


if __name__ == "__main__":
    harness.run()
