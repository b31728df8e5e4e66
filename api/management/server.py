"""``secbeat-api``: Gunicorn with one worker process, an event loop and threads for the application.

Whoever writes ``node.db`` holds an exclusive lock on a file beside it. A worker takes it before it
opens anything and waits while another one that is being stopped still has it, so even a reload
never has two writers. A second server on the same database ends at once.
"""

from __future__ import annotations

import fcntl
import gc
import logging
import os
import resource
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any, cast

from gunicorn.app.base import BaseApplication
from gunicorn.util import parse_address

from api.common.disk import StorageError, written
from api.management import terminator
from api.management.settings import ApiSettings
from dataplane.base.errors import ConfigurationError, SecBeatError
from dataplane.base.notify import Notifier

if TYPE_CHECKING:
    from flask import Flask

    from api.management.compose import Node
    from api.management.waiting import Waiting
    from api.serving.bridge import Lanes

GRACE_S = 20
"""For requests under way at SIGTERM."""
START_S_MAX = 180
"""A worker that is not serving by then (a large snapshot to write) is started again."""
_LOCK_S_MAX = 30
_SOCKET_UMASK = 0o117
"""Gunicorn binds the Unix socket with it: mode 0660."""
CONNECTIONS_MAX = 2048
OTHER_FILES = 256
"""Of the process: database, uploads, the data plane. Both fit into the unit's LimitNOFILE."""
_SWITCH_S = 0.0002
"""Background work must not keep a ban waiting for the interpreter; Python's default is 5 ms."""

log = logging.getLogger(__name__)


class BusyError(SecBeatError):
    """Another process writes this database."""

    exit_code = 75


class Server(BaseApplication):  # type: ignore[misc]
    """The application as Gunicorn loads it, in the worker, after the fork."""

    def __init__(
        self, settings: ApiSettings, environment: dict[str, str], logging_: dict[str, Any]
    ) -> None:
        self._logging = logging_
        self._settings = settings
        self._environment = environment
        self._stop: Callable[[], None] = lambda: None
        super().__init__()

    def load_config(self) -> None:
        """Gunicorn's settings; nothing is read from files, arguments or the environment."""
        unix_socket = self._settings.unix_socket
        for name, value in {
            "bind": [self._settings.bind, *([f"unix:{unix_socket}"] if unix_socket else [])],
            "umask": _SOCKET_UMASK,
            "when_ready": lambda _server: terminator.open_to_group(unix_socket),
            "workers": 1,
            "worker_class": "api.serving.worker.Worker",
            "worker_connections": room_for_connections(),
            "asgi_loop": "asyncio",
            "asgi_lifespan": "off",
            "asgi_disconnect_grace_period": 0,  # what waits for a thread need not have one then
            "timeout": START_S_MAX,
            "graceful_timeout": GRACE_S,
            "keepalive": 5,
            "control_socket_disable": True,
            "accesslog": None,
            "worker_tmp_dir": "/dev/shm" if Path("/dev/shm").is_dir() else None,  # noqa: S108
            "forwarded_allow_ips": "",
            "forwarder_headers": "",
            "secure_scheme_headers": {"X-FORWARDED-PROTO": "https"},
            "logconfig_dict": self._logging,
            "worker_exit": lambda _server, _worker: self._stop(),
            "proc_name": "secbeat-api",
        }.items():
            self.cfg.set(name, value)

    def load(self) -> Any:
        """In the worker: take the lock, compose, start what runs in the background, say READY."""
        from api.common import logs  # noqa: PLC0415 - not in the master
        from api.management.app import LIVE  # noqa: PLC0415
        from api.serving.bridge import Bridge  # noqa: PLC0415
        from api.serving.watchdog import Watchdog  # noqa: PLC0415

        sys.setswitchinterval(_SWITCH_S)
        logs.configure()
        running = _Running(self._settings)
        try:
            app = running.begin()
        except SecBeatError as exc:
            log.critical("can't start: %s", exc)
            sys.exit(exc.exit_code)
        notifier = Notifier(self._environment, os.getppid())
        address = parse_address(self._settings.bind)
        watchdog = Watchdog(notifier, address, LIVE, running.works)

        def stop() -> None:
            watchdog.stop()
            running.end()

        self._stop = stop
        notifier.ready()
        watchdog.start()
        return Bridge(app, self._settings.threads, running.lanes)


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
        from api.management.app import create_app, lanes_of, node_of  # noqa: PLC0415

        if self._lock < 0:
            self._lock = _wait_for_lock(self._settings.database)
        app = create_app(self._settings)
        self._node = node_of(app)
        self._node.housekeeper.start()
        self._lanes = lanes_of(app)
        return app


def run(settings: ApiSettings) -> int:
    """Serve until SIGTERM; returns the exit code. Raises `BusyError` beside another server."""
    # structlog would load rich for coloured tracebacks, which JSON never shows: 3 MB a process.
    sys.modules.setdefault("rich", cast("ModuleType", None))
    from api.common import logs  # noqa: PLC0415 - after that

    logs.configure()
    terminator.check(settings.unix_socket)
    with suppress(StorageError):  # the worker says so, and waits
        os.close(_take_lock(settings.database))  # for a clear message; the worker's is what counts
    gc.collect()
    gc.freeze()  # a collection in the worker would write to, and so copy, what it shares: 4 MB
    environment = dict(os.environ)
    os.environ.pop("NOTIFY_SOCKET", None)  # Gunicorn's master would say READY before the worker is
    try:
        Server(settings, environment, logs.CONFIGURATION).run()
    except SystemExit as exc:
        return exc.code if isinstance(exc.code, int) else 0 if exc.code is None else 1
    return 0


def room_for_connections() -> int:
    """How many connections may be open: one beyond the limit of files would stop all accepting."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = CONNECTIONS_MAX + OTHER_FILES
    if soft < wanted:
        soft = min(wanted, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    found = min(CONNECTIONS_MAX, soft - OTHER_FILES)
    if found < 1:
        raise ConfigurationError(f"{soft} open files are allowed; the API needs {OTHER_FILES + 1}")
    return found


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
