"""What the two ports show: names, types, values; and nothing stale when the node is away."""

from __future__ import annotations

import re
from typing import Any

import pytest
from prometheus_client import CollectorRegistry, Metric, generate_latest
from prometheus_client.openmetrics import exposition as openmetrics
from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse_openmetrics
from prometheus_client.parser import text_string_to_metric_families

from api.agent.metrics.internal import InternalCollector
from api.agent.metrics.public import PublicCollector
from api.agent.metrics.surroundings import View
from api.agent.metrics.tally import AgentTally
from dataplane.shared.labels import LATENCY_BOUNDS_NS, NOTICES, REASONS
from dataplane.shared.stats import ReasonCount

CONTRACT = {
    "secbeat_packets_processed_total": "counter",
    "secbeat_attacks_blocked_total": "counter",
    "secbeat_latency_seconds": "histogram",
    "secbeat_connections_active": "gauge",
    "secbeat_cpu_usage_percent": "gauge",
    "secbeat_memory_usage_bytes": "gauge",
}
"""The table of the public API reference."""
UNITS = ("_seconds", "_bytes", "_percent", "_hertz", "_bytes_per_second")


class Seen:
    """A node whose API answers, on a disk that is nearly full."""

    def view(self) -> View:
        return View(api_up=True, writable=True, free_bytes=1 << 20, size_bytes=1 << 30)


def registry_of(*collectors: Any) -> CollectorRegistry:
    registry = CollectorRegistry()
    for collector in collectors:
        registry.register(collector)
    return registry


@pytest.fixture
def tally() -> AgentTally:
    return AgentTally()


@pytest.fixture(params=["public", "internal"])
def registry(request: Any, source: Any, tally: AgentTally) -> CollectorRegistry:
    if request.param == "public":
        return registry_of(PublicCollector(source, Seen(), None, "1.2.3"))
    return registry_of(InternalCollector(source, tally))


@pytest.fixture
def public(source: Any) -> CollectorRegistry:
    return registry_of(PublicCollector(source, Seen(), None, "1.2.3"))


@pytest.fixture
def internal(source: Any, tally: AgentTally) -> CollectorRegistry:
    return registry_of(InternalCollector(source, tally))


def parsed(registry: CollectorRegistry) -> dict[str, Metric]:
    """Families by the name that a dashboard uses."""
    text = generate_latest(registry).decode()
    families = list(text_string_to_metric_families(text))
    return {f.name + ("_total" if f.type == "counter" else ""): f for f in families}


def value(registry: CollectorRegistry, name: str, **labels: str) -> float | None:
    return registry.get_sample_value(name, labels)


@pytest.mark.parametrize("away", [False, True])
def test_contract_names_have_their_types(away: bool, source: Any, public: Any) -> None:
    if away:
        source.stats = None
    families = parsed(public)
    assert {name: families[name].type for name in CONTRACT} == CONTRACT


def test_packets(public: CollectorRegistry) -> None:
    assert value(public, "secbeat_packets_processed_total") == 150
    assert value(public, "secbeat_packets_dropped_total", reason="blacklist") == 30
    assert value(public, "secbeat_packets_would_drop_total", reason="land") == 10
    assert value(public, "secbeat_packets_would_drop_total", reason="blacklist") == 0


def test_every_reason_is_there_before_it_counts(public: CollectorRegistry) -> None:
    for reason in REASONS:
        assert value(public, "secbeat_packets_dropped_total", reason=reason) is not None


def test_ledger_adds_up(public: CollectorRegistry) -> None:
    for port in ("outside", "inside"):
        parts = ["forwarded_packets_total", "consumed_packets_total", "held_packets"]
        total = sum(value(public, f"secbeat_port_{part}", port=port) or 0 for part in parts)
        for reason in REASONS:
            name = "secbeat_port_dropped_packets_total"
            total += value(public, name, port=port, reason=reason) or 0
        assert total == value(public, "secbeat_port_received_packets_total", port=port)


def test_connections(public: CollectorRegistry) -> None:
    assert value(public, "secbeat_connections_active") == 7


