"""``secbeat-api``: Gunicorn with one worker process of several threads around the application.

Whoever writes ``node.db`` holds an exclusive lock on a file beside it. A worker takes it before it
opens anything and waits while another one that is being stopped still has it, so even a reload
never has two writers. A second server on the same database ends at once.
"""

from __future__ import annotations

import fcntl
import gc
import json
import logging
import os
import sys
import threading
import time
import uuid
from collections.abc import Callable
from http import HTTPStatus
from pathlib import Path
from types import ModuleType
from typing import Any, cast

from gunicorn.app.base import BaseApplication
from gunicorn.workers.gthread import ThreadWorker

from api.management import terminator
from api.management.settings import ApiSettings
from dataplane.errors import SecBeatError
from dataplane.notify import Notifier

GRACE_S = 20
"""For requests under way at SIGTERM."""
START_S_MAX = 180
"""A worker that is not serving by then (a large snapshot to write) is started again."""
_LOCK_S_MAX = 30
_SOCKET_UMASK = 0o117
"""Gunicorn binds the Unix socket with it: mode 0660."""
_SWITCH_S = 0.0002
"""Background work must not keep a ban waiting for the interpreter; Python's default is 5 ms."""

log = logging.getLogger(__name__)


class BusyError(SecBeatError):
    """Another process writes this database."""

    exit_code = 75


class Worker(ThreadWorker):  # type: ignore[misc]
    """Gunicorn's threaded worker, whose own errors are problem documents too."""

    def handle_error(self, req: Any, client: Any, addr: Any, exc: Exception) -> None:
        """Answer what never reached the application: it was not HTTP, or beyond a limit."""
        from api.common import problems  # noqa: PLC0415 - not in the master

        answered = _StatusOf(client)
        super().handle_error(req, answered, addr, exc)
        detail = f"the request is not HTTP this server reads: {type(exc).__name__}"
        request_id = uuid.uuid4().hex
        log.info("not a request: %s, request id %s", type(exc).__name__, request_id)
        body = problems.document(answered.status, detail, (), request_id)
        text = (json.dumps(body) + "\n").encode()
        head = (
            f"HTTP/1.1 {answered.status} {HTTPStatus(answered.status).phrase}\r\n"
            f"Connection: close\r\nContent-Type: {problems.MEDIA_TYPE}\r\n"
            f"X-Request-ID: {request_id}\r\nContent-Length: {len(text)}\r\n\r\n"
        )
        try:
            client.sendall(head.encode() + text)
        except OSError:
            log.debug("the client is gone")


class _StatusOf:
    """Takes the status of Gunicorn's own HTML answer and drops the rest."""

    def __init__(self, client: Any) -> None:
        self._client = client
        self.status = 500

    def gettimeout(self) -> float | None:
        return None

    def setblocking(self, _flag: bool) -> None:
        return

    def sendall(self, data: bytes) -> None:
        parts = data.split(b" ", 2)
        if len(parts) > 1 and parts[1].isdigit():
            self.status = int(parts[1])

    def __getattr__(self, name: str) -> Any:
        return getattr(self._client, name)


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
            "worker_class": Worker,
            "threads": self._settings.threads,
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
        from api.common import logs  # noqa: PLC0415
        from api.management.app import create_app, node_of  # noqa: PLC0415 - not in the master

        sys.setswitchinterval(_SWITCH_S)
        logs.configure()
        lock = _wait_for_lock(self._settings.database)
        try:
            app = create_app(self._settings)
        except SecBeatError as exc:
            log.critical("can't start: %s", exc)
            sys.exit(exc.exit_code)
        node = node_of(app)
        node.housekeeper.start()
        notifier = Notifier(self._environment, os.getppid())
        watchdog = _Watchdog(notifier, node.housekeeper.works)

        def stop() -> None:
            watchdog.stop()
            node.close()
            os.close(lock)

        self._stop = stop
        notifier.ready()
        return app


class _Watchdog:
    """Tells the service manager, as often as it asks for, that background work goes on."""

    def __init__(self, notifier: Notifier, works: Callable[[], bool]) -> None:
        self._notifier = notifier
        self._works = works
        self._end = threading.Event()
        if notifier.watchdog_interval_s is not None:
            threading.Thread(target=self._run, name="watchdog", daemon=True).start()

    def stop(self) -> None:
        """No more signs of life."""
        self._end.set()
        self._notifier.stopping()

    def _run(self) -> None:
        while not self._end.wait(self._notifier.watchdog_interval_s):
            if self._works():
                self._notifier.watchdog()


def run(settings: ApiSettings) -> int:
    """Serve until SIGTERM; returns the exit code. Raises `BusyError` beside another server."""
    # structlog would load rich for coloured tracebacks, which JSON never shows: 3 MB a process.
    sys.modules.setdefault("rich", cast("ModuleType", None))
    from api.common import logs  # noqa: PLC0415 - after that

    settings.database.parent.mkdir(parents=True, exist_ok=True)
    logs.configure()
    terminator.check(settings.unix_socket)
    os.close(_take_lock(settings.database))  # for a clear message; the worker's own is what counts
    gc.collect()
    gc.freeze()  # a collection in the worker would write to, and so copy, what it shares: 4 MB
    environment = dict(os.environ)
    os.environ.pop("NOTIFY_SOCKET", None)  # Gunicorn's master would say READY before the worker is
    try:
        Server(settings, environment, logs.CONFIGURATION).run()
    except SystemExit as exc:
        return exc.code if isinstance(exc.code, int) else 0 if exc.code is None else 1
    return 0


def _take_lock(database: Path) -> int:
    path = database.with_name(database.name + ".lock")
    fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as exc:
        os.close(fd)
        raise BusyError(f"another process has {path} and writes {database}") from exc
    return fd


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
