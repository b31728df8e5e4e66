"""A client of the management API that repeats each change until it is answered."""

from __future__ import annotations

import itertools
import threading
import uuid
from typing import Any, Protocol

import requests

WRITES_MAX = 90
"""Below the rate limit of a key."""
RETRY_S = 0.1
NOT_ANSWERED = (502, 503, 504)
"""The API is not reachable, or ended before its answer was complete."""
PAUSE_S = 0.05


class Api(Protocol):
    """A function that sends a request to a node's management API; the path begins after
    ``/api/v1``."""

    def __call__(
        self,
        method: str,
        path: str,
        key: str | None = None,
        headers: dict[str, str] | None = None,
        **arguments: Any,
    ) -> requests.Response: ...


class Writer:
    """Adds bans one after the other; repeats each with the same idempotency key until it is
    answered.

    The addresses are those of 203.0.113.0/24, from .1 on.
    """

    def __init__(self, api: Api, key: str) -> None:
        self._api = api
        self._key = key
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self.acknowledged: list[str] = []
        self.unexpected: list[str] = []

    def start(self) -> None:
        self._thread.start()

    def finish(self) -> None:
        self._stop.set()
        self._thread.join()

    def _run(self) -> None:
        for number in itertools.count(1):
            if self._stop.is_set() or number > WRITES_MAX:
                return
            self._write(f"203.0.113.{number}")
            self._stop.wait(PAUSE_S)

    def _write(self, address: str) -> None:
        headers = {"Idempotency-Key": str(uuid.uuid4())}
        while not self._stop.is_set():
            try:
                answer = self._api("POST", "/blacklist", self._key, headers, json={"ip": address})
            except requests.RequestException:
                self._stop.wait(RETRY_S)
                continue
            if answer.status_code in NOT_ANSWERED:
                self._stop.wait(RETRY_S)
                continue
            if answer.status_code in (201, 202):
                self.acknowledged.append(address)
            elif answer.status_code != 429:
                self.unexpected.append(f"{address}: {answer.status_code} {answer.text}")
            return
