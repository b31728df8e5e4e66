"""Composes the node's side of a fleet."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from ipaddress import ip_address

from api.agent.fleet import parts
from api.agent.fleet.following.follower import Follower
from api.agent.fleet.following.part import Part
from api.agent.fleet.following.pursuit import Pursuit
from api.agent.fleet.following.state import StateFile
from api.agent.fleet.orchestrator.contact import Contact
from api.agent.fleet.orchestrator.key import NodeKey
from api.agent.fleet.orchestrator.membership import Membership
from api.agent.fleet.orchestrator.session import Session
from api.agent.fleet.reporting.heart import Heart
from api.agent.fleet.reporting.report import Reporter
from api.agent.fleet.reporting.spool import Spool
from api.agent.fleet.settings import FleetSettings
from api.agent.node_api import NodeApi
from api.agent.recording.journal.journal import Journal
from dataplane.base.clock import Clock
from dataplane.base.version import version
from dataplane.shared.stats import NodeStats


@dataclass(frozen=True)
class Node:
    """The parts of the agent that the node's side of a fleet needs."""

    id: str
    api: NodeApi
    stats: Callable[[], NodeStats | None]
    """Statistics of the data plane; None: it is away."""
    others: Callable[[], Sequence[str]]
    """Reasons of a degraded node that do not come from the data plane."""
    journal: Journal
    public: Sequence[str]
    """The address of the public metrics: ``address:port``."""
    clock: Clock


@dataclass(frozen=True)
class Fleet:
    """The parts of the node's side of a fleet that the rest of the agent needs."""

    url: str
    contact: Contact
    membership: Membership
    pursuit: Pursuit
    heart: Heart


def start(
    settings: FleetSettings,
    node: Node,
    stack: ExitStack,
    make: Callable[[parts.Around], Sequence[Part]] = parts.make,
) -> Fleet:
    """Start the threads that follow and report; ``stack`` ends them."""
    key = NodeKey(settings.directory / "fleet.key")
    session = Session(settings.url, settings.ca_file, key.text)
    state = StateFile(settings.directory / "fleet.json")
    is_registered, kept = state.load()
    contact = Contact(is_registered=is_registered)
    around = parts.Around(node.id, node.api, session, settings.directory)
    pursuit = Pursuit(make(around), kept)
    reporter = Reporter(
        node.stats,
        node.others,
        pursuit.applied,
        lambda: address(node.public, session.local_address),
        version(),
        node.clock,
        rule_types=settings.rule_types,
    )
    spool = Spool(node.journal, node.clock)
    heart = Heart(node.id, session, reporter, spool, contact)
    node.journal.incident_listeners.append(heart.news)
    pursuit.listeners.append(heart.news)
    membership = Membership(settings, node.id, session, key, reporter.about)
    follower = Follower(
        node.id, session, membership, pursuit, contact, state, is_registered=is_registered
    )
    for each in (session, heart, follower):
        stack.callback(each.close)
    follower.start()
    heart.start()
    return Fleet(settings.url, contact, membership, pursuit, heart)


def address(public: Sequence[str], towards: str) -> str:
    """The address at which other hosts find the node's public metrics.

    Args:
        public: the binds of the metrics.
        towards: this host's address on the way to the orchestrator; empty: not known.

    Returns:
        The first bind to an address that other hosts may reach; else the address towards the
        orchestrator with the port; and on a host with neither the first bind itself.
    """
    for bind in public:
        host = bind.rpartition(":")[0].strip("[]")
        found = ip_address(host)
        if not (found.is_loopback or found.is_unspecified):
            return bind
    if not towards or ip_address(towards.partition("%")[0]).is_loopback:
        return public[0]
    port = public[0].rpartition(":")[2]
    return f"[{towards}]:{port}" if ":" in towards else f"{towards}:{port}"
