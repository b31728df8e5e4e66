"""Rules of the WAF from POST to the engine: the API, the compile helper, and the tables of a node.

The data plane turns in a thread of this process, so that requests can be scanned on its lcore.
"""

from __future__ import annotations

import ctypes
import os
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from api.management.settings import ApiSettings
from dataplane.native import abi
from dataplane.native.library import ENVIRONMENT_VARIABLE
from tests.api.real_dataplane.real_api import RealApi, wait_for_state, wait_until_ready
from tests.native.waf.waf_support import Request
from tests.support.patient import be_patient
from tests.support.servers.dataplane import ROOT, PortlessDataplane, turning
from tests.support.servers.dataplane import settings as dataplane_settings
from tests.support.waiting import wait_for

PATTERN = "union\\s+select"
ATTACK = b"GET /?q=1 UNION  SELECT 2 HTTP/1.1"


@pytest.fixture(autouse=True)
def _environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """The DPDK-free build is enough; answers wait as long as this machine takes to compile."""
    pipeline = ROOT / "build" / "libsecbeat-pipeline.so"
    if pipeline.exists() and ENVIRONMENT_VARIABLE not in os.environ:
        monkeypatch.setenv(ENVIRONMENT_VARIABLE, str(pipeline))
    be_patient(monkeypatch)


