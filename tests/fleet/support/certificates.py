"""The fleet's own certification authority, made for a run: one certificate for each host."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from appliance.commands import run

AUTHORITY = "ca.crt"
_DAYS = "2"
_NEW_KEY = ("-nodes", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1")


def make(folder: Path, addresses: Mapping[str, str]) -> None:
    """Fill the folder: ``ca.crt``, and ``NAME.crt`` and ``NAME.key`` for each host."""
    folder.mkdir(mode=0o700)
    authority, key = folder / AUTHORITY, folder / "ca.key"
    request = ("openssl", "req", "-x509", "-sha256", "-days", _DAYS, *_NEW_KEY)
    run(
        *(*request, "-subj", "/CN=fleet", "-keyout", str(key), "-out", str(authority)),
        *("-addext", "keyUsage=critical,keyCertSign,cRLSign"),
    )
    for name, address in addresses.items():
        run(
            *(*request, "-CA", str(authority), "-CAkey", str(key), "-subj", f"/CN={name}"),
            *("-addext", f"subjectAltName=DNS:{name},IP:{address}"),
            *("-addext", "basicConstraints=critical,CA:false"),
            *("-keyout", str(folder / f"{name}.key"), "-out", str(folder / f"{name}.crt")),
        )
