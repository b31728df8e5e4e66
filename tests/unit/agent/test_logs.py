"""The agent's log lines on a disk that takes none."""

from __future__ import annotations

import io

import pytest

from api.agent.logs import Unfailing


def test_a_line_that_finds_no_room_is_lost_and_nothing_else() -> None:
    full = io.TextIOWrapper(io.FileIO("/dev/full", "w"), write_through=True)  # type: ignore[arg-type]
    with pytest.raises(OSError, match="No space left"):
        full.write("a line\n")
    log = Unfailing(full)
    assert log.write("a line\n") == 7
    log.flush()
