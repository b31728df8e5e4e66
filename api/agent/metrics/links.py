"""Metrics of port 9090 about held links."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from api.agent.metrics.metric import Sample, Scalar, single
from dataplane.shared.labels import DRAIN_STATES, LINKS_STATES
from dataplane.shared.links import PortLink
from dataplane.shared.stats import NodeStats


def _by_port(read: Callable[[PortLink], float]) -> Callable[[NodeStats], Iterator[Sample]]:
    return lambda node: (((name,), read(port)) for name, port in node.links.ports.items())


def _states(node: NodeStats) -> Iterator[Sample]:
    return (((state,), state == node.links.state) for state in LINKS_STATES)


def _drain_states(node: NodeStats) -> Iterator[Sample]:
    return (((state,), state == node.drain.state) for state in DRAIN_STATES)


LINKS: tuple[Scalar[NodeStats], ...] = (
    Scalar(
        "gauge",
        "secbeat_link_held",
        "1: the node keeps the port's link down on purpose.",
        _by_port(lambda port: port.is_held),
        ("port",),
    ),
    Scalar(
        "gauge",
        "secbeat_link_can_be_held",
        "1: the node can take the port's link down, by its driver or by the kernel.",
        _by_port(lambda port: port.can_be_held),
        ("port",),
    ),
    Scalar(
        "gauge",
        "secbeat_link_state",
        "1 for the current state of link-loss forwarding.",
        _states,
        ("state",),
    ),
    Scalar(
        "gauge",
        "secbeat_link_loss_forwarding",
        "1: link-loss forwarding is on.",
        lambda node: single(node.links.loss_forwarding),
    ),
    Scalar(
        "counter",
        "secbeat_link_losses_total",
        "Link losses that were forwarded.",
        lambda node: single(node.links.losses),
    ),
    Scalar(
        "gauge",
        "secbeat_drain_state",
        "1 for the current state of the node's drain.",
        _drain_states,
        ("state",),
    ),
    Scalar(
        "counter",
        "secbeat_drain_connections_lost_total",
        "Proxied connections that were open when a drain was complete.",
        lambda node: single(node.drain.lost),
    ),
    Scalar(
        "gauge",
        "secbeat_connections_proxied",
        "Open connections of the SYN proxy: no other node can continue them.",
        lambda node: single(node.connections.proxied),
    ),
)
