"""The content of a heartbeat."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from api.agent.fleet.following.part import Applied
from api.agent.fleet.reporting.load import Load
from api.common.contract.schemas import rfc3339
from api.common.health import DRAINING, STALLED, STEADY_S, Health, effective_mode, judge
from dataplane.base.clock import Clock
from dataplane.shared.stats import NodeStats

REASONS_MAX, REASON_LENGTH_MAX = 32, 200
REPORTED = frozenset({"policy", "lists", "rules", "drain"})
"""Parts that are reported to the orchestrator."""


class Reporter:
    """Used by the reporting thread only."""

    def __init__(
        self,
        stats: Callable[[], NodeStats | None],
        others: Callable[[], Sequence[str]],
        applied: Callable[[], Mapping[str, Applied]],
        address: Callable[[], str],
        version: str,
        clock: Clock,
        *,
        rule_types: Sequence[str] = (),
    ) -> None:
        """
        Args:
            stats: returns the statistics of the data plane; None: it is away.
            others: returns the reasons of a degraded node that do not come from the data plane.
            applied: returns the result for each part of the desired state.
            address: returns the address of the node's public metrics.
            version: version of the product.
            clock: gives the time and the boot id.
            rule_types: types of policy rules that this release supports.
        """
        self._stats = stats
        self._others = others
        self._applied = applied
        self._address = address
        self._version = version
        self._clock = clock
        self._rule_types = list(rule_types)
        self._load = Load()
        self._stalled_s: float | None = None

    def utc_ms(self) -> int:
        """The time for heartbeats, in milliseconds since 1970."""
        return self._clock.utc_ms()

    def about(self) -> dict[str, Any]:
        """Fields that a registration sends too."""
        return {"address": self._address(), "version": self._version}

    def heartbeat(self) -> dict[str, Any]:
        """The heartbeat without the incidents."""
        stats = self._stats()
        health, reasons = self._condition(stats)
        if stats is not None and stats.drain.state != "off":
            reasons = [DRAINING, *reasons]
        load = self._load.note(stats, self._clock.boot_ms() / 1000)
        return {
            **self.about(),
            "rule_types": self._rule_types,
            "boot_id": str(self._clock.boot_id()),
            "at": rfc3339(self._clock.utc_ms()),
            "mode": effective_mode(stats),
            "health": health,
            "reasons": [each[:REASON_LENGTH_MAX] for each in reasons[:REASONS_MAX]],
            "load": load,
            "stats": {} if stats is None else _figures(stats),
            "applied": {
                name: {
                    "epoch": each.epoch,
                    "number": each.number,
                    "state": each.state,
                    "message": each.message,
                }
                for name, each in self._applied().items()
                if name in REPORTED
            },
        }

    def _condition(self, stats: NodeStats | None) -> tuple[Health, list[str]]:
        """Health and reasons. A stall is reported only when it lasts: after a pause of the whole
        machine this thread may run before the data plane, and would report a stall that is already
        over; because of it a canary would return to its former policy."""
        others = self._others()
        health, reasons = judge(stats, others)
        if stats is None or STALLED not in reasons:
            self._stalled_s = None
            return health, reasons
        now_s = self._clock.boot_ms() / 1000
        if self._stalled_s is None:
            self._stalled_s = now_s
        if now_s - self._stalled_s < STEADY_S:
            return judge(replace(stats, heartbeat_age_s=0.0), others)
        return health, reasons


def _figures(stats: NodeStats) -> dict[str, float | int | None]:
    """Figures with the names of the node's ``GET /stats`` and ``/status``."""
    of_requests = effective_mode(stats) == "l7"
    dropped = sum(sum(port.dropped.values()) for port in stats.ports.values())
    latency_ns = stats.request_latency_mean_ns if of_requests else stats.latency_mean_ns
    return {
        "uptime_seconds": int(stats.uptime_s),
        "packets_processed": sum(port.received for port in stats.ports.values()),
        "packets_dropped": dropped,
        "would_drop": sum(each.packets for each in stats.reasons if each.mode == "monitor"),
        "attacks_blocked": stats.attacks_blocked,
        "attacks_active": sum(stats.detection.active.values()),
        "requests_per_second": round(stats.requests_per_second, 1) if of_requests else None,
        "latency_ms": latency_ns / 1e6,
        "connections_active": stats.connections.active,
        "connections_total": stats.connections.opened,
        "connections_proxied": stats.connections.proxied,
        "drain_complete": int(stats.drain.state == "complete"),
        "cpu_percent": round(stats.cpu_busy_percent, 2),
        "memory_mb": round(stats.memory_bytes / 1_000_000, 1),
    }
