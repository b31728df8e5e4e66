"""A client that lies, floods, dawdles or writes where it may not gets an error and harms nobody."""

from __future__ import annotations

import contextlib
import ctypes
import errno
import fcntl
import gc
import itertools
import json
import mmap
import os
import random
import socket
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from dataplane import abi, client
from dataplane import control as server
from dataplane.clock import SystemClock
from dataplane.control import (
    COMMANDS_PER_TURN,
    CONNECTIONS_MAX,
    CONNECTIONS_PER_PROCESS_MAX,
    SILENT_MS_MAX,
)
from dataplane.errors import DataplaneAwayError
from dataplane.leases import CommandRings
from dataplane.listener import Peer
from dataplane.networks import Network
from dataplane.protocol import MESSAGE_BYTES_MAX, WAKE, Request, Want, encode_request, receive
from dataplane.shm import Memory
from dataplane.statsview import StatsView
from tests.support.clock import FakeClock
from tests.support.dataplane import PortlessDataplane, settings, turning
from tests.support.waiting import wait_for

KEY = ("blacklist", Network.parse("192.0.2.1"))
F_SEAL_FUTURE_WRITE = 0x10


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "dataplane.sock"


@pytest.fixture
def dataplane(library: ctypes.CDLL, tmp_path: Path, path: Path) -> Iterator[PortlessDataplane]:
    """With an observer that must not notice anything."""
    with PortlessDataplane(settings(path, tmp_path / "state")) as made, turning(made):
        with client.observe(path) as bystander:
            yield made
            assert bystander.stats().state == "running"
        client.control(path, 5).close()
        client.events(path, 5).close()


@contextlib.contextmanager
def connected(path: Path) -> Iterator[socket.socket]:
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as connection:
        connection.settimeout(10)
        connection.connect(str(path))
        yield connection


def is_closed(connection: socket.socket) -> bool:
    """Waits for the end; what comes before it does not matter."""
    with contextlib.suppress(ConnectionError):
        while connection.recv(MESSAGE_BYTES_MAX):
            pass
    return True


def refusal_of(connection: socket.socket) -> str:
    answer = json.loads(connection.recv(MESSAGE_BYTES_MAX))
    assert answer["ok"] is False
    assert is_closed(connection)
    return str(answer["error"])


def take(connection: socket.socket, want: Want) -> list[int]:
    """The descriptors of a lease, raw."""
    connection.send(encode_request(Request(want, 5000)))
    _, fds = receive(connection)
    return fds


GARBAGE = [
    b"\0",
    b"{",
    b"[]",
    b"null",
    b"[" * MESSAGE_BYTES_MAX,
    b"9" * MESSAGE_BYTES_MAX,
    b"\xff" * 100,
    b" " * (MESSAGE_BYTES_MAX + 1),
    b'{"want":"control"}',
    json.dumps({"abi": abi.ABI_HASH, "want": "root", "wait_ms": 0}).encode(),
    json.dumps({"abi": abi.ABI_HASH, "want": ["control"], "wait_ms": 0}).encode(),
    json.dumps({"abi": abi.ABI_HASH, "want": "control", "wait_ms": 10**9}).encode(),
    json.dumps({"abi": abi.ABI_HASH, "want": "control", "wait_ms": -1}).encode(),
    json.dumps({"abi": abi.ABI_HASH, "want": "control", "wait_ms": True}).encode(),
    json.dumps({"abi": 5, "want": "control", "wait_ms": 0}).encode(),
]


@pytest.mark.parametrize("message", GARBAGE, ids=lambda message: repr(message[:40]))
def test_garbage_is_answered_with_an_error_and_the_end(
    dataplane: PortlessDataplane, path: Path, message: bytes
) -> None:
    with connected(path) as connection:
        connection.send(message)
        assert refusal_of(connection) == "protocol"


def test_random_bytes_end_the_connection(dataplane: PortlessDataplane, path: Path) -> None:
    seed = random.randrange(1 << 32)
    print("seed", seed)
    rng = random.Random(seed)
    for _ in range(300):
        with connected(path) as connection:
            connection.send(rng.randbytes(rng.randint(1, 300)))
            assert is_closed(connection)


def test_another_layout_is_refused_with_both_sides_named(
    dataplane: PortlessDataplane, path: Path
) -> None:
    with connected(path) as connection:
        connection.send(encode_request(Request(Want.CONTROL, 0, "0" * 64)))
        answer = json.loads(connection.recv(MESSAGE_BYTES_MAX))
        assert (answer["error"], abi.ABI_HASH in answer["message"]) == ("abi", True)


