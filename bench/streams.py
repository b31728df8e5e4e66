"""Load of event streams on the management API: ``python -m bench.streams``.

Uses the maximum number of streams, first without events, then with single events. There is no data
plane; this process writes the events in place of an agent. The CPU time is that of the API's worker
process.
"""

from __future__ import annotations

import argparse
import http.client
import json
import os
import statistics
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from api.common.exchange.streams import STREAMS_MAX, STREAMS_OF_KEY_MAX
from tests.support.servers.api_server import Server
from tests.support.values.recorded import Recorded

_SILENT_S = 20.0
_EVENTS = 50
_PATH = "/api/v1/events/stream"


def measure(silent_s: float, events: int) -> dict[str, Any]:
    """Percent of a core without and with streams that have no events, and ms until all have an
    event."""
    with tempfile.TemporaryDirectory(prefix="sb-") as directory, ExitStack() as stack:
        recorded = Recorded(Path(directory) / "agent" / "events.db")
        stack.callback(recorded.close)
        server = Server(Path(directory))
        stack.callback(server.stop)
        idle = _busy_percent(server, silent_s)
        followers = [_follow(server, key, stack) for key in _keys(server)]
        silent = _busy_percent(server, silent_s)
        took = sorted(_deliver(recorded, followers, number) for number in range(events))
    return {
        "streams": len(followers),
        "cpu_percent_without": round(idle, 2),
        "cpu_percent_silent": round(silent, 2),
        "to_all_ms_median": round(statistics.median(took) * 1000),
        "to_all_ms_longest": round(took[-1] * 1000),
    }


def _keys(server: Server) -> list[str]:
    """One key for each stream."""
    found: list[str] = []
    for number in range(STREAMS_MAX // STREAMS_OF_KEY_MAX):
        _, made = server.request("POST", "/keys", {"name": f"bench-{number}", "role": "operate"})
        found += [made["key"]] * STREAMS_OF_KEY_MAX
    return found


def _follow(server: Server, key: str, stack: ExitStack) -> http.client.HTTPResponse:
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=60)
    stack.callback(connection.close)
    connection.request("GET", _PATH, headers={"X-SecBeat-API-Key": key})
    answer = connection.getresponse()
    if answer.status != http.client.OK:
        raise RuntimeError(f"no stream: {answer.status} {answer.read()!r}")
    return answer


def _busy_percent(server: Server, seconds: float) -> float:
    (pid,) = server.workers()
    before = _cpu_s(pid)
    time.sleep(seconds)
    return 100 * (_cpu_s(pid) - before) / seconds


def _cpu_s(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _deliver(recorded: Recorded, followers: list[http.client.HTTPResponse], number: int) -> float:
    """Seconds from the commit of an event until the last stream has it."""
    sequence = recorded.event("attack_detected", time.time_ns() // 1_000_000, number=number)
    began = time.monotonic()
    for each in followers:
        while f"id: {sequence}\n".encode() != each.readline():
            pass
    return time.monotonic() - began


def main() -> None:
    """Measure and print one JSON document."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=_SILENT_S, help="of silence, each time")
    parser.add_argument("--events", type=int, default=_EVENTS)
    arguments = parser.parse_args()
    print(json.dumps(measure(arguments.seconds, arguments.events), indent=2))


if __name__ == "__main__":
    main()
