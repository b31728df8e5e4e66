"""Whatever the fleet does, whenever a node asks and whatever gets lost: it ends with what there is.

Each example goes on where the one before has ended: what a node starts with is arbitrary too.
"""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from api.agent.fleet.lists import node_lists
from api.agent.fleet.parts import lists
from api.agent.node_api import RequestError
from api.orchestrator.following import log

from .conftest import FollowingNode
from .test_node_follows_lists import new_epoch

NETWORKS = ("192.0.2.1", "192.0.2.2", "192.0.2.0/24", "2001:db8::1", "2001:db8::/64", "10.0.0.0/8")
NAMES = st.sampled_from(["blacklist", "allowlist"])
POLLS_MAX = 5

steps = st.one_of(
    st.tuples(
        st.just("put"),
        NAMES,
        st.sets(st.sampled_from(NETWORKS), min_size=1, max_size=4),
        st.sampled_from([None, 30, 90]),
    ),
    st.tuples(st.just("remove"), NAMES, st.sampled_from(NETWORKS)),
    st.tuples(st.just("own"), NAMES, st.sampled_from(NETWORKS)),
    st.tuples(st.just("pass"), st.integers(0, 60_000)),
    st.tuples(st.just("poll")),
    st.tuples(st.just("lose"), st.integers(0, 4), st.booleans()),
    st.tuples(st.just("die"), st.booleans()),
    st.tuples(st.just("restore")),
)


class World:
    """The fleet, a node, and what is known to be the node's own."""

    def __init__(self, following: FollowingNode) -> None:
        self.following = following
        self.own: set[tuple[str, str]] = set()
        self.epochs = 0

    def put(self, name: str, ips: set[str], seconds: int | None) -> None:
        body: dict[str, Any] = {"entries": [{"ip": ip, "duration_seconds": seconds} for ip in ips]}
        answer = self.following.admin.post(f"/api/v1/{name}", json=body)
        assert answer.status_code in {200, 201, 409}, answer.json

    def remove(self, name: str, ip: str) -> None:
        answer = self.following.admin.delete(f"/api/v1/{name}/{ip}")
        assert answer.status_code in {204, 404}, answer.json

    def own_entry(self, name: str, ip: str) -> None:
        answer = self.following.api.post(f"/{name}", {"ip": ip})
        assert answer.status_code in {200, 201, 409}, answer.json
        if answer.status_code != 409:
            self.own.add((name, answer.json["ip"]))

    def poll(self) -> bool:
        """Whether there was something to do, or it failed."""
        try:
            return self.following.lists.poll() is not None
        except RequestError:
            return True

    def die(self, *, before_it_noted: bool) -> None:
        """The agent is killed; perhaps after it did what it was asked for."""
        noted = self.following.lists.before
        if before_it_noted:
            self.poll()
            self.following.lists.before = noted
        self.following.lists.part = self.following.make()

    def step(self, kind: str, *arguments: Any) -> None:
        following = self.following
        match kind:
            case "put":
                self.put(*arguments)
            case "remove":
                self.remove(*arguments)
            case "own":
                self.own_entry(*arguments)
            case "pass":
                following.clock.pass_ms(*arguments)
            case "poll":
                self.poll()
            case "lose":
                following.losses.lose(arguments[0], is_done=arguments[1])
            case "die":
                self.die(before_it_noted=arguments[0])
            case "restore":
                new_epoch(following)
                self.put("blacklist", {"198.51.100.1"}, None)

    def check(self) -> None:
        self.following.losses.after = None
        assert any(not self.poll() for _ in range(POLLS_MAX))
        for name in ("blacklist", "allowlist"):
            wanted = self.following.admin.get(f"/api/v1/{name}").json[name]
            held = self.following.held(name)
            assert held.get("fleet", set()) == {each["ip"] for each in wanted}
            own = {ip for of, ip in self.own if of == name}
            assert held.get("manual", set()) == own


def test_a_node_ends_with_what_the_fleet_has(
    following: FollowingNode, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(log, "ITEMS_MAX", 4)
    monkeypatch.setattr(lists, "PAGE_ENTRIES", 2)
    monkeypatch.setattr(node_lists, "SINGLE_MAX", 1)
    world = World(following)

    @settings(
        max_examples=20,
        deadline=None,
        derandomize=True,
        suppress_health_check=[HealthCheck.too_slow],
    )
    @given(st.lists(steps, max_size=12))
    def ends_with_it(some: list[tuple[Any, ...]]) -> None:
        for each in some:
            world.step(*each)
        world.check()

    ends_with_it()
