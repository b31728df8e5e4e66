"""``secbeat-orchestrator``: Gunicorn with one worker on SQLite, or several on PostgreSQL."""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Callable
from typing import Any

from gunicorn.util import parse_address

from api.orchestrator.settings import OrchestratorSettings
from api.serving.server import Server, leave_out_rich, serve
from dataplane.base.errors import SecBeatError
from dataplane.base.notify import Notifier

log = logging.getLogger(__name__)


def run(settings: OrchestratorSettings) -> int:
    """Serve until SIGTERM; returns the exit code."""
    leave_out_rich()
    from api.common import logs  # noqa: PLC0415 - after that

    logs.configure()
    unix_socket, environment = settings.unix_socket, dict(os.environ)
    return serve(
        Server(
            "secbeat-orchestrator",
            [*settings.binds, *([f"unix:{unix_socket}"] if unix_socket else [])],
            lambda: _begin(settings, environment),
            logs.CONFIGURATION,
            {"workers": settings.workers},
        )
    )


def _begin(
    settings: OrchestratorSettings, environment: dict[str, str]
) -> tuple[Any, Callable[[], None]]:
    """In a worker: compose, start what runs in the background, say READY."""
    from api.common import logs  # noqa: PLC0415 - not in the master
    from api.orchestrator.app import create_app, orchestrator_of  # noqa: PLC0415
    from api.serving.application import LIVE, lanes  # noqa: PLC0415
    from api.serving.bridge import Bridge  # noqa: PLC0415
    from api.serving.watchdog import Watchdog  # noqa: PLC0415

    logs.configure()
    try:
        app = create_app(settings)
    except SecBeatError as exc:
        log.critical("can't start: %s", exc)
        sys.exit(exc.exit_code)
    made = orchestrator_of(app)
    notifier = Notifier(environment, os.getppid())
    watchdog = Watchdog(notifier, parse_address(settings.binds[0]), LIVE, lambda: True)

    def stop() -> None:
        watchdog.stop()
        if made.scaler is not None:
            made.scaler.stop()
        made.close()

    found = lanes(made.operations)
    notifier.ready()
    watchdog.start()
    if made.scaler is not None:
        made.scaler.start()
    return Bridge(app, settings.threads, lambda: found), stop
