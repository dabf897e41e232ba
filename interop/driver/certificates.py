"""A certificate authority, and a server certificate for the loopback names, made anew each run."""

import subprocess

_SERVER_EXTENSIONS = """\
basicConstraints = CA:FALSE
keyUsage = digitalSignature
extendedKeyUsage = serverAuth
subjectAltName = DNS:localhost, IP:127.0.0.1
"""


def make(folder):
    """Writes ca.pem, server.pem and server.key; and stranger.pem, which signed nothing."""
    _authority(folder, "ca")
    _authority(folder, "stranger")
    (folder / "server.ext").write_text(_SERVER_EXTENSIONS)
    _openssl(folder, *_new_key("server.key"), "-out", "server.csr", "-subj", "/CN=localhost")
    _openssl(
        folder, "x509", "-req", "-in", "server.csr", "-CA", "ca.pem", "-CAkey", "ca.key",
        "-CAcreateserial", "-days", "2", "-extfile", "server.ext", "-out", "server.pem",
    )  # fmt: skip
    # A broker that gives up its rights after start reads its key as another user.
    (folder / "server.key").chmod(0o644)


def _authority(folder, name):
    _openssl(
        folder, *_new_key(f"{name}.key"), "-x509", "-days", "2", "-out", f"{name}.pem",
        "-subj", f"/CN=interop {name}",
        "-addext", "keyUsage=critical,keyCertSign,cRLSign",
    )  # fmt: skip


def _new_key(file):
    curve = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1"]
    return ["req", *curve, "-nodes", "-keyout", file]


def _openssl(folder, *arguments):
    done = subprocess.run(
        ["openssl", *arguments],
        cwd=folder,
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
    )
    if done.returncode != 0:
        raise RuntimeError(f"openssl {arguments[0]} failed:\n{done.stderr}")
