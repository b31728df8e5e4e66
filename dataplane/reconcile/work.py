"""Bulk work of the reconciler: a generator that is stepped until its time is up."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import TypeAlias

NEXT_TURN = True
Work: TypeAlias = Iterator[bool | None]
"""Yields about every millisecond, and `NEXT_TURN` to go on in a later turn only."""


def step(work: Work, end: float) -> Work | None:
    """Go on with bulk work until then; None: it is done."""
    for wish in work:
        if wish is NEXT_TURN or time.perf_counter() >= end:
            return work
    return None
