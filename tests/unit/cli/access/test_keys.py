"""``secbeat keys``."""

from __future__ import annotations

from typing import Any


def test_key_is_printed_alone_on_stdout(api: Any, secbeat: Any) -> None:
    made = {"id": "3", "name": "ci", "role": "read", "key": "secret", "created_at": "t"}
    api.answers_with(201, made)
    done = secbeat("keys", "create", "ci", "--role", "read", "--expires", "90d")
    assert api.requests[0].json == {
        "name": "ci",
        "role": "read",
        "expires_in_seconds": 90 * 86_400,
    }
    assert done.out == "secret\n"
    assert "not shown again" in done.err


def test_keys_list_and_delete(api: Any, secbeat: Any) -> None:
    api.answers_with(200, {"keys": [{"id": "3", "name": "ci", "role": "read"}], "total": 1})
    assert secbeat("keys", "list").out.splitlines()[1].startswith("3\tci\tread\t")
    api.answers.clear()
    api.answers_with(204)
    assert secbeat("keys", "delete", "3").out == "key 3 is deleted\n"
    assert (api.requests[-1].method, api.requests[-1].path) == ("DELETE", "/api/v1/keys/3")


def test_unknown_role_is_a_usage_error(secbeat: Any) -> None:
    assert secbeat("keys", "create", "x", "--role", "root").code == 2
