"""Metrics of port 9191: the node by lcore, stage, reason and mode, and the agent itself."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from prometheus_client.core import InfoMetricFamily, Metric
from prometheus_client.registry import Collector

from api.agent.link import StatsSource
from api.agent.metrics.http import HTTP_INSIDE
from api.agent.metrics.metric import Sample, Scalar, families, single
from api.agent.metrics.tally import AgentTally
from dataplane.shared.stats import LcoreStats, NodeStats, OriginStats, PortStats, StageStats


class InternalCollector(Collector):
    """Reads node and agent at every scrape; metrics of the data plane have no samples while it is
    away."""

    def __init__(self, source: StatsSource, tally: AgentTally) -> None:
        self._source = source
        self._tally = tally

    def collect(self) -> Iterator[Metric]:
        """The families; every name is there in every state of the node."""
        stats = self._source.read()
        yield _database(stats)
        yield from families(NODE, stats)
        yield from families(AGENT, self._tally)


def _database(stats: NodeStats | None) -> Metric:
    family = InfoMetricFamily("secbeat_database", "The database whose state is applied.")
    if stats is not None and stats.database_id is not None:
        family.add_metric((), {"database_id": str(stats.database_id)})
    return family


def _by_lcore(read: Callable[[LcoreStats], float]) -> Callable[[NodeStats], Iterator[Sample]]:
    return lambda node: (((str(lcore.index),), read(lcore)) for lcore in node.lcores)


def _by_stage(read: Callable[[StageStats], float]) -> Callable[[NodeStats], Iterator[Sample]]:
    return lambda node: (
        ((str(lcore.index), name), read(stage))
        for lcore in node.lcores
        for name, stage in lcore.stages.items()
    )


def _by_origin(read: Callable[[OriginStats], float]) -> Callable[[NodeStats], Iterator[Sample]]:
    return lambda node: (((kind,), read(origin)) for kind, origin in node.origins.items())


def _by_port(read: Callable[[PortStats], float]) -> Callable[[NodeStats], Iterator[Sample]]:
    return lambda node: (((name,), read(port)) for name, port in node.ports.items())


def _by_link(node: NodeStats) -> Iterator[Sample]:
    for name, port in node.ports.items():
        for kind, packets in port.link.items():
            yield (name, kind), packets


def _by_encapsulation(node: NodeStats) -> Iterator[Sample]:
    for name, port in node.ports.items():
        for kind, packets in port.inner.items():
            yield (name, kind), packets


def _by_neighbor(node: NodeStats) -> Iterator[Sample]:
    for name, port in node.ports.items():
        for protocol, packets in port.neighbors.items():
            yield (name, protocol), packets


def _reasons(node: NodeStats) -> Iterator[Sample]:
    for cell in node.reasons:
        yield (cell.profile, cell.reason, cell.mode), cell.packets


def _connections_of(node: NodeStats) -> Iterator[Sample]:
    for profile, active in node.connections.by_profile.items():
        yield (profile,), active


def _by_end(node: NodeStats) -> Iterator[Sample]:
    for how in ("expired", "evicted", "untracked"):
        yield (how,), getattr(node.connections, how)


def _control_events_lost(node: NodeStats) -> Iterator[Sample]:
    return single(node.events_lost - sum(lcore.events_lost for lcore in node.lcores))


_LCORE = ("lcore",)
_STAGE = ("lcore", "stage")

NODE: tuple[Scalar[NodeStats], ...] = (
    Scalar(
        "counter",
        "secbeat_connections_opened_total",
        "Connections that were opened or picked up.",
        lambda node: single(node.connections.opened),
    ),
    Scalar(
        "gauge",
        "secbeat_connections_proven",
        "Tracked connections that are proven: the client receives packets sent to its address.",
        lambda node: single(node.connections.proven),
    ),
    Scalar(
        "gauge",
        "secbeat_profile_connections",
        "Tracked connections by the profile of their destination; profiles without any are left "
        "out.",
        _connections_of,
        ("profile",),
    ),
    Scalar(
        "gauge",
        "secbeat_connections_max",
        "Capacity for connections.",
        lambda node: single(node.capacities.connections_max),
    ),
    Scalar(
        "gauge",
        "secbeat_connections_opening",
        "Tracked connections for which the SYN proxy waits for the protected host.",
        lambda node: single(node.connections.opening),
    ),
    Scalar(
        "counter",
        "secbeat_connections_proxied_total",
        "Connections that the SYN proxy has opened for clients that returned a cookie.",
        lambda node: single(node.connections.accepted),
    ),
    Scalar(
        "counter",
        "secbeat_connections_proxied_failed_total",
        "SYN proxy: connections whose host refused or was silent, or whose client gave up.",
        lambda node: single(node.connections.failed),
    ),
    Scalar(
        "counter",
        "secbeat_connections_bad_checksum_packets_total",
        "RST and FIN with a wrong TCP checksum, which do not end their connection.",
        lambda node: single(node.connections.bad_checksum),
    ),
    Scalar(
        "counter",
        "secbeat_connections_forgotten_total",
        "Connections removed after their timeout (expired), replaced by a newer one (evicted), "
        "and new ones without a place (untracked).",
        _by_end,
        ("how",),
    ),
    Scalar(
        "counter",
        "secbeat_lcore_turns_total",
        "Turns of the worker loop: its heartbeat.",
        _by_lcore(lambda lcore: lcore.heartbeat),
        _LCORE,
    ),
    Scalar(
        "counter",
        "secbeat_lcore_busy_cycles_total",
        "TSC cycles in turns that had packets.",
        _by_lcore(lambda lcore: lcore.busy_cycles),
        _LCORE,
    ),
    Scalar(
        "counter",
        "secbeat_lcore_cycles_total",
        "TSC cycles in all turns.",
        _by_lcore(lambda lcore: lcore.total_cycles),
        _LCORE,
    ),
    Scalar(
        "counter",
        "secbeat_lcore_misrouted_packets_total",
        "Packets that arrived at an lcore that does not own their client.",
        _by_lcore(lambda lcore: lcore.misrouted),
        _LCORE,
    ),
    Scalar(
        "counter",
        "secbeat_lcore_handover_lost_packets_total",
        "Packets dropped because the ring to their owner was full.",
        _by_lcore(lambda lcore: lcore.handover_lost),
        _LCORE,
    ),
    Scalar(
        "counter",
        "secbeat_lcore_events_lost_total",
        "Events dropped because the lcore's ring to the agent was full.",
        _by_lcore(lambda lcore: lcore.events_lost),
        _LCORE,
    ),
    Scalar(
        "counter",
        "secbeat_stage_packets_total",
        "Packets that entered a stage.",
        _by_stage(lambda stage: stage.packets),
        _STAGE,
    ),
    Scalar(
        "counter",
        "secbeat_stage_dropped_packets_total",
        "Packets that a stage dropped.",
        _by_stage(lambda stage: stage.dropped),
        _STAGE,
    ),
    Scalar(
        "counter",
        "secbeat_stage_sampled_packets_total",
        "Packets in the bursts whose cycles were measured.",
        _by_stage(lambda stage: stage.sampled_packets),
        _STAGE,
    ),
    Scalar(
        "counter",
        "secbeat_stage_sampled_cycles_total",
        "TSC cycles of a stage over those bursts.",
        _by_stage(lambda stage: stage.sampled_cycles),
        _STAGE,
    ),
    Scalar(
        "counter",
        "secbeat_reason_packets_total",
        "Packets by profile, reason and mode: enforce dropped them, monitor would have.",
        _reasons,
        ("profile", "reason", "mode"),
    ),
    *HTTP_INSIDE,
    Scalar(
        "counter",
        "secbeat_link_packets_total",
        "Received packets that are link control or not IP, which no stage judges.",
        _by_link,
        ("port", "kind"),
    ),
    Scalar(
        "counter",
        "secbeat_encapsulated_packets_total",
        "Received packets of an encapsulation that was to be judged inside, or refused.",
        _by_encapsulation,
        ("port", "kind"),
    ),
    Scalar(
        "counter",
        "secbeat_neighbor_packets_total",
        "Packets of routing protocols of neighbours, which only sanity and lists judge.",
        _by_neighbor,
        ("port", "protocol"),
    ),
    Scalar(
        "counter",
        "secbeat_neighbor_beyond_packets_total",
        "Packets of neighbours beyond 10,000 a second, which were judged like all others.",
        lambda node: (((said,), packets) for said, packets in node.neighbors_beyond.items()),
        ("protocol",),
    ),
    Scalar(
        "counter",
        "secbeat_origin_originated_packets_total",
        "Packets that the node originated; the sum of sent and tx_full.",
        _by_origin(lambda origin: origin.originated),
        ("kind",),
    ),
    Scalar(
        "counter",
        "secbeat_origin_sent_packets_total",
        "Originated packets that were sent.",
        _by_origin(lambda origin: origin.sent),
        ("kind",),
    ),
    Scalar(
        "counter",
        "secbeat_origin_tx_full_packets_total",
        "Originated packets that were lost because the transmit queue was full.",
        _by_origin(lambda origin: origin.tx_full),
        ("kind",),
    ),
    Scalar(
        "counter",
        "secbeat_driver_missed_packets_total",
        "Packets the NIC dropped because its receive queue was full.",
        _by_port(lambda port: port.missed),
        ("port",),
    ),
    Scalar(
        "counter",
        "secbeat_driver_receive_errors_total",
        "Packets the driver received with an error.",
        _by_port(lambda port: port.errors),
        ("port",),
    ),
    Scalar(
        "counter",
        "secbeat_driver_no_mbuf_total",
        "Times the driver had no buffer for a packet.",
        _by_port(lambda port: port.no_mbuf),
        ("port",),
    ),
    Scalar(
        "counter",
        "secbeat_driver_transmit_errors_total",
        "Packets the driver could not transmit.",
        _by_port(lambda port: port.tx_errors),
        ("port",),
    ),
    Scalar(
        "gauge",
        "secbeat_mbufs_max",
        "Packet buffers.",
        lambda node: single(node.capacities.mbufs_max),
    ),
    Scalar(
        "gauge",
        "secbeat_mbufs_used",
        "Packet buffers in use.",
        lambda node: single(node.capacities.mbufs_used),
    ),
    Scalar(
        "gauge",
        "secbeat_hugepages",
        "1: packet memory lies in hugepages.",
        lambda node: single(node.hugepages),
    ),
    Scalar(
        "gauge",
        "secbeat_tsc_hertz",
        "TSC cycles per second.",
        lambda node: single(node.tsc_hz),
    ),
    Scalar(
        "gauge",
        "secbeat_control_heartbeat_age_seconds",
        "Time since the control loop's last turn.",
        lambda node: single(node.heartbeat_age_s),
    ),
    Scalar(
        "counter",
        "secbeat_control_events_lost_total",
        "Events dropped because the control loop's ring to the agent was full.",
        _control_events_lost,
    ),
    Scalar(
        "gauge",
        "secbeat_revision_applied",
        "Newest applied revision, except the one that is loading.",
        lambda node: single(node.applied_through),
    ),
    Scalar(
        "gauge",
        "secbeat_revision_loading",
        "Revision of an import that is still being loaded; 0: none.",
        lambda node: single(node.loading),
    ),
    Scalar(
        "counter",
        "secbeat_rejected_entries_total",
        "Entries, imports, policies and commits of prefixes that could not be applied.",
        lambda node: single(node.rejected_count),
    ),
)

AGENT: tuple[Scalar[AgentTally], ...] = (
    Scalar(
        "counter",
        "secbeat_agent_events_total",
        "Events received from the data plane, by kind.",
        lambda tally: tally.events(),
        ("kind",),
    ),
    Scalar(
        "counter",
        "secbeat_agent_events_unlogged_total",
        "Events that were counted but not logged, because there were too many.",
        lambda tally: single(tally.unlogged),
    ),
    Scalar(
        "gauge",
        "secbeat_agent_connected",
        "1: this client of the data plane is connected.",
        lambda tally: tally.connected(),
        ("client",),
    ),
    Scalar(
        "counter",
        "secbeat_agent_connections_total",
        "Connections to the data plane that were made.",
        lambda tally: tally.connections(),
        ("client",),
    ),
)
