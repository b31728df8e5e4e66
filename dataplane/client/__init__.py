"""The only interface to a running data plane for code outside `dataplane`: see `door`."""

from dataplane.client.door import (
    Control,
    DropSample,
    Events,
    Evidence,
    Explanation,
    Notice,
    Observer,
    PacketExplanation,
    PacketQuestion,
    RuleTriggered,
    control,
    events,
    observe,
)

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
