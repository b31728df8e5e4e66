"""The node beside the data plane: whether the API is ready, and the free disk space.

A thread of its own asks the API, as any client without a key may (`GET /health/ready`), so that no
scrape waits for it. The free space comes from the kernel: the agent may not write on that disk, and
exports the figures also while the API is away.
"""

from __future__ import annotations

import http.client
import json
import os
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from api.agent.metrics.metric import Sample, Scalar, single

READY_PATH = "/api/v1/health/ready"
INTERVAL_S = 5.0
TIMEOUT_S = 2.0
_BODY_BYTES_MAX = 1 << 16


@dataclass(frozen=True)
class View:
    """The values at one instant; None: not known."""

    api_up: bool = False
    writable: bool | None = None
    free_bytes: int | None = None
    size_bytes: int | None = None


class Sight(Protocol):
    """The source of these metrics."""

    def view(self) -> View:
        """The values now."""


class Surroundings:
    """Asks the API every five seconds, from `start` to `close`."""

    def __init__(self, api: str, state_dir: Path) -> None:
        host, _, port = api.rpartition(":")
        self._address = host.strip("[]"), int(port)
        self._state_dir = state_dir
        self._api: tuple[bool, bool | None] = (False, None)
        self._end = threading.Event()

    def start(self) -> None:
        """Start the thread."""
        threading.Thread(target=self._run, name="surroundings", daemon=True).start()

    def close(self) -> None:
        """End the thread; idempotent."""
        self._end.set()

    def view(self) -> View:
        """The values now; for the API, its last answer."""
        return View(*self._api, *_space(self._state_dir))

    def ask(self) -> None:
        """Ask the API once."""
        connection = http.client.HTTPConnection(*self._address, timeout=TIMEOUT_S)
        try:
            connection.request("GET", READY_PATH)
            answer = connection.getresponse()
            self._api = True, _is_writable(answer.status, answer.read(_BODY_BYTES_MAX))
        except (OSError, http.client.HTTPException):
            self._api = False, None
        finally:
            connection.close()

    def _run(self) -> None:
        while True:
            self.ask()
            if self._end.wait(INTERVAL_S):
                return


def _is_writable(status: int, body: bytes) -> bool | None:
    """True: ready, or not ready for another reason than its storage; None: not a valid answer."""
    if status == http.HTTPStatus.OK:
        return True
    try:
        return all(error["field"] != "storage" for error in json.loads(body)["errors"])
    except (ValueError, KeyError, TypeError):
        return None


def _space(directory: Path) -> tuple[int | None, int | None]:
    try:
        found = os.statvfs(directory)
    except OSError:
        return None, None
    return found.f_bavail * found.f_frsize, found.f_blocks * found.f_frsize


def _if_known(value: float | None) -> Iterator[Sample]:
    return iter(()) if value is None else single(value)


SURROUNDINGS: tuple[Scalar[View], ...] = (
    Scalar("gauge", "secbeat_api_up", "1: the management API answers.", lambda v: single(v.api_up)),
    Scalar(
        "gauge",
        "secbeat_storage_writable",
        "1: the storage can be written; no sample while the management API does not answer.",
        lambda view: _if_known(view.writable),
    ),
    Scalar(
        "gauge",
        "secbeat_storage_free_bytes",
        "Free space for the node's user on the file system of the state directory.",
        lambda view: _if_known(view.free_bytes),
    ),
    Scalar(
        "gauge",
        "secbeat_storage_size_bytes",
        "Size of the file system of the state directory.",
        lambda view: _if_known(view.size_bytes),
    ),
)
