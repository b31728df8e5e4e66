"""Ports for servers that are told theirs: nobody else gets one between the choice and its use.

They lie below those that the kernel gives to connections and to whoever asks for any port. Among
the processes of tests each is held by a name, as long as this process lives.
"""

from __future__ import annotations

import random
import socket

_FIRST, _END = 20_000, 32_000
_TRIES = 1000
_held: list[socket.socket] = []


def free_port() -> int:
    """A TCP port of 127.0.0.1 on which nobody listens, and which nobody else is given."""
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
