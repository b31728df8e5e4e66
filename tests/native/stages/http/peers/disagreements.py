"""Requests that servers and parsers read differently, and what the node finds in them.

Each is from a comparison of nginx, Apache, HAProxy, Gunicorn, Node.js, Werkzeug, h11 and Python's
own server, which disagree about every one: some refuse it, some serve it, some see another request.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from tests.native.stages.http.peers.broken_requests import BROKEN
from tests.native.stages.http.peers.whole_requests import WHOLE


@dataclass(frozen=True)
class Case:
    """A request, and the faults that are to be found."""

    name: str
    data: bytes
    faults: frozenset[str]
    is_broken: bool = False
    """Where it ends can't be known."""


def cases() -> Iterator[Case]:
    """All of them; a name is unique."""
    for broken, rows in ((False, WHOLE), (True, BROKEN)):
        for name, (data, faults) in rows.items():
            yield Case(name, data, frozenset(faults.split()), broken)
