"""What the Python suites share: the broker's address, the list of tests, deadlines, the report.

A suite marks its tests with @test("name") and ends with `harness.run()`. A test is a function of
one argument, a `Scene`: names of its own for topics and clients, so that tests cannot meet.
"""

import asyncio
import contextlib
import fnmatch
import inspect
import itertools
import json
import os
import queue
import signal
import socket
import threading
import time
import traceback

ENV = json.loads(os.environ["INTEROP"])
HOST = ENV["host"]
PORTS = ENV["ports"]
CA = ENV["ca"]
STRANGER_CA = ENV["stranger_ca"]
TRANSPORTS = tuple(PORTS)

# How long one awaited event may take. Far above what a broker needs, below the limit of a test.
PATIENCE = 10
MEBIBYTE = bytes(i * 31 % 251 for i in range(1 << 20))

# What messages of MQTT 5.0 carry. The order is to stay, and so is the name that comes twice.
USER_PROPERTIES = [("b", "1"), ("a", "2"), ("b", "3"), ("naïve", "")]
CONTENT_TYPE = "text/plain; charset=utf-8"
CORRELATION_DATA = b"\x00\xff of no encoding \xc3"
MESSAGE_EXPIRY = 600
# Longer than any test, so that a session, or a Will, ends otherwise.
LONG = 3600

_tests = []
_scene_numbers = itertools.count(1)


class Scene:
    """Topics and client ids that no other test uses, and what is to be ended after the test."""

    def __init__(self):
        self._prefix = f"s{os.getpid()}n{next(_scene_numbers)}"
        self._endings = []

    def topic(self, name="topic"):
        return f"interop/{self._prefix}/{name}"

    def client_id(self, name="client"):
        return f"{name}-{self._prefix}"

    def at_end(self, ending):
        self._endings.append(ending)

    def close(self):
        for ending in reversed(self._endings):
            ending()


def test(name, not_mosquitto=False):
    """Registers a test; a coroutine function runs in an event loop of its own.

    `not_mosquitto`: left out when mosquitto is the broker, which is known not to pass it.
    """

    def register(function):
        if not_mosquitto and ENV["broker"] == "mosquitto":
            return function
        assert name not in dict(_tests), f"two tests are called {name!r}"
        _tests.append((name, function))
        return function

    return register


def next_of(events, what):
    """The next of a queue of events; fails the test when none comes."""
    try:
        return events.get(timeout=PATIENCE)
    except queue.Empty:
        raise AssertionError(f"no {what} within {PATIENCE} s") from None


async def until(last, next_payload):
    """The payloads that come before the last one."""
    got = []
    while (payload := await next_payload()) != last:
        got.append(payload)
    return got


class Stopwatch:
    """Runs from its making. There is only a least time to hold a broker to: machines stall."""

    def __init__(self):
        self._start = time.monotonic()

    def assert_at_least(self, seconds):
        passed = time.monotonic() - self._start
        # The broker's clock may be another, and coarser.
        assert passed >= seconds - 0.1, f"after {passed:.3f} s already, not {seconds} s"


class Line:
    """A line between one client and the broker: a test cuts it, or sees the broker's end of it."""

    def __init__(self, scene, listener="mqtt"):
        self._broker = socket.create_connection((HOST, PORTS[listener]))
        self._listening = socket.create_server((HOST, 0))
        self._client = None
        self._broker_closed = threading.Event()
        self.port = self._listening.getsockname()[1]
        scene.at_end(self.cut)
        threading.Thread(target=self._serve, daemon=True).start()

    def cut(self):
        for end in filter(None, (self._listening, self._client, self._broker)):
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)

    def wait_until_broker_closed(self):
        """The broker has then handled all that the client sent."""
        assert self._broker_closed.wait(PATIENCE), f"the broker did not close within {PATIENCE} s"

    def _serve(self):
        with contextlib.suppress(OSError):
            self._client, _ = self._listening.accept()
            threading.Thread(target=_carry, args=(self._client, self._broker), daemon=True).start()
            _carry(self._broker, self._client)
            self._broker_closed.set()


def _carry(source, sink):
    with contextlib.suppress(OSError):
        while data := source.recv(65_536):
            sink.sendall(data)
    with contextlib.suppress(OSError):
        sink.shutdown(socket.SHUT_WR)


def run():
    patterns = ENV["patterns"]
    chosen = [
        (n, f) for n, f in _tests if not patterns or any(fnmatch.fnmatch(n, p) for p in patterns)
    ]
    print(json.dumps({"plan": [name for name, _ in chosen]}), flush=True)
    signal.signal(signal.SIGALRM, _too_late)
    for name, function in chosen:
        start = time.monotonic()
        error = _run_one(function)
        seconds = time.monotonic() - start
        print(
            json.dumps({"test": name, "ok": not error, "seconds": seconds, "error": error}),
            flush=True,
        )


def _run_one(function):
    """The error as text, empty when the test passed."""
    scene = Scene()
    signal.alarm(ENV["test_limit"])
    try:
        try:
            if inspect.iscoroutinefunction(function):
                asyncio.run(function(scene))
            else:
                function(scene)
        finally:
            scene.close()
    except Exception as error:
        own = [f for f in traceback.extract_tb(error.__traceback__) if "/suites/" in f.filename]
        place = "".join(f"\n  {os.path.basename(f.filename)}:{f.lineno} {f.line}" for f in own[1:])
        return f"{type(error).__name__}: {error}"[:2000] + place
    finally:
        signal.alarm(0)
    return ""


def _too_late(_signal, _frame):
    raise TimeoutError(f"the test took longer than {ENV['test_limit']} s")
