"""The TLS terminator with the configuration of a node, on loopback, in front of a socket."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.support.waiting import wait_for

_ROOTFS = Path(__file__).parents[3] / "appliance" / "rootfs"


@dataclass(frozen=True)
class Front:
    """A deployed configuration: the socket behind it, and the port on which it listens."""

    configuration: Path
    socket: str
    port: int


NODE = Front(_ROOTFS / "tls/etc/secbeat/haproxy.cfg", "/run/secbeat-api/api.sock", 9443)
ORCHESTRATOR = Front(
    _ROOTFS / "tls-orchestrator/etc/secbeat/haproxy-orchestrator.cfg",
    "/run/secbeat-orchestrator/api.sock",
    3443,
)
CONFIGURATION, SOCKET = NODE.configuration, NODE.socket


def make_credentials(place: Path) -> None:
    """Make a certificate and its key in a directory."""
    command = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"]
    command += ["-nodes", "-days", "1", "-subj", "/CN=secbeat"]
    command += ["-keyout", str(place / "tls.key"), "-out", str(place / "tls.crt")]
    subprocess.run(command, check=True, capture_output=True)


def program() -> str:
    """The path of HAProxy."""
    found = shutil.which("haproxy", path=f"{os.environ['PATH']}:/usr/sbin")
    assert found, "haproxy is not installed: run 'make setup'"
    return found


@contextmanager
def terminator(
    place: Path,
    socket: Path,
    port: int,
    front: Front = NODE,
    make: Callable[[Path], None] = make_credentials,
    before: Sequence[str] = (),
) -> Iterator[subprocess.Popen[bytes]]:
    """HAProxy on 127.0.0.1 and ::1; only its addresses and the socket's path are changed.

    Args:
        make: puts ``tls.crt`` and ``tls.key`` into the place.
        before: words in front of the command.
    """
    make(place)
    text = front.configuration.read_text().replace(front.socket, str(socket))
    for every, own in (("0.0.0.0", "127.0.0.1"), ("[::]", "[::1]")):
        listener = f"bind {every}:{front.port}"
        assert listener in text
        text = text.replace(listener, f"bind {own}:{port}")
    (place / "haproxy.cfg").write_text(text)
    command = [*before, program(), "-db", "-f", str(place / "haproxy.cfg")]
    environment = {**os.environ, "CREDENTIALS_DIRECTORY": str(place)}
    with (
        (place / "haproxy.log").open("wb") as log,
        subprocess.Popen(command, env=environment, stdout=log, stderr=log) as process,
    ):
        try:
            wait_for(lambda: _listens(process, port), "HAProxy listens", every_s=0.02)
            yield process
        finally:
            process.terminate()


def _listens(process: subprocess.Popen[bytes], port: int) -> bool:
    assert process.poll() is None, "HAProxy has ended"
    listening = f"0100007F:{port:04X} 00000000:0000 0A"
    return listening in Path("/proc/net/tcp").read_text(encoding="ascii")