def test_attacks_blocked_are_requests_and_incidents(source: Any, public: CollectorRegistry) -> None:
    assert value(public, "secbeat_attacks_blocked_total") == source.stats.detection.blocked == 2
    cells = (("web", "enforce", 7), ("default", "enforce", 1), ("web", "monitor", 90))
    source.change(reasons=tuple(ReasonCount(p, "waf_rule", mode, n) for p, mode, n in cells))
    assert value(public, "secbeat_attacks_blocked_total") == 10


def test_http_is_shown_where_operators_look(public: CollectorRegistry) -> None:
    assert value(public, "secbeat_http_requests_total") == 100
    assert value(public, "secbeat_http_requests_refused_total", why="blocked") == 7
    assert value(public, "secbeat_http_requests_refused_total", why="limited") == 5
    assert value(public, "secbeat_http_responses_total", status="2xx") == 80
    assert value(public, "secbeat_http_slow_connections_total", kind="body") == 2
    assert value(public, "secbeat_http_not_inspected_total", cause="websocket") == 2
    assert value(public, "secbeat_http_connections") == 3
    assert value(public, "secbeat_rules", state="active") == 2
    assert value(public, "secbeat_rules", state="pending") == 1
    assert value(public, "secbeat_waf_requests_total", group="xss", action="block") == 6
    assert value(public, "secbeat_waf_requests_total", group="xss", action="monitor") == 5
    assert value(public, "secbeat_waf_requests_total", group="none", action="log") == 1


def test_the_inside_of_http_and_its_rules(internal: CollectorRegistry) -> None:
    assert value(internal, "secbeat_http_pool_used_bytes") == 4096
    assert value(internal, "secbeat_http_pool_size_bytes") == 1 << 26
    assert value(internal, "secbeat_http_pool_full_packets_total") == 9
    assert value(internal, "secbeat_rules_scans_total") == 640
    assert value(internal, "secbeat_rules_sampled_cycles_total") == 26_000
    assert value(internal, "secbeat_rules_databases_bytes") == 9_000_000
    assert value(internal, "secbeat_rules_compiler", state="ready") == 1
    assert value(internal, "secbeat_rules_compiler", state="building") == 0


def test_packet_latency_is_cumulative_and_in_seconds(public: CollectorRegistry) -> None:
    name = "secbeat_packet_latency_seconds"
    assert value(public, f"{name}_bucket", le="1e-06") == 5
    assert value(public, f"{name}_bucket", le="2e-06") == 8
    assert value(public, f"{name}_bucket", le="1.0") == 8
    assert value(public, f"{name}_bucket", le="+Inf") == 10
    assert value(public, f"{name}_count") == 10
    assert value(public, f"{name}_sum") == 4.0
    bounds = [s for s in parsed(public)[name].samples if s.name.endswith("_bucket")]
    assert len(bounds) == len(LATENCY_BOUNDS_NS) + 1


def test_requests_and_responses_have_histograms_of_their_own(public: CollectorRegistry) -> None:
    assert value(public, "secbeat_latency_seconds_bucket", le="1e-06") == 7
    assert value(public, "secbeat_latency_seconds_sum") == pytest.approx(4.2e-6)
    assert value(public, "secbeat_response_seconds_bucket", le="1.0") == 0
    assert value(public, "secbeat_response_seconds_count") == 4


def test_health_and_capacities(public: CollectorRegistry) -> None:
    assert value(public, "secbeat_up") == 1
    assert value(public, "secbeat_info", version="1.2.3") == 1
    assert value(public, "secbeat_state", state="running") == 1
    assert value(public, "secbeat_state", state="draining") == 0
    assert value(public, "secbeat_degraded", cause="link") == 1
    assert value(public, "secbeat_degraded", cause="rejected") == 0
    assert value(public, "secbeat_countries_date_timestamp_seconds") == 1_782_362_039
    assert value(public, "secbeat_countries_ranges", family="ipv6") == 300_000
    assert value(public, "secbeat_lists_addresses_used") == 10
    assert value(public, "secbeat_lists_prefixes_used", family="ipv6") == 4
    assert value(public, "secbeat_port_speed_bytes_per_second", port="inside") == 1.25e9


