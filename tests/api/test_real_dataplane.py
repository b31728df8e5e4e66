"""The API on a real control plane: lists in C, no ports, a process of its own."""

from __future__ import annotations

import errno
import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import update

from api.access.audit.service import Actor
from api.common.contract.roles import Principal, Role
from api.management.app import create_app, node_of
from api.management.connection import Connection
from api.management.database.tables import policies
from api.management.revisions.publisher import Outcome
from api.management.settings import ApiSettings
from dataplane.base.errors import NativeError
from dataplane.base.networks import Network
from dataplane.native.library import ENVIRONMENT_VARIABLE
from dataplane.statelog import Change, SetPolicy
from tests.support.clock import FakeClock
from tests.support.documents.old_state_log import make_format_1
from tests.support.documents.policy_limits import every_limit, policy
from tests.support.patient import be_patient
from tests.support.servers.dataplane import ROOT, PortlessDataplane, spawn, turning
from tests.support.servers.dataplane import settings as dataplane_settings

from .conftest import Api


class RealApi(Api):
    """As `Api`, on the connection that a node uses."""

    def __init__(self, settings: ApiSettings) -> None:
        self.settings = settings
        self.clock = FakeClock()
        self.connection = Connection(settings.socket)
        self.app = create_app(settings, self.connection)
        self.node = node_of(self.app)
        self.client = self.app.test_client()


