"""Clients that run curl: each sends requests at a fixed rate and reports the result of each."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.support.routers.layout import Client, Site
from tests.support.waiting import wait_for

PATIENCE_S = 60
"""Timeout of a request. TCP repeats after 1, 3 and 7 s, which is longer than any path
fails here."""
LARGE_BYTES = 1 << 20
_KINDS = {
    # One connection for all requests.
    "kept": ("?[1-100000]", ("--rate", "4/s")),
    "new": ("?[1-100000]", ("--rate", "4/s", "--header", "Connection: close")),
    # Some seconds each, so that most of them are in progress when a path fails.
    "large": ("1m.bin?[1-100000]", ("--limit-rate", "200k")),
}
_SAYS = (
    "%{stderr}%{exitcode} %{http_code} %{num_connects} %{size_download} %{time_total} "
    "%{errormsg}\\n"
)


@dataclass(frozen=True)
class Request:
    """A request that has ended."""

    is_answered: bool
    """Complete, with status 200."""
    connects: int
    size: int
    seconds: float
    error: str
    """curl's error; empty if there was none."""


@dataclass(frozen=True)
class Curl:
    """A client of one kind: ``kept``, ``new`` or ``large``."""

    client: Client
    kind: str
    report: Path

    def requests(self) -> list[Request]:
        """The requests that have ended, in their order."""
        lines = self.report.read_text().split("\n")[:-1]
        return [_request(line) for line in lines]


class Curls:
    """All running clients."""

    def __init__(self, curls: Sequence[Curl]) -> None:
        self.all = curls

    def wait_for_more(self) -> None:
        """Wait until each has ended some more requests, including those in progress."""
        pairs = zip(self.all, self.counts(), strict=True)
        wanted = [count + (1 if each.kind == "large" else 4) for each, count in pairs]

        def behind() -> list[str]:
            pairs = zip(self.all, wanted, strict=True)
            return [f"{c.client} {c.kind}" for c, count in pairs if len(c.requests()) < count]

        wait_for(lambda: not behind(), "every client goes on", bound_s=4 * PATIENCE_S, every_s=0.2)

    def counts(self) -> list[int]:
        """Number of requests that each client has ended so far."""
        return [len(each.requests()) for each in self.all]

    def pages_since(self, counts: Sequence[int]) -> list[Request]:
        """Requests that have ended since then, without files, which are slow on purpose."""
        pairs = zip(self.all, counts, strict=True)
        return [each for c, n in pairs if c.kind != "large" for each in c.requests()[n:]]

    def lost(self) -> list[tuple[Curl, Request]]:
        """Requests that were not answered."""
        return [(c, each) for c in self.all for each in c.requests() if not each.is_answered]

    def broken(self) -> list[Curl]:
        """Clients with kept connections that have opened a second one."""
        kept = [curl for curl in self.all if curl.kind == "kept"]
        return [curl for curl in kept if sum(each.connects for each in curl.requests()) != 1]


@contextmanager
def curls(site: Site, clients: Sequence[Client], directory: Path) -> Iterator[Curls]:
    """Run one of each kind for each client during the block."""
    with ExitStack() as stack:
        started = [
            stack.enter_context(_curl(site, client, kind, directory))
            for client in clients
            for kind in _KINDS
        ]
        yield Curls(started)


@contextmanager
def _curl(site: Site, client: Client, kind: str, directory: Path) -> Iterator[Curl]:
    page, options = _KINDS[kind]
    curl = Curl(client, kind, directory / f"{kind}-{client.address.replace(':', '.')}")
    command = (
        *("curl", "--silent", "--output", "/dev/null", "--max-time", str(PATIENCE_S)),
        *("--interface", client.address, "--write-out", _SAYS, *options, client.url(page)),
    )
    with curl.report.open("w") as report:
        process = subprocess.Popen(
            (*site.hosts.enter("client"), *command),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=report,
        )
        try:
            yield curl
        finally:
            process.kill()
            process.wait()


def _request(line: str) -> Request:
    code, status, connects, size, seconds, error = line.split(" ", 5)
    answered = (code, status) == ("0", "200")
    return Request(answered, int(connects), int(size), float(seconds), error)
