"""The management API with clients that keep it waiting: ``python -m bench.slow_clients``.

500 clients of each kind (`tests.support.clients.slow_clients`) for a minute: kind by kind directly
to the API, then some kinds through the TLS terminator with the configuration of a node. Meanwhile
one client requests the health and bans addresses, each time on a new connection. There is no data
plane; bans are answered with 202.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from pathlib import Path
from typing import Any

from tests.support.clients.prober import Connect, Times, plain, probing, tls
from tests.support.clients.slow_clients import crowd, kinds
from tests.support.network.ports import free_port
from tests.support.servers.api_server import KEY, Server
from tests.support.servers.terminator import terminator

_COUNT = 500
_HELD_S = 60.0
DIRECT = tuple((name,) for name in kinds(""))
THROUGH_TLS = (
    ("silent", "slow-head"),
    ("body-no-key", "body-good-key"),
    ("upload-no-key", "upload-good-key"),
)
"""Two kinds at a time: the terminator accepts 1,024 connections."""


def measure(held_s: float, count: int) -> list[dict[str, Any]]:
    """One row for each group of kinds."""
    with tempfile.TemporaryDirectory(prefix="sb-") as directory:
        place = Path(directory)
        server = Server(place, unix_socket=place / "api.sock")
        try:
            rows = [_row(server, names, "direct", count, held_s) for names in DIRECT]
            port = free_port()
            with terminator(place, place / "api.sock", port):
                rows += [_row(server, names, "TLS", count, held_s, port) for names in THROUGH_TLS]
        finally:
            server.stop()
    return rows


def _row(
    server: Server,
    names: tuple[str, ...],
    way: str,
    count: int,
    held_s: float,
    tls_port: int | None = None,
) -> dict[str, Any]:
    port = tls_port or server.port
    connect: Connect = plain(port) if tls_port is None else tls(port)
    with (
        crowd(port, KEY, count, names, tls=tls_port is not None) as clients,
        probing(connect, KEY) as times,
    ):
        end = time.monotonic() + held_s
        connected = clients.connected()
        while time.monotonic() < end:
            connected = clients.connected()
    found = {what: _summary(each) for what, each in times.items()}
    row = {"kinds": names, "way": way, "connected": connected, **found}
    print(line(row), flush=True)
    return row


def _summary(times: Times) -> dict[str, Any]:
    ordered = sorted(times.seconds)
    return {
        "asked": len(ordered) + len(times.errors),
        "failed": len(times.errors),
        "p50_ms": round(ordered[len(ordered) // 2] * 1e3, 1) if ordered else None,
        "max_ms": round(ordered[-1] * 1e3, 1) if ordered else None,
    }


def line(row: dict[str, Any]) -> str:
    """The row as text."""
    texts = [
        f"{what} p50 {row[what]['p50_ms']} max {row[what]['max_ms']} ms, "
        f"{row[what]['failed']} of {row[what]['asked']} failed"
        for what in ("live", "ready", "ban")
    ]
    return (
        f"{', '.join(row['kinds'])}, {row['way']}, {row['connected']} connected: {'; '.join(texts)}"
    )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m bench.slow_clients")
    parser.add_argument("--seconds", type=float, default=_HELD_S, help="of each kind")
    parser.add_argument("--count", type=int, default=_COUNT, help="of each kind")
    options = parser.parse_args()
    print(json.dumps(measure(options.seconds, options.count)))
