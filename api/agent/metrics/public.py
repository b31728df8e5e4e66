"""Metrics of port 9090, for the node's operator. No label holds an address."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from prometheus_client.core import GaugeMetricFamily, InfoMetricFamily, Metric
from prometheus_client.registry import Collector

from api.agent.link import StatsSource
from api.agent.metrics.attacks import ATTACKS
from api.agent.metrics.http import HTTP
from api.agent.metrics.links import LINKS
from api.agent.metrics.metric import Histogram, Sample, Scalar, families, single
from api.agent.metrics.recording import RECORDING, Recording
from api.agent.metrics.surroundings import SURROUNDINGS, Sight
from dataplane.shared.labels import DEGRADED, REASONS, STATES
from dataplane.shared.stats import NodeStats, PortStats

_BYTES_PER_MBIT = 125_000


class PublicCollector(Collector):
    """Reads the node at every scrape. While it is away, ``secbeat_up`` is 0 and nothing stale is
    exported."""

    def __init__(
        self, source: StatsSource, sight: Sight, recording: Recording | None, version: str
    ) -> None:
        """``recording`` None: nothing is recorded, and its metrics have no samples."""
        self._source = source
        self._recording = recording
        self._sight = sight
        self._version = version

    def collect(self) -> Iterator[Metric]:
        """The families; every name is there in every state of the node."""
        stats = self._source.read()
        yield InfoMetricFamily("secbeat", "This node.", value={"version": self._version})
        yield GaugeMetricFamily("secbeat_up", "1: the data plane answers.", value=stats is not None)
        yield from families(SURROUNDINGS, self._sight.view())
        yield from families(RECORDING, self._recording)
        yield from families(PUBLIC, stats)


def _sum(read: Callable[[PortStats], float]) -> Callable[[NodeStats], Iterator[Sample]]:
    return lambda node: single(sum(read(port) for port in node.ports.values()))


def _by_port(read: Callable[[PortStats], float]) -> Callable[[NodeStats], Iterator[Sample]]:
    return lambda node: (((name,), read(port)) for name, port in node.ports.items())


def _dropped(node: NodeStats) -> Iterator[Sample]:
    for reason in REASONS:
        yield (reason,), sum(port.dropped.get(reason, 0) for port in node.ports.values())


def _would_drop(node: NodeStats) -> Iterator[Sample]:
    counts = dict.fromkeys(REASONS, 0)
    for cell in node.reasons:
        if cell.mode == "monitor":
            counts[cell.reason] = counts.get(cell.reason, 0) + cell.packets
    return (((reason,), count) for reason, count in counts.items())


def _country_ranges(node: NodeStats) -> Iterator[Sample]:
    if node.countries:
        yield ("ipv4",), node.countries.ranges_ipv4
        yield ("ipv6",), node.countries.ranges_ipv6


def _port_dropped(node: NodeStats) -> Iterator[Sample]:
    for name, port in node.ports.items():
        for reason in REASONS:
            yield (name, reason), port.dropped.get(reason, 0)


def _one_of(known: Iterable[str], actual: Iterable[str]) -> Iterator[Sample]:
    present = set(actual)
    return (((label,), label in present) for label in known)


def _prefixes_used(node: NodeStats) -> Iterator[Sample]:
    yield ("ipv4",), node.capacities.prefixes_used_ipv4
    yield ("ipv6",), node.capacities.prefixes_used_ipv6


PUBLIC: tuple[Scalar[NodeStats] | Histogram[NodeStats], ...] = (
    Scalar(
        "counter",
        "secbeat_packets_processed_total",
        "Packets received on the data ports.",
        _sum(lambda port: port.received),
    ),
    Scalar(
        "counter",
        "secbeat_packets_dropped_total",
        "Packets dropped, by reason.",
        _dropped,
        ("reason",),
    ),
    Scalar(
        "counter",
        "secbeat_packets_would_drop_total",
        "Packets that monitor mode would have dropped, by reason of the first hit.",
        _would_drop,
        ("reason",),
    ),
    Scalar(
        "counter",
        "secbeat_attacks_blocked_total",
        "Incidents whose traffic was dropped, and requests blocked; never a packet count.",
        lambda node: single(node.attacks_blocked),
    ),
    *ATTACKS,
    *HTTP,
    Histogram(
        "secbeat_latency_seconds",
        "HTTP requests: time from complete to forwarded. Empty if no profile inspects HTTP.",
        lambda node: node.request_latency,
    ),
    Histogram(
        "secbeat_response_seconds",
        "HTTP requests: time from forwarded to the first byte of the origin's response.",
        lambda node: node.response_time,
    ),
    Histogram(
        "secbeat_packet_latency_seconds",
        "Packets: time from received to transmitted, measured in the node.",
        lambda node: node.latency,
    ),
    Scalar(
        "gauge",
        "secbeat_connections_active",
        "Connections tracked now: TCP, and pseudo-connections of UDP and ICMP echo.",
        lambda node: single(node.connections.active),
    ),
    Scalar(
        "gauge",
        "secbeat_syn_proxy_on",
        "Addresses and profiles for which auto has switched the SYN proxy on, by each lcore.",
        lambda node: single(node.syn_proxy_on.count),
    ),
    Scalar(
        "gauge",
        "secbeat_cpu_usage_percent",
        "Busy share of the worker lcores in the last second; idle polling is not busy.",
        lambda node: single(node.cpu_busy_percent),
    ),
    Scalar(
        "gauge",
        "secbeat_memory_usage_bytes",
        "Memory of the data plane: proportional set size and reserved hugepages.",
        lambda node: single(node.memory_bytes),
    ),
    Scalar(
        "gauge",
        "secbeat_uptime_seconds",
        "Since the data plane started.",
        lambda node: single(node.uptime_s),
    ),
    Scalar(
        "gauge",
        "secbeat_state",
        "1 for the state the data plane is in.",
        lambda node: _one_of(STATES, [node.state]),
        ("state",),
    ),
    Scalar(
        "gauge",
        "secbeat_degraded",
        "1 for each cause that degrades the node.",
        lambda node: _one_of(DEGRADED, node.degraded),
        ("cause",),
    ),
    Scalar(
        "gauge",
        "secbeat_panic_active",
        "1: panic mode is on, all profiles are in monitor.",
        lambda node: single(node.panic_until_boot_ms > 0),
    ),
    Scalar(
        "gauge",
        "secbeat_overlays",
        "The overlays of the policy: panic mode, and responses to attacks.",
        lambda node: single(node.overlays),
    ),
    Scalar(
        "gauge",
        "secbeat_lists_addresses_max",
        "Capacity for single addresses, blacklist and allowlist together.",
        lambda node: single(node.capacities.addresses_max),
    ),
    Scalar(
        "gauge",
        "secbeat_lists_addresses_used",
        "Single addresses on the blacklist and the allowlist.",
        lambda node: single(node.capacities.addresses_used),
    ),
    Scalar(
        "gauge",
        "secbeat_lists_prefixes_max",
        "Capacity for prefixes of each family, blacklist and allowlist together.",
        lambda node: single(node.capacities.prefixes_max),
    ),
    Scalar(
        "gauge",
        "secbeat_lists_prefixes_used",
        "Prefixes on the blacklist and the allowlist, by family.",
        _prefixes_used,
        ("family",),
    ),
    Scalar(
        "gauge",
        "secbeat_countries_date_timestamp_seconds",
        "Date of the country database's data; no sample without a database.",
        lambda node: single(node.countries.date_s) if node.countries else (),
    ),
    Scalar(
        "gauge",
        "secbeat_countries_ranges",
        "Ranges of addresses in the country database, by family.",
        _country_ranges,
        ("family",),
    ),
    Scalar(
        "counter",
        "secbeat_port_received_packets_total",
        "Packets received; the sum of forwarded, consumed, dropped and held.",
        _by_port(lambda port: port.received),
        ("port",),
    ),
    Scalar(
        "counter",
        "secbeat_port_received_bytes_total",
        "Bytes of the packets received.",
        _by_port(lambda port: port.received_bytes),
        ("port",),
    ),
    Scalar(
        "counter",
        "secbeat_port_forwarded_packets_total",
        "Packets of this rx port that were sent from the other port.",
        _by_port(lambda port: port.forwarded),
        ("port",),
    ),
    Scalar(
        "counter",
        "secbeat_port_forwarded_bytes_total",
        "Bytes of the packets forwarded.",
        _by_port(lambda port: port.forwarded_bytes),
        ("port",),
    ),
    Scalar(
        "counter",
        "secbeat_port_consumed_packets_total",
        "Packets of this rx port that the node answered or absorbed.",
        _by_port(lambda port: port.consumed),
        ("port",),
    ),
    Scalar(
        "counter",
        "secbeat_port_dropped_packets_total",
        "Packets of this rx port that were dropped, by reason.",
        _port_dropped,
        ("port", "reason"),
    ),
    Scalar(
        "counter",
        "secbeat_port_dropped_bytes_total",
        "Bytes of the packets dropped.",
        _by_port(lambda port: port.dropped_bytes),
        ("port",),
    ),
    Scalar(
        "gauge",
        "secbeat_port_held_packets",
        "Packets of this rx port that the node holds now.",
        _by_port(lambda port: port.held_now),
        ("port",),
    ),
    Scalar(
        "gauge",
        "secbeat_port_up",
        "1: the port has a link.",
        _by_port(lambda port: port.link_up),
        ("port",),
    ),
    Scalar(
        "gauge",
        "secbeat_port_speed_bytes_per_second",
        "Speed of the link.",
        _by_port(lambda port: port.speed_mbps * _BYTES_PER_MBIT),
        ("port",),
    ),
    *LINKS,
)
