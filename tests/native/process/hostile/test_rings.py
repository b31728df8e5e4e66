"""What a client writes into its rings, and how much, harms nobody."""

from __future__ import annotations

import ctypes
import mmap
import os
import random
from collections.abc import Callable
from pathlib import Path

import pytest

from dataplane import client
from dataplane.control import server
from dataplane.control.server import (
    COMMANDS_PER_TURN,
)
from dataplane.native import abi
from dataplane.shared.transport.protocol import (
    Want,
)
from tests.native.process.hostile.hostile_support import (
    KEY,
    connected,
    is_closed,
    take,
)
from tests.support.servers.dataplane import PortlessDataplane, settings, turning
from tests.support.waiting import wait_for


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
        rings = dataplane.control._holders.rings
        assert rings is not None
        consumed = abi.RingConsumer.from_buffer(rings._memories[1].view)
        dataplane.turn()
        assert (consumed.cursor, dataplane.control.is_busy) == (COMMANDS_PER_TURN, True)
        while dataplane.control.is_busy:
            dataplane.turn()
        assert consumed.cursor == abi.RING_SLOTS
        del consumed
        control.close()


def test_no_command_that_can_be_sent_ends_the_data_plane(
    dataplane: PortlessDataplane, path: Path
) -> None:
    seed = random.randrange(1 << 32)
    print("seed", seed)
    rng = random.Random(seed)
    for kind in [*range(64), 1 << 31, (1 << 32) - 1]:
        for payload in (b"", b"\xff" * 48, rng.randbytes(48)):
            with connected(path) as connection:
                fds = take(connection, Want.CONTROL)
                taken = mmap.mmap(fds[2], 0, prot=mmap.PROT_READ)
                write_element(mmap.mmap(fds[1], 0), kind, payload)
                wait_for(lambda taken=taken: any(taken[:8]), "it is read", every_s=0.001)  # type: ignore[misc]
                for fd in fds:
                    os.close(fd)
            assert not dataplane.commands.stop_wanted
    with client.control(path, 5) as control:
        assert set(control.explain([KEY], 10)) == {KEY}  # type: ignore[list-item]


def test_a_flood_of_questions_is_answered_a_bounded_time_a_turn(
    library: ctypes.CDLL, tmp_path: Path, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server, "ANSWER_S_MAX", 0.0)
    with PortlessDataplane(settings(path, tmp_path / "state")) as dataplane:
        with turning(dataplane):
            control = client.control(path)
        question = bytes(abi.Explain(deadline_boot_ms=(1 << 64) - 1, prefix_length=128))
        while control._commands.push(abi.Message.EXPLAIN, question):
            pass
        rings = dataplane.control._holders.rings
        assert rings is not None
        for turn in range(1, 40):
            dataplane.turn()
            assert len(rings._questions) == min(turn * COMMANDS_PER_TURN, abi.RING_SLOTS)
        while control._commands.push(abi.Message.EXPLAIN, question):
            pass
        for _ in range(40):  # who asks on is not remembered without end
            dataplane.turn()
        assert len(rings._questions) == abi.RING_SLOTS
        control.close()


def test_an_events_client_of_an_impossible_cursor_loses_its_lease(
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
