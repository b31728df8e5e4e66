"""Composes recording and delivery: the database, its writers, and the control socket's actions."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass

from api.agent.control.actions import actions
from api.agent.control.server import ControlServer
from api.agent.fleet.asked import actions as fleet_actions
from api.agent.fleet.compose import Fleet
from api.agent.link import Link, LinkStats, Observer
from api.agent.metrics.fleet import FleetView
from api.agent.node_api import NodeApi
from api.agent.recording.attacks.captures import CaptureKeeper
from api.agent.recording.attacks.incidents import IncidentKeeper
from api.agent.recording.attacks.sight import TableSight
from api.agent.recording.baseline import BaselineKeeper
from api.agent.recording.feed import Feed
from api.agent.recording.journal.journal import Journal
from api.agent.recording.journal.retention import Retention
from api.agent.recording.names import ANSWER_S, RuleNames
from api.agent.recording.recorder import Recorder
from api.agent.response.responder import FAILING, Responder
from api.agent.settings import AgentSettings
from api.agent.webhooks.office import Office
from dataplane.base.clock import Clock

RECORDER_S_MAX = 60.0
"""A turn of the recorder that takes longer hangs, for example on a disk that does not answer."""
NOT_RECORDING = "events_not_recorded"
"""Reason of a degraded node: ``events.db`` can't be written, or not in time."""
DAMAGED = "events_damaged"
"""Reason of a degraded node: ``events.db`` was damaged recently; the damaged file was put aside."""


@dataclass
class Parts:
    """The parts of recording and delivery that the rest of the agent needs."""

    journal: Journal
    feed: Feed
    office: Office
    recorder: Recorder
    responder: Responder
    api: NodeApi
    fleet: Fleet | None = None
    """None: the node is in no fleet."""

    def reasons(self) -> list[str]:
        """The reasons for which the agent degrades the node; empty: none."""
        found = {
            NOT_RECORDING: not self.is_recording,
            DAMAGED: self.journal.was_damaged,
            FAILING: self.is_response_failing,
        }
        ours = [reason for reason, holds in found.items() if holds]
        return [*ours, *(self.fleet.contact.view().reasons() if self.fleet else ())]

    def fleet_view(self) -> FleetView | None:
        """The state of the fleet, for metrics."""
        if self.fleet is None:
            return None
        return FleetView(self.fleet.contact.view(), self.fleet.pursuit.applied())

    @property
    def events_lost(self) -> int:
        """Events that were never recorded."""
        return self.feed.lost

    @property
    def is_response_failing(self) -> bool:
        """Whether a response to an attack is wanted and fails."""
        return self.responder.is_failing

    @property
    def is_recording(self) -> bool:
        """Whether events can be recorded now."""
        hangs = time.monotonic() - self.recorder.turned_s > RECORDER_S_MAX
        return self.journal.is_open and not hangs


def start(
    settings: AgentSettings,
    observer: Link[Observer],
    others: Callable[[], Sequence[str]],
    clock: Clock,
    stack: ExitStack,
) -> Parts:
    """Start to record, to deliver and to answer; ``stack`` ends it.

    ``others``: reasons of a degraded node that do not come from the data plane. A database that
    can't be opened is opened as soon as possible.

    Raises:
        ConfigurationError: a secret or the control socket is unusable.
    """
    webhooks, sight = settings.webhooks, TableSight(clock)
    journal = Journal(settings.events, webhooks.endpoints, webhooks.events, clock)
    key_file = settings.events.with_name("agent.key")
    api = NodeApi(settings.api, key_file)
    feed = Feed(clock, RuleNames(NodeApi(settings.api, key_file, ANSWER_S)))
    office = Office(webhooks, journal, node_id=settings.node_id, clock=clock)
    journal.listeners.append(office.wake)
    responder = Responder(api, clock)
    recorder = Recorder(
        journal=journal,
        feed=feed,
        keeper=IncidentKeeper(journal, responder.response),
        baseline=BaselineKeeper(journal, lambda: observer.use(lambda lease: lease.baseline())),
        captures=CaptureKeeper(journal, clock),
        responder=responder,
        retention=Retention(journal, settings.keep),
        incidents=lambda: observer.use(sight.look),
        stats=LinkStats(observer).read,
        others=lambda: [
            *others(),
            *([DAMAGED] if journal.was_damaged else []),
            *([FAILING] if responder.is_failing else []),
        ],
        clock=clock,
    )
    parts = Parts(journal, feed, office, recorder, responder, api)
    control = ControlServer(
        settings.control,
        {**actions(office, parts.reasons), **fleet_actions(lambda: parts.fleet)},
    )
    stack.callback(journal.close)
    stack.callback(control.close)
    stack.callback(office.close)
    stack.callback(responder.close)
    stack.callback(recorder.close)
    recorder.start()
    office.start()
    responder.start()
    control.start()
    return parts
