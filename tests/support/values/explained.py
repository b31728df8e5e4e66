"""Answers to questions about packets."""

from __future__ import annotations

from dataplane.client import PacketExplanation
from dataplane.shared.labels import STAGES

PASSED = PacketExplanation(
    verdict="forwarded",
    reason=None,
    profile=0,
    source_profile=0,
    country=None,
    reached=STAGES,
    findings=(),
    entries=(),
    entries_found=0,
    limits=(),
    is_allowed=False,
    is_neighbor=False,
    is_inspected=False,
    connections=3,
    connections_max=0,
    syn_proxy="auto",
    syn_proxy_on=False,
)
"""A packet to the default profile that no stage drops."""
