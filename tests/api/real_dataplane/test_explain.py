"""``/explain`` on a real control plane: lists, policy and overlays in C, a process of its own."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from api.management.settings import ApiSettings
from tests.api.conftest import Api
from tests.api.real_dataplane.real_api import RealApi, wait_until_ready
from tests.support.servers.dataplane import spawn

CLIENT, WEB = "192.0.2.7", "198.51.100.10"
POLICY = {
    "name": "shop",
    "profiles": [
        {
            "name": "web",
            "targets": ["198.51.100.0/24"],
            "rules": [{"type": "ports", "protocol": "tcp", "allow": [443]}],
        }
    ],
}


@pytest.fixture
def real(settings: ApiSettings) -> Iterator[RealApi]:
    """Its data plane is ready."""
    with spawn(settings.socket, settings.state_log):
        found = RealApi(settings)
        wait_until_ready(found)
        yield found
        found.close()


def explain(api: Api, query: str = "") -> Any:
    answer = api.get(f"/explain?address={CLIENT}{query}")
    assert answer.status_code == 200, answer.json
    return answer.json


def test_lists_policy_and_panic_decide_as_they_are_in_force(real: RealApi) -> None:
    assert explain(real, f"&to={WEB}&port=22")["verdict"] == "forwarded"
    assert real.call("PUT", "/policy", json=POLICY).json["state"] == "in_force"
    closed = explain(real, f"&to={WEB}&port=22")
    assert (closed["profile"], closed["reason"], closed["stage"]) == ("web", "ports_tcp", "filter")
    [other] = explain(real, "&port=22")["other_profiles"]
    assert (other["profile"], other["reason"]) == ("web", "ports_tcp")

    real.ban("192.0.2.0/24", reason="scanner")
    real.ban(CLIENT, origin="feed:a")
    banned = explain(real, f"&to={WEB}")
    assert (banned["verdict"], banned["reason"]) == ("dropped", "blacklist")
    assert [(each["ip"], each["decides"]) for each in banned["entries"]] == [
        (CLIENT, True),
        ("192.0.2.0/24", False),
    ]
    assert [each["origins"][0]["origin"] for each in banned["entries"]] == ["feed:a", "manual"]

    real.call("POST", "/allowlist", json={"ip": "192.0.0.0/16"})
    allowed = explain(real, f"&to={WEB}&port=22")
    assert (allowed["verdict"], allowed["is_allowed"]) == ("forwarded", True)
    assert allowed["entries"][-1]["decides"] is True

    assert real.delete("/allowlist/192.0.0.0%2F16").status_code == 204
    assert real.call("POST", "/panic", json={"reason": "shop is down"}).status_code == 200
    watched = explain(real, f"&to={WEB}")
    assert watched["verdict"] == "forwarded"
    findings = [each for stage in watched["stages"] for each in stage["findings"]]
    assert [(each["reason"], each["mode"]) for each in findings] == [("blacklist", "monitor")]
    assert [each["kind"] for each in watched["overlays"]] == ["panic"]


def test_asking_counts_no_hit(real: RealApi) -> None:
    real.ban(CLIENT)
    for _ in range(3):
        assert explain(real)["entries"][0]["hits"] == 0
