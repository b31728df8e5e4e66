"""``secbeat-orchestrator``: Gunicorn with one worker on SQLite, or several on PostgreSQL.

SQLite's file has one writer, which holds the lock beside it (`api.storage.alone`).
"""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from api.common.disk import StorageError
from api.orchestrator.metrics.pages import Page, Pages
from api.orchestrator.settings import OrchestratorSettings
from api.serving.connections import terminator
from api.serving.server import Server, leave_out_rich, serve
from api.storage.opening import sqlite_path
from dataplane.base.errors import ConfigurationError

if TYPE_CHECKING:
    from pathlib import Path

    from api.orchestrator.metrics.collecting import FleetCollector
    from api.serving.running import Serving

SOCKET_KEY = "socket"
"""The key of the socket's path in ``orchestrator.toml``."""


def run(settings: OrchestratorSettings) -> int:
    """Serve until SIGTERM; returns the exit code.

    Raises:
        BusyError: another orchestrator has this SQLite file open.
        ConfigurationError: several workers with SQLite.
    """
    leave_out_rich()
    from api.common import logs  # noqa: PLC0415 - after that

    logs.configure()
    terminator.check(SOCKET_KEY, settings.unix_socket)
    file = sqlite_path(settings.database)
    if file is not None:
        _check_alone(file, settings.workers)
    pages = Pages(settings.workers)
    unix_socket, environment = settings.unix_socket, dict(os.environ)
    return serve(
        Server(
            "secbeat-orchestrator",
            [*settings.binds, *([f"unix:{unix_socket}"] if unix_socket else [])],
            lambda: _begin(settings, file, pages, environment),
            logs.CONFIGURATION,
            {
                "workers": settings.workers,
                "when_ready": lambda _server: terminator.open_to_group(SOCKET_KEY, unix_socket),
            },
        )
    )


def _check_alone(file: Path, workers: int) -> None:
    from api.storage.alone import take_lock  # noqa: PLC0415

    if workers > 1:
        raise ConfigurationError(
            f"workers = {workers}: the SQLite file {file} can have 1; several need PostgreSQL "
            '(database = "postgresql://...")'
        )
    with suppress(StorageError):  # the worker says so, and waits
        os.close(take_lock(file))  # for a clear message; the worker's is what counts


def _begin(
    settings: OrchestratorSettings, file: Path | None, pages: Pages, environment: dict[str, str]
) -> tuple[Any, Callable[[], None]]:
    """In a worker: compose, start the background work, report READY."""
    from api.common import logs  # noqa: PLC0415 - not in the master
    from api.orchestrator.metrics.collecting import FleetCollector  # noqa: PLC0415
    from api.orchestrator.metrics.exporting import Exporting  # noqa: PLC0415
    from api.serving.running import begin  # noqa: PLC0415

    logs.configure()
    lock: list[int] = []  # held from the first try until the end
    page, collector = pages.take(), FleetCollector(pages)
    exporting = Exporting(pages, settings.metrics, collector)
    exporting.start()
    bridge, stop = begin(
        lambda: _make(settings, file, lock, page, collector),
        settings.binds[0],
        settings.threads,
        environment,
    )

    def end() -> None:
        exporting.stop()
        stop()
        while lock:
            os.close(lock.pop())

    return bridge, end


def _make(
    settings: OrchestratorSettings,
    file: Path | None,
    lock: list[int],
    page: Page,
    collector: FleetCollector,
) -> Serving:
    from api.orchestrator.app import create_app, orchestrator_of  # noqa: PLC0415
    from api.orchestrator.shortcuts import first_of  # noqa: PLC0415
    from api.serving.application import lanes  # noqa: PLC0415
    from api.serving.running import Serving  # noqa: PLC0415
    from api.storage.alone import wait_for_lock  # noqa: PLC0415

    if file is not None and not lock:
        lock.append(wait_for_lock(file))
    app = create_app(settings, page=page)
    made = orchestrator_of(app)
    collector.open(made.database, [each.name for each in made.operations], made.metrics)
    made.start()
    works = made.housekeeper.works
    return Serving(app, lanes(made.operations), works, made.close, first_of(made.shortcuts))
