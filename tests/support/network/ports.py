"""Ports for servers with a configured port: no other test process gets the port between choice and
use.

They are below the range from which the kernel assigns ports. A test process reserves a port with
the name of an abstract socket, as long as the process lives.
"""

from __future__ import annotations

import random
import socket

_FIRST, _END = 20_000, 32_000
_TRIES = 1000
_held: list[socket.socket] = []


def free_port() -> int:
    """A TCP port of 127.0.0.1 on which nothing listens, and which no other test process gets."""
    for _ in range(_TRIES):
        port = random.randrange(_FIRST, _END)
        holder = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        try:
            holder.bind(f"\0secbeat-test-port-{port}")
            with socket.socket() as probe:
                probe.bind(("127.0.0.1", port))
        except OSError:
            holder.close()
            continue
        _held.append(holder)
        return port
    raise RuntimeError(f"no port is free of {_TRIES} that were tried")
