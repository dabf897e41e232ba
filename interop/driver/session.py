"""One run: a broker, the suites against it one after the other, the stop, the verdict.

A suite is a program of its own. It finds the broker in the environment variable INTEROP (JSON),
and tells what it does by lines of JSON on its standard output:

  {"plan": ["name", ..]}                                      first, all that it will run
  {"test": "name", "ok": true, "seconds": 0.2, "error": ""}   one per test

A test that was planned and never reported has failed, whatever ended the suite.
"""

import contextlib
import fnmatch
import json
import os
import pathlib
import socket
import subprocess
import tempfile
import threading
import time

from driver import broker as brokers
from driver import certificates, install

HERE = pathlib.Path(__file__).resolve().parent.parent
OUT = HERE.parent / ".ci/out"
SUITE_LIMIT = 600
TEST_LIMIT = 30
# A suite that fails this often is ended: a broker that answers nothing must not cost an hour.
GIVE_UP_AFTER = 10
LOG_LINES_SHOWN = 80

_PYTHON = [str(install.VENV_PYTHON), "-u"]
SUITES = {
    "mosquitto_clients": [*_PYTHON, "-m", "suites.mosquitto_clients"],
    "paho": [*_PYTHON, "-m", "suites.paho_client"],
    "paho_v5": [*_PYTHON, "-m", "suites.paho_v5"],
    "aiomqtt": [*_PYTHON, "-m", "suites.aiomqtt_client"],
    "aiomqtt_v5": [*_PYTHON, "-m", "suites.aiomqtt_v5"],
    "gmqtt": [*_PYTHON, "-m", "suites.gmqtt_client"],
    "mqttjs": ["node", "suites/mqttjs.mjs"],
    "mqttjs_v5": ["node", "suites/mqttjs_v5.mjs"],
    "rumqttc": [install.rust_suite("rumqttc")],
    "mqtt_endpoint": [install.rust_suite("mqtt_endpoint")],
    "chromium": ["node", "suites/chromium.mjs"],
    "dashboard": ["node", "suites/dashboard.mjs"],
}


def run(options):
    """Runs what the options select; returns the exit code."""
    OUT.mkdir(parents=True, exist_ok=True)
    results = []
    with tempfile.TemporaryDirectory(prefix="surewire-interop-") as name:
        folder = pathlib.Path(name)
        # A broker that gives up its rights after start reads its files as another user.
        folder.chmod(0o755)
        certificates.make(folder)
        broker = None
        try:
            broker = brokers.start(options, folder)
            broker.wait_until_ready()
            for suite in _selected(options.tests):
                if broker.is_running():
                    results += _run_suite(suite, options, folder, broker)
            results.append(_stop(broker))
        except brokers.BrokerError as error:
            results.append(_result("broker/start", False, 0, str(error)))
        finally:
            if broker:
                broker.kill()
        failed = [r for r in results if not r["ok"]]
        if broker and failed:
            _show_log(broker)
    _show_summary(results)
    return 1 if failed else 0


def _selected(patterns):
    if not patterns:
        return list(SUITES)
    chosen = [s for s in SUITES if any(fnmatch.fnmatch(s, p.split("/")[0]) for p in patterns)]
    if not chosen:
        raise SystemExit(f"no suite matches {patterns}; there are: {', '.join(SUITES)}")
    return chosen


def _run_suite(suite, options, folder, broker):
    print(f"\n== {suite}", flush=True)
    process = subprocess.Popen(
        SUITES[suite], cwd=HERE, text=True, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
        env=dict(os.environ, INTEROP=json.dumps(_environment(suite, options, folder, broker))),
    )  # fmt: skip
    watchdog = threading.Timer(SUITE_LIMIT, process.kill)
    watchdog.start()
    plan, results = None, []
    for line in process.stdout:
        report = _parse(line)
        if report is None:
            print("   |", line.rstrip())
        elif "plan" in report:
            plan = report["plan"]
        else:
            name = f"{suite}/{report['test']}"
            results.append(_result(name, report["ok"], report["seconds"], report["error"]))
            _show(results[-1])
            if sum(not r["ok"] for r in results) == GIVE_UP_AFTER:
                print(f"   {GIVE_UP_AFTER} failures: the rest of the suite is left out")
                process.kill()
    code = process.wait()
    watchdog.cancel()
    return results + _what_is_missing(suite, plan, results, code, broker)


