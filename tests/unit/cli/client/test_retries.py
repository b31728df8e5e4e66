"""Requests are sent again when the API asks for it (Retry-After), within a limit."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.unit.cli.lists.documents import ENTRY, IMPORTED

TOO_MANY = {
    "detail": "the key 'admin': more than 3 writes in a minute",
    "errors": [
        {
            "field": "key",
            "value": "admin",
            "limit": "3 writes in a minute",
            "message": "the key 'admin': more than 3 writes in a minute",
        }
    ],
}


@pytest.fixture
def waits(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    found: list[float] = []
    monkeypatch.setattr("appliance.cli.client.node_api.time.sleep", found.append)
    return found


def test_list_all_waits_when_it_is_told_to(api: Any, secbeat: Any, waits: list[float]) -> None:
    api.answers_with(429, {"detail": "slow down"}, Retry_After="5")
    api.answers_with(200, {"blacklist": [], "total": 0, "next_cursor": None})
    done = secbeat("blacklist", "list", "--all")
    assert (done.code, waits) == (0, [5])
    assert done.err == "secbeat: slow down (HTTP 429); trying again in 5 s\n"


def test_a_change_waits_too_and_says_which_limit_of_which_key(
    api: Any, secbeat: Any, waits: list[float]
) -> None:
    api.answers_with(429, TOO_MANY, Retry_After="7")
    api.answers_with(201, ENTRY)
    done = secbeat("blacklist", "add", "192.0.2.7", "--json")
    assert (done.code, waits, done.json) == (0, [7], ENTRY)
    assert "the key 'admin': more than 3 writes in a minute; trying again in 7 s" in done.err
    assert [each.body for each in api.requests] == [api.requests[0].body] * 2


def test_an_import_that_is_sent_again_is_sent_whole(
    api: Any, secbeat: Any, waits: list[float], tmp_path: Path
) -> None:
    file = tmp_path / "bans.txt"
    file.write_bytes(b"192.0.2.1\n" * 20_000)
    api.answers_with(429, TOO_MANY, Retry_After="1")
    api.answers_with(201, IMPORTED)
    assert secbeat("blacklist", "import", file).code == 0
    assert waits == [1]
    assert [each.body for each in api.requests] == [file.read_bytes()] * 2


def test_a_wait_that_is_too_long_is_left_to_the_caller(
    api: Any, secbeat: Any, waits: list[float]
) -> None:
    api.answers_with(429, TOO_MANY, Retry_After="301")
    done = secbeat("blacklist", "add", "192.0.2.7")
    assert (done.code, waits) == (75, [])
    assert done.err.endswith("secbeat: the API asks to try again in 301 s\n")


BUSY = {"detail": "the state log was renewed meanwhile", "errors": []}


def test_an_import_waits_when_the_api_can_not_take_it_now(
    api: Any, secbeat: Any, waits: list[float], tmp_path: Path
) -> None:
    """Repeated, it leads to the same list."""
    file = tmp_path / "bans.txt"
    file.write_bytes(b"192.0.2.1\n" * 20_000)
    api.answers_with(503, BUSY, Retry_After="1")
    api.answers_with(201, IMPORTED)
    done = secbeat("blacklist", "import", file)
    assert (done.code, waits) == (0, [1])
    told = "secbeat: the state log was renewed meanwhile (HTTP 503); trying again in 1 s\n"
    assert told in done.err
    assert [each.body for each in api.requests] == [file.read_bytes()] * 2


def test_a_removal_in_bulk_waits_too(api: Any, secbeat: Any, waits: list[float]) -> None:
    api.answers_with(200, {"removed": 2, "dry_run": True})
    api.answers_with(503, BUSY, Retry_After="10")
    api.answers_with(200, {"removed": 2, "revision": 7})
    assert secbeat("blacklist", "flush", "--yes", "--reason", "scan").code == 0
    assert waits == [10]
    assert [each.path for each in api.requests] == ["/api/v1/blacklist/remove"] * 3


@pytest.mark.parametrize(
    "command", [("stats",), ("blacklist", "add", "192.0.2.7"), ("blacklist", "remove", "192.0.2.7")]
)
def test_other_commands_print_the_time_and_do_not_wait(
    api: Any, secbeat: Any, waits: list[float], command: tuple[str, ...]
) -> None:
    api.answers_with(503, BUSY, Retry_After="5")
    done = secbeat(*command)
    assert (done.code, waits, len(api.requests)) == (69, [], 1)
    assert done.err == (
        "secbeat: the state log was renewed meanwhile (HTTP 503)\n"
        "secbeat: the API asks to try again in 5 s\n"
    )


def test_a_wait_after_a_503_has_the_same_limit(
    api: Any, secbeat: Any, waits: list[float], tmp_path: Path
) -> None:
    file = tmp_path / "bans.txt"
    file.write_text("192.0.2.1\n")
    api.answers_with(503, BUSY, Retry_After="301")
    done = secbeat("blacklist", "import", file)
    assert (done.code, waits) == (69, [])
    assert done.err.endswith("secbeat: the API asks to try again in 301 s\n")
