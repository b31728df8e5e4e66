"""The data plane's log lines."""

from __future__ import annotations

import io
import json
from datetime import UTC, datetime

from dataplane.base.logs import Log


def test_a_line_is_one_json_object_with_event_level_time_and_fields() -> None:
    stream = io.StringIO()

    Log(stream).warning("link changed", port="outside", up=False)

    (line,) = stream.getvalue().splitlines()
    value = json.loads(line)
    assert datetime.fromisoformat(value.pop("timestamp")).tzinfo == UTC
    assert value == {"event": "link changed", "level": "warning", "port": "outside", "up": False}


def test_a_reader_that_is_gone_does_no_harm() -> None:
    class Broken(io.StringIO):
        def write(self, _text: str) -> int:
            raise BrokenPipeError

    Log(Broken()).info("started")
