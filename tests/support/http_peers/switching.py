"""An origin that answers the first request of each connection with given bytes, then echoes."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from tests.support.instances.lab import Lab
from tests.support.network.namespaces import inside


@contextmanager
def switching(lab: Lab, port: int, answer: bytes) -> Iterator[list[bytes]]:
    """Run the origin during the block; yields the bytes received behind the requests."""
    with inside(lab.instance.namespaces.origin):
        listener = socket.create_server(
            ("::", port), family=socket.AF_INET6, dualstack_ipv6=True, backlog=64
        )
    echoed: list[bytes] = []
    thread = threading.Thread(target=_accept, args=(listener, answer, echoed), daemon=True)
    thread.start()
    try:
        yield echoed
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        thread.join(60)


def _accept(listener: socket.socket, answer: bytes, echoed: list[bytes]) -> None:
    with suppress(OSError):
        while True:
            connection, _ = listener.accept()
            threading.Thread(target=_serve, args=(connection, answer, echoed), daemon=True).start()


def _serve(connection: socket.socket, answer: bytes, echoed: list[bytes]) -> None:
    head = b""
    with connection, suppress(OSError):
        while b"\r\n\r\n" not in head:
            chunk = connection.recv(65_536)
            if not chunk:
                return
            head += chunk
        connection.sendall(answer)
        while chunk := connection.recv(65_536):
            echoed.append(chunk)
            connection.sendall(chunk)
