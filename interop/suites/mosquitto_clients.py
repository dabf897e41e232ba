"""mosquitto_pub, mosquitto_sub and mosquitto_rr, as people use them in shells and scripts."""

import queue
import signal
import subprocess
import threading
from collections import Counter
from typing import NamedTuple

from suites import harness
from suites.harness import LONG, MEBIBYTE, PATIENCE, Line, Stopwatch, next_of, test

# Payloads in hexadecimal: exact, and always one line.
_MESSAGE_FORMAT = "message %q %r %t %x"
# Into a pipe it would keep back what it has to say about its subscriptions.
_LINE_BUFFERED = ["stdbuf", "-oL"]


class Message(NamedTuple):
    topic: str
    payload: bytes
    qos: int
    retain: int
    properties: tuple = ()


class Subscriber:
    """A running mosquitto_sub; `topics` are acknowledged when the constructor returns. `shows` are
    more parts of its output format, for the properties of MQTT 5.0."""

    def __init__(self, scene, topics, *options, listener="mqtt", port=None, shows=()):
        self.messages = queue.Queue()
        self.codes = queue.Queue()
        self._lines = []
        filters = [word for topic in topics for word in ("-t", topic)]
        self._process = subprocess.Popen(
            [*_LINE_BUFFERED, "mosquitto_sub", *_address(listener, port), *filters, *options,
             "-d", "-F", "\t".join([_MESSAGE_FORMAT, *shows])],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        )  # fmt: skip
        scene.at_end(self.kill)
        threading.Thread(target=self._read, daemon=True).start()
        code = next_of(self.codes, f"answer to SUBSCRIBE; mosquitto_sub said {self._lines}")
        assert "Subscribed" in code, f"mosquitto_sub said {self._lines}"

    def next(self):
        return next_of(self.messages, f"message; mosquitto_sub said {self._lines[-20:]}")

    def kill(self):
        """As a crash would: no DISCONNECT."""
        self._process.kill()
        self._process.wait()

    def leave(self):
        """Ends it in the orderly way, by DISCONNECT."""
        self._process.send_signal(signal.SIGINT)
        self._process.wait(PATIENCE)

    def _read(self):
        for line in self._process.stdout:
            line = line.rstrip("\n")
            if line.startswith("message "):
                self.messages.put(_parse(line))
            else:
                self._lines.append(line[:200])
                if line.startswith("Subscribed"):
                    self.codes.put(line)
        self.codes.put("end of output")


def publish(topic, *options, payload=None, listener="mqtt"):
    """Runs mosquitto_pub to its end and expects that it succeeds."""
    text = ["-s"] if payload is not None else []
    done = _pub("-t", topic, *text, *options, payload=payload, listener=listener)
    assert done.returncode == 0, (
        f"mosquitto_pub: code {done.returncode}: {done.stdout} {done.stderr}"
    )


def _pub(*options, payload=None, listener="mqtt"):
    return subprocess.run(
        ["mosquitto_pub", *_address(listener), *options],
        input=payload or b"", capture_output=True, timeout=2 * PATIENCE,
    )  # fmt: skip


def _sub(*options, listener="mqtt"):
    return subprocess.run(
        ["mosquitto_sub", *_address(listener), *options],
        stdin=subprocess.DEVNULL, capture_output=True, timeout=2 * PATIENCE,
    )  # fmt: skip


def _address(listener, port=None):
    return ["-h", harness.HOST, "-p", str(port or harness.PORTS[listener])]


def _parse(line):
    line, *properties = line.split("\t")
    _, qos, retain, topic, *rest = line.split(" ")
    payload = bytes.fromhex(rest[0] if rest else "")
    return Message(topic, payload, int(qos), int(retain), tuple(properties))


def _qos_test(version, published, subscribed):
    @test(f"{version} qos {published} to a subscription of qos {subscribed}")
    def _(scene):
        topic = scene.topic()
        subscriber = Subscriber(scene, [topic], "-q", str(subscribed), "-V", version)
        publish(topic, "-q", str(published), "-V", version, payload=b"hello")
        assert subscriber.next() == Message(topic, b"hello", min(published, subscribed), 0)


