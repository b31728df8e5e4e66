"""A node whose SYN proxy answers for a host: it must first learn the host's options."""

from __future__ import annotations

from collections.abc import Callable

from tests.support.instances.lab import Lab
from tests.support.waiting import wait_for

_AGAIN_S = 1.1
"""The node lets a SYN pass to a host at most once a second, to learn its options."""


def until_proxied(lab: Lab, connect: Callable[[], object]) -> None:
    """Connect until the node answers itself, instead of letting the SYN pass to learn the origin's
    options."""

    def is_proxied() -> bool:
        before = lab.quiet_stats().connections.accepted
        connect()
        return lab.quiet_stats().connections.accepted > before

    wait_for(is_proxied, "the node knows the origin", every_s=_AGAIN_S)
