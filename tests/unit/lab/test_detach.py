"""A lab whose caller has gone ends, and can still say in its log that it does."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from appliance.lab.detach import _Channel


def test_after_its_caller_has_gone_a_lab_is_interrupted_once_and_then_writes_its_log(
    tmp_path: Path,
) -> None:
    reader, writer = os.pipe()
    channel = _Channel(writer, tmp_path / "supervisor.log")
    os.close(reader)
    with pytest.raises(KeyboardInterrupt):
        channel.step("one")
    channel.step("interrupted")
    channel.finish({"status": {}})
    assert (tmp_path / "supervisor.log").read_text() == "interrupted\n"