for _version in ("mqttv5", "mqttv311", "mqttv31"):
    for _published in range(3):
        for _subscribed in range(3):
            _qos_test(_version, _published, _subscribed)


@test("a publisher of 3.1 reaches a subscriber of 3.1.1 and the other way round")
def _(scene):
    old = Subscriber(scene, [scene.topic("old")], "-q", "1", "-V", "mqttv31")
    new = Subscriber(scene, [scene.topic("new")], "-q", "1", "-V", "mqttv311")
    publish(scene.topic("old"), "-q", "1", "-V", "mqttv311", payload=b"to the old")
    publish(scene.topic("new"), "-q", "1", "-V", "mqttv31", payload=b"to the new")
    assert old.next().payload == b"to the old"
    assert new.next().payload == b"to the new"


def _burst_test(qos):
    @test(f"500 lines at qos {qos} arrive once each and in order")
    def _(scene):
        topic = scene.topic()
        lines = [f"line {n}".encode() for n in range(500)]
        subscriber = Subscriber(scene, [topic], "-q", str(qos))
        publish_lines(topic, lines, "-q", str(qos))
        publish(topic, "-q", str(qos), payload=b"end")
        assert [subscriber.next().payload for _ in range(501)] == [*lines, b"end"]


def publish_lines(topic, lines, *options):
    done = _pub("-t", topic, "-l", *options, payload=b"\n".join(lines) + b"\n")
    assert done.returncode == 0, f"mosquitto_pub -l: code {done.returncode}: {done.stderr}"


for _qos in range(3):
    _burst_test(_qos)


@test("an empty payload arrives")
def _(scene):
    subscriber = Subscriber(scene, [scene.topic()])
    publish(scene.topic(), "-n")
    assert subscriber.next() == Message(scene.topic(), b"", 0, 0)


@test("retained: live subscribers see it unmarked, later ones marked")
def _(scene):
    topic = scene.topic()
    live = Subscriber(scene, [topic], "-q", "1")
    publish(topic, "-r", "-q", "1", payload=b"kept")
    assert live.next() == Message(topic, b"kept", 1, 0)
    late = Subscriber(scene, [scene.topic("#")], "-q", "1")
    assert late.next() == Message(topic, b"kept", 1, 1)


@test("retained: a second replaces the first")
def _(scene):
    topic = scene.topic()
    publish(topic, "-r", "-q", "1", payload=b"first")
    publish(topic, "-r", "-q", "1", payload=b"second")
    late = Subscriber(scene, [topic])
    publish(topic, "-q", "1", payload=b"live")
    assert late.next() == Message(topic, b"second", 0, 1)
    assert late.next() == Message(topic, b"live", 0, 0)


@test("retained: an empty payload clears it")
def _(scene):
    topic = scene.topic()
    publish(topic, "-r", "-q", "1", payload=b"kept")
    publish(topic, "-r", "-q", "1", "-n")
    late = Subscriber(scene, [topic])
    publish(topic, "-q", "1", payload=b"live")
    assert late.next() == Message(topic, b"live", 0, 0)


@test("will: a killed client's will is published")
def _(scene):
    watcher = Subscriber(scene, [scene.topic("will")], "-q", "2")
    victim = Subscriber(scene, [scene.topic()], *_will(scene, qos=2))
    victim.kill()
    assert watcher.next() == Message(scene.topic("will"), b"gone", 2, 0)


@test("will: a retained will is there for later subscribers")
def _(scene):
    watcher = Subscriber(scene, [scene.topic("will")])
    victim = Subscriber(scene, [scene.topic()], *_will(scene, qos=1), "--will-retain")
    victim.kill()
    watcher.next()
    late = Subscriber(scene, [scene.topic("will")], "-q", "1")
    assert late.next() == Message(scene.topic("will"), b"gone", 1, 1)


@test("will: an orderly DISCONNECT discards it")
def _(scene):
    watcher = Subscriber(scene, [scene.topic("will")], "-q", "1")
    line = Line(scene)
    client = Subscriber(scene, [scene.topic()], *_will(scene, qos=1), port=line.port)
    client.leave()
    line.wait_until_broker_closed()
    publish(scene.topic("will"), "-q", "1", payload=b"later")
    assert watcher.next().payload == b"later"


