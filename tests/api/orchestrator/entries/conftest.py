"""An orchestrator and a node's API in one process, and the agent's parts between them."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, BinaryIO
from urllib.parse import quote

import pytest
from flask.testing import FlaskClient

from api.agent.fleet.following.database import NodeDatabase
from api.agent.fleet.following.part import Applied, Part
from api.agent.fleet.orchestrator.session import Session
from api.agent.fleet.parts.lists import ListsPart
from api.agent.fleet.parts.rules import RulesPart
from api.agent.node_api import NodeApi, RequestError
from api.orchestrator.following import service
from tests.api.conftest import Api
from tests.support.clock import FakeClock


class Losses:
    """How many requests get through, and whether the one after them is done."""

    def __init__(self) -> None:
        self.after: int | None = None
        self.is_done = False

    def lose(self, after: int, *, is_done: bool) -> None:
        self.after, self.is_done = after, is_done

    def through(self, ask: Callable[[], Any]) -> Any:
        if self.after is None:
            return ask()
        self.after -= 1
        if self.after >= 0:
            return ask()
        self.after = None
        if self.is_done:
            ask()
        raise RequestError(0, "the answer was lost")


class RelayedNodeApi(NodeApi):
    """Asks the node's application itself."""

    def __init__(self, api: Api, losses: Losses) -> None:
        super().__init__("127.0.0.1:9999", Path("no.key"))
        self.api = api
        self._losses = losses

    def _exchange(
        self,
        method: str,
        path: str,
        content: bytes | BinaryIO | None,
        media_type: str,
        timeout_s: float,
        size: int | None = None,
    ) -> dict[str, Any]:
        del timeout_s, size
        body = content if content is None or isinstance(content, bytes) else content.read()
        key = self.api.agent_key
        ask = lambda: self.api.call(  # noqa: E731
            method,
            f"/{path}",
            key,
            data=body,
            content_type=media_type if body is not None else None,
        )
        return _document(f"{method} {path}", self._losses.through(ask))


class RelayedSession(Session):
    """Asks the orchestrator's application itself."""

    def __init__(self, client: FlaskClient, losses: Losses) -> None:
        super().__init__("http://127.0.0.1:3030", None, str)
        self.client = client
        self._losses = losses

    def get(self, path: str) -> dict[str, Any]:
        ask = lambda: self.client.get(f"/api/v1/{path}")  # noqa: E731
        return _document(f"GET {path}", self._losses.through(ask))


def _document(what: str, answer: Any) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(io.BytesIO(answer.data).read() or b"{}")
    if answer.status_code not in range(200, 300):
        raise RequestError(answer.status_code, f"{what}: {found.get('detail')}")
    return found


class Follower:
    """What `Pursuit` does with one part, but only when a test says so."""

    def __init__(self, part: Part, client: FlaskClient) -> None:
        self.part = part
        self.client = client
        self.before: Applied | None = None

    def poll(self) -> Applied | None:
        """Ask what is wanted and apply it; None: there is nothing new."""
        document = self.client.get("/api/v1/nodes/node-1/desired").json
        asked = document["epoch"], document[self.part.name]
        if self.before is not None and asked == (self.before.epoch, self.before.number):
            return None
        said = self.part.apply(*asked, self.before)
        if said.state == "applied":
            self.before = said
        return said


class FollowingNode:
    """A node of the fleet: its API, and the agent's part that follows the lists."""

    def __init__(
        self, api: Api, admin: FlaskClient, client: FlaskClient, clock: FakeClock, directory: Path
    ) -> None:
        self.api, self.admin, self.clock = api, admin, clock
        self.losses = Losses()
        self.directory = directory
        node, session = RelayedNodeApi(api, self.losses), RelayedSession(client, self.losses)
        database = NodeDatabase(node, directory / "fleet-lists.json")
        self.make = lambda: ListsPart("node-1", node, session, directory, database, clock.utc_ms)
        self.lists = Follower(self.make(), client)
        rules = NodeDatabase(node, directory / "fleet-rules.json")
        self.rules = Follower(RulesPart("node-1", node, session, rules, clock.utc_ms), client)

    def held(self, name: str = "blacklist") -> dict[str, set[str]]:
        """Networks of this node's list by origin."""
        found: dict[str, set[str]] = {}
        for each in self.api.get(f"/{name}?limit=1000").json[name]:
            found.setdefault(each["origin"], set()).add(each["ip"])
        return found

    def ban(self, *ips: str, name: str = "blacklist", **more: Any) -> None:
        """On the fleet's list."""
        entries = [{"ip": ip} | more for ip in ips]
        answer = self.admin.post(f"/api/v1/{name}", json={"entries": entries})
        assert answer.status_code in {200, 201}, answer.json

    def unban(self, ip: str, name: str = "blacklist") -> None:
        """The reverse."""
        answer = self.admin.delete(f"/api/v1/{name}/{quote(ip)}")
        assert answer.status_code == 204, answer.json


@pytest.fixture
def following(
    monkeypatch: pytest.MonkeyPatch,
    api: Api,
    admin: FlaskClient,
    enrol: Callable[..., FlaskClient],
    clock: FakeClock,
    tmp_path: Path,
) -> FollowingNode:
    monkeypatch.setattr(service, "FRESH_S", 0.0)
    directory = tmp_path / "agent"
    directory.mkdir(exist_ok=True)
    return FollowingNode(api, admin, enrol("node-1"), clock, directory)
