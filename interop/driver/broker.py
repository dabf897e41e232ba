"""Starts and stops the broker under test: its listeners on free loopback ports."""

import pathlib
import socket
import subprocess
import time

from driver import install

START_LIMIT = 30
STOP_LIMIT = 10
# More than the default 20, so that bursts and offline queues longer than the window are tested.
BACKLOG = 1000

TRANSPORTS = ("mqtt", "mqtts", "ws", "wss")
# Whom the REST interface lets in.
USER, PASSWORD = "operator", "interop"
# What clients of MQTT 5.0 that ask are told; their id is behind it.
RESPONSE_INFORMATION = "interop/answers/"


class BrokerError(Exception):
    """The broker did not start, died, or did not stop as it should."""


class Broker:
    """A running broker. `ports` maps each of TRANSPORTS to its port; `rest_port` may be None."""

    def __init__(self, command, folder, ports, rest_port):
        self.ports = ports
        self.rest_port = rest_port
        self.log_file = folder / "broker.log"
        self._output = self.log_file.open("wb")
        self._process = subprocess.Popen(
            command, cwd=folder, stdin=subprocess.DEVNULL, stdout=self._output, stderr=self._output
        )

    def wait_until_ready(self):
        deadline = time.monotonic() + START_LIMIT
        for name, port in self.all_ports().items():
            while not _answers(port):
                if not self.is_running():
                    raise BrokerError(f"the broker ended at start with code {self._process.poll()}")
                if time.monotonic() > deadline:
                    raise BrokerError(f"no {name} listener on port {port} after {START_LIMIT} s")
                time.sleep(0.05)

    def all_ports(self):
        return self.ports | ({"rest": self.rest_port} if self.rest_port else {})

    def is_running(self):
        return self._process.poll() is None

    def stop(self):
        """SIGTERM; raises unless the broker then ends in time and with exit code 0."""
        if not self.is_running():
            raise BrokerError(f"the broker had ended before, with code {self._process.poll()}")
        self._process.terminate()
        try:
            code = self._process.wait(STOP_LIMIT)
        except subprocess.TimeoutExpired:
            raise BrokerError(f"still running {STOP_LIMIT} s after SIGTERM") from None
        if code != 0:
            raise BrokerError(f"exit code {code} after SIGTERM, expected 0")

    def kill(self):
        if self.is_running():
            self._process.kill()
            self._process.wait()
        self._output.close()

    def log(self):
        return self.log_file.read_text(errors="replace").splitlines()


def start(options, folder):
    """Configures and starts the broker that the options name; not ready yet."""
    *free, rest_port = _free_ports(len(TRANSPORTS) + 1)
    ports = dict(zip(TRANSPORTS, free))
    if options.broker == "mosquitto":
        return Broker(_mosquitto(folder, ports), folder, ports, rest_port=None)
    return Broker(_surewire(options, folder, ports, rest_port), folder, ports, rest_port)


def _surewire(options, folder, ports, rest_port):
    binary = options.surewire.resolve()
    if not binary.exists():
        raise BrokerError(f"{binary} does not exist: build it with `cargo build --release`")
    tls = f"certfile: '{folder}/server.pem', keyfile: '{folder}/server.key'"
    lines = [
        f"logging: {'true' if options.packet_log else 'false'}",
        f"max_msgqueue_messages: {BACKLOG}",
        f"response_information: '{RESPONSE_INFORMATION}'",
        f"http_server: {{addr: '127.0.0.1:{rest_port}', user: {{{USER}: {PASSWORD}}}}}",
        "listener:",
        f"- {{protocol: mqtt, addr: '127.0.0.1:{ports['mqtt']}'}}",
        f"- {{protocol: mqtt, addr: '127.0.0.1:{ports['mqtts']}', {tls}}}",
        f"- {{protocol: websocket, addr: '127.0.0.1:{ports['ws']}'}}",
        f"- {{protocol: websocket, addr: '127.0.0.1:{ports['wss']}', {tls}}}",
    ]
    return [binary, "-c", _write(folder / "config.yaml", lines)]


def _mosquitto(folder, ports):
    tls = [f"certfile {folder}/server.pem", f"keyfile {folder}/server.key"]
    lines = [
        "per_listener_settings false",
        "allow_anonymous true",
        f"max_queued_messages {BACKLOG}",
        "log_type all",
        *(f"listener {ports['mqtt']} 127.0.0.1",),
        *(f"listener {ports['mqtts']} 127.0.0.1", *tls),
        *(f"listener {ports['ws']} 127.0.0.1", "protocol websockets"),
        *(f"listener {ports['wss']} 127.0.0.1", "protocol websockets", *tls),
    ]
    return [install.mosquitto(), "-c", _write(folder / "mosquitto.conf", lines)]


def _write(path: pathlib.Path, lines):
    path.write_text("\n".join(lines) + "\n")
    return path


def _free_ports(count):
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [s.getsockname()[1] for s in sockets]
    for s in sockets:
        s.close()
    return ports


def _answers(port):
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
    except OSError:
        return False
    return True