def _will(scene, qos):
    return ["--will-topic", scene.topic("will"), "--will-payload", "gone", "--will-qos", str(qos)]


def _offline_test(qos):
    @test(f"a persistent session gets its offline queue of 100 at qos {qos}, in order and once")
    def _(scene):
        topic = scene.topic()
        session = ["-c", "-i", scene.client_id(), "-q", str(qos)]
        Subscriber(scene, [topic], *session).leave()
        lines = [f"queued {n}".encode() for n in range(100)]
        publish_lines(topic, lines, "-q", str(qos))
        back = Subscriber(scene, [topic], *session)
        publish(topic, "-q", str(qos), payload=b"live")
        got = [back.next() for _ in range(101)]
        assert [m.payload for m in got] == [*lines, b"live"]
        assert {(m.qos, m.retain) for m in got} == {(qos, 0)}


for _qos in (1, 2):
    _offline_test(_qos)


@test("a clean session forgets what the persistent one had")
def _(scene):
    topic, other = scene.topic("kept"), scene.topic("other")
    Subscriber(scene, [topic], "-c", "-i", scene.client_id(), "-q", "1").leave()
    publish(topic, "-q", "1", payload=b"for nobody")
    clean = Subscriber(scene, [other], "-i", scene.client_id(), "-q", "1")
    publish(topic, "-q", "1", payload=b"not subscribed any more")
    publish(other, "-q", "1", payload=b"sentinel")
    assert clean.next().payload == b"sentinel"


@test("UNSUBSCRIBE ends a subscription of a persistent session")
def _(scene):
    session = ["-c", "-i", scene.client_id(), "-q", "1"]
    Subscriber(scene, [scene.topic("a"), scene.topic("b")], *session).leave()
    done = _sub(*session, "-t", scene.topic("b"), "-U", scene.topic("a"), "-E")
    assert done.returncode == 0, done.stderr
    publish(scene.topic("a"), "-q", "1", payload=b"unsubscribed")
    publish(scene.topic("b"), "-q", "1", payload=b"subscribed")
    back = Subscriber(scene, [scene.topic("b")], *session)
    assert back.next().payload == b"subscribed"


def _large_payload_test(listener, qos):
    @test(f"1 MiB over {listener} at qos {qos}")
    def _(scene):
        tls = _tls(listener)
        subscriber = Subscriber(scene, [scene.topic()], "-q", str(qos), *tls, listener=listener)
        publish(scene.topic(), "-q", str(qos), *tls, payload=MEBIBYTE, listener=listener)
        assert subscriber.next() == Message(scene.topic(), MEBIBYTE, qos, 0)


def _tls(listener):
    return ["--cafile", harness.CA] if listener == "mqtts" else []


for _listener in ("mqtt", "mqtts"):
    for _qos in range(3):
        _large_payload_test(_listener, _qos)


@test("1 MiB retained reaches a later subscriber")
def _(scene):
    publish(scene.topic(), "-r", "-q", "1", payload=MEBIBYTE)
    late = Subscriber(scene, [scene.topic()], "-q", "1")
    assert late.next() == Message(scene.topic(), MEBIBYTE, 1, 1)


def _tls_version_test(version):
    @test(f"TLS {version}")
    def _(scene):
        tls = ["--cafile", harness.CA, "--tls-version", version]
        subscriber = Subscriber(scene, [scene.topic()], "-q", "1", *tls, listener="mqtts")
        publish(scene.topic(), "-q", "1", *tls, payload=b"secret", listener="mqtts")
        assert subscriber.next().payload == b"secret"


for _version in ("tlsv1.2", "tlsv1.3"):
    _tls_version_test(_version)


@test("TLS: a client that trusts another authority does not connect")
def _(scene):
    options = ["--cafile", harness.STRANGER_CA, "-t", scene.topic(), "-m", "secret"]
    assert _pub(*options, listener="mqtts").returncode != 0


