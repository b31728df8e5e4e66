"""``secbeat policy --fleet`` and ``secbeat fleet deployments``: what they ask and say."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from ..conftest import KEY

DEPLOYMENT = {
    "id": 3,
    "policy": 7,
    "name": "watch",
    "selector": "",
    "strategy": "all",
    "state": "rolling",
    "reason": None,
    "canary": None,
    "confirm_until": None,
    "created_at": "2026-11-30T00:00:00.000Z",
    "counts": {"applied": 1, "pending": 1},
    "nodes": [
        {"node": "node-1", "state": "applied", "message": None, "status": "healthy"},
        {"node": "node-2", "state": "pending", "message": None, "status": "healthy"},
    ],
    "total": 2,
    "next_cursor": None,
}


@pytest.fixture
def fleet(api: Any, secbeat: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Runs the command line with the fake API as the orchestrator."""
    monkeypatch.delenv("SECBEAT_API_KEY")
    monkeypatch.setenv("ORCHESTRATOR_API_KEY", KEY)
    monkeypatch.setenv("SECBEAT_ORCHESTRATOR", api.url)
    monkeypatch.setattr("appliance.cli.commands.fleet.following.POLL_S", 0)
    return secbeat


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "watch.toml"
    path.write_text('name = "watch"\n')
    return path


def test_apply_posts_the_file_with_how_it_goes(api: Any, fleet: Any, file: Path) -> None:
    api.answers_with(202, DEPLOYMENT)
    options = ["--selector", "edge=yes", "--canary", "--hold", "2m", "--confirm-within", "10m"]
    done = fleet("policy", "apply", file, "--fleet", *options)
    assert done.code == 0
    (request,) = api.requests
    assert (request.method, request.path) == ("POST", "/api/v1/policy")
    assert request.json == {"name": "watch", "rules": []}
    assert request.query == {
        "selector": "edge=yes",
        "strategy": "canary",
        "hold_seconds": "120",
        "confirm_within": "600",
    }
    assert done.out.splitlines() == [
        "deployment 3 of watch, version 7: rolling (applied 1, pending 1)",
        "node\tstate\tstatus\tmessage",
        "node-1\tapplied\thealthy\t-",
        "node-2\tpending\thealthy\t-",
    ]


def test_apply_waits_until_it_is_done(api: Any, fleet: Any, file: Path) -> None:
    api.answers_with(202, DEPLOYMENT)
    api.answers_with(200, DEPLOYMENT)
    api.answers_with(200, DEPLOYMENT | {"state": "done", "counts": {"applied": 2}})
    done = fleet("policy", "apply", file, "--fleet", "--wait", "--json")
    assert (done.code, done.json["state"]) == (0, "done")
    assert [request.path for request in api.requests[1:]] == ["/api/v1/deployments/3"] * 2


def test_what_was_withdrawn_is_an_error_with_its_reason(api: Any, fleet: Any, file: Path) -> None:
    api.answers_with(202, DEPLOYMENT)
    api.answers_with(200, DEPLOYMENT | {"state": "rolled_back", "reason": "node-1 rejected it"})
    done = fleet("policy", "apply", file, "--fleet", "--wait")
    assert (done.code, done.out) == (1, "")
    assert done.err == "secbeat: deployment 3 is rolled_back: node-1 rejected it\n"


def test_a_node_that_rejects_it_is_an_error_in_its_words(api: Any, fleet: Any) -> None:
    nodes = [{"node": "node-2", "state": "rejected", "message": "no room", "status": "healthy"}]
    over = {"state": "done", "counts": {"applied": 1, "rejected": 1}, "nodes": nodes}
    api.answers_with(200, DEPLOYMENT | over)
    done = fleet("fleet", "deployments", "wait", "3")
    assert (done.code, done.err) == (
        1,
        "secbeat: deployment 3: 1 of 2 nodes rejected it: node-2: no room\n",
    )


