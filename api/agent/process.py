"""Composes and runs ``secbeat-agent``: two exporters and an event log, until SIGTERM.

The main thread connects, drains events and feeds the watchdog. Scrapes and the requests to the API
have threads of their own.
"""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import structlog
from prometheus_client import CollectorRegistry, ProcessCollector

from api.agent.events.log import EventLog
from api.agent.fleet import compose as fleet
from api.agent.link import Link, LinkStats, Observer
from api.agent.logs import configure_logging
from api.agent.metrics.fleet import FleetCollector
from api.agent.metrics.internal import InternalCollector
from api.agent.metrics.public import PublicCollector
from api.agent.metrics.surroundings import Surroundings
from api.agent.metrics.tally import AgentTally
from api.agent.parts import Parts, start
from api.agent.recording.feed import Feed
from api.agent.settings import AgentSettings
from api.common.binds import present
from api.common.exporter import Exporter
from dataplane import client
from dataplane.base.clock import SystemClock
from dataplane.base.process.notify import Notifier
from dataplane.base.version import version

TURN_S = 0.1
"""A ring of 1024 events does not fill up in this time: drop samples are limited per reason and
second."""
DRAIN_MAX = 4096
CONNECT_S = 0.25
"""Limit of the main loop's wait for a lease that another agent holds."""


def run(settings: AgentSettings) -> int:
    """Run until SIGTERM or SIGINT; returns the exit code.

    Raises:
        ConfigurationError: a bind can't be had.
    """
    configure_logging()
    tally = AgentTally()
    observer: Link[Observer] = Link(
        "observe", lambda: client.observe(settings.socket, CONNECT_S), tally
    )
    events = Link("events", lambda: client.events(settings.socket, CONNECT_S), tally)
    stop = threading.Event()
    with ExitStack() as stack:
        stack.callback(observer.close)
        stack.callback(events.close)
        stack.enter_context(_stopped_by_signals(stop))
        sight = Surroundings(settings.api, settings.state_dir)
        sight.start()
        stack.callback(sight.close)
        parts = start(settings, observer, lambda: _beside(sight), SystemClock(), stack)
        if settings.fleet is not None:
            parts.fleet = fleet.start(
                settings.fleet, _node(settings, observer, sight, parts), stack
            )
        for binds, registry in _registries(
            settings, LinkStats(observer), sight, parts, tally
        ).items():
            for bind in present(binds):
                exporter = Exporter(bind, registry)
                exporter.start()
                stack.callback(exporter.close)
        notifier = stack.enter_context(Notifier(os.environ, os.getpid()))
        structlog.get_logger("agent").info("started", version=version())
        _work(observer, events, (EventLog(tally), parts.feed), notifier, stop)
    structlog.get_logger("agent").info("stopped")
    return 0


def _beside(sight: Surroundings) -> list[str]:
    """Reasons of a degraded node that do not come from the data plane."""
    view = sight.view()
    if not view.api_up:
        return ["api_away"]
    return ["storage"] if view.writable is False else []


def _node(
    settings: AgentSettings, observer: Link[Observer], sight: Surroundings, parts: Parts
) -> fleet.Node:
    """The parts of the agent that the node's side of a fleet needs."""
    return fleet.Node(
        id=settings.node_id,
        api=parts.api,
        stats=LinkStats(observer).read,
        others=lambda: [*_beside(sight), *parts.reasons()],
        journal=parts.journal,
        public=settings.public,
        clock=SystemClock(),
    )


def _registries(
    settings: AgentSettings,
    source: LinkStats,
    sight: Surroundings,
    parts: Parts,
    tally: AgentTally,
) -> dict[tuple[str, ...], CollectorRegistry]:
    """The registry of each port; metrics of the agent's own process are on the internal
    port only."""
    public = CollectorRegistry(auto_describe=False)
    public.register(PublicCollector(source, sight, parts, version()))
    internal = CollectorRegistry(auto_describe=False)
    internal.register(InternalCollector(source, tally))
    internal.register(FleetCollector(parts.fleet_view))
    ProcessCollector(namespace="secbeat_agent", registry=internal)
    return {settings.public: public, settings.internal: internal}


def _work(
    observer: Link[Observer],
    events: Link[client.Events],
    takers: tuple[EventLog, Feed],
    notifier: Notifier,
    stop: threading.Event,
) -> None:
    """The main loop; ready after the first attempt to connect: a node that is away is a metric."""
    watchdog = _Watchdog(notifier)
    observer.turn()
    notifier.ready()
    while not stop.wait(TURN_S):
        observer.check()
        observer.turn()
        # No check here: a lease whose data plane has ended still holds its last events.
        events.turn()
        found = events.use(lambda lease: lease.drain(DRAIN_MAX)) or ()
        for taker in takers:
            taker.take(found)
        watchdog.feed()
    notifier.stopping()


class _Watchdog:
    """Feeds the service manager's watchdog at the interval that it asks for."""

    def __init__(self, notifier: Notifier) -> None:
        self._notifier = notifier
        self._due_s = time.monotonic()

    def feed(self) -> None:
        interval_s = self._notifier.watchdog_interval_s
        if interval_s is not None and time.monotonic() >= self._due_s:
            self._notifier.watchdog()
            self._due_s = time.monotonic() + interval_s


@contextmanager
def _stopped_by_signals(stop: threading.Event) -> Iterator[None]:
    """SIGTERM and SIGINT set ``stop``; the previous handlers are restored at the end."""
    numbers = (signal.SIGTERM, signal.SIGINT)
    before = [signal.signal(number, lambda *_: stop.set()) for number in numbers]
    try:
        yield
    finally:
        for number, handler in zip(numbers, before, strict=True):
            signal.signal(number, handler)