@test("TLS: a plain client on the TLS port does not connect, and the port goes on working")
def _(scene):
    assert _pub("-t", scene.topic(), "-m", "plain", listener="mqtts").returncode != 0
    publish(scene.topic(), "--cafile", harness.CA, payload=b"secret", listener="mqtts")


@test("$share: each message goes to one of the group, and to every ordinary subscriber")
def _(scene):
    topic = scene.topic()
    shared = f"$share/group/{topic}"
    members = [Subscriber(scene, [shared, scene.topic("end")], "-q", "1") for _ in range(2)]
    ordinary = Subscriber(scene, [topic], "-q", "1")
    lines = [f"job {n}".encode() for n in range(40)]
    publish_lines(topic, lines, "-q", "1")
    publish(scene.topic("end"), "-q", "1", payload=b"end")
    assert [ordinary.next().payload for _ in lines] == lines
    shares = [_until(member, b"end") for member in members]
    assert Counter(shares[0] + shares[1]) == Counter(lines)
    assert all(shares), "one member got everything"


def _until(subscriber, last):
    """The payloads that come before the last one."""
    got = []
    while (payload := subscriber.next().payload) != last:
        got.append(payload)
    return got


@test("wildcards: + is one level, # is all below and the level itself")
def _(scene):
    one = Subscriber(scene, [scene.topic("+/state")], "-q", "1")
    deep = Subscriber(scene, [scene.topic("house/#")], "-q", "1")
    for name in ("house", "house/state", "house/a/state", "garden/state"):
        publish(scene.topic(name), "-q", "1", payload=name.encode())
    publish(scene.topic("end/state"), "-q", "1", payload=b"end")
    publish(scene.topic("house/end"), "-q", "1", payload=b"end")
    assert _until(one, b"end") == [b"house/state", b"garden/state"]
    assert _until(deep, b"end") == [b"house", b"house/state", b"house/a/state"]


@test("overlapping filters of one client give one copy at the highest qos")
def _(scene):
    topic = scene.topic("a/b")
    subscriber = Subscriber(scene, [scene.topic("#"), topic, scene.topic("+/b")], "-q", "2")
    publish(topic, "-q", "2", payload=b"once")
    publish(topic, "-q", "2", payload=b"end")
    assert subscriber.next() == Message(topic, b"once", 2, 0)
    assert subscriber.next() == Message(topic, b"end", 2, 0)


@test("a wildcard at the front does not match topics that begin with $")
def _(scene):
    subscriber = Subscriber(scene, ["#"], "-q", "1")
    _pub("-t", f"$interop/{scene.client_id()}", "-q", "1", "-m", "hidden")
    publish(scene.topic(), "-q", "1", payload=b"seen")
    while (message := subscriber.next()).payload != b"seen":
        assert not message.topic.startswith("$"), message


@test("a user name and a password do no harm where nobody checks them")
def _(scene):
    subscriber = Subscriber(scene, [scene.topic()], "-u", "somebody", "-P", "secret")
    publish(scene.topic(), "-u", "somebody", "-P", "other", payload=b"hello")
    assert subscriber.next().payload == b"hello"


@test("mqttv5: properties of a message arrive as they were sent")
def _(scene):
    shows = ["%F", "%E", "%C", "%R", "%D", "%P"]
    subscriber = Subscriber(scene, [scene.topic()], "-q", "1", "-V", "mqttv5", shows=shows)
    properties = [
        ("payload-format-indicator", "1"),
        ("message-expiry-interval", "600"),
        ("content-type", "text/plain"),
        ("response-topic", "interop/answers"),
        ("correlation-data", "question 7"),
        ("user-property", "b", "1"),
        ("user-property", "a", "2"),
        ("user-property", "b", "3"),
    ]
    options = [word for p in properties for word in ("-D", "publish", *p)]
    publish(scene.topic(), "-q", "1", "-V", "mqttv5", *options, payload=b"hello")
    form, expiry, *others = subscriber.next().properties
    assert form == "1" and 0 < int(expiry) <= 600, (form, expiry)
    assert others == ["text/plain", "interop/answers", "question 7", "b:1 a:2 b:3"]