def test_descriptors_sent_along_are_closed(dataplane: PortlessDataplane, path: Path) -> None:
    def send_some() -> int:
        with connected(path) as connection:
            socket.send_fds(connection, [b"x"], [0] * 200)
            assert is_closed(connection)
        gc.collect()  # of earlier tests
        return len(list(Path("/proc/self/fd").iterdir()))

    assert send_some() == send_some()


@pytest.mark.parametrize("want", list(Want))
def test_a_message_after_the_grant_ends_the_lease(
    dataplane: PortlessDataplane, path: Path, want: Want
) -> None:
    with connected(path) as connection:
        for fd in take(connection, want):
            os.close(fd)
        connection.send(b"more")
        assert refusal_of(connection) == "protocol"


@pytest.mark.parametrize("want", [Want.OBSERVE, Want.EVENTS])
def test_only_the_control_client_may_wake_the_data_plane(
    dataplane: PortlessDataplane, path: Path, want: Want
) -> None:
    with connected(path) as connection:
        for fd in take(connection, want):
            os.close(fd)
        connection.send(WAKE)
        assert refusal_of(connection) == "protocol"


def test_wakes_without_commands_harm_nobody(dataplane: PortlessDataplane, path: Path) -> None:
    with client.control(path) as control:
        for _ in range(2000):
            control._lease.wake()
        assert control.explain([KEY], 10)  # type: ignore[list-item]
        wait_for(lambda: not dataplane.control.wait(0), "nothing is left to hear", 10)
        assert control.alive()


def test_a_silent_connection_is_closed_after_a_second(
    library: ctypes.CDLL, tmp_path: Path, path: Path
) -> None:
    clock = FakeClock()
    with (
        PortlessDataplane(settings(path, tmp_path / "state"), clock) as dataplane,
        connected(path) as connection,
    ):
        dataplane.turn()
        clock.pass_ms(SILENT_MS_MAX - 1)
        dataplane.turn()
        connection.setblocking(False)
        with pytest.raises(BlockingIOError):
            connection.recv(1)
        clock.pass_ms(1)
        dataplane.turn()
        assert refusal_of(connection) == "protocol"


