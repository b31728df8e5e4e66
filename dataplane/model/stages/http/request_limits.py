"""Limits of requests: twin of ``stages/http/request_limits.c``.

A request pays once, when its head is complete, before any rule is applied to it.
"""

from __future__ import annotations

from collections.abc import Hashable

from dataplane.model.packet import Packet
from dataplane.model.policy import RequestLimit
from dataplane.model.stages.http.forms.encodings import decode
from dataplane.model.stages.http.forms.paths import resolve
from dataplane.model.stages.limits import bucket_of, pay
from dataplane.model.state import Lcore, Time
from dataplane.model.verdict import mode_of, reject
from dataplane.native.abi import Mode, PacketFlag, Scope

_EXEMPT = PacketFlag.ALLOWED | PacketFlag.NEIGHBOR


def limit_request(lcore: Lcore, packet: Packet, path: bytes, now: Time) -> bool:
    """Whether the request that a packet completes exceeds a limit and is refused.

    ``path``: of its target, as sent. The request pays into every limit that covers it, in order.
    """
    if packet.flags & _EXEMPT:
        return False
    return any(
        not _pay(lcore, limit, packet, now) and reject(lcore, packet, limit.limit.reason)
        for limit in lcore.node.profiles[packet.profile].request_limits
        if mode_of(lcore, packet, limit.limit.reason) is not Mode.OFF
        and canonical(path).startswith(limit.path)
    )


def canonical(path: bytes) -> bytes:
    """The path in the form by which most servers select a resource."""
    decoded = decode(path, plus=False)
    return resolve(decoded)[0] if decoded.startswith(b"/") else decoded


def _pay(lcore: Lcore, limit: RequestLimit, packet: Packet, now: Time) -> bool:
    bucket: Hashable = bucket_of(limit.limit, packet)
    is_whole = limit.limit.scope is Scope.GLOBAL and not limit.path
    if limit.path:
        bucket = (bucket, limit.limit.scope, limit.path)
    return pay(lcore, limit.limit, bucket, (limit.limit.increment_q16, now), is_exact=is_whole)
