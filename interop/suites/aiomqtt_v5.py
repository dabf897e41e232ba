"""aiomqtt in MQTT 5.0 mode. It shows neither CONNACK nor PUBACK, so what a broker keeps of a
session is seen by what arrives."""

import asyncio
import contextlib
from functools import partial

import aiomqtt
from paho.mqtt.subscribeoptions import SubscribeOptions
from suites import harness
from suites import paho_properties as properties
from suites.harness import LONG, PATIENCE, Line, Stopwatch, test, until
from suites.paho_properties import ALL_OF_A_MESSAGE, assert_all_of_a_message


def connect(scene, name="client", *, port=None, clean=True, will=None, **connect_properties):
    """A context manager: connected inside, disconnected in the orderly way behind."""
    return aiomqtt.Client(
        harness.HOST,
        port or harness.PORTS["mqtt"],
        identifier=scene.client_id(name) if name else None,
        protocol=aiomqtt.ProtocolVersion.V5,
        clean_start=clean,
        properties=properties.of_connect(**connect_properties),
        will=will,
        timeout=PATIENCE,
    )


@contextlib.asynccontextmanager
async def connect_and_break_off(scene, name="client", **options):
    """Connected inside; at the end the line is cut, as if it was lost."""
    line = Line(scene)
    client = connect(scene, name, port=line.port, **options)
    await client.__aenter__()
    yield client
    line.cut()
    with contextlib.suppress(aiomqtt.MqttError):
        async with asyncio.timeout(PATIENCE):
            async for _ in client.messages:
                pass
    with contextlib.suppress(aiomqtt.MqttError):
        await client.__aexit__(None, None, None)


async def next_message(client):
    async with asyncio.timeout(PATIENCE):
        return await anext(aiter(client.messages))


async def next_payload(client):
    return (await next_message(client)).payload


def publish(client, topic, payload, *, qos=1, retain=False, **publish_properties):
    sent = properties.of_publish(**publish_properties)
    return client.publish(topic, payload, qos, retain, properties=sent)


@test("properties of a message arrive as they were sent, at every qos")
async def _(scene):
    async with connect(scene) as client:
        await client.subscribe(scene.topic(), qos=2)
        for qos in range(3):
            await publish(client, scene.topic(), "für alle", qos=qos, **ALL_OF_A_MESSAGE)
            message = await next_message(client)
            assert (message.payload, message.qos) == ("für alle".encode(), qos)
            assert_all_of_a_message(message.properties)


@test("request and response")
async def _(scene):
    async with connect(scene, "requester") as requester, connect(scene, "responder") as responder:
        await requester.subscribe(scene.topic("answers"), qos=1)
        await responder.subscribe(scene.topic("questions"), qos=1)
        correlation = {"CorrelationData": harness.CORRELATION_DATA}
        answers = {"ResponseTopic": scene.topic("answers")}
        await publish(requester, scene.topic("questions"), "question", **answers, **correlation)
        asked = (await next_message(responder)).properties
        back = {"CorrelationData": asked.CorrelationData}
        await publish(responder, asked.ResponseTopic, "answer", **back)
        answer = await next_message(requester)
        assert answer.payload == b"answer"
        assert answer.properties.CorrelationData == harness.CORRELATION_DATA


@test("$share: each message goes to one of the group, and each member gets some")
async def _(scene):
    async with (
        connect(scene, "first") as first,
        connect(scene, "second") as second,
        connect(scene, "publisher") as publisher,
    ):
        for member in (first, second):
            await member.subscribe(f"$share/group/{scene.topic()}", qos=1)
            await member.subscribe(scene.topic("end"), qos=1)
        wanted = [f"job {n}".encode() for n in range(30)]
        for payload in wanted:
            await publish(publisher, scene.topic(), payload)
        await publish(publisher, scene.topic("end"), b"end")
        parts = [await until(b"end", partial(next_payload, m)) for m in (first, second)]
        assert sorted(parts[0] + parts[1]) == sorted(wanted)
        assert all(parts), "one member got everything"


