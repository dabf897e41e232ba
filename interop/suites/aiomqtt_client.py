"""aiomqtt, the asyncio client for Python."""

import asyncio
import contextlib
import logging

import aiomqtt
from suites import harness
from suites.harness import MEBIBYTE, PATIENCE, Line, test

# It warns of many publishes under way, which one test makes on purpose.
_quiet = logging.getLogger("quiet")
_quiet.setLevel(logging.ERROR)


def connect(scene, name="client", listener="mqtt", port=None, **options):
    """A context manager: connected inside, disconnected in the orderly way behind."""
    tls = aiomqtt.TLSParameters(ca_certs=harness.CA) if listener == "mqtts" else None
    return aiomqtt.Client(
        harness.HOST,
        port or harness.PORTS[listener],
        identifier=scene.client_id(name),
        tls_params=tls,
        timeout=PATIENCE,
        logger=_quiet,
        **options,
    )


async def next_message(client):
    async with asyncio.timeout(PATIENCE):
        return await anext(aiter(client.messages))


async def payloads(client, count):
    return [(await next_message(client)).payload for _ in range(count)]


def _listener_tests(listener):
    @test(f"{listener}: qos 0, 1 and 2 both ways")
    async def _(scene):
        async with connect(scene, listener=listener) as client:
            for granted in range(3):
                topic = scene.topic(f"at{granted}")
                await client.subscribe(topic, qos=granted)
                for published in range(3):
                    await client.publish(topic, f"qos {published}", qos=published)
                    message = await next_message(client)
                    got = (str(message.topic), message.payload, message.qos, bool(message.retain))
                    assert got == (topic, b"qos %d" % published, min(published, granted), False)

    @test(f"{listener}: 1 MiB at qos 2")
    async def _(scene):
        async with connect(scene, listener=listener) as client:
            await client.subscribe(scene.topic(), qos=2)
            await client.publish(scene.topic(), MEBIBYTE, qos=2)
            assert (await next_message(client)).payload == MEBIBYTE


for _listener in ("mqtt", "mqtts"):
    _listener_tests(_listener)


@test("many publishes at once arrive once each")
async def _(scene):
    async with connect(scene) as client:
        await client.subscribe(scene.topic(), qos=2)
        wanted = [b"%d" % n for n in range(50)]
        await asyncio.gather(*(client.publish(scene.topic(), p, qos=2) for p in wanted))
        assert sorted(await payloads(client, 50)) == sorted(wanted)


@test("retained: replayed to a later subscriber, gone when cleared")
async def _(scene):
    async with connect(scene, "publisher") as publisher:
        await publisher.publish(scene.topic(), b"kept", qos=1, retain=True)
        async with connect(scene, "late") as late:
            await late.subscribe(scene.topic("#"), qos=1)
            message = await next_message(late)
            assert (message.payload, message.retain) == (b"kept", True)
        await publisher.publish(scene.topic(), b"", qos=1, retain=True)
        async with connect(scene, "later") as later:
            await later.subscribe(scene.topic("#"), qos=1)
            await publisher.publish(scene.topic(), b"live", qos=1)
            assert (await next_message(later)).payload == b"live"


@test("will: published when the line is cut")
async def _(scene):
    will = aiomqtt.Will(scene.topic("will"), b"gone", qos=1)
    line = Line(scene)
    async with connect(scene, "watcher") as watcher:
        await watcher.subscribe(scene.topic("will"), qos=1)
        with contextlib.suppress(aiomqtt.MqttError):
            async with connect(scene, port=line.port, will=will):
                line.cut()
                assert (await next_message(watcher)).payload == b"gone"


@test("will: not published behind an orderly end")
async def _(scene):
    will = aiomqtt.Will(scene.topic("will"), b"gone", qos=1)
    async with connect(scene, "watcher") as watcher:
        await watcher.subscribe(scene.topic("will"), qos=1)
        line = Line(scene)
        async with connect(scene, port=line.port, will=will):
            pass
        await asyncio.to_thread(line.wait_until_broker_closed)
        async with connect(scene) as again:
            await again.publish(scene.topic("will"), b"later", qos=1)
        assert (await next_message(watcher)).payload == b"later"


@test("persistent session: 50 queued messages in order")
async def _(scene):
    async with connect(scene, clean_session=False) as client:
        await client.subscribe(scene.topic(), qos=1)
    wanted = [b"%d" % n for n in range(50)]
    async with connect(scene, "publisher") as publisher:
        for payload in wanted:
            await publisher.publish(scene.topic(), payload, qos=1)
    async with connect(scene, clean_session=False) as back:
        assert await payloads(back, 50) == wanted


@test("persistent session: survives a cut line")
async def _(scene):
    line = Line(scene)
    async with connect(scene, "publisher") as publisher:
        with contextlib.suppress(aiomqtt.MqttError):
            async with connect(scene, port=line.port, clean_session=False) as client:
                await client.subscribe(scene.topic(), qos=2)
                line.cut()
        await publisher.publish(scene.topic(), b"meanwhile", qos=2)
        async with connect(scene, clean_session=False) as back:
            assert (await next_message(back)).payload == b"meanwhile"


if __name__ == "__main__":
    harness.run()