def wait_for(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline, "it never came true"
        time.sleep(0.02)


def is_ready(api: Api) -> bool:
    return bool(api.get("/health/ready").status_code == 200)


@pytest.fixture(autouse=True)
def _library(monkeypatch: pytest.MonkeyPatch) -> None:
    """The DPDK-free build is enough, if it is there."""
    pipeline = ROOT / "build" / "libsecbeat-pipeline.so"
    if pipeline.exists() and ENVIRONMENT_VARIABLE not in os.environ:
        monkeypatch.setenv(ENVIRONMENT_VARIABLE, str(pipeline))


@pytest.fixture(autouse=True)
def _patient_api(monkeypatch: pytest.MonkeyPatch) -> None:
    be_patient(monkeypatch)


@pytest.fixture
def real(settings: ApiSettings) -> Iterator[RealApi]:
    found = RealApi(settings)
    yield found
    found.close()


def test_bans_and_imports_come_into_force_and_are_answered_so(real: RealApi) -> None:
    assert real.ban("192.0.2.1").status_code == 202, "nobody is there yet"
    with spawn(real.settings.socket, real.settings.state_log):
        wait_for(lambda: is_ready(real))
        answer = real.ban("192.0.2.2", duration_seconds=60)
        assert (answer.status_code, answer.json["state"]) == (201, "in_force")
        body = "\n".join(f"10.0.{n >> 8}.{n & 255}" for n in range(2000))
        imported = real.bring(body)
        assert imported.status_code in (201, 202)
        wait_for(lambda: _state(real, imported.json["revision"]) == "in_force")
        page = real.get("/blacklist?limit=1000").json
        assert page["total"] == 2002
        assert {each["state"] for each in page["blacklist"]} == {"in_force"}
        assert {each["hits"] for each in page["blacklist"]} == {0}
        used = real.get("/stats").json["lists"]["addresses"]["used"]
        assert used == 2002
        assert real.delete("/blacklist/10.0.0.1").status_code == 204
        assert real.get("/status").json["revision"] == {"committed": 4, "applied": 4}


def test_removals_in_bulk_and_origins_reach_the_tables(real: RealApi) -> None:
    with spawn(real.settings.socket, real.settings.state_log):
        wait_for(lambda: is_ready(real))
        body = "\n".join(f"10.0.{n >> 8}.{n & 255}" for n in range(2000)) + "\n10.1.0.0/16\n"
        for origin in ("feed:a", "feed:b"):
            imported = real.bring(body, query=f"?origin={origin}&duration_seconds=3600")
            wait_for(lambda: _state(real, imported.json["revision"]) == "in_force")  # noqa: B023
        real.ban("10.0.0.7")
        assert _used(real) == (2000, 1)
        assert _remove(real, origin="feed:a") == 2001
        assert _used(real) == (2000, 1), "feed:b still holds them"
        assert _remove(real, origin="feed:b") == 2001
        assert _used(real) == (1, 0)
        assert real.delete("/blacklist/10.0.0.7").status_code == 204
        assert _used(real) == (0, 0)
    with spawn(real.settings.socket, real.settings.state_log):
        wait_for(lambda: is_ready(real))
        assert _used(real) == (0, 0), "the same from the log"


def test_a_policy_comes_into_force_and_survives_the_data_plane(real: RealApi) -> None:
    rules = [{"type": "sanity", "action": "monitor"}]
    with spawn(real.settings.socket, real.settings.state_log):
        wait_for(lambda: is_ready(real))
        answer = real.call("PUT", "/policy", json={"name": "watch", "rules": rules})
        assert (answer.status_code, answer.json["state"]) == (200, "in_force")
    with spawn(real.settings.socket, real.settings.state_log):
        wait_for(lambda: is_ready(real))
        assert real.get("/policy").json["state"] == "in_force"


def test_a_data_plane_that_goes_and_comes_back_is_found_again(real: RealApi) -> None:
    with spawn(real.settings.socket, real.settings.state_log):
        wait_for(lambda: is_ready(real))
        assert real.ban("192.0.2.1").status_code == 201
    assert real.ban("192.0.2.2").status_code == 202
    assert real.get("/stats").status_code == 503
    assert real.get("/status").json["status"] == "degraded"
    with spawn(real.settings.socket, real.settings.state_log):
        wait_for(lambda: is_ready(real))
        states = [each["state"] for each in real.get("/blacklist").json["blacklist"]]
        assert states == ["in_force", "in_force"]


def test_nothing_waits_long_for_a_data_plane_that_is_away(real: RealApi) -> None:
    for _ in range(20):
        assert real.connection.hits([("blacklist", Network.parse("192.0.2.1"))]) == {}
        real.connection.announce(1)
        assert not real.connection.wait_in_force(real.node.publisher.database_id, 1, 0.25)


def test_a_full_table_is_refused_by_the_published_capacity(real: RealApi) -> None:
    arguments = ("--addresses-max", "1024")
    with spawn(real.settings.socket, real.settings.state_log, arguments=arguments):
        wait_for(lambda: is_ready(real))
        limit = real.get("/stats").json["lists"]["addresses"]["max"]
        body = "\n".join(f"10.0.{n >> 8}.{n & 255}" for n in range(limit + 1))
        assert real.bring(body).status_code == 409
        assert real.bring(body.rpartition("\n")[0]).status_code in (201, 202)
        assert real.ban("192.0.2.1").status_code == 409


def test_a_restored_older_database_makes_the_data_plane_load_anew(
    settings: ApiSettings, tmp_path: Path
) -> None:
    first = RealApi(settings)
    first.ban("192.0.2.1")
    first.close()
    backup = settings.database.read_bytes()
    with spawn(settings.socket, settings.state_log):
        second = RealApi(settings)
        wait_for(lambda: is_ready(second))
        assert second.ban("192.0.2.2").status_code == 201
        second.close()
        settings.database.write_bytes(backup)
        third = RealApi(settings)
        try:
            wait_for(lambda: _all_in_force(third, ["192.0.2.1"]))
            wait_for(lambda: third.get("/stats").json["lists"]["addresses"]["used"] == 1)
        finally:
            third.close()


def _commit(api: RealApi, *changes: Change) -> int:
    """What the API would not take from anybody: written past it, as a fault would."""
    actor = Actor(Principal("test", "test", Role.ADMIN, "test"), "request")
    return api.node.publisher.commit(actor, "test", lambda *_: Outcome(None, changes, "x"))[1]


def _reason(api: RealApi, revision: int) -> str:
    """Why it was rejected, once it is."""
    wait_for(lambda: _state(api, revision) == "rejected")
    return str(api.get(f"/revisions/{revision}").json["reason"])


def test_after_a_rejection_everything_is_answered_and_the_revision_says_why(
    real: RealApi,
) -> None:
    change = SetPolicy({"name": "x", "rules": [{"type": "nonsense"}]})
    reason = "the policy was rejected: rules[0].type: one of sanity"
    for start in range(2):
        with spawn(real.settings.socket, real.settings.state_log):
            wait_for(lambda: is_ready(real))
            if start == 0:
                rejected = _commit(real, change)
                real.connection.announce(rejected)
            assert _reason(real, rejected).startswith(reason)
            assert real.get("/blacklist").status_code == 200
            answer = real.ban(f"192.0.2.{start}")
            assert (answer.status_code, answer.json["state"]) == (201, "in_force")
            assert real.get("/status").json["reasons"] == ["rejected"]
    with spawn(real.settings.socket, real.settings.state_log):
        wait_for(lambda: is_ready(real))
        answer = real.call("PUT", "/policy", json={"name": "mended"})
        assert (answer.status_code, answer.json["state"]) == (200, "in_force")
        assert real.get("/blacklist").json["total"] == 2


def test_a_policy_in_force_that_a_new_release_refuses_is_told_and_the_rest_is_in_force(
    real: RealApi,
) -> None:
    """What a restart after an upgrade finds; the snapshot bears the revision of the ban."""
    with spawn(real.settings.socket, real.settings.state_log):
        wait_for(lambda: is_ready(real))
        made = real.call("PUT", "/policy", json={"name": "x"}).json["revision"]
        banned = real.ban("192.0.2.1").json["state"]
        assert banned == "in_force"
    stored = {"name": "x", "rules": [{"type": "tarpit", "action": "enforce"}]}
    with real.node.database.write() as connection:
        connection.execute(update(policies).values(document=stored))
    assert real.node.publisher.renew("an upgrade")
    with spawn(real.settings.socket, real.settings.state_log):
        wait_for(lambda: is_ready(real))
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
        wait_for(lambda: is_ready(real))
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
        wait_for(lambda: is_ready(real))
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


def test_every_kind_of_limit_at_once_is_a_policy_that_comes_into_force(real: RealApi) -> None:
    with spawn(real.settings.socket, real.settings.state_log) as process:
        wait_for(lambda: is_ready(real))
        answer = real.call("PUT", "/policy", json=policy(*every_limit()))
        assert (answer.status_code, answer.json["state"]) == (200, "in_force")
        assert process.poll() is None
        refused = real.call("PUT", "/policy", json=policy(*every_limit(), every_limit()[0]))
        assert refused.status_code == 422
        assert "at most 13 in a profile" in refused.json["detail"]


BANS = [f"192.0.2.{number}" for number in (1, 2, 3)]
WRONG = "192.0.2.7"


def damage(settings: ApiSettings) -> None:
    """Another valid address in the live log's second ban; it is still JSON."""
    log = max(settings.state_log.glob("*.log.ndjson"))
    whole = log.read_bytes()
    assert BANS[1].encode() in whole
    log.write_bytes(whole.replace(BANS[1].encode(), WRONG.encode()))


def mended(api: RealApi) -> bool:
    """Turns of the housekeeping until the data plane enforces what the database says."""
    api.node.housekeeper.turn()
    status = api.get("/status").json
    if status["health"] != "healthy":
        return False
    found = api.connection.hits([("blacklist", Network.parse(ip)) for ip in (*BANS, WRONG)])
    assert sorted(str(network) for _, network in found) in ([], BANS)
    return len(found) == len(BANS)


def renewals(api: Api) -> int:
    return sum(row["action"] == "state_log.renew" for row in api.get("/audit").json["audit"])


def test_a_changed_log_is_renewed_when_the_data_plane_alone_restarts(real: RealApi) -> None:
    with spawn(real.settings.socket, real.settings.state_log):
        wait_for(lambda: is_ready(real))
        real.node.housekeeper.turn()
        for ip in BANS:
            assert real.ban(ip).status_code == 201
        damage(real.settings)
    with spawn(real.settings.socket, real.settings.state_log):
        wait_for(lambda: is_ready(real))
        status = real.get("/status").json
        assert (status["health"], status["reasons"]) == ("degraded", ["state_log"])
        found = real.connection.hits([("blacklist", Network.parse(ip)) for ip in (*BANS, WRONG)])
        assert [str(network) for _, network in found] == BANS[:1], "what is before the damage"
        wait_for(lambda: mended(real))
        assert renewals(real) == 1
        assert real.ban("192.0.2.9").status_code == 201


@pytest.mark.parametrize("first", ["the API", "the data plane"])
def test_a_log_that_was_changed_while_both_were_down_is_renewed(
    settings: ApiSettings, first: str
) -> None:
    before = RealApi(settings)
    for ip in BANS:
        before.ban(ip)
    before.close()
    damage(settings)
    api = RealApi(settings) if first == "the API" else None
    with spawn(settings.socket, settings.state_log):
        api = api or RealApi(settings)
        try:
            wait_for(lambda: mended(api))
            assert renewals(api) == 1
        finally:
            api.close()


def test_an_import_that_was_changed_is_renewed_when_the_data_plane_alone_restarts(
    real: RealApi,
) -> None:
    with spawn(real.settings.socket, real.settings.state_log):
        wait_for(lambda: is_ready(real))
        real.node.housekeeper.turn()
        imported = real.bring("\n".join(BANS)).json["revision"]
        wait_for(lambda: _state(real, imported) == "in_force")
    file = next(real.settings.state_log.glob("import-*"))
    file.write_bytes(file.read_bytes().replace(BANS[1].encode(), WRONG.encode()))
    with spawn(real.settings.socket, real.settings.state_log):
        wait_for(lambda: is_ready(real))
        assert real.get("/status").json["reasons"] == ["state_log"]
        assert _state(real, imported) == "pending"
        wait_for(lambda: mended(real))
        assert _state(real, imported) == "in_force"


def test_a_log_of_the_format_before_is_renewed(settings: ApiSettings) -> None:
    before = RealApi(settings)
    for ip in BANS:
        before.ban(ip)
    before.close()
    make_format_1(settings.state_log)
    with spawn(settings.socket, settings.state_log):
        api = RealApi(settings)
        try:
            wait_for(lambda: mended(api))
        finally:
            api.close()


def _all_in_force(api: Api, ips: list[str]) -> bool:
    entries: list[dict[str, Any]] = api.get("/blacklist").json["blacklist"]
    assert [each["ip"] for each in entries] == ips
    return all(each["state"] == "in_force" for each in entries)


def _used(api: Api) -> tuple[int, int]:
    lists = api.get("/stats").json["lists"]
    return lists["addresses"]["used"], lists["prefixes_ipv4"]["used"]


def _remove(api: Api, **wanted: str) -> int:
    answer = api.post("/blacklist/remove", wanted)
    assert answer.status_code in (200, 202), answer.json
    wait_for(lambda: _state(api, answer.json["revision"]) == "in_force")
    return int(answer.json["removed"])


def _state(api: Api, revision: int) -> str:
    return str(api.get(f"/revisions/{revision}").json["state"])