def test_away_is_up_0_and_nothing_stale(source: Any, public: CollectorRegistry) -> None:
    source.stats = None
    shown = {s.name: s.value for family in public.collect() for s in family.samples}
    surroundings = {
        "secbeat_api_up": 1,
        "secbeat_storage_writable": 1,
        "secbeat_storage_free_bytes": 1 << 20,
        "secbeat_storage_size_bytes": 1 << 30,
    }
    assert shown == {"secbeat_info": 1, "secbeat_up": 0, **surroundings}


def test_inside_of_the_node(internal: CollectorRegistry) -> None:
    assert value(internal, "secbeat_lcore_misrouted_packets_total", lcore="1") == 6
    assert value(internal, "secbeat_stage_packets_total", lcore="0", stage="lists") == 100
    cell = {"profile": "web", "reason": "land", "mode": "monitor"}
    assert value(internal, "secbeat_reason_packets_total", **cell) == 1
    assert value(internal, "secbeat_driver_missed_packets_total", port="outside") == 4
    assert value(internal, "secbeat_origin_tx_full_packets_total", kind="answer") == 1
    assert value(internal, "secbeat_link_packets_total", port="inside", kind="other_mpls") == 9
    assert value(internal, "secbeat_encapsulated_packets_total", port="inside", kind="mpls") == 5
    assert value(internal, "secbeat_neighbor_packets_total", port="inside", protocol="bgp") == 8
    assert value(internal, "secbeat_neighbor_beyond_packets_total", protocol="bgp") == 3
    assert value(internal, "secbeat_revision_applied") == 42
    assert value(internal, "secbeat_mbufs_used") == 128
    database = "00000000-0000-0000-0000-000000000007"
    assert value(internal, "secbeat_database_info", database_id=database) == 1


def test_lost_events_are_told_apart(internal: CollectorRegistry) -> None:
    # The node's total holds those of its lcores.
    assert value(internal, "secbeat_lcore_events_lost_total", lcore="0") == 4
    assert value(internal, "secbeat_control_events_lost_total") == 11 - 2 * 4


def test_agent_counts_itself_also_when_the_node_is_away(
    source: Any, internal: CollectorRegistry, tally: AgentTally
) -> None:
    source.stats = None
    tally.count_event("link_changed")
    tally.count_event("of a later version")
    tally.note_connection("observe", True)
    tally.note_connection("observe", False)
    assert value(internal, "secbeat_agent_events_total", kind="link_changed") == 1
    assert value(internal, "secbeat_agent_events_total", kind="other") == 1
    assert {value(internal, "secbeat_agent_events_total", kind=kind) for kind in NOTICES} == {0, 1}
    assert value(internal, "secbeat_agent_connections_total", client="observe") == 1
    assert value(internal, "secbeat_agent_connected", client="observe") == 0
    assert value(internal, "secbeat_revision_applied") is None


def test_node_without_state_has_no_database(source: Any, internal: CollectorRegistry) -> None:
    source.change(database_id=None)
    assert parsed(internal)["secbeat_database_info"].samples == []


def test_names_and_labels_follow_the_conventions(registry: CollectorRegistry) -> None:
    for name, family in parsed(registry).items():
        assert re.fullmatch(r"secbeat_[a-z][a-z0-9_]*", name)
        assert family.documentation.endswith("."), name
        assert name.endswith("_total") == (family.type == "counter"), name
        if family.type == "histogram":
            assert name.endswith("_seconds")
        assert not re.search(r"_(ms|us|ns|mb|kb|mib|bits|milliseconds|minutes)(_|$)", name), name
        for unit in UNITS:
            assert f"{unit}_" not in name.removesuffix("_total").replace("_per_second", ""), name
        for sample in family.samples:
            assert not {"ip", "address", "client_ip", "source"} & sample.labels.keys()
            assert all(re.fullmatch(r"[A-Za-z0-9_.+-]+", v) for v in sample.labels.values())


def test_openmetrics_is_valid_too(registry: CollectorRegistry) -> None:
    text = openmetrics.generate_latest(registry).decode()
    assert {family.name for family in parse_openmetrics(text)}


def test_public_and_internal_names_do_not_overlap(public: Any, internal: Any) -> None:
    assert not parsed(public).keys() & parsed(internal).keys()