def test_a_crowd_of_silent_connections_keeps_nobody_out_for_long(
    library: ctypes.CDLL, tmp_path: Path, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock, pids = FakeClock(), itertools.count(1)
    monkeypatch.setattr(server, "peer_of", lambda _: Peer(next(pids), os.geteuid()))
    with (
        PortlessDataplane(settings(path, tmp_path / "state"), clock) as dataplane,
        contextlib.ExitStack() as stack,
    ):
        crowd = [stack.enter_context(connected(path)) for _ in range(CONNECTIONS_MAX + 5)]
        for _ in range(10):
            dataplane.turn()
        assert [refusal_of(connection) for connection in crowd[CONNECTIONS_MAX:]] == ["busy"] * 5
        clock.pass_ms(SILENT_MS_MAX)
        dataplane.turn()
        late = stack.enter_context(connected(path))
        late.send(encode_request(Request(Want.OBSERVE, 0)))
        dataplane.turn()  # accepts
        dataplane.turn()  # answers
        _, fds = receive(late)
        assert len(fds) == 1
        os.close(fds[0])


def test_a_crowd_of_one_process_leaves_room_for_others(
    dataplane: PortlessDataplane, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mine = Peer(os.getpid(), os.geteuid())
    monkeypatch.setattr(server, "peer_of", lambda _: mine._replace(pid=1))
    with contextlib.ExitStack() as stack:
        crowd = [stack.enter_context(connected(path)) for _ in range(CONNECTIONS_MAX + 5)]
        refused = crowd[CONNECTIONS_PER_PROCESS_MAX:]
        assert [refusal_of(connection) for connection in refused] == ["busy"] * len(refused)
        monkeypatch.setattr(server, "peer_of", lambda _: mine)
        for connect in (client.observe, client.control, client.events):
            connect(path).close()


def test_a_lease_without_descriptors_for_it_is_free_again(
    dataplane: PortlessDataplane, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(_library: ctypes.CDLL) -> CommandRings:
        raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))

    def is_refused() -> None:
        with pytest.raises(DataplaneAwayError):
            client.control(path, 5)

    with client.control(path) as holder:
        waiter = threading.Thread(target=is_refused)
        waiter.start()
        wait_for(lambda: bool(dataplane.control._leases.waiters), "a waiter", every_s=0.001)
        with monkeypatch.context() as patch:
            patch.setattr(server, "CommandRings", refuse)
            holder.close()
            waiter.join()
            is_refused()


def test_no_descriptor_lets_a_client_resize_or_reseal(
    dataplane: PortlessDataplane, path: Path
) -> None:
    for want in Want:
        with connected(path) as connection:
            fds = take(connection, want)
            for fd in fds:
                size = os.fstat(fd).st_size
                for attempt in (size - 1, 0, size + 4096):
                    with pytest.raises(PermissionError):
                        os.ftruncate(fd, attempt)
                with pytest.raises(PermissionError):
                    fcntl.fcntl(fd, fcntl.F_ADD_SEALS, fcntl.F_SEAL_WRITE)
                os.close(fd)


def test_what_the_data_plane_writes_nobody_else_can(
    dataplane: PortlessDataplane, path: Path
) -> None:
    ours = {Want.OBSERVE: [0], Want.CONTROL: [0, 2, 3], Want.EVENTS: [0, 1, 3]}
    for want, indexes in ours.items():
        with connected(path) as connection:
            fds = take(connection, want)
            for index in indexes:
                assert_read_only(fds[index])
            for fd in fds:
                os.close(fd)


def assert_read_only(fd: int) -> None:
    """Neither by this descriptor nor by one opened anew through /proc."""
    reopened = os.open(f"/proc/self/fd/{fd}", os.O_RDWR)
    for tried in (fd, reopened):
        with pytest.raises(PermissionError):
            os.write(tried, b"x")
        with pytest.raises(PermissionError):
            os.pwrite(tried, b"x", 0)
        with pytest.raises(PermissionError):
            mmap.mmap(tried, 4096)
        with pytest.raises(OSError, match=r"not permitted|not supported"):
            fallocate_punch(tried)
    os.close(reopened)


def fallocate_punch(fd: int) -> None:
    """Punch a hole: FALLOC_FL_KEEP_SIZE | FALLOC_FL_PUNCH_HOLE."""
    libc = ctypes.CDLL(None, use_errno=True)
    libc.fallocate.argtypes = [ctypes.c_int, ctypes.c_int, ctypes.c_int64, ctypes.c_int64]
    if libc.fallocate(fd, 3, 0, 4096) != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))


def jump_ahead(commands: mmap.mmap, _replies: mmap.mmap) -> None:
    abi.RingProducer.from_buffer(commands).cursor = 1 << 40


def jump_back(commands: mmap.mmap, _replies: mmap.mmap) -> None:
    abi.RingProducer.from_buffer(commands).cursor = (1 << 64) - 1


def one_too_many(commands: mmap.mmap, _replies: mmap.mmap) -> None:
    abi.RingProducer.from_buffer(commands).cursor = abi.RING_SLOTS + 1


def no_sequence(commands: mmap.mmap, _replies: mmap.mmap) -> None:
    abi.RingProducer.from_buffer(commands).cursor = 1


def unknown_kind(commands: mmap.mmap, _replies: mmap.mmap) -> None:
    write_element(commands, 999, b"")


def reply_as_command(commands: mmap.mmap, _replies: mmap.mmap) -> None:
    write_element(commands, abi.Message.NOTICE, b"")


def bad_prefix_length(commands: mmap.mmap, _replies: mmap.mmap) -> None:
    question = abi.Explain(deadline_boot_ms=(1 << 64) - 1, prefix_length=129)
    write_element(commands, abi.Message.EXPLAIN, bytes(question))


def bad_list(commands: mmap.mmap, _replies: mmap.mmap) -> None:
    question = abi.Explain(deadline_boot_ms=(1 << 64) - 1, prefix_length=128, list=2)
    write_element(commands, abi.Message.EXPLAIN, bytes(question))


def impossible_reply_cursor(commands: mmap.mmap, replies: mmap.mmap) -> None:
    abi.RingConsumer.from_buffer(replies).cursor = 5
    question = abi.Explain(deadline_boot_ms=(1 << 64) - 1, prefix_length=128)
    write_element(commands, abi.Message.EXPLAIN, bytes(question))


def write_element(commands: mmap.mmap, kind: int, payload: bytes) -> None:
    ring = abi.RingProducer.from_buffer(commands)
    ring.slots[0].sequence, ring.slots[0].kind = 1, kind
    ctypes.memmove(ring.slots[0].payload, payload, len(payload))
    ring.cursor = 1


