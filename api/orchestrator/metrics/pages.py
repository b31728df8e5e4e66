"""Counters that all workers of one orchestrator share: anonymous memory made by the master.

Each worker writes a page of its own; the exporting worker adds them up. A worker owns a page while
it holds the lock on the page's byte (fcntl(2)). The kernel releases the lock when the worker dies,
and the next worker continues with the same counters, so a sum never falls. The lock on one more
byte selects the exporting worker.
"""

from __future__ import annotations

import fcntl
import mmap
import os
import threading
from collections.abc import Sequence

BUCKETS_S = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
"""Upper bounds; one more bucket counts longer durations."""
CLASSES = ("1xx", "2xx", "3xx", "4xx", "5xx")
ERRORS = ("disk", "away", "busy")
OPERATIONS_MAX = 256
_WIDTH = len(BUCKETS_S) + 1 + 1 + len(CLASSES)
_PAGE_NUMBERS = 4096 * (-(-8 * (len(ERRORS) + OPERATIONS_MAX * _WIDTH) // 4096)) // 8
_LEADER = 1 << 20
"""The byte whose lock the exporting worker holds; it may lie beyond the end of the memory."""


class Pages:
    """The shared memory; made before the workers are forked."""

    def __init__(self, workers: int) -> None:
        """Twice as many pages as workers: at a reload the old workers end while the new
        ones begin."""
        self._count = 2 * workers
        self._fd = os.memfd_create("secbeat-metrics", os.MFD_CLOEXEC)
        os.ftruncate(self._fd, self._count * _PAGE_NUMBERS * 8)
        self._memory = mmap.mmap(self._fd, self._count * _PAGE_NUMBERS * 8)
        self._numbers = memoryview(self._memory).cast("Q")

    def take(self) -> Page:
        """A page for this process; if all are taken, a private one that is not exported."""
        for index in range(self._count):
            if self._locked(index):
                start = index * _PAGE_NUMBERS
                return Page(self._numbers[start : start + _PAGE_NUMBERS])
        return Page(memoryview(bytearray(_PAGE_NUMBERS * 8)).cast("Q"))

    def lead(self) -> bool:
        """Whether this process is the exporter; it becomes the exporter if there is none."""
        return self._locked(_LEADER)

    def sums(self) -> list[int]:
        """The sums of all pages."""
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
    """The counters of one process."""

    def __init__(self, numbers: memoryview[int]) -> None:
        self._numbers = numbers
        self._lock = threading.Lock()

    def request(self, operation: int, seconds: float, status: int) -> None:
        """Count an answer. `operation` is its index in the list of all operations."""
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
        """Count an error of the database."""
        with self._lock:
            self._numbers[ERRORS.index(kind)] += 1


def errors_of(sums: Sequence[int]) -> dict[str, int]:
    """Errors by kind."""
    return dict(zip(ERRORS, sums, strict=False))


def requests_of(sums: Sequence[int], operation: int) -> tuple[list[int], float, dict[str, int]]:
    """Counts by bucket, sum of seconds, counts by class of the status."""
    start = len(ERRORS) + operation * _WIDTH
    sum_at = start + len(BUCKETS_S) + 1
    classes = dict(zip(CLASSES, sums[sum_at + 1 : start + _WIDTH], strict=True))
    return list(sums[start:sum_at]), sums[sum_at] / 1e6, classes
