"""Counters that all workers of one orchestrator share: memory without a file, made by the master.

Each worker has a page of its own, which it alone writes; whoever exports adds them up. A page is a
worker's for as long as it holds the lock on its byte of the memory (fcntl(2)): the kernel takes it
back when the worker dies, and the next one goes on counting there, so a sum never falls. The lock
on one more byte says who exports.
"""

from __future__ import annotations

import fcntl
import mmap
import os
import threading
from collections.abc import Sequence

BUCKETS_S = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
"""Upper ends; what took longer is in one more bucket."""
CLASSES = ("1xx", "2xx", "3xx", "4xx", "5xx")
ERRORS = ("disk", "away", "busy")
OPERATIONS_MAX = 256
_WIDTH = len(BUCKETS_S) + 1 + 1 + len(CLASSES)
_PAGE_NUMBERS = 4096 * (-(-8 * (len(ERRORS) + OPERATIONS_MAX * _WIDTH) // 4096)) // 8
_LEADER = 1 << 20
"""The byte whose lock the exporting worker has; far beyond the memory, which a lock may be."""


class Pages:
    """The memory; made before the workers are forked."""

    def __init__(self, workers: int) -> None:
        """Twice as many as workers: at a reload the old ones still end while the new ones begin."""
        self._count = 2 * workers
        self._fd = os.memfd_create("secbeat-metrics", os.MFD_CLOEXEC)
        os.ftruncate(self._fd, self._count * _PAGE_NUMBERS * 8)
        self._memory = mmap.mmap(self._fd, self._count * _PAGE_NUMBERS * 8)
        self._numbers = memoryview(self._memory).cast("Q")

    def take(self) -> Page:
        """A page for this process; if all are taken, one that nobody will ever read."""
        for index in range(self._count):
            if self._locked(index):
                start = index * _PAGE_NUMBERS
                return Page(self._numbers[start : start + _PAGE_NUMBERS])
        return Page(memoryview(bytearray(_PAGE_NUMBERS * 8)).cast("Q"))

    def lead(self) -> bool:
        """Whether this process is the one that exports: from now on, if nobody else is."""
        return self._locked(_LEADER)

    def sums(self) -> list[int]:
        """All pages added up."""
        numbers = self._numbers
        pages = [
            numbers[start : start + _PAGE_NUMBERS]
            for start in range(0, len(numbers), _PAGE_NUMBERS)
        ]
        return list(map(sum, zip(*pages, strict=True)))

    def _locked(self, byte: int) -> bool:
        try:
            fcntl.lockf(self._fd, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, byte)
        except OSError:
            return False
        return True


class Page:
    """What one process counts."""

    def __init__(self, numbers: memoryview[int]) -> None:
        self._numbers = numbers
        self._lock = threading.Lock()

    def request(self, operation: int, seconds: float, status: int) -> None:
        """One answer. `operation` is its place in the list of all."""
        if operation >= OPERATIONS_MAX:
            return
        start = len(ERRORS) + operation * _WIDTH
        bucket = sum(seconds > end for end in BUCKETS_S)
        sum_at = start + len(BUCKETS_S) + 1
        class_at = sum_at + 1 + min(max(status // 100, 1), len(CLASSES)) - 1
        numbers = self._numbers
        with self._lock:
            numbers[start + bucket] += 1
            numbers[sum_at] += round(seconds * 1e6)
            numbers[class_at] += 1

    def error(self, kind: str) -> None:
        """One error of the database."""
        with self._lock:
            self._numbers[ERRORS.index(kind)] += 1


def errors_of(sums: Sequence[int]) -> dict[str, int]:
    """Errors by kind."""
    return dict(zip(ERRORS, sums, strict=False))


def requests_of(sums: Sequence[int], operation: int) -> tuple[list[int], float, dict[str, int]]:
    """Counts by bucket, seconds in all, counts by class of status."""
    start = len(ERRORS) + operation * _WIDTH
    sum_at = start + len(BUCKETS_S) + 1
    classes = dict(zip(CLASSES, sums[sum_at + 1 : start + _WIDTH], strict=True))
    return list(sums[start:sum_at]), sums[sum_at] / 1e6, classes
