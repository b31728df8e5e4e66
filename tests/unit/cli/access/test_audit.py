"""``secbeat audit``."""

from __future__ import annotations

from typing import Any


def test_audit_list(api: Any, secbeat: Any) -> None:
    row = {"id": 1, "at": "t", "key": "admin", "action": "blacklist.put", "target": "192.0.2.7"}
    api.answers_with(200, {"audit": [row], "total": 1, "next_cursor": None})
    assert "192.0.2.7" in secbeat("audit", "list").out
    assert secbeat("audit", "list", "--json").json["audit"] == [row]


def test_the_audit_is_filtered_and_says_before_and_after(api: Any, secbeat: Any) -> None:
    row = {"id": 1, "at": "t", "key": "k", "role": "admin", "source": "s", "action": "a"}
    row |= {"target": "x", "revision": 2, "request_id": "r", "before": None, "after": {"on": True}}
    api.answers_with(200, {"audit": [row], "total": 1, "next_cursor": None})
    done = secbeat("audit", "list", "--key", "k", "--action", "policy", "--sort", "oldest")
    assert done.out.splitlines()[1].split("\t")[-2:] == ["-", '{"on": true}']
    asked = {"limit": "100", "key": "k", "action": "policy", "sort": "oldest"}
    assert api.requests[0].query == asked
