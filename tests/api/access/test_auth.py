"""Keys, roles, limits: who may what, and how often."""

from __future__ import annotations

import dataclasses
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from api.common.contract.roles import Role
from api.management.settings import ApiSettings
from tests.support.clock import FakeClock

from ..conftest import ADMIN_KEY, HEADER, Api, FakeDataplane

PEOPLE = (Role.READ, Role.OPERATE, Role.ADMIN)
NARROWER = {"delete_policy_fleet"}
"""Of those with the role, these let in only some: here the agent and admins."""
"""The roles of keys that people make."""


def keys_of(api: Api) -> dict[Role | None, str | None]:
    """A key of each role."""
    made = {
        role: api.post("/keys", {"name": f"test-{role}", "role": str(role)}).json["key"]
        for role in PEOPLE
    }
    return {None: None, **made}


def test_every_operation_admits_its_role_and_those_above_and_no_other(api: Api) -> None:
    keys = keys_of(api)
    for operation in api.node.operations:
        path = operation.path.replace("{network}", "192.0.2.9").replace("{number}", "1")
        path = path.replace("{id}", "none")
        for role, key in keys.items():
            status = api.call(operation.method, path, key=key).status_code
            if operation.role is None:
                assert status not in (401, 403)
            elif role is None:
                assert status == 401, operation.name
            elif operation.name in NARROWER and role.includes(operation.role):
                assert (status == 403) == (role is not Role.ADMIN), (operation.name, role, status)
            else:
                refused = not role.includes(operation.role)
                assert (status == 403) == refused, (operation.name, role, status)


def test_the_roles_of_the_contract(api: Api) -> None:
    roles = {(each.method, each.path): each.role for each in api.node.operations}
    assert roles["GET", "/status"] == Role.READ
    assert roles["GET", "/blacklist"] == Role.READ
    assert roles["POST", "/blacklist"] == Role.OPERATE
    assert roles["POST", "/allowlist/import"] == Role.OPERATE
    assert roles["DELETE", "/allowlist/{network}"] == Role.OPERATE
    assert roles["POST", "/keys"] == Role.ADMIN
    assert roles["GET", "/health/live"] is None
    open_to_anybody = {path for (_, path), role in roles.items() if role is None}
    assert open_to_anybody == {"/health/live", "/health/ready"}


def test_no_key_and_an_unknown_key_are_401_with_a_challenge(api: Api) -> None:
    for key in (None, "", "unknown", "x" * 10_000):
        answer = api.get("/status", key=key)
        assert answer.status_code == 401
        assert "X-SecBeat-API-Key" in answer.headers["WWW-Authenticate"]


def test_first_boot_makes_two_keys_that_only_their_reader_can_read(api: Api) -> None:
    files = {"admin": api.settings.keys / "admin.key", "agent": api.settings.agent_key}
    for name, role in (("admin", "admin"), ("agent", "operate")):
        path = files[name]
        assert path.stat().st_mode & 0o777 == 0o600
        text = path.read_text().strip()
        assert len(text) >= 32
        assert api.get("/status", key=text).status_code == 200
        listed = {each["name"]: each["role"] for each in api.get("/keys").json["keys"]}
        assert listed[name] == role
    for path in files.values():
        assert list(path.parent.iterdir()) == [path]


def test_a_second_boot_makes_no_keys(api: Api) -> None:
    before = (api.settings.keys / "admin.key").read_text()
    api.settings.agent_key.unlink()
    again = api.restart()
    try:
        assert (again.settings.keys / "admin.key").read_text() == before
        assert not again.settings.agent_key.exists()
        assert again.get("/status", key=before.strip()).status_code == 200
    finally:
        again.close()


@pytest.fixture
def another_file_system() -> Iterator[Path]:
    """As systemd makes of each of a unit's ``ReadWritePaths``: nothing can be renamed into it."""
    with tempfile.TemporaryDirectory(dir="/dev/shm", prefix="secbeat-test-") as folder:
        yield Path(folder)


@pytest.mark.parametrize("is_mounted", [False, True])
def test_the_agents_key_of_an_earlier_version_goes_where_the_agent_can_read_it(
    api: Api, another_file_system: Path, is_mounted: bool
) -> None:
    key, before = api.settings.agent_key, api.settings.agent_key.read_text()
    key.rename(api.settings.keys / "agent.key")
    if is_mounted:
        assert another_file_system.stat().st_dev != api.settings.keys.stat().st_dev
        shutil.move(key.parent, another_file_system / "agent")
        key.parent.symlink_to(another_file_system / "agent")
    again = api.restart()
    try:
        assert (key.read_text(), key.stat().st_mode & 0o777) == (before, 0o600)
        assert list(again.settings.keys.iterdir()) == [again.settings.keys / "admin.key"]
    finally:
        again.close()


