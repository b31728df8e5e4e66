"""Changes come into force on a real control plane, and are there again after a restart."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from api.management.settings import ApiSettings
from dataplane.base.networks import Network
from tests.api.conftest import Api
from tests.api.real_dataplane.real_api import RealApi, wait_for_state, wait_until_ready
from tests.support.documents.policy_limits import every_limit, policy
from tests.support.servers.dataplane import spawn
from tests.support.waiting import wait_for


def test_bans_and_imports_come_into_force_and_are_answered_so(real: RealApi) -> None:
    assert real.ban("192.0.2.1").status_code == 202, "nobody is there yet"
    with spawn(real.settings.socket, real.settings.state_log):
        wait_until_ready(real)
        answer = real.ban("192.0.2.2", duration_seconds=60)
        assert (answer.status_code, answer.json["state"]) == (201, "in_force")
        body = "\n".join(f"10.0.{n >> 8}.{n & 255}" for n in range(2000))
        imported = real.bring(body)
        assert imported.status_code in (201, 202)
        wait_for_state(real, imported.json["revision"], "in_force")
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
        wait_until_ready(real)
        body = "\n".join(f"10.0.{n >> 8}.{n & 255}" for n in range(2000)) + "\n10.1.0.0/16\n"
        for origin in ("feed:a", "feed:b"):
            imported = real.bring(body, query=f"?origin={origin}&duration_seconds=3600")
            wait_for_state(real, imported.json["revision"], "in_force")
        real.ban("10.0.0.7")
        assert _used(real) == (2000, 1)
        assert _remove(real, origin="feed:a") == 2001
        assert _used(real) == (2000, 1), "feed:b still holds them"
        assert _remove(real, origin="feed:b") == 2001
        assert _used(real) == (1, 0)
        assert real.delete("/blacklist/10.0.0.7").status_code == 204
        assert _used(real) == (0, 0)
    with spawn(real.settings.socket, real.settings.state_log):
        wait_until_ready(real)
        assert _used(real) == (0, 0), "the same from the log"


def test_a_policy_comes_into_force_and_survives_the_data_plane(real: RealApi) -> None:
    rules = [{"type": "sanity", "action": "monitor"}]
    with spawn(real.settings.socket, real.settings.state_log):
        wait_until_ready(real)
        answer = real.call("PUT", "/policy", json={"name": "watch", "rules": rules})
        assert (answer.status_code, answer.json["state"]) == (200, "in_force")
    with spawn(real.settings.socket, real.settings.state_log):
        wait_until_ready(real)
        assert real.get("/policy").json["state"] == "in_force"


def test_a_data_plane_that_goes_and_comes_back_is_found_again(real: RealApi) -> None:
    with spawn(real.settings.socket, real.settings.state_log):
        wait_until_ready(real)
        assert real.ban("192.0.2.1").status_code == 201
    assert real.ban("192.0.2.2").status_code == 202
    assert real.get("/stats").status_code == 503
    assert real.get("/status").json["status"] == "degraded"
    with spawn(real.settings.socket, real.settings.state_log):
        wait_until_ready(real)
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
        wait_until_ready(real)
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
        wait_until_ready(second)
        assert second.ban("192.0.2.2").status_code == 201
        second.close()
        settings.database.write_bytes(backup)
        third = RealApi(settings)
        try:
            wait_for(lambda: _all_in_force(third, ["192.0.2.1"]), "the entry is in force")
            used = lambda: third.get("/stats").json["lists"]["addresses"]["used"]  # noqa: E731
            wait_for(lambda: used() == 1, "one address is used")
        finally:
            third.close()


def test_every_kind_of_limit_at_once_is_a_policy_that_comes_into_force(real: RealApi) -> None:
    with spawn(real.settings.socket, real.settings.state_log) as process:
        wait_until_ready(real)
        answer = real.call("PUT", "/policy", json=policy(*every_limit()))
        assert (answer.status_code, answer.json["state"]) == (200, "in_force")
        assert process.poll() is None
        refused = real.call("PUT", "/policy", json=policy(*every_limit(), every_limit()[0]))
        assert refused.status_code == 422
        assert "at most 13 in a profile" in refused.json["detail"]


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
    wait_for_state(api, answer.json["revision"], "in_force")
    return int(answer.json["removed"])
