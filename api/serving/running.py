"""The application of a worker, or a stand-in until the application can be made."""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from flask import Flask
from gunicorn.util import parse_address

from api.common.disk import StorageError
from api.serving.application import LIVE
from api.serving.bridge import Answered, Bridge, Lanes, Reading, Shortcut
from api.serving.waiting import LANES, Waiting
from api.serving.watchdog import Watchdog
from dataplane.base.errors import SecBeatError
from dataplane.base.process.notify import Notifier

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Serving:
    """An application and the objects that belong to it."""

    app: Flask
    lanes: Lanes
    works: Callable[[], bool]
    """Whether background work makes progress."""
    close: Callable[[], None]
    shortcut: Shortcut = lambda _environ: None


class Running:
    """Makes the application now, or as soon as its storage can be opened."""

    def __init__(self, make: Callable[[], Serving]) -> None:
        self._make = make
        self._serving: Serving | None = None
        self._waiting: Waiting | None = None

    def begin(self) -> Any:
        """The application, or its stand-in."""
        try:
            return self._made()
        except StorageError as exc:
            self._waiting = Waiting(self._made, exc)
            self._waiting.start()
            return self._waiting

    def lanes(self) -> Lanes:
        """The lanes of the present application."""
        return LANES if self._serving is None else self._serving.lanes

    def shortcut(self, environ: Mapping[str, Any]) -> Answered | Reading | None:
        """The shortcut of the application, once it is made."""
        return None if self._serving is None else self._serving.shortcut(environ)

    def works(self) -> bool:
        """Whether background work makes progress."""
        if self._serving is not None:
            return self._serving.works()
        return self._waiting is not None and self._waiting.works()

    def end(self) -> None:
        """Release all resources."""
        if self._waiting is not None:
            self._waiting.stop()
        if self._serving is not None:
            self._serving.close()

    def _made(self) -> Flask:
        self._serving = self._make()
        return self._serving.app


def begin(
    make: Callable[[], Serving], bind: str, threads: int, environment: dict[str, str]
) -> tuple[Bridge, Callable[[], None]]:
    """In a worker: make the application, report READY; returns it with the function that ends it.

    `bind` is the address for the watchdog's requests; `environment` is that of the service manager.
    """
    running = Running(make)
    try:
        app = running.begin()
    except SecBeatError as exc:
        log.critical("can't start: %s", exc)
        sys.exit(exc.exit_code)
    notifier = Notifier(environment, os.getppid())
    watchdog = Watchdog(notifier, parse_address(bind), LIVE, running.works)

    def stop() -> None:
        watchdog.stop()
        running.end()

    notifier.ready()
    watchdog.start()
    return Bridge(app, threads, running.lanes, running.shortcut), stop
