"""How far a bulk change is, as anybody may ask meanwhile."""

from __future__ import annotations

from typing import Any

import pytest

from api.management.lists.importing import program

from ..conftest import Api
from .imports_support import BODY, between_chunks


def bulk(api: Api) -> Any:
    return api.get("/lists/bulk").json["bulk"]


def test_nothing_is_under_way(api: Api) -> None:
    assert bulk(api) is None
    api.bring(BODY)
    assert bulk(api) is None


def test_the_lines_that_are_written_are_counted(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    seen = []
    between_chunks(monkeypatch, lambda: seen.append(bulk(api)), after=2)
    api.bring(BODY, headers={"X-Request-ID": "0123456789abcdef"})
    (change,) = seen
    change.pop("began_at")
    assert change == {
        "kind": "import",
        "list": "blacklist",
        "created_by": "MANAGEMENT_API_KEY",
        "request_id": "0123456789abcdef",
        "phase": "writing",
        "done": 2,
        "of": 3,
    }


def test_the_bytes_that_are_checked_are_counted(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    seen = []
    run = program.run

    def watched(job: Any, size_bytes: int) -> Any:
        done = run(job, size_bytes)
        seen.append(bulk(api))
        return done

    monkeypatch.setattr(program, "run", watched)
    body = BODY + "# a comment\n" * 10_000
    api.bring(body)
    assert [(each["phase"], each["done"], each["of"]) for each in seen] == [
        ("checking", len(body), len(body)),
        ("publishing", 0, None),
    ]


def test_a_second_bulk_change_is_told_which_key_has_the_first(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = []
    between_chunks(monkeypatch, lambda: seen.append(api.bring("192.0.2.9\n")))
    api.bring(BODY)
    (answer,) = seen
    assert (answer.status_code, answer.headers["Retry-After"]) == (429, "10")
    (error,) = answer.json["errors"]
    assert (error["field"], error["value"]) == ("key", "MANAGEMENT_API_KEY")
    assert error["limit"] == "one import or removal in bulk at a time"


def test_a_removal_is_counted_too(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    api.bring(BODY)
    seen = []
    between_chunks(monkeypatch, lambda: seen.append(bulk(api)))
    api.post("/blacklist/remove", {"origin": "manual"})
    assert [(each["kind"], each["done"], each["of"]) for each in seen] == [("remove", 1, 3)]
