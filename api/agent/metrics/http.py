"""Metrics of both ports about HTTP inspection and its rules."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

from api.agent.metrics.metric import Sample, Scalar, single
from dataplane.shared.labels import RULES_STATES
from dataplane.shared.stats import NodeStats


def _by_label(
    read: Callable[[NodeStats], Mapping[str, float]],
) -> Callable[[NodeStats], Iterator[Sample]]:
    return lambda node: (((label,), value) for label, value in read(node).items())


def _rule_groups(node: NodeStats) -> Iterator[Sample]:
    for group in node.rule_groups:
        yield (group.name, "log"), group.logged
        yield (group.name, "monitor"), group.monitored
        yield (group.name, "block"), group.blocked


def _refused(node: NodeStats) -> Mapping[str, float]:
    return {"blocked": node.http.blocked, "limited": node.http.limited}


def _rules(node: NodeStats) -> Mapping[str, float]:
    return {"active": node.rules.used - node.rules.pending, "pending": node.rules.pending}


def _rules_state(node: NodeStats) -> Mapping[str, float]:
    return {state: state in node.rules.state for state in RULES_STATES}


HTTP: tuple[Scalar[NodeStats], ...] = (
    Scalar(
        "counter",
        "secbeat_http_requests_total",
        "HTTP requests whose head was complete, on inspected connections.",
        lambda node: single(node.http.requests),
    ),
    Scalar(
        "counter",
        "secbeat_http_requests_refused_total",
        "HTTP requests that were refused: by a rule, for their framing, or by a limit.",
        _by_label(_refused),
        ("why",),
    ),
    Scalar(
        "counter",
        "secbeat_http_responses_total",
        "HTTP responses of the origins, by class of the status code.",
        _by_label(lambda node: node.http.responses),
        ("status",),
    ),
    Scalar(
        "gauge",
        "secbeat_http_connections",
        "Inspected connections.",
        lambda node: single(node.http.connections),
    ),
    Scalar(
        "counter",
        "secbeat_http_slow_connections_total",
        "Connections that were reset because their client was too slow, by phase.",
        _by_label(lambda node: node.http.slow),
        ("kind",),
    ),
    Scalar(
        "counter",
        "secbeat_http_not_inspected_total",
        "Connections and requests on inspected ports that passed without inspection, by cause.",
        _by_label(lambda node: node.http.not_inspected),
        ("cause",),
    ),
    Scalar(
        "gauge",
        "secbeat_rules",
        "Rules of the WAF: compiled (active), and waiting to be compiled (pending).",
        _by_label(_rules),
        ("state",),
    ),
    Scalar(
        "counter",
        "secbeat_waf_requests_total",
        "HTTP requests that rules of the WAF hit, by group and action.",
        _rule_groups,
        ("group", "action"),
    ),
)
"""Metrics of port 9090."""

HTTP_INSIDE: tuple[Scalar[NodeStats], ...] = (
    Scalar(
        "counter",
        "secbeat_http_resets_total",
        "Inspected connections that were reset on both sides.",
        lambda node: single(node.http.resets),
    ),
    Scalar(
        "gauge",
        "secbeat_http_pool_size_bytes",
        "Size of the pool for HTTP messages that are incomplete or not acknowledged by the origin.",
        lambda node: single(node.http.pool_bytes),
    ),
    Scalar(
        "gauge",
        "secbeat_http_pool_used_bytes",
        "Used part of this pool.",
        lambda node: single(node.http.pool_used),
    ),
    Scalar(
        "counter",
        "secbeat_http_pool_full_packets_total",
        "Segments dropped because this pool, or a source's share of it, was full.",
        lambda node: single(node.http.pool_full),
    ),
    Scalar(
        "counter",
        "secbeat_rules_scans_total",
        "Texts of requests that were scanned, counted once for each database.",
        lambda node: single(node.scans.scans),
    ),
    Scalar(
        "counter",
        "secbeat_rules_scanned_bytes_total",
        "Bytes of these texts.",
        lambda node: single(node.scans.bytes),
    ),
    Scalar(
        "counter",
        "secbeat_rules_sampled_scans_total",
        "Scans whose cycles were measured.",
        lambda node: single(node.scans.sampled_scans),
    ),
    Scalar(
        "counter",
        "secbeat_rules_sampled_cycles_total",
        "TSC cycles of the measured scans.",
        lambda node: single(node.scans.sampled_cycles),
    ),
    Scalar(
        "counter",
        "secbeat_rules_failed_scans_total",
        "Scans that ended with an error of the engine.",
        lambda node: single(node.scans.failed),
    ),
    Scalar(
        "counter",
        "secbeat_rules_hits_total",
        "Hits of all rules together, once for each request and rule.",
        lambda node: single(node.scans.hits),
    ),
    Scalar(
        "counter",
        "secbeat_rules_cut_requests_total",
        "Requests that hit more rules than the list of a request can hold.",
        lambda node: single(node.scans.cut),
    ),
    Scalar(
        "gauge",
        "secbeat_rules_databases_bytes",
        "Size of the databases that requests are matched against.",
        lambda node: single(node.rules.bytes),
    ),
    Scalar(
        "gauge",
        "secbeat_rules_max",
        "Capacity for rules.",
        lambda node: single(node.rules.max),
    ),
    Scalar(
        "gauge",
        "secbeat_rules_compiler",
        "1 for each current state of the compiler.",
        _by_label(_rules_state),
        ("state",),
    ),
)
"""Metrics of port 9191."""