class Walk:
    """A data plane that turns, and an API on it."""

    def __init__(self, settings: ApiSettings, cache: Path) -> None:
        chosen = dataplane_settings(settings.socket, settings.state_log, rules_cache=cache)
        self.dataplane = PortlessDataplane(chosen)
        self.api = RealApi(settings)
        library = self.dataplane.library
        pointer, u32 = ctypes.c_void_p, ctypes.c_uint32
        library.sb_waf_begin.argtypes = [pointer, pointer, ctypes.c_uint16, pointer]
        library.sb_waf_begin.restype = None
        library.sb_waf_scan.argtypes = [pointer, u32, u32, pointer, u32]
        library.sb_waf_end.argtypes = [pointer]
        library.sb_waf_end.restype = ctypes.c_bool

    def blocks(self, text: bytes) -> bool:
        """Whether a request with that as its head is blocked; its hits are counted."""
        request, plane = Request(), self.dataplane
        now = abi.Time(boot_ds=plane.clock.boot_ms() // 100)
        plane.lcore.policy = plane.node.policy
        lcore = ctypes.byref(plane.lcore)
        plane.library.sb_waf_begin(ctypes.byref(request), lcore, 0, ctypes.byref(now))
        memory = (ctypes.c_char * len(text)).from_buffer_copy(text)
        size = len(text)
        assert plane.library.sb_waf_scan(ctypes.byref(request), 0, 0, memory, size) == 0
        return bool(plane.library.sb_waf_end(ctypes.byref(request)))

    def add(self, pattern: str = PATTERN, **rest: Any) -> Any:
        return self.api.post("/rules", {"pattern": pattern, "action": "block", **rest})

    def wait_for_a_compiler(self) -> None:
        state = lambda: self.api.connection.stats().rules.state  # noqa: E731
        wait_for(lambda: "away" not in state(), "the compiler of rules answers")

    def hits(self, rule: str) -> int:
        return int(self.api.get(f"/rules/{rule}").json["hits"])


@pytest.fixture
def walk(settings: ApiSettings, tmp_path: Path) -> Iterator[Walk]:
    made = Walk(settings, tmp_path / "rules")
    try:
        with turning(made.dataplane):
            wait_until_ready(made.api)
            made.wait_for_a_compiler()
            yield made
    finally:
        made.api.close()
        made.dataplane.close()


def test_a_rule_of_the_api_blocks_what_it_matches_until_it_is_removed(walk: Walk) -> None:
    assert not walk.blocks(ATTACK)
    answer = walk.add(severity="high")
    assert (answer.status_code, answer.json["status"]) == (201, "active"), answer.json
    assert walk.blocks(ATTACK)
    assert not walk.blocks(b"GET /?q=union HTTP/1.1")
    assert walk.hits("rule_1") == 1
    changed = walk.api.call("PATCH", "/rules/rule_1", json={"action": "log"})
    assert (changed.status_code, changed.json["hits"]) == (200, 1)
    assert not walk.blocks(ATTACK)
    assert walk.hits("rule_1") == 2
    walk.api.call("PATCH", "/rules/rule_1", json={"action": "block", "enabled": False})
    assert not walk.blocks(ATTACK)
    walk.api.call("PATCH", "/rules/rule_1", json={"enabled": True})
    assert walk.blocks(ATTACK)
    assert walk.api.delete("/rules/rule_1").status_code == 204
    assert not walk.blocks(ATTACK)


def test_a_pattern_that_the_engine_can_not_take_is_refused_by_construct(walk: Walk) -> None:
    answer = walk.add("a(?=b)")
    assert answer.status_code == 422
    (error,) = answer.json["errors"]
    assert error["field"] == "pattern"
    assert "not supported (at position 1)" in error["message"], error
    assert walk.add("a*").status_code == 422
    assert walk.api.get("/rules").json["total"] == 0


def test_rules_of_an_import_are_in_force_and_those_refused_are_named(walk: Walk) -> None:
    lines = "\n".join(
        f'{{"pattern": "attack number {n} of many", "action": "block"}}' for n in range(300)
    )
    bad = '\n{"pattern": "(?<=a)b", "action": "block"}'
    kind = "application/x-ndjson"
    answer = walk.api.call(
        "POST", "/rules/import?on_refused=skip", data=lines + bad, content_type=kind
    )
    walk.api.node.jobs.wait()
    job = walk.api.get(f"/rules/jobs/{answer.json['id']}").json
    assert (job["state"], job["added"], job["refused"]) == ("done", 300, 1), job
    assert job["refused_lines"][0]["line"] == 301
    wait_for_state(walk.api, job["revision"], "in_force")
    assert walk.blocks(b"GET /?q=attack number 299 of many HTTP/1.1")
    assert walk.hits("rule_300") == 1


def test_a_rule_that_was_not_tried_is_rejected_with_its_reason(
    walk: Walk, monkeypatch: pytest.MonkeyPatch
) -> None:
    (post,) = [each for each in walk.api.node.operations if each.name == "post_rules"]
    assert post is not None
    monkeypatch.setattr("api.management.rules.admission.Admissions.ask", lambda *_: None)
    good, bad = walk.add("some attack"), walk.add("a(?=b)")
    assert (good.status_code, good.json["status"]) == (201, "active")
    assert (bad.status_code, bad.json["status"]) == (202, "rejected"), bad.json
    assert bad.json["reason"]
    assert walk.api.get("/rules/rule_2").json["reason"] == bad.json["reason"]
    assert "rejected" in walk.api.get("/status").json["reasons"]
    assert walk.api.delete("/rules/rule_2").status_code == 204
    assert "rejected" not in walk.api.get("/status").json["reasons"]


def test_rules_are_there_again_after_a_restart_of_the_data_plane(
    settings: ApiSettings, tmp_path: Path
) -> None:
    for attempt in range(2):
        made = Walk(settings, tmp_path / "rules")
        try:
            with turning(made.dataplane):
                wait_until_ready(made.api)
                if attempt == 0:
                    made.wait_for_a_compiler()
                    assert made.add().status_code == 201
                wait_for(lambda: made.blocks(ATTACK), "the rule blocks")  # noqa: B023
                assert made.api.get("/rules/rule_1").json["status"] == "active"
        finally:
            made.api.close()
            made.dataplane.close()


def test_a_rule_blocks_until_its_end_and_takes_no_place_then(walk: Walk) -> None:
    added = []

    def blocks_for(seconds: int) -> bool:
        """Unless it takes longer to compile it on a machine that is busy."""
        ends = datetime.now(UTC) + timedelta(seconds=seconds)
        added.append((walk.add(expires_at=ends.isoformat()).json["id"], ends))
        return walk.blocks(ATTACK)

    assert any(map(blocks_for, (2, 15, 60)))
    rule, ends = added[-1]
    wait_for(lambda: not walk.blocks(ATTACK), "the rule has ended", 120)
    assert datetime.now(UTC) >= ends - timedelta(milliseconds=100)
    assert walk.api.get(f"/rules/{rule}").status_code == 404
    wait_for(lambda: walk.api.connection.stats().rules.used == 0, "no rule has a place")


def test_rules_of_another_database_replace_those_before(walk: Walk) -> None:
    walk.add("first")
    walk.add("a(?=b)")
    node = walk.api.node
    with node.database.lock.hold():
        node.publisher._replace_database_id()
        node.publisher._snapshot()
    walk.api.delete("/rules/rule_1")
    assert walk.add("second").status_code == 201
    assert not walk.blocks(b"GET /first HTTP/1.1")
    assert walk.blocks(b"GET /second HTTP/1.1")
    assert walk.api.connection.stats().rules.used == 1