def test_a_move_of_the_agents_key_that_a_crash_has_interrupted_is_completed(api: Api) -> None:
    before = api.settings.agent_key.read_text()
    shutil.copy(api.settings.agent_key, api.settings.keys / "agent.key")
    again = api.restart()
    try:
        assert again.settings.agent_key.read_text() == before
        assert list(again.settings.keys.iterdir()) == [again.settings.keys / "admin.key"]
    finally:
        again.close()


def test_the_key_of_the_environment_is_never_stored(api: Api) -> None:
    api.ban("192.0.2.1")
    api.close()
    for path in api.settings.database.parent.parent.rglob("*"):
        if path.is_file():
            assert ADMIN_KEY.encode() not in path.read_bytes()


def test_the_text_of_a_key_is_shown_once_and_stored_nowhere(api: Api) -> None:
    made = api.post("/keys", {"name": "grafana", "role": "read"}).json
    assert len(made["key"]) >= 32
    assert made["key"] not in api.get("/keys").text
    for path in api.settings.database.parent.iterdir():
        if path.is_file():
            assert made["key"].encode() not in path.read_bytes()


def test_a_deleted_key_ends_at_once(api: Api) -> None:
    made = api.post("/keys", {"name": "gone", "role": "admin"}).json
    assert api.get("/keys", key=made["key"]).status_code == 200
    assert api.delete(f"/keys/{made['id']}").status_code == 204
    assert api.get("/keys", key=made["key"]).status_code == 401
    assert api.delete(f"/keys/{made['id']}").status_code == 404


def test_an_expired_key_is_401(api: Api, clock: FakeClock) -> None:
    made = api.post("/keys", {"name": "brief", "role": "read", "expires_in_seconds": 60}).json
    clock.pass_ms(59_999)
    assert api.get("/status", key=made["key"]).status_code == 200
    clock.pass_ms(1)
    assert api.get("/status", key=made["key"]).status_code == 401


def test_two_keys_are_valid_at_a_time_for_rotation(api: Api) -> None:
    old, new = (
        api.post("/keys", {"name": name, "role": "admin"}).json["key"] for name in ("old", "new")
    )
    assert api.get("/keys", key=old).status_code == api.get("/keys", key=new).status_code == 200


def test_a_name_is_used_once(api: Api) -> None:
    assert api.post("/keys", {"name": "admin", "role": "read"}).status_code == 409


def test_the_last_admin_key_that_does_not_expire_stays(api: Api) -> None:
    brief = {"name": "brief", "role": "admin", "expires_in_seconds": 60}
    assert api.post("/keys", brief).status_code == 201
    (admin,) = (each for each in api.get("/keys").json["keys"] if each["name"] == "admin")
    answer = api.delete(f"/keys/{admin['id']}")
    assert answer.status_code == 409
    api.post("/keys", {"name": "second", "role": "admin"})
    assert api.delete(f"/keys/{admin['id']}").status_code == 204


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"name": "x", "role": "root"}, "role"),
        ({"name": "", "role": "read"}, "name"),
        ({"name": "a b", "role": "read"}, "name"),
        ({"name": "x" * 65, "role": "read"}, "name"),
        ({"name": "x", "role": "read", "expires_in_seconds": 0}, "expires_in_seconds"),
        ({"name": "x", "role": "read", "expires_in_seconds": "60"}, "expires_in_seconds"),
        ({"name": "x"}, "role"),
    ],
)
def test_a_bad_key_request_is_422(api: Api, body: dict[str, object], field: str) -> None:
    answer = api.post("/keys", body)
    assert answer.status_code == 422
    assert answer.json["errors"][0]["field"] == field


@pytest.fixture
def limited(settings: ApiSettings, plane: FakeDataplane, clock: FakeClock) -> Iterator[Api]:
    limits = {"writes_per_minute": 3, "reads_per_minute": 5, "failures_per_minute": 4}
    found = Api(dataclasses.replace(settings, **limits), plane, clock)  # type: ignore[arg-type]
    yield found
    found.close()


