"""Node id, TLS certificate and ssh host keys: made here, never copied, never made twice."""

from __future__ import annotations

import tempfile
import uuid
from collections.abc import Iterator
from pathlib import Path

from appliance.commands import Run
from appliance.host.files import Host, HostError
from appliance.host.steps import Step

NODE_ID = "/var/lib/secbeat/node-id"
CERTIFICATE, KEY = "/etc/secbeat/tls/tls.crt", "/etc/secbeat/tls/tls.key"
HOST_KEY_TYPES = ("ed25519", "ecdsa")
"""The types of `HostKey` in the image's sshd_config; RSA takes long to make and is not needed."""
_DAYS = 3650
_NAMES = "DNS:secbeat,DNS:localhost,IP:127.0.0.1,IP:::1"


def steps(host: Host, run: Run) -> Iterator[Step]:
    """Make node id and certificate, if they are missing."""
    if not _is_uuid(host.text(NODE_ID) or ""):
        yield Step(f"node id in {NODE_ID}", lambda: host.install(NODE_ID, f"{uuid.uuid4()}\n"))
    if not host.text(CERTIFICATE):
        yield Step(f"certificate in {CERTIFICATE}", lambda: _make_certificate(host, run))
    elif not host.exists(KEY):
        yield Step(f"key of {CERTIFICATE}", _refuse)


def host_keys(host: Host, run: Run) -> Iterator[Step]:
    """Make ssh host keys, if they are missing."""
    for kind in HOST_KEY_TYPES:
        place = f"/etc/ssh/ssh_host_{kind}_key"
        if not host.text(place):
            yield _host_key(host, run, kind, place)


def _host_key(host: Host, run: Run, kind: str, place: str) -> Step:
    def do() -> None:
        with _scratch(host) as directory:
            made = Path(directory) / "key"
            run("ssh-keygen", "-q", "-t", kind, "-N", "", "-C", "", "-f", str(made))
            # The private key comes last: if it exists, both exist.
            host.install(f"{place}.pub", made.with_suffix(".pub").read_bytes())
            host.install(place, made.read_bytes(), 0o600)

    return Step(f"host key {place}", do)


def _make_certificate(host: Host, run: Run) -> None:
    with _scratch(host) as directory:
        key, certificate = Path(directory) / "key", Path(directory) / "crt"
        run(
            *("openssl", "req", "-x509", "-sha256", "-days", str(_DAYS), "-nodes"),
            *("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1"),
            *("-subj", f"/O=SecBeat/CN={host.text(NODE_ID)}"),
            *("-addext", f"subjectAltName={_NAMES}", "-addext", "extendedKeyUsage=serverAuth"),
            *("-keyout", str(key), "-out", str(certificate)),
        )
        # The certificate comes last: if it exists, both exist.
        host.install(KEY, key.read_bytes(), 0o600)
        host.install(CERTIFICATE, certificate.read_bytes())


def _scratch(host: Host) -> tempfile.TemporaryDirectory[str]:
    """A private directory in memory, so that keys are written to the disk only at their final
    place."""
    host.path("/run").mkdir(parents=True, exist_ok=True)
    return tempfile.TemporaryDirectory(prefix=".secbeat-", dir=host.path("/run"))


def _refuse() -> None:
    raise HostError(f"{KEY} is not there; put it there, or remove {CERTIFICATE} to have both made")


def _is_uuid(text: str) -> bool:
    try:
        return str(uuid.UUID(text)) == text
    except ValueError:
        return False
