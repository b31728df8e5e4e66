"""The only interface to a running data plane for code outside `dataplane`.

There are three leases: `observe` reads statistics, `control` can also send commands, `events` can
also read events. Each is a connection; its end releases the lease. Results are plain values
(`dataplane.shared.stats`, `dataplane.shared.events`).

Fork: a lease belongs to the process that opened it. Connect after forking, never before: a child
that inherits a lease keeps it open as long as it lives.
"""

from __future__ import annotations

from pathlib import Path

from dataplane.client.controller import Control
from dataplane.client.lease import connect
from dataplane.client.observer import Observer
from dataplane.client.receiver import Events
from dataplane.native.library import load
from dataplane.shared.events import DropSample, Notice, RuleTriggered
from dataplane.shared.evidence import Evidence
from dataplane.shared.explained import PacketExplanation, PacketQuestion
from dataplane.shared.transport.protocol import Explanation, Want

__all__ = [
    "Control",
    "DropSample",
    "Events",
    "Evidence",
    "Explanation",
    "Notice",
    "Observer",
    "PacketExplanation",
    "PacketQuestion",
    "RuleTriggered",
    "control",
    "events",
    "observe",
]


def observe(socket: Path, timeout_s: float = 1.0) -> Observer:
    """Read statistics of the data plane that listens on this path.

    Raises DataplaneAwayError (nothing listens or answers, or it is another build) and
    LeaseBusyError (too many observers).
    """
    return Observer(connect(socket, Want.OBSERVE, timeout_s))


def control(socket: Path, timeout_s: float = 1.0) -> Control:
    """Take the control lease; waits at most 5 s for the present holder; see `observe`."""
    library = load()
    return Control(connect(socket, Want.CONTROL, timeout_s), library)


def events(socket: Path, timeout_s: float = 1.0) -> Events:
    """Take the events lease; waits at most 5 s for the present holder; see `observe`."""
    library = load()
    return Events(connect(socket, Want.EVENTS, timeout_s), library)
