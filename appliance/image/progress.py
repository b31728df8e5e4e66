"""One line when a step begins and one with its duration when it ends."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager


def say(text: str) -> None:
    """Print a line of progress."""
    print(f"image: {text}", flush=True)


@contextmanager
def step(text: str) -> Iterator[None]:
    """Print a line at the begin and at the end of a block, with its duration."""
    say(f"{text} ...")
    started = time.monotonic()
    try:
        yield
    except BaseException:
        say(f"{text}: failed after {time.monotonic() - started:.0f} s")
        raise
    say(f"{text}: {time.monotonic() - started:.0f} s")
