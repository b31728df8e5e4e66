"""What port 9090 shows of links that are kept down on purpose."""

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
        "1: the port's link can be taken down, by its driver or by the kernel.",
        _by_port(lambda port: port.can_be_held),
        ("port",),
    ),
    Scalar(
        "gauge",
        "secbeat_link_state",
        "1 for what is done about the ports' links.",
        _states,
        ("state",),
    ),
    Scalar(
        "gauge",
        "secbeat_link_loss_forwarding",
        "1: a port's loss of its link is forwarded to the other.",
        lambda node: single(node.links.loss_forwarding),
    ),
    Scalar(
        "counter",
        "secbeat_link_losses_total",
        "Losses of a link that were forwarded.",
        lambda node: single(node.links.losses),
    ),
    Scalar(
        "gauge",
        "secbeat_drain_state",
        "1 for how far the node's draining is.",
        _drain_states,
        ("state",),
    ),
    Scalar(
        "counter",
        "secbeat_drain_connections_lost_total",
        "Proxied connections that were left when a drain was complete.",
        lambda node: single(node.drain.lost),
    ),
    Scalar(
        "gauge",
        "secbeat_connections_proxied",
        "Connections that the SYN proxy has opened, not over: no other node can go on with them.",
        lambda node: single(node.connections.proxied),
    ),
)
