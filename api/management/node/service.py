"""What the node says of itself, from what the data plane publishes. Writes nothing."""

from __future__ import annotations

from collections import Counter
from typing import Literal, cast

from api.common.errors import FieldError, UnavailableError
from api.common.schemas import rfc3339
from api.management.database import Database
from api.management.dataplane import Dataplane
from api.management.node.schemas import (
    CapacityBody,
    Connections,
    CountriesBody,
    ListsBody,
    PortBody,
    RevisionPair,
    StatsBody,
    StatusBody,
)
from api.management.revisions.publisher import Publisher, newest_revision
from api.management.settings import ApiSettings
from dataplane.errors import DataplaneAwayError
from dataplane.stats import NodeStats, PortStats
from dataplane.version import version

HEARTBEAT_S_MAX = 2.0
"""A control loop that turned last longer ago hangs; its own watchdog uses the same bound."""
AWAY = "dataplane_away"
_RETRY_AFTER_S = 1
_MB = 1_000_000

Health = Literal["healthy", "degraded", "unhealthy"]


class NodeView:
    """Status, statistics and readiness."""

    def __init__(
        self, settings: ApiSettings, database: Database, publisher: Publisher, dataplane: Dataplane
    ) -> None:
        self._settings = settings
        self._database = database
        self._publisher = publisher
        self._dataplane = dataplane
        self._version = version()

    def status(self) -> StatusBody:
        """The node at a glance; also without a data plane."""
        stats = self._stats()
        health, reasons = _health(stats)
        with self._database.read() as connection:
            committed = newest_revision(connection)
        mine = stats is not None and stats.database_id == self._publisher.database_id
        body = {
            "status": _status(stats, health),
            "mode": "syn" if stats is not None and stats.syn_proxy_profiles else "tcp",
            "mode_configured": self._settings.mode,
            "uptime_seconds": int(stats.uptime_s) if stats else 0,
            "connections": _connections(stats),
            "health": health,
            "reasons": reasons,
            "revision": RevisionPair(
                committed=committed, applied=stats.applied_through if stats and mine else None
            ),
            "database_id": str(self._publisher.database_id),
            "countries": _countries(stats),
            "version": self._version,
        }
        return StatusBody.model_validate(body)

    def stats(self) -> StatsBody:
        """The counters. Raises `UnavailableError` without a data plane."""
        stats = self._stats()
        if stats is None:
            raise UnavailableError("the data plane is away", retry_after_s=_RETRY_AFTER_S)
        dropped = Counter[str]()
        for port in stats.ports.values():
            dropped.update(port.dropped)
        would = Counter[str]()
        for cell in stats.reasons:
            if cell.mode == "monitor":
                would[cell.reason] += cell.packets
        return StatsBody(
            packets_processed=sum(port.received for port in stats.ports.values()),
            packets_dropped=dropped.total(),
            dropped_by_reason=dict(dropped),
            would_drop_by_reason=dict(would),
            attacks_blocked=None,
            requests_per_second=None,
            latency_ms=stats.latency_mean_ns / 1e6,
            latency_of="packet",
            cpu_percent=round(stats.cpu_busy_percent, 2),
            memory_mb=round(stats.memory_bytes / _MB, 1),
            ports={name: _port(port) for name, port in stats.ports.items()},
            lists=_lists(stats),
        )

    def check_ready(self) -> None:
        """Raise `UnavailableError` unless the database is writable and the data plane seen."""
        missing = []
        try:
            self._database.check_writable()
        except Exception as exc:  # whatever it is, the node is not ready
            missing.append(FieldError("database", str(exc)[:200], "writable", "can't be written"))
        if self._stats() is None:
            missing.append(FieldError("dataplane", None, "observed", "the data plane is away"))
        if missing:
            message = "; ".join(f"{each.field}: {each.message}" for each in missing)
            raise UnavailableError(message, errors=missing, retry_after_s=_RETRY_AFTER_S)

    def _stats(self) -> NodeStats | None:
        try:
            return self._dataplane.stats()
        except DataplaneAwayError:
            return None


def _health(stats: NodeStats | None) -> tuple[Health, list[str]]:
    if stats is None:
        return "unhealthy", [AWAY]
    if stats.heartbeat_age_s > HEARTBEAT_S_MAX:
        return "unhealthy", ["dataplane_stalled", *stats.degraded]
    return ("degraded" if stats.degraded else "healthy"), list(stats.degraded)


def _connections(stats: NodeStats | None) -> Connections:
    if stats is None:
        return Connections(active=None, total=None)
    return Connections(active=stats.connections.active, total=stats.connections.opened)


def _countries(stats: NodeStats | None) -> CountriesBody | None:
    if stats is None or stats.countries is None:
        return None
    found = stats.countries
    return CountriesBody(
        date=rfc3339(found.date_s * 1000),
        ranges_ipv4=found.ranges_ipv4,
        ranges_ipv6=found.ranges_ipv6,
    )


def _status(stats: NodeStats | None, health: Health) -> str:
    if stats is None or (health != "healthy" and stats.state == "running"):
        return "degraded"
    return stats.state


def _port(port: PortStats) -> PortBody:
    fields = {name: getattr(port, name) for name in PortBody.model_fields if name != "dropped"}
    return PortBody(dropped=sum(port.dropped.values()), **cast("dict[str, int]", fields))  # type: ignore[arg-type]


def _lists(stats: NodeStats) -> ListsBody:
    sizes = stats.capacities
    return ListsBody(
        addresses=CapacityBody(used=sizes.addresses_used, max=sizes.addresses_max),
        prefixes_ipv4=CapacityBody(used=sizes.prefixes_used_ipv4, max=sizes.prefixes_max),
        prefixes_ipv6=CapacityBody(used=sizes.prefixes_used_ipv6, max=sizes.prefixes_max),
    )
