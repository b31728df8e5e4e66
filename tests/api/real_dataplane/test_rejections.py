"""Changes that a real control plane rejects: the revision has the reason, all else is in force."""

from __future__ import annotations

import errno

import pytest
from sqlalchemy import update

from api.access.audit.service import Actor
from api.common.contract.roles import Principal, Role
from api.management.database.tables import policies
from api.management.revisions.publisher import Outcome
from dataplane.base.errors import NativeError
from dataplane.statelog import Change, SetPolicy
from tests.api.real_dataplane.real_api import RealApi, wait_for_state, wait_until_ready
from tests.support.servers.dataplane import PortlessDataplane, spawn, turning
from tests.support.servers.dataplane import settings as dataplane_settings


def _commit(api: RealApi, *changes: Change) -> int:
    """What the API would not take from anybody: written past it, as a fault would."""
    actor = Actor(Principal("test", "test", Role.ADMIN, "test"), "request")
    return api.node.publisher.commit(actor, "test", lambda *_: Outcome(None, changes, "x"))[1]


def _reason(api: RealApi, revision: int) -> str:
    """Why it was rejected, once it is."""
    wait_for_state(api, revision, "rejected")
    return str(api.get(f"/revisions/{revision}").json["reason"])


def test_after_a_rejection_everything_is_answered_and_the_revision_says_why(
    real: RealApi,
) -> None:
    change = SetPolicy({"name": "x", "rules": [{"type": "nonsense"}]})
    reason = "the policy was rejected: rules[0].type: one of sanity"
    for start in range(2):
        with spawn(real.settings.socket, real.settings.state_log):
            wait_until_ready(real)
            if start == 0:
                rejected = _commit(real, change)
                real.connection.announce(rejected)
            assert _reason(real, rejected).startswith(reason)
            assert real.get("/blacklist").status_code == 200
            answer = real.ban(f"192.0.2.{start}")
            assert (answer.status_code, answer.json["state"]) == (201, "in_force")
            assert real.get("/status").json["reasons"] == ["rejected"]
    with spawn(real.settings.socket, real.settings.state_log):
        wait_until_ready(real)
        answer = real.call("PUT", "/policy", json={"name": "mended"})
        assert (answer.status_code, answer.json["state"]) == (200, "in_force")
        assert real.get("/blacklist").json["total"] == 2


def test_a_policy_in_force_that_a_new_release_refuses_is_told_and_the_rest_is_in_force(
    real: RealApi,
) -> None:
    """What a restart after an upgrade finds; the snapshot bears the revision of the ban."""
    with spawn(real.settings.socket, real.settings.state_log):
        wait_until_ready(real)
        made = real.call("PUT", "/policy", json={"name": "x"}).json["revision"]
        banned = real.ban("192.0.2.1").json["state"]
        assert banned == "in_force"
    stored = {"name": "x", "rules": [{"type": "tarpit", "action": "enforce"}]}
    with real.node.database.write() as connection:
        connection.execute(update(policies).values(document=stored))
    assert real.node.publisher.renew("an upgrade")
    with spawn(real.settings.socket, real.settings.state_log):
        wait_until_ready(real)
        assert _reason(real, made).startswith("the policy was rejected: rules[0].type: one of")
        shown = real.get("/policy").json
        assert (shown["state"], shown["policy"]) == ("rejected", stored)
        assert real.get("/status").json["reasons"] == ["rejected"]
        assert real.get("/blacklist").json["blacklist"][0]["state"] == "in_force"
        assert real.call("PUT", "/policy", json={"name": "mended"}).json["state"] == "in_force"
        assert real.get("/status").json["reasons"] == []


def test_an_import_that_cant_be_applied_is_rejected_and_everything_is_answered(
    real: RealApi, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_memory(_: object) -> int:
        raise NativeError("lists: Cannot allocate memory", errno.ENOMEM)

    chosen = dataplane_settings(real.settings.socket, real.settings.state_log)
    with PortlessDataplane(chosen) as dataplane, turning(dataplane):
        wait_until_ready(real)
        with monkeypatch.context() as patched:
            patched.setattr(dataplane.lists, "put", no_memory)
            revision = real.bring("10.0.0.1\n").json["revision"]
            reason = "the import was rejected: lists: Cannot allocate memory"
            assert _reason(real, revision) == reason
        assert real.get("/blacklist").json["blacklist"][0]["state"] == "rejected"
        assert real.ban("192.0.2.1").json["state"] == "in_force"
        assert real.get("/status").json["reasons"] == ["rejected"]


def test_prefixes_that_are_not_committed_are_rejected_and_everything_is_answered(
    real: RealApi, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_memory() -> bool:
        raise NativeError("prefix tables: Cannot allocate memory", errno.ENOMEM)

    chosen = dataplane_settings(real.settings.socket, real.settings.state_log)
    with PortlessDataplane(chosen) as dataplane, turning(dataplane):
        wait_until_ready(real)
        with monkeypatch.context() as patched:
            patched.setattr(dataplane.lists, "commit", no_memory)
            answer = real.ban("10.0.0.0/8")
            assert (answer.status_code, answer.json["state"]) == (202, "rejected")
            assert real.ban("192.0.2.1").json["state"] == "in_force"
        reason = "the prefixes were rejected: prefix tables: Cannot allocate memory"
        assert real.get("/revisions/1").json["reason"] == reason
        states = {each["ip"]: each["state"] for each in real.get("/blacklist").json["blacklist"]}
        assert states == {"10.0.0.0/8": "rejected", "192.0.2.1": "in_force"}
        assert real.ban("172.16.0.0/12").json["state"] == "in_force"
        assert real.get("/status").json["reasons"] == []
