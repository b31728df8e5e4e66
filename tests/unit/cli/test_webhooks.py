"""``secbeat webhooks``: what it asks, what it prints, how it exits."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.support.fakes.fake_agent import LISTED, RESULT, answering


def test_the_list_shows_receivers_and_what_was_given_up(api: Any, secbeat: Any) -> None:
    api.answers_with(200, LISTED)
    done = secbeat("webhooks", "list", "--limit", "5")
    assert (api.requests[0].path, api.requests[0].query) == ("/api/v1/webhooks", {"limit": "5"})
    head, row, note, _, letter = done.out.splitlines()
    assert head.split("\t")[0] == "name"
    assert row.split("\t")[:4] == ["1:hooks.example", "failing", "2", "1"]
    assert note == "1 could not be delivered; the newest:"
    assert letter.startswith("evt_0000000000000000000000\tattack_detected\t")


def test_a_test_that_was_not_taken_exits_with_1(api: Any, secbeat: Any) -> None:
    api.answers_with(200, {"results": [RESULT]})
    done = secbeat("webhooks", "test", "--endpoint", "1:hooks.example")
    assert api.requests[0].json == {"endpoint": "1:hooks.example"}
    assert done.code == 1
    assert "no answer within 10 s" in done.out


def test_a_test_that_was_taken_exits_with_0(api: Any, secbeat: Any) -> None:
    api.answers_with(200, {"results": [{**RESULT, "delivered": True}]})
    assert secbeat("webhooks", "test", "--json").code == 0


def test_a_retry_says_how_many(api: Any, secbeat: Any) -> None:
    api.answers_with(200, {"retried": 4})
    done = secbeat("webhooks", "retry", "--event", "evt_0")
    assert api.requests[0].json == {"endpoint": None, "event": "evt_0"}
    assert (done.code, done.out) == (0, "4 are due again\n")


def test_the_secret_is_asked_of_the_agent_itself(tmp_path: Path, secbeat: Any) -> None:
    socket = tmp_path / "agent.sock"
    with answering(socket):
        assert secbeat("webhooks", "secret", "--socket", str(socket)).out == "whsec_shown\n"
    done = secbeat("webhooks", "secret", "--socket", str(socket))
    assert done.code == 69
    assert f"the agent does not answer on {socket}" in done.err


def test_the_fleet_s_are_asked_of_the_orchestrator(
    api: Any, secbeat: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SECBEAT_ORCHESTRATOR", api.url)
    monkeypatch.setenv("ORCHESTRATOR_API_KEY", "of the orchestrator".ljust(32, "."))
    api.answers_with(200, LISTED)
    api.answers_with(200, {"results": [RESULT | {"delivered": True}]})
    api.answers_with(200, {"retried": 1})
    for verb in ("list", "test", "retry"):
        assert secbeat("webhooks", verb, "--fleet").code == 0
    keys = {each.headers["X-SecBeat-API-Key"] for each in api.requests}
    assert keys == {"of the orchestrator".ljust(32, ".")}
