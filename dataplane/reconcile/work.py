"""Bulk work of the reconciler: a generator that is stepped until a time limit."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import TypeAlias

NEXT_TURN = True
Work: TypeAlias = Iterator[bool | None]
"""Yields about every millisecond; yields `NEXT_TURN` to continue only in a later turn."""


def step(work: Work, end: float) -> Work | None:
    """Continue bulk work until then; None: it is done."""
    for wish in work:
        if wish is NEXT_TURN or time.perf_counter() >= end:
            return work
    return None