@pytest.mark.parametrize(
    "harm",
    [
        jump_ahead,
        jump_back,
        one_too_many,
        no_sequence,
        unknown_kind,
        reply_as_command,
        bad_prefix_length,
        bad_list,
        impossible_reply_cursor,
    ],
)
def test_garbage_in_the_command_ring_ends_the_lease_and_is_reported(
    dataplane: PortlessDataplane, path: Path, harm: Callable[[mmap.mmap, mmap.mmap], None]
) -> None:
    with client.events(path) as events, connected(path) as connection:
        fds = take(connection, Want.CONTROL)
        harm(mmap.mmap(fds[1], 0), mmap.mmap(fds[4], 0))
        assert is_closed(connection)
        with client.control(path) as control:  # the next one has rings of its own
            assert set(control.explain([KEY], 10)) == {KEY}  # type: ignore[list-item]
        assert [notice.kind for notice in events.drain()] == ["client_refused"]
        for fd in fds:
            os.close(fd)


def test_rings_scribbled_over_at_random_harm_nobody(
    dataplane: PortlessDataplane, path: Path
) -> None:
    seed = random.randrange(1 << 32)
    print("seed", seed)
    rng = random.Random(seed)
    for _ in range(30):
        with connected(path) as connection:
            fds = take(connection, Want.CONTROL)
            commands, replies = mmap.mmap(fds[1], 0), mmap.mmap(fds[4], 0)
            for _ in range(20):
                at = rng.choice([0, rng.randrange(len(commands) - 64)])
                commands[at : at + 8] = rng.choice(
                    [rng.randbytes(8), bytes([rng.randrange(9)]) * 8]
                )
                replies[0:8] = rng.randrange(1 << rng.choice([1, 8, 64])).to_bytes(8, "little")
            for fd in fds:
                os.close(fd)
        with client.control(path, 5) as control:
            assert set(control.explain([KEY], 10)) == {KEY}  # type: ignore[list-item]


def test_a_flood_of_commands_is_worked_off_a_bounded_number_a_turn(
    library: ctypes.CDLL, tmp_path: Path, path: Path
) -> None:
    with PortlessDataplane(settings(path, tmp_path / "state")) as dataplane:
        with turning(dataplane):
            control = client.control(path)
        while control._commands.push(abi.Message.DOORBELL, bytes(48)):
            pass
        rings = dataplane.control._leases.rings
        assert rings is not None
        consumed = abi.RingConsumer.from_buffer(rings._memories[1].view)
        dataplane.turn()
        assert (consumed.cursor, dataplane.control.is_busy) == (COMMANDS_PER_TURN, True)
        while dataplane.control.is_busy:
            dataplane.turn()
        assert consumed.cursor == abi.RING_SLOTS
        del consumed
        control.close()


def test_an_events_client_with_an_impossible_cursor_loses_its_lease(
    dataplane: PortlessDataplane, path: Path
) -> None:
    with connected(path) as connection:
        fds = take(connection, Want.EVENTS)
        abi.RingConsumer.from_buffer(mmap.mmap(fds[-1], 0)).cursor = 77
        dataplane.control.notice(abi.NoticeKind.STARTED)
        assert is_closed(connection)
        for fd in fds:
            os.close(fd)
    with client.events(path, 5) as events:
        dataplane.control.notice(abi.NoticeKind.STARTED)
        assert [notice.kind for notice in events.drain()] == ["started"]  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("size", "seals", "writable"),
    [
        (8192, 0, False),
        (4096, 0, True),
        (8192, fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW, True),
        (8192, fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW | fcntl.F_SEAL_SEAL, False),
        (4096, fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW | fcntl.F_SEAL_SEAL, True),
    ],
)
def test_a_client_maps_only_what_is_of_its_size_and_sealed(
    size: int, seals: int, writable: bool
) -> None:
    fd = os.memfd_create("test", os.MFD_ALLOW_SEALING | os.MFD_CLOEXEC)
    os.ftruncate(fd, size)
    fcntl.fcntl(fd, fcntl.F_ADD_SEALS, seals)
    with pytest.raises(DataplaneAwayError):
        Memory.attach(fd, 8192, writable=writable)
    with pytest.raises(OSError, match="Bad file descriptor"):
        os.fstat(fd)


def test_a_client_refuses_pages_of_another_layout() -> None:
    with (
        Memory.ours("test", ctypes.sizeof(abi.Stats)) as memory,
        pytest.raises(DataplaneAwayError, match="another layout"),
    ):
        StatsView(memory.view, SystemClock())