@test("mqttv5: a message of 5.0 reaches 3.1.1 without properties, and the other way round")
def _(scene):
    old = Subscriber(scene, [scene.topic()], "-q", "1", "-V", "mqttv311")
    new = Subscriber(scene, [scene.topic()], "-q", "1", "-V", "mqttv5", shows=["%C"])
    content = ["-D", "publish", "content-type", "text/plain"]
    publish(scene.topic(), "-q", "1", "-V", "mqttv5", *content, payload=b"new")
    publish(scene.topic(), "-q", "1", "-V", "mqttv311", payload=b"old")
    assert [old.next().payload for _ in range(2)] == [b"new", b"old"]
    assert [new.next().properties for _ in range(2)] == [("text/plain",), ("",)]


@test("mqttv5: will delay and session expiry of a killed client")
def _(scene):
    watcher = Subscriber(scene, [scene.topic("will")], "-q", "2")

    def victim(delay, expiry, name):
        delayed = ["-D", "will", "will-delay-interval", str(delay)]
        session = ["-V", "mqttv5", "-c", "-i", scene.client_id(name), "-x", str(expiry)]
        return Subscriber(scene, [scene.topic()], *session, *_will(scene, qos=1), *delayed)

    # Either at its delay or with its session, whatever ends first.
    for name, delay, expiry in (("delayed", 1, LONG), ("expired", LONG, 1)):
        killed, watch = victim(delay, expiry, name), Stopwatch()
        killed.kill()
        assert watcher.next().payload == b"gone"
        watch.assert_at_least(1)


@test("mqttv5: a topic alias stands for the topic of many lines")
def _(scene):
    lines = [f"line {n}".encode() for n in range(50)]
    subscriber = Subscriber(scene, [scene.topic()], "-q", "1")
    alias = ["-D", "publish", "topic-alias", "1"]
    publish_lines(scene.topic(), lines, "-q", "1", "-V", "mqttv5", *alias)
    assert [subscriber.next()[:2] for _ in lines] == [(scene.topic(), line) for line in lines]


@test("mqttv5: mosquitto_rr gets the answer to its request")
def _(scene):
    shows = ["%R", "%D"]
    responder = Subscriber(scene, [scene.topic()], "-q", "1", "-V", "mqttv5", shows=shows)
    request = subprocess.Popen(
        ["mosquitto_rr", *_address("mqtt"), "-t", scene.topic(), "-e", scene.topic("answers"),
         "-m", "question", "-q", "1", "-W", str(PATIENCE)],
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    )  # fmt: skip
    scene.at_end(request.kill)
    asked = responder.next()
    assert asked.payload == b"question" and asked.properties[0] == scene.topic("answers"), asked
    publish(asked.properties[0], "-q", "1", "-V", "mqttv5", payload=b"answer")
    output, _ = request.communicate(timeout=PATIENCE)
    assert output == b"answer\n", output


@test("mqttv5: PUBACK 0x10 where nobody subscribes")
def _(scene):
    done = _pub("-V", "mqttv5", "-t", scene.topic(), "-q", "1", "-m", "for nobody", "-d")
    assert done.returncode == 0 and b"RC:16" in done.stdout + done.stderr, done


@test("mqttv5: SUBACK 0x8F for a filter that is none", not_mosquitto=True)
def _(scene):
    # Mosquitto 2.0.11 takes an empty share name.
    done = _sub("-V", "mqttv5", "-t", "$share//t", "-d", "-E")
    assert b"Subscribed (mid: 1): 143" in done.stdout + done.stderr, done


@test("mqttv5: Retain As Published and Subscription Identifiers")
def _(scene):
    options = ["-D", "subscribe", "subscription-identifier", "42", "--retain-as-published"]
    subscriber = Subscriber(
        scene, [scene.topic()], "-q", "1", "-V", "mqttv5", *options, shows=["%S"]
    )
    publish(scene.topic(), "-r", "-q", "1", payload=b"live")
    assert subscriber.next() == Message(scene.topic(), b"live", 1, 1, ("42",))


if __name__ == "__main__":
    harness.run()
