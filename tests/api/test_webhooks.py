"""``/webhooks``: what the API asks the agent, and what it answers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from tests.support.fakes.fake_agent import LISTED, NAME, RESULT

from .conftest import Api

Asked = list[Mapping[str, Any]]


def test_receivers_and_dead_letters_are_those_of_the_agent(api: Api, agent: Asked) -> None:
    found = api.get("/webhooks?limit=7")
    assert (found.status_code, found.json) == (200, LISTED)
    assert agent == [{"do": "webhooks.list", "limit": 7}]


def test_a_test_goes_to_one_receiver_or_all(api: Api, agent: Asked) -> None:
    assert api.post("/webhooks/test", {}).json == {"results": [RESULT]}
    assert api.post("/webhooks/test", {"endpoint": NAME}).status_code == 200
    assert [each["endpoint"] for each in agent] == [None, NAME]


def test_a_retry_names_what_is_sent_again(api: Api, agent: Asked) -> None:
    event = LISTED["dead"][0]["event"]  # type: ignore[index]
    assert api.post("/webhooks/retry", {"event": event}).json == {"retried": 1}
    assert agent == [{"do": "webhooks.retry", "endpoint": None, "event": event}]


def test_a_receiver_that_is_not_there_is_404(api: Api, agent: Asked) -> None:
    refused = api.post("/webhooks/test", {"endpoint": "2:other"})
    assert (refused.status_code, len(agent)) == (404, 1)
    assert "2:other" in refused.json["detail"]


def test_an_event_id_of_another_form_is_422(api: Api, agent: Asked) -> None:
    assert api.post("/webhooks/retry", {"event": "evt_1"}).status_code == 422
    assert agent == []


@pytest.mark.parametrize("path", ["/webhooks/test", "/webhooks/retry"])
def test_without_an_agent_it_is_503(api: Api, path: str) -> None:
    api.settings.agent.unlink()
    for refused in (api.post(path, {}), api.get("/webhooks")):
        assert refused.status_code == 503
        assert refused.headers["Retry-After"]
        assert "the agent does not answer" in refused.json["detail"]
