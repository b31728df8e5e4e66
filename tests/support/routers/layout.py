"""Two lab nodes between two routers, clients before them, and a web server behind.

    client -- outer ==[ node a ]== inner -- server        path-a
                    ==[ node b ]==                        path-b

Client and server are the endpoints of the first lab; what was their interface is the routers' now,
and so is the second lab's.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from appliance.lab import network
from appliance.lab.claim import supervisor_pid
from tests.support.instances.lab import Lab, assert_ledgers
from tests.support.routers.router import Router, ip
from tests.support.waiting import wait_for

BOTH = {"path-a", "path-b"}
NETWORKS = ("198.51.100.0/24", "2001:db8:c::/64", "203.0.113.0/24", "2001:db8:5::/64")
"""The networks: two of the clients, then two of the server."""
SERVERS = {"ipv4": "203.0.113.80", "ipv6": "2001:db8:5::80"}
_CLIENTS = {"ipv4": "198.51.100.{}", "ipv6": "2001:db8:c::{}"}
_CLIENTS_MAX = 100
"""Number of addresses to test; half of them use each path."""
_PATHS = {
    "path-a": (("192.0.2.0/31", "2001:db8:a::1/64"), ("192.0.2.1/31", "2001:db8:a::2/64")),
    "path-b": (("192.0.2.2/31", "2001:db8:b::1/64"), ("192.0.2.3/31", "2001:db8:b::2/64")),
}
"""Addresses of the outer and the inner router."""
_MOVED_S = 120.0


@dataclass(frozen=True)
class Client:
    """An address, and the path that its hash selects while both paths exist."""

    address: str
    server: str
    path: str

    def url(self, page: str = "") -> str:
        """The URL of a page of the server."""
        host = f"[{self.server}]" if ":" in self.server else self.server
        return f"http://{host}/{page}"


class Site:
    """Two labs and two routers; ``of`` a path is its node."""

    def __init__(self, directory: Path, configs: Sequence[str]) -> None:
        self._configs = configs
        self._labs = {name: Lab(f"e2e-{name}") for name in sorted(BOTH)}
        self.outer, self.inner = Router("outer", directory), Router("inner", directory)

    def of(self, path: str) -> Lab:
        """The node of that path."""
        return self._labs[path]

    @property
    def hosts(self) -> Lab:
        """The lab whose endpoints are the client and the server."""
        return self._labs["path-a"]

    def up(self) -> None:
        """Make everything; returns when both paths are in use."""
        for lab, config in zip(self._labs.values(), self._configs, strict=True):
            lab.up(config=config)
        for router in (self.outer, self.inner):
            router.add()
        for path, lab in self._labs.items():
            names = lab.instance.namespaces
            outer, inner = _PATHS[path]
            self.outer.take(names.client, path, *outer)
            self.inner.take(names.origin, path, *inner)
        names = self.hosts.instance.namespaces
        self.outer.join(names.client, "198.51.100.1/24", "2001:db8:c::1/64")
        self.inner.join(names.origin, "203.0.113.1/24", "2001:db8:5::1/64")
        _host(names.client, network.Endpoint("198.51.100.2/24", "2001:db8:c::2/64"), "198.51.100.1")
        _host(names.origin, network.Endpoint("203.0.113.80/24", "2001:db8:5::80/64"), "203.0.113.1")
        self.outer.run_bird()
        self.inner.run_bird()
        self.wait_for_paths(BOTH)

    def down(self) -> None:
        """Remove everything; may be called again."""
        for router in (self.outer, self.inner):
            router.close()
        for lab in self._labs.values():
            lab.down()

    # --- paths

    def wait_for_paths(self, wanted: set[str]) -> None:
        """Wait until both routers use exactly these paths for every network of the other."""

        def used() -> bool:
            return all(paths == wanted for paths in self._paths())

        try:
            wait_for(used, f"{sorted(wanted)} are in use", bound_s=_MOVED_S)
        except AssertionError as failed:
            for router in (self.outer, self.inner):
                failed.add_note(router.daemon.report() if router.daemon else "nothing runs")
            raise

    def assert_ledgers(self, path: str) -> None:
        """Check the ledgers of that node. The routers are never quiet, so a packet may be in
        flight."""

        def hold() -> bool:
            try:
                assert_ledgers(self.of(path).stats())
            except AssertionError as failed:
                seen.append(failed)
                return False
            return True

        seen: list[AssertionError] = []
        try:
            wait_for(hold, "the ledgers hold")
        except AssertionError as failed:
            raise seen[-1] from failed

    def clients(self, count: int) -> list[Client]:
        """This many clients for each family and path, in the client's namespace, while no other
        traffic runs.

        The path of an address is measured, because `ip route get` may give another one.
        """
        found: list[Client] = []
        for family, server in SERVERS.items():
            of = dict.fromkeys(BOTH, 0)
            for number in range(10, 10 + _CLIENTS_MAX):
                client = self._client(_CLIENTS[family].format(number), server)
                if of[client.path] < count:
                    of[client.path] += 1
                    found.append(client)
                if min(of.values()) == count:
                    break
            assert set(of.values()) == {count}, of
        return found

    @contextmanager
    def dead(self, path: str) -> Iterator[None]:
        """Kill the data plane of a node; it is started again after the block."""
        lab = self.of(path)
        supervisor = supervisor_pid(lab.instance)
        assert supervisor is not None
        killed = lab.process("dataplane")
        os.kill(supervisor, signal.SIGSTOP)
        try:
            os.kill(killed["pid"], signal.SIGKILL)
            yield
        finally:
            with suppress(ProcessLookupError):
                os.kill(supervisor, signal.SIGCONT)

    def _client(self, address: str, server: str) -> Client:
        length = 128 if ":" in address else 32
        self.hosts.add_address("client", f"{address}/{length}")

        def opened() -> dict[str, int]:
            return {path: lab.stats().connections.opened for path, lab in self._labs.items()}

        def taken() -> str | None:
            before = opened()
            done = self.hosts.curl(Client(address, server, "").url(), address)
            after = opened()
            used = [path for path in before if after[path] > before[path]]
            return used[0] if done.returncode == 0 and len(used) == 1 else None

        return Client(address, server, wait_for(taken, f"{address} takes one path"))

    def _paths(self) -> list[set[str]]:
        outer = [self.outer.paths(prefix) for prefix in NETWORKS[2:]]
        return outer + [self.inner.paths(prefix) for prefix in NETWORKS[:2]]


@contextmanager
def site(directory: Path, configs: Sequence[str]) -> Iterator[Site]:
    """Make a site and remove it after the block; ``configs``: of the nodes of path a and b."""
    made = Site(directory, configs)
    made.down()  # left by an interrupted run
    with ExitStack() as stack:
        stack.callback(made.down)
        made.up()
        yield made


def _host(namespace: str, endpoint: network.Endpoint, router: str) -> None:
    network.set_addresses(namespace, endpoint)
    ip(namespace, "route", "add", "default", "via", router)
    ipv6 = endpoint.plain()[1].rsplit("::", 1)[0]
    ip(namespace, "-6", "route", "add", "default", "via", f"{ipv6}::1")
