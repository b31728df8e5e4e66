"""Gunicorn as both APIs run it: an event loop and threads in each worker, bounded connections.

Gunicorn reads no configuration from files, arguments or the environment: a process has all of its
settings in its own settings object.
"""

from __future__ import annotations

import gc
import os
import resource
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any, cast

from gunicorn.app.base import BaseApplication

from api.common.binds import present
from api.serving.connections.head import PARSER
from dataplane.base.errors import ConfigurationError

GRACE_S = 20
"""Time for requests under way at SIGTERM."""
START_S_MAX = 180
"""A worker that does not serve by then (a large snapshot to write) is restarted."""
CONNECTIONS_MAX = 2048
OTHER_FILES = 256
"""File descriptors of the process for database, uploads, data plane. Both fit into the unit's
LimitNOFILE."""
_SWITCH_S = 0.0002
"""Background work must not make a ban wait for the interpreter; Python's default is 5 ms."""
_SOCKET_UMASK = 0o117
"""Gunicorn uses it for the Unix socket: mode 0660."""


class Server(BaseApplication):  # type: ignore[misc]
    """An application that Gunicorn loads in the worker, after the fork.

    ``begin`` makes it, and returns it with the function that ends it.
    """

    def __init__(
        self,
        name: str,
        binds: Sequence[str],
        begin: Callable[[], tuple[Any, Callable[[], None]]],
        logging: dict[str, Any],
        options: Mapping[str, Any],
    ) -> None:
        self._name = name
        self._binds = present(binds)
        self._begin = begin
        self._logging = logging
        self._options = options
        self._stop: Callable[[], None] = lambda: None
        super().__init__()

    def load_config(self) -> None:
        """Gunicorn's settings."""
        for name, value in {
            "bind": self._binds,
            "umask": _SOCKET_UMASK,
            "workers": 1,
            "worker_class": "api.serving.connections.worker.Worker",
            "worker_connections": room_for_connections(),
            "asgi_loop": "asyncio",
            "asgi_lifespan": "off",
            "asgi_disconnect_grace_period": 0,  # then requests that wait for a thread need not wait
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
            "proc_name": self._name,
            **PARSER,
            **self._options,
        }.items():
            self.cfg.set(name, value)

    def load(self) -> Any:
        """Called in the worker."""
        sys.setswitchinterval(_SWITCH_S)
        application, self._stop = self._begin()
        return application


def serve(server: Server) -> int:
    """Run the server until SIGTERM; returns the exit code."""
    gc.collect()
    gc.freeze()  # a collection in the worker would write to, and so copy, what it shares: 4 MB
    os.environ.pop("NOTIFY_SOCKET", None)  # Gunicorn's master would say READY before the worker is
    try:
        server.run()
    except SystemExit as exc:
        return exc.code if isinstance(exc.code, int) else 0 if exc.code is None else 1
    return 0


def leave_out_rich() -> None:
    """structlog would load rich for coloured tracebacks, which JSON logs do not show: 3 MB per
    process."""
    sys.modules.setdefault("rich", cast("ModuleType", None))


def room_for_connections() -> int:
    """Maximum number of connections: one beyond the limit of descriptors would stop all
    accepting."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = CONNECTIONS_MAX + OTHER_FILES
    if soft < wanted:
        soft = min(wanted, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    found = min(CONNECTIONS_MAX, soft - OTHER_FILES)
    if found < 1:
        raise ConfigurationError(f"{soft} open files are allowed; the API needs {OTHER_FILES + 1}")
    return found
