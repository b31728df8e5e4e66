"""``secbeat-api``: Gunicorn with one worker process, an event loop and threads for the application.

Whoever writes ``node.db`` holds an exclusive lock on a file beside it. A worker takes it before it
opens anything and waits while another one that is being stopped still has it, so even a reload
never has two writers. A second server on the same database ends at once.
"""

from __future__ import annotations

import fcntl
import logging
import os
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gunicorn.util import parse_address

from api.common.disk import StorageError, written
from api.management import terminator
from api.management.settings import ApiSettings
from api.serving.server import Server, leave_out_rich, serve
from dataplane.base.errors import SecBeatError
from dataplane.base.notify import Notifier

if TYPE_CHECKING:
    from flask import Flask

    from api.management.compose import Node
    from api.management.waiting import Waiting
    from api.serving.bridge import Lanes

_LOCK_S_MAX = 30
log = logging.getLogger(__name__)


class BusyError(SecBeatError):
    """Another process writes this database."""

    exit_code = 75


class _Running:
    """What a worker holds: the lock and the node, or who waits until there can be one."""

    def __init__(self, settings: ApiSettings) -> None:
        from api.management.waiting import LANES  # noqa: PLC0415 - not in the master

        self._settings = settings
        self._lock = -1
        self._node: Node | None = None
        self._waiting: Waiting | None = None
        self._lanes: Lanes = LANES

    def begin(self) -> Any:
        """The application, or what stands in for it."""
        from api.management.waiting import Waiting  # noqa: PLC0415 - not in the master

        try:
            return self._make()
        except StorageError as exc:
            self._waiting = Waiting(self._make, exc)
            self._waiting.start()
            return self._waiting

    def lanes(self) -> Lanes:
        """Those of the application as it is now."""
        return self._lanes

    def works(self) -> bool:
        """Whether background work goes on."""
        if self._node is not None:
            return self._node.housekeeper.works()
        return self._waiting is not None and self._waiting.works()

    def end(self) -> None:
        """Let go of everything."""
        if self._waiting is not None:
            self._waiting.stop()
        if self._node is not None:
            self._node.close()
        if self._lock >= 0:
            os.close(self._lock)

    def _make(self) -> Flask:
        from api.management.app import create_app, node_of  # noqa: PLC0415
        from api.serving.application import lanes  # noqa: PLC0415

        if self._lock < 0:
            self._lock = _wait_for_lock(self._settings.database)
        app = create_app(self._settings)
        self._node = node_of(app)
        self._node.housekeeper.start()
        self._lanes = lanes(self._node.operations)
        return app


def run(settings: ApiSettings) -> int:
    """Serve until SIGTERM; returns the exit code. Raises `BusyError` beside another server."""
    leave_out_rich()
    from api.common import logs  # noqa: PLC0415 - after that

    logs.configure()
    terminator.check(settings.unix_socket)
    with suppress(StorageError):  # the worker says so, and waits
        os.close(_take_lock(settings.database))  # for a clear message; the worker's is what counts
    unix_socket, environment = settings.unix_socket, dict(os.environ)
    return serve(
        Server(
            "secbeat-api",
            [settings.bind, *([f"unix:{unix_socket}"] if unix_socket else [])],
            lambda: _begin(settings, environment),
            logs.CONFIGURATION,
            {"when_ready": lambda _server: terminator.open_to_group(unix_socket)},
        )
    )


def _begin(settings: ApiSettings, environment: dict[str, str]) -> tuple[Any, Callable[[], None]]:
    """In the worker: take the lock, compose, start what runs in the background, say READY."""
    from api.common import logs  # noqa: PLC0415 - not in the master
    from api.serving.application import LIVE  # noqa: PLC0415
    from api.serving.bridge import Bridge  # noqa: PLC0415
    from api.serving.watchdog import Watchdog  # noqa: PLC0415

    logs.configure()
    running = _Running(settings)
    try:
        app = running.begin()
    except SecBeatError as exc:
        log.critical("can't start: %s", exc)
        sys.exit(exc.exit_code)
    notifier = Notifier(environment, os.getppid())
    watchdog = Watchdog(notifier, parse_address(settings.bind), LIVE, running.works)

    def stop() -> None:
        watchdog.stop()
        running.end()

    notifier.ready()
    watchdog.start()
    return Bridge(app, settings.threads, running.lanes), stop


def _take_lock(database: Path) -> int:
    path = database.with_name(database.name + ".lock")
    with written(database.parent):
        database.parent.mkdir(parents=True, exist_ok=True)
        fd = _open_lock(path)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as exc:
        os.close(fd)
        raise BusyError(f"another process has {path} and writes {database}") from exc
    return fd


def _open_lock(path: Path) -> int:
    try:
        return os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError:  # a read-only disk; a lock that is there needs no more (flock(2))
        if not path.exists():
            raise
        return os.open(path, os.O_RDONLY | os.O_CLOEXEC)


def _wait_for_lock(database: Path) -> int:
    deadline = time.monotonic() + _LOCK_S_MAX
    while True:
        try:
            return _take_lock(database)
        except BusyError as exc:
            if time.monotonic() > deadline:
                log.critical("can't start: %s", exc)
                sys.exit(exc.exit_code)
        time.sleep(0.05)