def test_every_node_that_rejects_it_is_named_up_to_a_limit(api: Any, fleet: Any) -> None:
    nodes = [{"node": f"node-{n}", "state": "rejected", "message": f"no {n}"} for n in (1, 2)]
    over = {"state": "done", "counts": {"applied": 1, "rejected": 30}, "nodes": nodes}
    api.answers_with(200, DEPLOYMENT | over)
    done = fleet("fleet", "deployments", "wait", "3")
    assert api.requests[-1].query == {"state": "rejected", "limit": "20"}
    assert done.err.splitlines() == [
        "secbeat: deployment 3: 30 of 31 nodes rejected it: node-1: no 1",
        "secbeat: node-2: no 2",
        "secbeat: and 28 more: secbeat fleet deployments show 3 --state rejected",
    ]


def test_what_goes_on_after_the_timeout_is_for_later(api: Any, fleet: Any) -> None:
    api.answers_with(200, DEPLOYMENT)
    done = fleet("fleet", "deployments", "wait", "3", "--timeout", "0.1")
    assert done.code == 75
    assert "goes on after 0.1 s: rolling (applied 1, pending 1)" in done.err


def test_a_deployment_is_followed_over_a_restart_of_the_orchestrator(api: Any, fleet: Any) -> None:
    over = {"state": "done", "counts": {"applied": 1, "rejected": 1}}
    nodes = [{"node": "node-2", "state": "rejected", "message": "no room", "status": "healthy"}]
    api.answers_with(200, DEPLOYMENT)
    api.answers_with(503, {"title": "away", "status": 503})
    api.answers_with(503, {"title": "away", "status": 503})
    api.answers_with(200, DEPLOYMENT | over)
    api.answers_with(503, {"title": "away", "status": 503})
    api.answers_with(200, DEPLOYMENT | over | {"nodes": nodes})
    done = fleet("fleet", "deployments", "wait", "3", "--timeout", "60")
    assert (done.code, len(api.requests)) == (1, 6)
    first, _, last = done.err.splitlines()
    assert first == "secbeat: away (HTTP 503); asking again for at most 60 s"
    assert last == "secbeat: deployment 3: 1 of 2 nodes rejected it: node-2: no room"


def test_a_deployment_whose_orchestrator_stays_away_goes_on(api: Any, fleet: Any) -> None:
    api.answers_with(503, {"title": "away", "status": 503})
    done = fleet("fleet", "deployments", "wait", "3", "--timeout", "0.1")
    assert done.code == 75
    assert "deployment 3 goes on after 0.1 s: away (HTTP 503)" in done.err


def test_diff_says_what_would_change_and_who_would_refuse(api: Any, fleet: Any, file: Path) -> None:
    change = {"profile": "default", "setting": "land", "before": "default", "after": "monitor"}
    api.answers_with(
        200,
        {
            "state": "dry_run",
            "name": "watch",
            "selector": "",
            "changes": [{"from_number": None, "nodes": 1, "changes": [change]}],
            "nodes": [
                {"node": "node-1", "from_number": None, "would": "change", "message": None},
                {"node": "node-2", "from_number": 2, "would": "reject", "message": "too old"},
            ],
            "total": 2,
            "supersedes": [4],
        },
    )
    done = fleet("policy", "diff", file, "--fleet")
    assert api.requests[0].query == {"dry_run": "true"}
    assert done.out.splitlines() == [
        "watch would go to 2 nodes",
        "deployment 4 goes on and would end",
        "",
        "1 nodes that have no policy of the fleet:",
        "profile\tsetting\tbefore\tafter",
        "default\tland\tdefault\tmonitor",
        "",
        "node\tfrom_number\twould\tmessage",
        "node-2\t2\treject\ttoo old",
    ]


def _history(*numbers: int) -> dict[str, Any]:
    rows = [{"number": number} for number in numbers]
    return {"history": rows, "total": len(rows), "next_cursor": None}


