"""The API's user writes the state log, the data plane's reads it, and each may die at any moment.

Needs root, to become them.
"""

from __future__ import annotations

import os
import random
import shutil
import signal
import stat
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import pytest

from tests.support.instances.confined import Confined
from tests.support.native import build_pipeline
from tests.support.servers.dataplane import spawn

API, DATAPLANE, STRANGER = "secbeat", "secbeat-dp", "www-data"

PRELUDE = """
import itertools, sys
from pathlib import Path
from uuid import UUID
from dataplane import client
from dataplane.base.clock import SystemClock
from dataplane.base.errors import DataplaneAwayError
from dataplane.base.networks import Network
from dataplane.statelog import Put, StateLogError, StateLogReader, StateLogWriter

socket, state = Path(sys.argv[1]), Path(sys.argv[2])
database = UUID(int=7)

def entry(number):
    return ("blacklist", Network(bytes(10) + b"\\xff\\xff" + number.to_bytes(4, "big"), 128))

def say(*words):
    print(*words, flush=True)
"""

WRITE_FOR_EVER = """
writer = StateLogWriter(state, SystemClock())
last = writer.open(database)
if last is None:
    writer.snapshot(database, 0, [], None)
    last = 0
say("open", last)
control = None
for revision in itertools.count(last + 1):
    writer.append(revision, [Put(*entry(revision))])
    say("done", revision)
    try:
        control = control or client.control(socket, 0.01)
        control.doorbell(revision)
    except Exception:
        control = None
    if revision % 40 == 0:
        writer.snapshot(database, revision, [Put(*entry(n + 1)) for n in range(revision)], None)
"""


@dataclass(frozen=True)
class Place:
    """Where both meet; laid out as the appliance does."""

    run: Path
    state: Path
    confined: Confined

    @property
    def socket(self) -> Path:
        return self.run / "dataplane.sock"

    def start(self, user: str, script: str, *arguments: str) -> subprocess.Popen[str]:
        command = ("-c", PRELUDE + script, str(self.socket), str(self.state), *arguments)
        return self.confined.start(user, *command, stdout=subprocess.PIPE, text=True)

    def ask(self, user: str, script: str, *arguments: str) -> list[str]:
        """The words that a script says."""
        with self.start(user, script, *arguments) as process:
            said, _ = process.communicate(timeout=180)
        assert process.returncode == 0
        return said.split()


@pytest.fixture
def place() -> Iterator[Place]:
    assert os.geteuid() == 0, "these tests become other users, so they need root"
    build_pipeline()
    # Not in /tmp: each of the processes has one of its own.
    base = Path(tempfile.mkdtemp(prefix="secbeat-users-", dir="/run"))
    try:
        base.chmod(0o755)
        made = Place(base / "run", base / "state", Confined(base))
        made.run.mkdir(mode=0o755)
        made.state.mkdir()
        shutil.chown(made.run, DATAPLANE, DATAPLANE)
        shutil.chown(made.state, API, DATAPLANE)
        made.state.chmod(0o2750)
        yield made
    finally:
        shutil.rmtree(base)


def dataplane(place: Place) -> AbstractContextManager[subprocess.Popen[bytes]]:
    start = partial(place.confined.start, DATAPLANE)
    return spawn(place.socket, place.state, arguments=("--client-users", API), start=start)


def test_the_api_writes_and_the_data_plane_reads(place: Place) -> None:
    script = """
writer = StateLogWriter(state, SystemClock())
assert writer.open(database) is None
writer.snapshot(database, 0, [], None)
with client.control(socket, 60) as control:
    writer.append(1, [Put(*entry(1))])
    control.doorbell(1)
    say(control.wait_in_force(database, 1, 60))
"""
    with dataplane(place):
        assert place.ask(API, script) == ["True"]
        status = place.socket.stat()
        modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in place.state.iterdir()}
    # The data plane's user is not in the client's group: who connects is checked by credentials.
    assert stat.S_IMODE(status.st_mode) == 0o666
    assert set(modes.values()) == {0o640}


def test_a_data_plane_alone_comes_back_to_what_was_acknowledged(place: Place) -> None:
    script = """
writer = StateLogWriter(state, SystemClock())
writer.open(database)
writer.snapshot(database, 3, [Put(*entry(1))], None)
writer.append(4, [Put(*entry(2))])
writer.close()
"""
    place.ask(API, script)
    look = "say(client.observe(socket).stats().applied_through)"
    with dataplane(place):
        assert place.ask(API, look) == ["4"]


def test_the_data_plane_can_write_nothing_that_the_api_owns(place: Place) -> None:
    place.ask(API, "StateLogWriter(state, SystemClock()).snapshot(database, 3, [], None)")
    script = """
for path in (state / "new", state / "0000000001.log.ndjson"):
    try:
        path.open("ab")
    except PermissionError:
        say("refused")
"""
    assert place.ask(DATAPLANE, script) == ["refused", "refused"]


def test_a_stranger_gets_neither_memory_nor_the_log(place: Place) -> None:
    place.ask(API, "StateLogWriter(state, SystemClock()).snapshot(database, 3, [], None)")
    script = """
for take in (client.observe, client.control, client.events):
    try:
        take(socket)
    except DataplaneAwayError as exc:
        say("permission" in str(exc))
try:
    StateLogReader(state).generations()
except StateLogError:
    say("unreadable")
"""
    with dataplane(place):
        assert place.ask(STRANGER, script) == ["True", "True", "True", "unreadable"]
        assert place.ask(API, "say(client.observe(socket).alive())") == ["True"]


def test_kill_9_of_each_in_a_loop_loses_nothing_and_applies_nothing_twice(place: Place) -> None:
    seed = random.randrange(1 << 32)
    print("seed", seed)
    rng = random.Random(seed)
    acknowledged = 0
    for _ in range(4):
        with dataplane(place) as running:
            for _ in range(2):
                acknowledged = _write_and_kill(place, rng, acknowledged, running)
    look = """
with client.control(socket, 60) as control:
    stats = control.stats()
    keys = [entry(number + 1) for number in range(stats.applied_through)]
    answers = control.explain(keys, 60)
    found = sum(answer.found for answer in answers.values())
    say(stats.applied_through, found, stats.capacities.addresses_used, *stats.degraded)
"""
    with dataplane(place):
        applied, found, used = map(int, place.ask(API, look))
    assert acknowledged <= applied <= acknowledged + 1
    assert found == used == applied


def _write_and_kill(
    place: Place, rng: random.Random, acknowledged: int, running: subprocess.Popen[bytes]
) -> int:
    """Let a writer go on for a while, kill the data plane in between and the writer in the end."""
    with place.start(API, WRITE_FOR_EVER) as writer:
        assert writer.stdout is not None
        opened = int(writer.stdout.readline().split()[1])
        assert acknowledged <= opened <= acknowledged + 1
        for number in range(rng.randint(30, 120)):
            acknowledged = int(writer.stdout.readline().split()[1])
            if number == 20:
                running.send_signal(signal.SIGKILL)
        writer.send_signal(signal.SIGKILL)
        for line in writer.stdout:
            acknowledged = int(line.split()[1])
    return acknowledged
