"""Readers beside the writer: what stays on a list is found at every instant, with its verdict."""

from __future__ import annotations

import ctypes
import random
import subprocess
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from dataplane.native import abi
from dataplane.tables.lists import Lists, pack
from tests.native.tables.lists.lists_support import (
    BLACK,
    NEVER,
    WHITE,
    Key,
    declare,
    first_of,
    ipv4,
    key_bytes,
)

READERS = 2
STAYING = 1024
ROUNDS = 60
"""Of edits; and at least as many of reading."""
LIMIT_S = 120


class NativeReader(ctypes.Structure):
    """struct reader of lists_reader.c."""

    _fields_ = [
        ("match", ctypes.c_void_p),
        ("lists", ctypes.c_void_p),
        ("keys", ctypes.c_void_p),
        ("count", ctypes.c_uint64),
        ("quiescent", ctypes.c_void_p),
        ("stop", ctypes.c_uint64),
        ("rounds", ctypes.c_uint64),
        ("missed", ctypes.c_uint64),
        ("wrong", ctypes.c_uint64),
        ("lcore", ctypes.c_uint32),
    ]


@pytest.fixture(scope="session")
def read(tmp_path_factory: pytest.TempPathFactory) -> Callable[[ctypes.c_void_p], None]:
    """``read_until_stopped``, compiled."""
    output = tmp_path_factory.mktemp("lists") / "reader.so"
    source = Path(__file__).with_name("lists_reader.c")
    subprocess.run(
        ["gcc", "-O2", "-shared", "-fPIC", "-o", str(output), str(source)], check=True, timeout=60
    )
    function = ctypes.CDLL(str(output)).read_until_stopped
    function.argtypes = [ctypes.c_void_p]
    function.restype = None
    return function


class Readers:
    """Threads that look up what stays, until the block ends; then nothing may have been missed."""

    def __init__(self, library: ctypes.CDLL, read, lists: Lists, state: abi.Readers, keys) -> None:  # type: ignore[no-untyped-def]
        declare(library)
        match = ctypes.cast(library.sb_lists_match, ctypes.c_void_p).value
        counters = ctypes.addressof(state) + abi.Readers.reader.offset
        self.native = [
            NativeReader(
                match=match,
                lists=lists.address,
                keys=ctypes.addressof(keys),
                count=len(keys),
                quiescent=counters + i * ctypes.sizeof(abi.Reader),
                lcore=i,
            )
            for i in range(READERS)
        ]
        self.threads = [
            threading.Thread(target=read, args=(ctypes.addressof(native),))
            for native in self.native
        ]

    def __enter__(self) -> Readers:
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        try:
            if error[0] is None:
                self.wait_for(ROUNDS)
        finally:
            for native in self.native:
                native.stop = 1
            for thread in self.threads:
                thread.join()
        assert [(native.missed, native.wrong) for native in self.native] == [(0, 0)] * READERS

    def wait_for(self, rounds: int) -> None:
        deadline = time.monotonic() + LIMIT_S
        while any(native.rounds < rounds for native in self.native):
            assert time.monotonic() < deadline, "the readers don't get on"


def test_what_stays_is_found_while_everything_around_it_changes(library, read) -> None:  # type: ignore[no-untyped-def]
    rng = random.Random(7)
    state = abi.Readers(count=READERS)
    with Lists(
        library, 20_000, 4_000, READERS, rng.randbytes(16), ctypes.addressof(state)
    ) as lists:
        staying = Staying(rng)
        lists.put(staying.records)
        lists.commit()
        with Readers(library, read, lists, state, staying.keys):
            for _ in range(ROUNDS):
                change_around(lists, rng, staying)


class Staying:
    """Singles and prefixes of both families; odd ones are allowed, even ones banned."""

    def __init__(self, rng: random.Random) -> None:
        entries, clients = [], []
        for i in range(STAYING):
            address = ipv4(0x0A << 24 | i << 8) if i % 4 < 2 else 0x2A << 120 | i << 64
            length = 128 if i < STAYING // 2 else (120 if i % 4 < 2 else 64)
            kind = WHITE if i % 2 else BLACK
            entries.append((key_bytes(address), length, kind, NEVER))
            clients.append(address if length == 128 else address | rng.getrandbits(8))
        self.records = pack(entries)
        self.keys = (Key * len(clients))(*[(c >> 64, c & (1 << 64) - 1) for c in clients])


def change_around(lists: Lists, rng: random.Random, staying: Staying) -> None:
    """One round: thousands come and go, covers come and go, everything is reloaded."""
    singles = [
        (key_bytes(ipv4(rng.getrandbits(32) | 1 << 31)), 128, BLACK, NEVER) for _ in range(9000)
    ]
    # Bans that cover what stays change nothing about it: the banned are, the allowed beat them.
    covers = [(key_bytes(first_of(ipv4(0x0A << 24), n)), n, BLACK, NEVER) for n in range(100, 112)]
    covers += [(key_bytes(first_of(0x2A << 120, n)), n, BLACK, NEVER) for n in range(8, 50)]
    coming = pack(singles + covers)
    until(lambda: lists.put(coming) == 0)  # with room, but readers may hold what was removed
    commit(lists)
    lists.remove(coming)
    commit(lists)
    lists.begin_generation()
    lists.put(staying.records)
    while lists.sweep(5000):
        pass
    lists.expire(1, 30_000)


def commit(lists: Lists) -> None:
    until(lists.commit)


def until(done: Callable[[], bool]) -> None:
    deadline = time.monotonic() + LIMIT_S
    while not done():
        assert time.monotonic() < deadline, "readers don't let go"
