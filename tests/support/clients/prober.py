"""An honest client besides the others: requests the health and bans addresses, and records the
times."""

from __future__ import annotations

import http.client
import json
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from tests.support.clients.slow_clients import trusting

Connect = Callable[[], http.client.HTTPConnection]
_PAUSE_S = 0.05


@dataclass
class Times:
    """Results for one kind of request: seconds of answered ones, and errors."""

    seconds: list[float] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)

    @property
    def longest_s(self) -> float:
        """The longest time of all answers."""
        return max(self.seconds)


def plain(port: int) -> Connect:
    """A function that connects to a server of this host."""
    return lambda: http.client.HTTPConnection("127.0.0.1", port, timeout=30)


def tls(port: int) -> Connect:
    """The same through a TLS terminator, with any certificate."""
    context: ssl.SSLContext = trusting()
    return lambda: http.client.HTTPSConnection("127.0.0.1", port, timeout=30, context=context)


@contextmanager
def probing(connect: Connect, key: str) -> Iterator[dict[str, Times]]:
    """Times of ``live``, ``ready`` and ``ban`` during the block; each has its own connections and
    its own thread."""
    found = {"live": Times(), "ready": Times(), "ban": Times()}
    end = threading.Event()

    def ask(name: str, method: str, path: str, wanted: tuple[int, ...]) -> None:
        number = 0
        while not end.is_set():
            number += 1
            body = json.dumps({"ip": f"10.{number >> 16}.{(number >> 8) & 255}.{number & 255}"})
            begin = time.monotonic()
            try:
                _request(connect(), method, path, body if method == "POST" else None, key, wanted)
                found[name].seconds.append(time.monotonic() - begin)
            except (OSError, http.client.HTTPException) as exc:
                found[name].errors.append(repr(exc))
            end.wait(_PAUSE_S)

    asked = [
        ("live", "GET", "/health/live", (200,)),
        ("ready", "GET", "/health/ready", (200, 503)),
        ("ban", "POST", "/blacklist", (200, 201, 202)),
    ]
    threads = [threading.Thread(target=ask, args=each) for each in asked]
    for thread in threads:
        thread.start()
    try:
        yield found
    finally:
        end.set()
        for thread in threads:
            thread.join(60)


def _request(
    connection: http.client.HTTPConnection,
    method: str,
    path: str,
    body: str | None,
    key: str,
    wanted: tuple[int, ...],
) -> None:
    try:
        headers = {"X-SecBeat-API-Key": key, "Content-Type": "application/json"}
        connection.request(method, "/api/v1" + path, body, headers)
        answer = connection.getresponse()
        text = answer.read()
    finally:
        connection.close()
    if answer.status not in wanted:
        raise http.client.HTTPException(f"{answer.status} {text[:200]!r}")
