"""The system's tools: what they print, and how their failures are told."""

from __future__ import annotations

import pytest

from appliance.commands import CommandError, run


def test_what_a_tool_prints_is_returned() -> None:
    assert run("printf", "%s", "a b; c") == "a b; c"


@pytest.mark.parametrize(
    ("command", "message"),
    [
        (("no-such-tool-here",), "no-such-tool-here is not installed"),
        (("sh", "-c", "echo why >&2; exit 3"), "'sh -c echo why >&2; exit 3' failed: why"),
        (("sh", "-c", "exit 3"), "'sh -c exit 3' failed: exit code 3"),
    ],
)
def test_a_failure_is_told_with_its_last_words(command: tuple[str, ...], message: str) -> None:
    with pytest.raises(CommandError) as caught:
        run(*command)
    assert str(caught.value) == message


def test_a_tool_that_does_not_end_is_ended() -> None:
    with pytest.raises(CommandError, match="did not end within 0 s"):
        run("sleep", "60", timeout_s=0.05)


def test_a_tool_that_asks_gets_no_answer() -> None:
    assert run("cat") == ""
