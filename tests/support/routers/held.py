"""A connection that a client keeps open through its node's SYN proxy."""

from __future__ import annotations

import socket
from types import TracebackType

from tests.support.network.namespaces import inside
from tests.support.routers.layout import Client, Site
from tests.support.waiting import wait_for

_PATIENCE_S = 30.0
_REQUEST = b"GET /ip HTTP/1.1\r\nHost: server\r\n\r\n"
_AGAIN_S = 1.1
"""A node lets one connection per second pass, to learn the host's options."""


class Held:
    """A kept connection; a context manager that closes it."""

    def __init__(self, site: Site, client: Client) -> None:
        """Connect until the SYN proxy of the client's node has answered for the host."""
        self._site = site
        self._client = client
        self._sock = wait_for(self._proxied, f"{client} is proxied", every_s=_AGAIN_S)

    def __enter__(self) -> Held:
        return self

    def __exit__(
        self,
        _kind: type[BaseException] | None,
        _error: BaseException | None,
        _trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close it as a client does; may be called again."""
        self._sock.close()

    def ask(self) -> None:
        """Send a request without waiting for the answer."""
        self._sock.sendall(_REQUEST)

    def is_answered(self) -> bool:
        """Send a request and wait for the answer."""
        return _is_answered(self._sock)

    def _proxied(self) -> socket.socket | None:
        node = self._site.of(self._client.path)
        before = node.stats().connections.proxied
        with inside(self._site.hosts.instance.namespaces.client):
            sock = socket.create_connection(
                (self._client.server, 80), _PATIENCE_S, (self._client.address, 0)
            )
        assert _is_answered(sock), self._client
        if node.stats().connections.proxied > before:
            return sock
        sock.close()
        return None


def _is_answered(sock: socket.socket) -> bool:
    sock.sendall(_REQUEST)
    heard = b""
    while not heard.endswith(b"\n") or b"\r\n\r\n" not in heard:
        more = sock.recv(4096)
        if not more:
            return False
        heard += more
    return heard.startswith(b"HTTP/1.1 200")