def test_rollback_says_which_version_it_restores_and_how_to_undo_that(api: Any, fleet: Any) -> None:
    api.answers_with(200, {"number": 6})
    api.answers_with(202, DEPLOYMENT)
    done = fleet("policy", "rollback", "5", "--fleet", "--selector", "site in (ams,fra)")
    assert done.code == 0
    assert [each.path for each in api.requests] == ["/api/v1/policy", "/api/v1/policy/rollback"]
    assert api.requests[1].json == {"number": 5}
    assert done.out.splitlines()[:2] == [
        "version 5 is the newest policy again, as version 7",
        "to undo it: secbeat policy rollback 6 --fleet --selector 'site in (ams,fra)'",
    ]


def test_rollback_without_a_number_deploys_the_version_before_the_newest(
    api: Any, fleet: Any
) -> None:
    api.answers_with(200, {"number": 4})  # the newest, 6, was withdrawn
    api.answers_with(200, _history(6, 4))
    api.answers_with(202, DEPLOYMENT)
    done = fleet("policy", "rollback", "--fleet")
    assert (done.code, api.requests[2].json) == (0, {"number": 4})
    assert "to undo it: secbeat policy rollback 4 --fleet\n" in done.out


def test_a_rollback_that_replaces_no_policy_has_nothing_to_undo(api: Any, fleet: Any) -> None:
    api.answers_with(404, {"detail": "the fleet has no policy", "errors": []})
    api.answers_with(202, DEPLOYMENT)
    done = fleet("policy", "rollback", "5", "--fleet")
    assert (done.code, "to undo it" in done.out) == (0, False)


def test_a_rollback_without_an_earlier_version_is_refused(api: Any, fleet: Any) -> None:
    api.answers_with(200, {"number": 1})
    api.answers_with(200, _history(1))
    api.answers_with(404, {"detail": "no version before the newest", "errors": []})
    done = fleet("policy", "rollback", "--fleet")
    assert (done.code, done.out, api.requests[2].json) == (1, "", {})
    assert "no version before the newest" in done.err


def test_rollback_prints_the_deployment_as_json(api: Any, fleet: Any) -> None:
    api.answers_with(202, DEPLOYMENT)
    done = fleet("policy", "rollback", "5", "--fleet", "--json")
    assert (done.code, done.json) == (0, DEPLOYMENT)
    assert [each.json for each in api.requests] == [{"number": 5}]


@pytest.mark.parametrize("verb", ["confirm", "cancel"])
def test_a_deployment_is_confirmed_or_cancelled(api: Any, fleet: Any, verb: str) -> None:
    api.answers_with(200, DEPLOYMENT)
    assert fleet("fleet", "deployments", verb, "3").code == 0
    request = api.requests[0]
    assert (request.method, request.path) == ("POST", f"/api/v1/deployments/3/{verb}")


def test_deployments_are_listed(api: Any, fleet: Any) -> None:
    api.answers_with(200, {"deployments": [DEPLOYMENT], "total": 1, "next_cursor": None})
    done = fleet("fleet", "deployments", "list")
    assert done.out.splitlines()[1].split("\t")[:7] == [
        "3",
        "7",
        "watch",
        "all",
        "all",
        "rolling",
        "1/2",
    ]


def test_options_of_a_fleet_are_refused_for_a_node(api: Any, secbeat: Any, file: Path) -> None:
    done = secbeat("policy", "apply", file, "--selector", "edge=yes")
    assert (done.code, api.requests) == (2, [])


def test_an_override_is_said_and_given_back(api: Any, secbeat: Any, file: Path) -> None:
    answer = {"revision": 7, "state": "in_force", "changes": [], "warnings": []}
    api.answers_with(200, answer)
    assert secbeat("policy", "apply", file, "--override").code == 0
    assert api.requests[0].query == {"override": "true"}
    assert secbeat("policy", "give-back").code == 0
    assert (api.requests[1].method, api.requests[1].path) == ("DELETE", "/api/v1/policy/override")