@test("will delay: published behind it, but not if the client is back in time")
async def _(scene):
    def client(name, connecting=connect_and_break_off):
        delay = properties.of_will(WillDelayInterval=2)
        will = aiomqtt.Will(scene.topic("will"), name, qos=1, properties=delay)
        return connecting(scene, name, clean=False, will=will, SessionExpiryInterval=LONG)

    async with connect(scene, "watcher") as watcher:
        await watcher.subscribe(scene.topic("will"), qos=1)
        async with client("comes back"):
            pass
        async with client("comes back", connect):
            async with client("stays away"):
                watch = Stopwatch()
            assert (await next_message(watcher)).payload == b"stays away"
            watch.assert_at_least(2)


@test("session expiry: the session is there within, and gone behind")
async def _(scene):
    ended = properties.of_will(WillDelayInterval=LONG)
    will = aiomqtt.Will(scene.topic("will"), b"session ended", qos=1, properties=ended)
    async with connect(scene, "other") as other:
        await other.subscribe(scene.topic("will"), qos=1)
        async with connect(scene, clean=False, SessionExpiryInterval=LONG) as client:
            await client.subscribe(scene.topic(), qos=1)
        await publish(other, scene.topic(), b"within")
        short = {"clean": False, "will": will, "SessionExpiryInterval": 1}
        async with connect_and_break_off(scene, **short) as client:
            assert (await next_message(client)).payload == b"within"
            watch = Stopwatch()
        # The Will waits for an hour, or for the end of the session.
        assert (await next_message(other)).payload == b"session ended"
        watch.assert_at_least(1)
        await publish(other, scene.topic(), b"behind")
        async with connect(scene, clean=False) as client:
            await client.subscribe(scene.topic("live"), qos=1)
            for topic in (scene.topic(), scene.topic("live")):
                await publish(other, topic, b"live")
            message = await next_message(client)
            assert (str(message.topic), message.payload) == (scene.topic("live"), b"live")


@test("topic alias: the client's stands for its topic")
async def _(scene):
    async with connect(scene) as client:
        await client.subscribe(scene.topic(), qos=1)
        for topic in (scene.topic(), "", ""):
            await publish(client, topic, b"hello", TopicAlias=1)
        topics = [str((await next_message(client)).topic) for _ in range(3)]
        assert topics == [scene.topic()] * 3


@test("reason codes: SUBACK 0x8F for a filter that is none", not_mosquitto=True)
async def _(scene):
    # Mosquitto 2.0.11 takes an empty share name.
    async with connect(scene) as client:
        [code] = await client.subscribe("$share//t", options=SubscribeOptions(1))
        assert code.value == 0x8F


@test("reason codes: DISCONNECT 0x8E on a take-over", not_mosquitto=True)
async def _(scene):
    # Mosquitto 2.0.11 closes without a word.
    async with connect(scene) as first, connect(scene):
        with contextlib.suppress(aiomqtt.MqttError):
            await next_message(first)
        # It tells the reason to who wants something of it afterwards.
        try:
            await first.publish(scene.topic(), b"too late")
        except aiomqtt.MqttError as error:
            assert error.__cause__.rc.value == 0x8E, error.__cause__
        else:
            raise AssertionError("the first client stayed connected")


@test("No Local, Retain As Published and Subscription Identifiers")
async def _(scene):
    async with connect(scene) as client, connect(scene, "other") as other:
        options = SubscribeOptions(1, noLocal=True, retainAsPublished=True)
        identifier = properties.of_subscribe(SubscriptionIdentifier=42)
        await client.subscribe(scene.topic(), options=options, properties=identifier)
        await publish(client, scene.topic(), b"from itself", retain=True)
        await publish(other, scene.topic(), b"from another", retain=True)
        message = await next_message(client)
        assert (message.payload, message.retain) == (b"from another", True)
        assert message.properties.SubscriptionIdentifier == [42]


if __name__ == "__main__":
    harness.run()
