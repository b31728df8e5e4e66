"""Status and statistics of the node, from what the data plane publishes. Writes nothing."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import cast

from api.common.contract.errors import FieldError, UnavailableError
from api.common.contract.schemas import rfc3339
from api.common.health import Health, effective_mode, judge
from api.management.agent import AgentSight
from api.management.dataplane import Dataplane
from api.management.drain.service import Draining
from api.management.drain.views import state as drain_state
from api.management.node import now
from api.management.node.schemas import (
    CapacityBody,
    Connections,
    CountriesBody,
    LinksBody,
    ListsBody,
    PanicState,
    PortBody,
    PortLinkBody,
    RevisionPair,
    StatsBody,
    StatusBody,
    StorageBody,
)
from api.management.overlays.service import PANIC, Overlays
from api.management.policy import fleet
from api.management.policy.schemas import fleet_body
from api.management.policy.service import Policies
from api.management.revisions.publisher import Publisher, newest_revision
from api.management.settings import ApiSettings
from api.storage.sqlite import Database
from api.storage.trouble import CAUSE, Storage
from dataplane.base.errors import DataplaneAwayError
from dataplane.base.process import failure
from dataplane.base.version import version
from dataplane.shared.incidents import Incident
from dataplane.shared.stats import NodeStats, PortStats

_RETRY_AFTER_S = 1
_MB = 1_000_000


class NodeView:
    """Status, statistics and readiness."""

    def __init__(
        self,
        settings: ApiSettings,
        database: Database,
        publisher: Publisher,
        dataplane: Dataplane,
        storage: Storage,
        *,
        overlays: Overlays,
        draining: Draining,
        policies: Policies,
    ) -> None:
        self._settings = settings
        self._storage = storage
        self._database = database
        self._publisher = publisher
        self._dataplane = dataplane
        self._agent = AgentSight(settings.agent)
        self._overlays = overlays
        self._draining = draining
        self._policies = policies
        self._version = version()

    def status(self) -> StatusBody:
        """State and health of the node; also available without a data plane."""
        stats = self._stats()
        ours = [CAUSE] if self._storage.trouble else []
        health, reasons = judge(stats, [*ours, *self._agent.reasons()])
        with self._database.read() as connection:
            committed, ruling = newest_revision(connection), fleet.read(connection)
        policy = self._policies.current()
        mine = stats is not None and stats.database_id == self._publisher.database_id
        body = {
            "status": _status(stats, health, is_draining=self._draining.now() is not None),
            "mode": effective_mode(stats),
            "mode_configured": self._settings.mode,
            "uptime_seconds": int(stats.uptime_s) if stats else 0,
            "policy": now.policy(policy),
            "rates": now.rates(stats),
            "connections": _connections(stats),
            "attacks": now.attacks(stats, self._incidents()),
            "syn_proxy": now.syn_proxy(stats, policy),
            "health": health,
            "reasons": reasons,
            "dataplane_error": None if stats else self._dataplane_error(),
            "revision": RevisionPair(
                committed=committed, applied=stats.applied_through if stats and mine else None
            ),
            "database_id": str(self._publisher.database_id),
            "countries": _countries(stats),
            "storage": self._describe_storage(),
            "links": _links(stats),
            "fleet": fleet_body(ruling),
            "drain": drain_state(self._draining.now(), stats),
            **self._describe_overlays(),
            "version": self._version,
        }
        return StatusBody.model_validate(body)

    def stats(self) -> StatsBody:
        """The counters. Raises `UnavailableError` without a data plane."""
        stats = self._stats()
        if stats is None:
            raise UnavailableError("the data plane is away", retry_after_s=_RETRY_AFTER_S)
        dropped, link, neighbors = Counter[str](), Counter[str](), Counter[str]()
        inner = Counter[str]()
        for port in stats.ports.values():
            dropped.update(port.dropped)
            link.update({kind: packets for kind, packets in port.link.items() if packets})
            inner.update({kind: packets for kind, packets in port.inner.items() if packets})
            neighbors.update({said: packets for said, packets in port.neighbors.items() if packets})
        would, of_requests = Counter[str](), effective_mode(stats) == "l7"
        for cell in stats.reasons:
            if cell.mode == "monitor":
                would[cell.reason] += cell.packets
        return StatsBody(
            packets_processed=sum(port.received for port in stats.ports.values()),
            packets_dropped=dropped.total(),
            dropped_by_reason=dict(dropped),
            would_drop_by_reason=dict(would),
            link_by_kind=dict(link),
            encapsulated_by_kind=dict(inner),
            neighbors_by_protocol=dict(neighbors),
            connections_by_profile=dict(stats.connections.by_profile),
            attacks_blocked=stats.attacks_blocked,
            requests_per_second=round(stats.requests_per_second, 1) if of_requests else None,
            latency_ms=(stats.request_latency_mean_ns if of_requests else stats.latency_mean_ns)
            / 1e6,
            latency_of="request" if of_requests else "packet",
            cpu_percent=round(stats.cpu_busy_percent, 2),
            memory_mb=round(stats.memory_bytes / _MB, 1),
            ports={name: _port(port) for name, port in stats.ports.items()},
            lists=_lists(stats),
        )

    def check_ready(self) -> None:
        """Raise `UnavailableError` while changes can't be made durable, without a data plane, and
        while the node drains.

        Does not use the disk: changes and the background probe report its state.
        """
        trouble = self._storage.trouble
        missing = [] if trouble is None else list(trouble.anew().errors)
        if self._stats() is None:
            said = self._dataplane_error()
            message = "the data plane is away" + (f": {said}" if said else "")
            missing.append(FieldError("dataplane", None, "observed", message))
        drain = self._draining.now()
        if drain is not None:
            message = f"the node drains, as {drain.by!r} asked"
            missing.append(FieldError("drain", True, "not draining", message))
        if missing:
            message = "; ".join(f"{each.field}: {each.message}" for each in missing)
            raise UnavailableError(message, errors=missing, retry_after_s=_RETRY_AFTER_S)

    def _describe_storage(self) -> StorageBody:
        trouble, (free, size) = self._storage.trouble, self._storage.space()
        return StorageBody(
            writable=trouble is None,
            cause=None if trouble is None else str(trouble),
            free_bytes=free,
            size_bytes=size,
        )

    def _describe_overlays(self) -> dict[str, object]:
        laid = self._overlays.all()
        panic = next((each for each in laid if each.kind == PANIC), None)
        if panic is None:
            return {"panic": None, "overlays": len(laid)}
        until = rfc3339(panic.expires_utc_ms)
        found = PanicState(until=until, by=panic.created_by, reason=panic.reason)
        return {"panic": found, "overlays": len(laid)}

    def _dataplane_error(self) -> str | None:
        return failure.noted(self._settings.socket.parent)

    def _incidents(self) -> Sequence[Incident]:
        try:
            return self._dataplane.incidents()
        except DataplaneAwayError:
            return ()

    def _stats(self) -> NodeStats | None:
        try:
            return self._dataplane.stats()
        except DataplaneAwayError:
            return None


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


def _links(stats: NodeStats | None) -> LinksBody | None:
    if stats is None:
        return None
    found = stats.links
    ports = {
        name: PortLinkBody(up=port.is_up, held=port.is_held, can_be_held=port.can_be_held)
        for name, port in found.ports.items()
    }
    return LinksBody.model_validate(
        {
            "state": found.state,
            "seconds": found.age_s,
            "loss_forwarding": "on" if found.loss_forwarding else "off",
            "ports": ports,
        }
    )


def _status(stats: NodeStats | None, health: Health, *, is_draining: bool) -> str:
    if stats is None or (health != "healthy" and stats.state == "running"):
        return "degraded"
    return "draining" if is_draining and stats.state == "running" else stats.state


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
