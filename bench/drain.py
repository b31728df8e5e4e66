"""Effects on clients if a node between two routers drains or fails: ``python -m bench.drain``.

Needs root and BIRD.

Two lab nodes side by side, and routers configured as ``docs/links.md`` describes. Four clients with
curl request a page four times a second through the nodes, over a kept connection and over a new one
for each page; other clients fetch files. One node is repeatedly drained and resumed, then killed
and started. For each of these events the benchmark reports the time until both routers have moved
the traffic, the pages requested until every client continued, how many of them were lost, and the
slowest.
"""

from __future__ import annotations

import argparse
import json
import statistics
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.support.routers.curls import Curls, Request, curls
from tests.support.routers.layout import BOTH, Site, site

ROUNDS = 5
_CONFIG = """
[connections]
learning_seconds = 0
[links]
loss_forwarding = "on"
[drain]
links = "down"
"""


@dataclass
class Event:
    """All measurements of one kind of event."""

    moved_s: list[float] = field(default_factory=list)
    pages: list[Request] = field(default_factory=list)

    def summary(self) -> dict[str, Any]:
        """Summary, in the units of the names."""
        return {
            "moved_ms_median": round(statistics.median(self.moved_s) * 1e3),
            "moved_ms_max": round(max(self.moved_s) * 1e3),
            "pages": len(self.pages),
            "lost": sum(not each.is_answered for each in self.pages),
            "slowest_ms": round(max(each.seconds for each in self.pages) * 1e3),
        }


def measure(rounds: int) -> dict[str, Any]:
    """Run this many drains, and as many failures."""
    events = {name: Event() for name in ("nothing", "drained", "resumed", "killed", "started")}
    with tempfile.TemporaryDirectory(prefix="sb-") as name:
        directory = Path(name)
        with ExitStack() as stack:
            made = stack.enter_context(site(directory, [_CONFIG, _CONFIG]))
            node = made.of("path-a")
            running = stack.enter_context(curls(made, made.clients(1), directory))
            running.wait_for_more()
            for _ in range(rounds):
                with _seen(events["nothing"], running):
                    pass
                with _seen(events["drained"], running):
                    node.api("POST", "/drain").raise_for_status()
                    made.wait_for_paths({"path-b"})
                with _seen(events["resumed"], running):
                    node.api("DELETE", "/drain").raise_for_status()
                    made.wait_for_paths(BOTH)
                _kill(made, events, running)
    return {"rounds": rounds, **{name: event.summary() for name, event in events.items()}}


def _kill(made: Site, events: dict[str, Event], running: Curls) -> None:
    with made.dead("path-a"), _seen(events["killed"], running):
        made.wait_for_paths({"path-b"})
    with _seen(events["started"], running):
        made.wait_for_paths(BOTH)


@contextmanager
def _seen(event: Event, running: Curls) -> Iterator[None]:
    before, begun = running.counts(), time.monotonic()
    yield
    event.moved_s.append(time.monotonic() - begun)
    running.wait_for_more()
    event.pages += running.pages_since(before)


def lines(result: dict[str, Any]) -> list[str]:
    """The results as lines of text."""
    found = [f"{result['rounds']} rounds"]
    for name, event in result.items():
        if isinstance(event, dict):
            found.append(f"{name:8} " + ", ".join(f"{key} {value}" for key, value in event.items()))
    return found


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m bench.drain")
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    measured = measure(parser.parse_args().rounds)
    print("\n".join(lines(measured)))
    print(json.dumps(measured))
