"""``secbeat-api``: Gunicorn with one worker process, an event loop and threads for the application.

The writer of ``node.db`` holds the lock beside it (`api.storage.alone`). A second server on the
same database ends at once.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from api.common.disk import StorageError
from api.management.settings import ApiSettings
from api.serving.connections import terminator
from api.serving.server import Server, leave_out_rich, serve

if TYPE_CHECKING:
    from api.serving.running import Serving

SOCKET_KEY = "api.socket"
"""The key of the socket's path in ``secbeat.toml``."""


def run(settings: ApiSettings) -> int:
    """Serve until SIGTERM; returns the exit code. Raises `BusyError` beside another server."""
    leave_out_rich()
    from api.common import logs  # noqa: PLC0415 - after that
    from api.storage.alone import take_lock  # noqa: PLC0415

    logs.configure()
    terminator.check(SOCKET_KEY, settings.unix_socket)
    with suppress(StorageError):  # the worker says so, and waits
        os.close(take_lock(settings.database))  # for a clear message; the worker's is what counts
    unix_socket, environment = settings.unix_socket, dict(os.environ)
    return serve(
        Server(
            "secbeat-api",
            [*settings.binds, *([f"unix:{unix_socket}"] if unix_socket else [])],
            lambda: _begin(settings, environment),
            logs.CONFIGURATION,
            {"when_ready": lambda _server: terminator.open_to_group(SOCKET_KEY, unix_socket)},
        )
    )


def _begin(settings: ApiSettings, environment: dict[str, str]) -> tuple[Any, Callable[[], None]]:
    """In the worker: take the lock, compose, start the background work, report READY."""
    from api.common import logs  # noqa: PLC0415 - not in the master
    from api.serving.running import begin  # noqa: PLC0415

    logs.configure()
    lock: list[int] = []  # held from the first try until the end
    bridge, stop = begin(
        lambda: _make(settings, lock), settings.binds[0], settings.threads, environment
    )

    def end() -> None:
        stop()
        while lock:
            os.close(lock.pop())

    return bridge, end


def _make(settings: ApiSettings, lock: list[int]) -> Serving:
    from api.management.app import create_app, node_of  # noqa: PLC0415
    from api.serving.application import lanes  # noqa: PLC0415
    from api.serving.running import Serving  # noqa: PLC0415
    from api.storage.alone import wait_for_lock  # noqa: PLC0415

    if not lock:
        lock.append(wait_for_lock(settings.database))
    app = create_app(settings)
    node = node_of(app)
    node.housekeeper.start()
    return Serving(app, lanes(node.operations), node.housekeeper.works, node.close)
