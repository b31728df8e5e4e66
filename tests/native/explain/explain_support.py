"""Questions about packets, asked of a harness's lcore."""

from __future__ import annotations

from dataplane.base.networks import Network
from dataplane.client import PacketExplanation, PacketQuestion
from dataplane.run.loop.explaining import Explaining
from dataplane.shared.explained import PROTOCOLS, read
from tests.native.harness import Harness


def key(text: str) -> bytes:
    """16 bytes of an address."""
    return Network.parse(text).key


def ask(
    harness: Harness,
    source: str,
    to: str | None = "198.51.100.10",
    *,
    port: int = 443,
    protocol: str = "tcp",
    profile: int = 0,
) -> PacketExplanation:
    """What would happen to a packet of that source."""
    destination = None if to is None else key(to)
    question = PacketQuestion(key(source), PROTOCOLS[protocol], port, destination, profile)
    explaining = Explaining(harness.library, harness.node, [harness.lcore])
    answer = explaining.explain(question, harness.time)
    assert answer is not None
    return read(answer, question.source)
