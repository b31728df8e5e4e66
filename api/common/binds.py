"""Listening addresses of a process, limited to those that this host has."""

from __future__ import annotations

import errno
import logging
import socket
from collections.abc import Sequence

_ABSENT = {errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT}

log = logging.getLogger(__name__)


def present(binds: Sequence[str]) -> list[str]:
    """``address:port`` without those of ``::1`` if this host has none.

    ``localhost`` means both families, and a host without IPv6 has only one. The result is never
    empty: a single address is kept, so that the bind reports the error.
    """
    found = [bind for bind in binds if not bind.startswith("[::1]:") or has_ipv6_loopback()]
    for bind in binds:
        if found and bind not in found:
            log.warning("not listening on %s: this host has no IPv6 on its loopback", bind)
    return found or list(binds)


def has_ipv6_loopback() -> bool:
    """Whether ``::1`` is an address of this host."""
    try:
        with socket.socket(socket.AF_INET6, socket.SOCK_STREAM) as probe:
            probe.bind(("::1", 0))
    except OSError as error:
        return error.errno not in _ABSENT
    return True
