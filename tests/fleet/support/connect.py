"""ssh's way into a network namespace: ``connect.py NAMESPACE ADDRESS PORT``, a ProxyCommand.

It hands the connection over to ssh (ProxyUseFdpass) and ends.
"""

from __future__ import annotations

import socket
import sys

from tests.support.network.namespaces import inside

_CONNECT_S = 20.0


def main(namespace: str, address: str, port: str) -> None:
    """Connect from inside; the descriptor goes over standard output, which is a socket."""
    with inside(namespace):
        connection = socket.create_connection((address, int(port)), _CONNECT_S)
    connection.setblocking(True)
    with socket.socket(fileno=sys.stdout.fileno()) as to_ssh:
        socket.send_fds(to_ssh, [b"\0"], [connection.fileno()])


if __name__ == "__main__":
    main(*sys.argv[1:])
