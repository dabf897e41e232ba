"""Fetches the clients that are not there yet, by the package managers they are published with."""

import os
import pathlib
import shutil
import subprocess
import sys

HERE = pathlib.Path(__file__).resolve().parent.parent
VENV = HERE / ".venv"
VENV_PYTHON = VENV / "bin/python"
RUST = HERE / "rust"


def all_clients(with_mosquitto=False):
    _debian_packages(with_mosquitto)
    _python_packages()
    _node_packages()
    _rust_suites()


def rust_suite(name):
    """The path of a suite in Rust, which is a program of its own."""
    return str(RUST / "target/debug" / name)


def chromium():
    """The browser's path, or None."""
    return shutil.which("chromium") or shutil.which("chromium-browser")


def _debian_packages(with_mosquitto):
    missing = []
    if not (shutil.which("mosquitto_pub") and shutil.which("mosquitto_sub")):
        missing.append("mosquitto-clients")
    if not chromium():
        missing.append("chromium")
    if not shutil.which("openssl"):
        missing.append("openssl")
    if with_mosquitto and not mosquitto():
        missing.append("mosquitto")
    if not missing:
        return
    environment = dict(os.environ, DEBIAN_FRONTEND="noninteractive")
    apt = ["apt-get", "-qq", "-o", "DPkg::Lock::Timeout=300"]
    _call([*apt, "update"], env=environment)
    _call([*apt, "install", "-y", "--no-install-recommends", *missing], env=environment)


def mosquitto():
    """The broker's path, or None; Debian keeps it out of an ordinary user's PATH."""
    return shutil.which("mosquitto") or shutil.which("mosquitto", path="/usr/sbin:/usr/local/sbin")


def _python_packages():
    wanted = HERE / "requirements.txt"
    if _is_current(VENV / "installed", wanted):
        return
    if not VENV_PYTHON.exists():
        _make_venv()
    _call([VENV_PYTHON, "-m", "pip", "install", "-q", "-r", wanted])
    shutil.copyfile(wanted, VENV / "installed")


def _make_venv():
    made = subprocess.run([sys.executable, "-m", "venv", VENV], stdin=subprocess.DEVNULL)
    if made.returncode == 0:
        return
    # Debian's own Python comes without the part that puts pip into an environment.
    shutil.rmtree(VENV, ignore_errors=True)
    environment = dict(os.environ, DEBIAN_FRONTEND="noninteractive")
    apt = ["apt-get", "-qq", "-o", "DPkg::Lock::Timeout=300"]
    _call([*apt, "update"], env=environment)
    _call([*apt, "install", "-y", "python3-venv"], env=environment)
    _call([sys.executable, "-m", "venv", VENV])


def _node_packages():
    wanted = HERE / "package.json"
    if _is_current(HERE / "node_modules/installed", wanted):
        return
    _call(["npm", "install", "--no-audit", "--no-fund", "--loglevel=error"], cwd=HERE)
    shutil.copyfile(wanted, HERE / "node_modules/installed")


def _rust_suites():
    """Cargo sees itself what there is to build, in a folder that does not depend on who asks."""
    environment = dict(os.environ, CARGO_TARGET_DIR=str(RUST / "target"))
    cargo = ["cargo", "build", "--quiet", "--locked", "--manifest-path", RUST / "Cargo.toml"]
    _call(cargo, env=environment)


def _is_current(stamp, wanted):
    return stamp.exists() and stamp.read_bytes() == wanted.read_bytes()


def _call(command, **options):
    print("+", *command, flush=True)
    subprocess.run(command, check=True, stdin=subprocess.DEVNULL, **options)