def _what_is_missing(suite, plan, results, code, broker):
    """Failures that no report names: tests that never ran, a suite or a broker that died."""
    missing = []

    def fail(what, error):
        missing.append(_result(f"{suite}/{what}", False, 0, error))

    reported = {r["name"] for r in results}
    for test in plan or []:
        if f"{suite}/{test}" not in reported:
            fail(test, f"never ran: the suite ended with code {code}")
    if plan is None:
        fail("start", f"the suite ended with code {code} before it told its plan")
    if not broker.is_running():
        fail("broker", "the broker ended during this suite")
    for result in missing:
        _show(result)
    return missing


def _environment(suite, options, folder, broker):
    return {
        "broker": options.broker,
        "host": "127.0.0.1",
        "ports": broker.ports,
        "backlog": brokers.BACKLOG,
        "response_information": brokers.RESPONSE_INFORMATION,
        "rest": {"port": broker.rest_port, "user": brokers.USER, "password": brokers.PASSWORD},
        "ca": str(folder / "ca.pem"),
        "stranger_ca": str(folder / "stranger.pem"),
        "out": str(OUT),
        "chromium": install.chromium(),
        "test_limit": TEST_LIMIT,
        "patterns": [p.split("/", 1)[1] for p in options.tests if p.startswith(f"{suite}/")],
    }


def _stop(broker):
    start = time.monotonic()
    error = ""
    try:
        with contextlib.ExitStack() as clients:
            for client in _clients_that_stay(broker):
                clients.enter_context(client)
            broker.stop()
    except (OSError, brokers.BrokerError) as e:
        error = str(e)
    panics = [line for line in broker.log() if "panicked at" in line]
    if panics:
        error = f"{error} the log holds {len(panics)} panics: {panics[0]}".strip()
    name = "broker/stops on SIGTERM, no panic in its log"
    result = _result(name, not error, time.monotonic() - start, error)
    print("\n== broker")
    _show(result)
    return result


def _clients_that_stay(broker):
    """Connections that never end by themselves: a silent one to each listener, and a client."""
    if not broker.is_running():
        return
    for port in broker.all_ports().values():
        yield socket.create_connection(("127.0.0.1", port), timeout=5)
    client = socket.create_connection(("127.0.0.1", broker.ports["mqtt"]), timeout=5)
    client.sendall(b"\x10\x10\x00\x04MQTT\x04\x02\x00\x00\x00\x04stay")
    if client.recv(4) != b"\x20\x02\x00\x00":
        raise brokers.BrokerError("no CONNACK before the stop")
    yield client


def _result(name, ok, seconds, error):
    return {"name": name, "ok": ok, "seconds": seconds, "error": error}


def _parse(line):
    if not line.startswith("{"):
        return None
    try:
        report = json.loads(line)
    except ValueError:
        return None
    return report if "plan" in report or "test" in report else None


def _show(result):
    verdict = "ok  " if result["ok"] else "FAIL"
    print(f"   {verdict} {result['seconds']:6.2f} s  {result['name']}", flush=True)
    if not result["ok"]:
        for line in result["error"].rstrip().splitlines():
            print("        ", line, flush=True)


def _show_log(broker):
    lines = broker.log()
    kept = OUT / "interop-broker.log"
    kept.write_text("\n".join(lines) + "\n")
    print(
        f"\n== the end of the broker's log; all {len(lines)} lines: {kept.relative_to(HERE.parent)}"
    )
    for line in lines[-LOG_LINES_SHOWN:]:
        print("   |", line)


def _show_summary(results):
    suites = list(dict.fromkeys(r["name"].split("/")[0] for r in results))
    print(f"\n{'suite':<20}{'passed':>8}{'failed':>8}{'seconds':>9}")
    for suite in suites:
        own = [r for r in results if r["name"].split("/")[0] == suite]
        ok = sum(r["ok"] for r in own)
        print(f"{suite:<20}{ok:>8}{len(own) - ok:>8}{sum(r['seconds'] for r in own):>9.1f}")
    failed = [r["name"] for r in results if not r["ok"]]
    for name in failed:
        print("failed:", name)
    print(f"{len(results) - len(failed)} passed, {len(failed)} failed", flush=True)
