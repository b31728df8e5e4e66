"""One attempt: a POST to a checked address, in bounded time, without redirects or proxies."""

from __future__ import annotations

import socket
import ssl
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from http import HTTPStatus
from http.client import HTTPException

from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.exceptions import HTTPError

from api.webhooks.targets import Target

RETRY_AFTER_S_MAX = 3600
_ADDRESSES_MAX = 4
_ANSWER_BYTES_MAX = 1 << 14
_ERROR_CHARACTERS_MAX = 300
_OK, _REDIRECT, _REFUSED = range(200, 300), range(300, 400), range(300, 500)
BUSY = frozenset({HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.TOO_EARLY})


@dataclass(frozen=True)
class Outcome:
    """The outcome of an attempt."""

    status: int | None = None
    """HTTP status; None: there was no answer."""
    error: str | None = None
    """None: it was delivered."""
    retry_after_s: int = 0
    """The pause that the receiver asks for (Retry-After), in seconds; 0: none."""

    @property
    def is_delivered(self) -> bool:
        """Whether the receiver has accepted the message."""
        return self.error is None

    @property
    def is_refused(self) -> bool:
        """Whether the receiver works, but refuses this message."""
        return self.status in _REFUSED and self.status not in BUSY

    @property
    def label(self) -> str:
        """The outcome for metrics, from a closed set."""
        if self.is_delivered:
            return "delivered"
        return "refused" if self.is_refused else "failed" if self.status else "unreachable"


OUTCOMES = ("delivered", "refused", "failed", "unreachable")


def send(
    target: Target,
    addresses: Sequence[str],
    body: str,
    headers: Mapping[str, str],
    tls: Callable[[], ssl.SSLContext],
    timeout_s: float,
) -> Outcome:
    """Send a message to the first of ``addresses`` that accepts a connection.

    The addresses are those of the target, already checked; the certificate must be for the target's
    name. Never raises for network errors.
    """
    end = time.monotonic() + timeout_s
    outcome = Outcome(error=f"{target.host} has no address")
    for address in addresses[:_ADDRESSES_MAX]:
        outcome, is_connected = _try(target, address, body, headers, tls, end)
        if is_connected or time.monotonic() >= end:
            break
    if outcome.status is None and time.monotonic() >= end:
        return Outcome(error=f"no answer within {timeout_s:g} s")
    return outcome


def _try(
    target: Target,
    address: str,
    body: str,
    headers: Mapping[str, str],
    tls: Callable[[], ssl.SSLContext],
    end: float,
) -> tuple[Outcome, bool]:
    """The outcome, and whether there was a connection, so that the message may have arrived."""
    connection = _connection(target, address, tls, max(0.1, end - time.monotonic()))
    deadline = threading.Timer(max(0.1, end - time.monotonic()), _cut, [connection])
    deadline.daemon = True
    deadline.start()
    is_connected = False
    try:
        connection.connect()
        is_connected = True
        return _exchange(connection, target, body, headers), True
    except (HTTPError, HTTPException, OSError, ValueError) as error:
        return Outcome(error=_text(error)), is_connected
    finally:
        deadline.cancel()
        connection.close()


def _exchange(
    connection: HTTPConnection, target: Target, body: str, headers: Mapping[str, str]
) -> Outcome:
    host = target.shown.partition("://")[2]
    connection.request(
        "POST",
        target.request,
        body=body.encode(),
        headers={**headers, "Host": host, "Connection": "close"},
        preload_content=False,
        decode_content=False,
    )
    answer = connection.getresponse()
    outcome = _judged(answer.status, answer.headers.get("Retry-After", ""))
    with suppress(HTTPError, HTTPException, OSError, ValueError):  # only its status matters
        answer.read(_ANSWER_BYTES_MAX)
    return outcome


def _connection(
    target: Target, address: str, tls: Callable[[], ssl.SSLContext], timeout_s: float
) -> HTTPConnection:
    if target.scheme == "http":
        return HTTPConnection(address, target.port, timeout=timeout_s)
    return HTTPSConnection(
        address,
        target.port,
        timeout=timeout_s,
        ssl_context=tls(),
        server_hostname=target.host,
        assert_hostname=target.host,
    )


def _judged(status: int, wish: str) -> Outcome:
    if status in _OK:
        return Outcome(status)
    retry_after_s = min(int(wish), RETRY_AFTER_S_MAX) if wish.isascii() and wish.isdigit() else 0
    why = "redirects are not followed" if status in _REDIRECT else _phrase(status)
    return Outcome(status, f"HTTP {status}: {why}", retry_after_s)


def _phrase(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return "not known"


def _text(error: Exception) -> str:
    text = str(error) or type(error).__name__
    return text if len(text) <= _ERROR_CHARACTERS_MAX else text[:_ERROR_CHARACTERS_MAX] + "..."


def _cut(connection: HTTPConnection) -> None:
    """Close the connection of a receiver that exceeds the time limit, at any point of
    the answer."""
    found = connection.sock
    if found is not None:
        with suppress(OSError):  # it is gone already
            socket.socket.shutdown(found, socket.SHUT_RDWR)