def test_writes_and_reads_are_limited_each_for_each_key(limited: Api) -> None:
    other = (limited.settings.keys / "admin.key").read_text().strip()
    statuses = [limited.ban(f"192.0.2.{last}").status_code for last in range(4)]
    assert statuses == [201, 201, 201, 429]
    answer = limited.ban("192.0.2.9")
    assert 1 <= int(answer.headers["Retry-After"]) <= 61
    assert answer.json["detail"] == "the key 'MANAGEMENT_API_KEY': more than 3 writes in a minute"
    assert limited.post("/blacklist", {"ip": "192.0.2.9"}, key=other).status_code == 201
    assert [limited.get("/status").status_code for _ in range(6)] == [200] * 5 + [429]
    assert limited.get("/health/live", key=None).status_code == 200


def test_an_import_counts_once(limited: Api) -> None:
    body = "\n".join(f"192.0.2.{last}" for last in range(50))
    assert limited.bring(body).status_code == 201
    assert limited.ban("198.51.100.1").status_code == 201


def test_failed_attempts_are_limited_by_source_and_strong_keys_are_not_locked_out(
    limited: Api,
) -> None:
    statuses = [limited.get("/status", key=f"guess-{n}").status_code for n in range(6)]
    assert statuses == [401] * 4 + [429] * 2
    assert limited.get("/status").status_code == 200, "nobody guesses 32 random characters"
    elsewhere = limited.client.get(
        "/api/v1/status", headers={HEADER: "guess"}, environ_base={"REMOTE_ADDR": "192.0.2.50"}
    )
    assert elsewhere.status_code == 401


def test_a_short_environment_key_can_not_be_guessed_at_full_speed(
    settings: ApiSettings, plane: FakeDataplane, clock: FakeClock
) -> None:
    changed = dataclasses.replace(settings, management_api_key="short", failures_per_minute=2)
    api = Api(changed, plane, clock)
    try:
        assert api.get("/status", key="short").status_code == 200
        for guess in ("a", "b", "c"):
            api.get("/status", key=guess)
        assert api.get("/status", key="short").status_code == 429
    finally:
        api.close()


def test_the_audit_trail_says_who_what_when_from_where(api: Api) -> None:
    made = api.post("/keys", {"name": "ops", "role": "operate"}).json
    headers = {"X-Request-ID": "req-1"}
    api.post("/blacklist", {"ip": "192.0.2.1"}, key=made["key"], headers=headers)
    row = api.get("/audit").json["audit"][0]
    assert row == {
        "id": row["id"],
        "at": "2026-09-21T14:13:20.000Z",
        "key": "ops",
        "role": "operate",
        "source": "127.0.0.1",
        "action": "blacklist.put",
        "target": "192.0.2.1",
        "revision": 1,
        "request_id": "req-1",
        "before": None,
        "after": row["after"],
    }
    assert row["after"]["created_by"] == "ops"
    api.delete("/blacklist/192.0.2.1")
    api.delete(f"/keys/{made['id']}")
    actions = [each["action"] for each in api.get("/audit").json["audit"]]
    assert actions[:2] == ["key.remove", "blacklist.remove"]


def test_what_is_refused_leaves_no_trace_of_a_change(api: Api) -> None:
    before = api.get("/audit").json["total"]
    api.ban("192.0.2.1/24")
    api.delete("/blacklist/192.0.2.1")
    api.delete("/keys/none")
    assert api.get("/audit").json["total"] == before


def test_audit_pages_go_back_in_time_and_total_counts_all(api: Api) -> None:
    for last in range(10):
        api.ban(f"192.0.2.{last}")
    seen: list[int] = []
    cursor = ""
    while True:
        page = api.get(f"/audit?limit=4{cursor}").json
        seen += [row["id"] for row in page["audit"]]
        api.ban(f"198.51.100.{len(seen)}")
        if page["next_cursor"] is None:
            break
        cursor = f"&cursor={page['next_cursor']}"
    assert seen == sorted(seen, reverse=True)
    assert len(seen) == 12
    assert api.get("/audit?cursor=x").status_code == 422


def test_audit_rows_are_kept_ninety_days(api: Api, clock: FakeClock) -> None:
    api.ban("192.0.2.1")
    clock.pass_ms(91 * 86_400_000)
    api.ban("192.0.2.2")
    api.node.housekeeper.turn()
    assert [row["target"] for row in api.get("/audit").json["audit"]] == ["192.0.2.2"]
