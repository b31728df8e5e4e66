"""A management API on a fake data plane, in a directory of its own."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from flask import Flask
from flask.testing import FlaskClient

from api.management.app import create_app, node_of
from api.management.database import upgrade
from api.management.settings import ApiSettings
from dataplane.base.errors import DataplaneAwayError
from dataplane.base.networks import Network
from dataplane.client import Evidence, PacketExplanation, PacketQuestion
from dataplane.client.compiler import Admission, Candidate, CompilerAwayError
from dataplane.shared.incidents import BaselinePeriod, Incident, Top
from dataplane.shared.links import DrainStats
from dataplane.shared.stats import (
    Capacities,
    ConnectionStats,
    CountriesStats,
    LatencyHistogram,
    NodeStats,
    PortStats,
    ReasonCount,
    Rejected,
    RulesStats,
    SynProxyOn,
    TrafficRates,
)
from tests.support.clock import FakeClock
from tests.support.fakes.fake_agent import answering
from tests.support.servers.postgres import Postgres
from tests.support.values.explained import PASSED
from tests.support.values.http_stats import GROUPS, HTTP, SCANS
from tests.support.values.incidents import NO_DETECTION

HEADER = "X-SecBeat-API-Key"
ADMIN_KEY = "admin-key-of-the-tests-0123456789abcdef"


class FakeDataplane:
    """A data plane that applies what it is told of at once, unless told to be slow or away."""

    def __init__(self) -> None:
        self.away = False
        self.slow = False
        self.compiling = False
        """Rules that come are not in force yet."""
        self.lacks_rules: set[int] = set()
        self.hits_by_rule: dict[int, int] = {}
        self.hit: list[Evidence] = []
        self.attacks: list[Incident] = []
        self.heaviest = Top(0, 1, (), ())
        self.named: list[str] = []
        """Profiles beside the default."""
        self.asked: list[PacketQuestion] = []
        self.explains: Callable[[PacketQuestion], PacketExplanation] = lambda _question: PASSED
        self.baseline_period = BaselinePeriod(0, (), 0)
        self.database_id: UUID | None = None
        self.applied = 0
        self.loading = 0
        self.pid = 1
        self.announced: list[int] = []
        self.rejected: list[Rejected] = []
        self.hits_by_key: dict[Any, int] = {}
        self.rates = TrafficRates(0, 0, 0, 0, 0)
        self.syn_proxy_on = SynProxyOn(0, ())
        self.syn_proxy_profiles = 0
        self.addresses_max = 1000
        self.prefixes_max = 100
        self.degraded: tuple[str, ...] = ()
        self.state = "running"
        self.http_profiles = 0
        self.detection = NO_DETECTION
        self.drain = DrainStats()
        self.countries: CountriesStats | None = None
        self.on_announce: Callable[[int], None] = lambda _revision: None

    def stats(self) -> NodeStats:
        if self.away:
            raise DataplaneAwayError("away")
        return node_stats(self)

    def capacities(self) -> Capacities:
        return self.stats().capacities

    def announce(self, revision: int) -> None:
        self.announced.append(revision)
        self.on_announce(revision)
        if not self.slow and not self.away:
            self.applied = max(self.applied, revision)

    def wait_in_force(
        self, database_id: UUID, revision: int, _timeout_s: float, *, of_rules: bool = False
    ) -> bool:
        if self.away or self.slow or (of_rules and self.compiling):
            return False
        self.database_id = database_id
        return self.applied >= revision

    def hits(self, keys: Sequence[Any]) -> Mapping[Any, int]:
        return {key: self.hits_by_key[key] for key in keys if key in self.hits_by_key}

    def most_hit(self, name: str) -> Sequence[Network]:
        if self.away:
            raise DataplaneAwayError("away")
        hits = {key: count for (of, key), count in self.hits_by_key.items() if of == name}
        return sorted(hits, key=lambda key: -hits[key])

    def rule_hits(self, numbers: Sequence[int]) -> Mapping[int, int] | None:
        known = set(numbers) - self.lacks_rules
        return None if self.away else {n: self.hits_by_rule.get(n, 0) for n in known}

    def evidence(self, limit: int, rule: int | None) -> Sequence[Evidence]:
        if self.away:
            raise DataplaneAwayError("away")
        return [each for each in self.hit if rule in {None, each.rule}][:limit]

    def incidents(self) -> Sequence[Incident]:
        if self.away:
            raise DataplaneAwayError("away")
        return self.attacks

    def top(self) -> Top:
        if self.away:
            raise DataplaneAwayError("away")
        return self.heaviest

    def profiles(self) -> Mapping[int, str]:
        if self.away:
            raise DataplaneAwayError("away")
        return {0: "default"} | {index + 1: name for index, name in enumerate(self.named)}

    def explain(self, question: PacketQuestion) -> PacketExplanation:
        if self.away:
            raise DataplaneAwayError("away")
        self.asked.append(question)
        return self.explains(question)

    def baseline(self) -> BaselinePeriod:
        if self.away:
            raise DataplaneAwayError("away")
        return self.baseline_period

    def close(self) -> None:
        self.away = True


class FakeCompiler:
    """Takes every pattern but those that it is told to refuse, unless it is away."""

    def __init__(self) -> None:
        self.away = False
        self.refuses: dict[str, Admission] = {}
        self.asked: list[Candidate] = []

    def admit(self, candidates: Sequence[Candidate]) -> list[Admission]:
        if self.away:
            raise CompilerAwayError("away")
        self.asked += candidates
        return [self.refuses.get(each.pattern, Admission(cost_ns=100)) for each in candidates]


def node_stats(fake: FakeDataplane) -> NodeStats:
    port = PortStats(
        name="outside",
        received=10,
        received_bytes=1000,
        forwarded=7,
        forwarded_bytes=700,
        consumed=0,
        held_now=0,
        dropped={"blacklist": 3},
        link={"arp": 2, "other_mpls": 1, "ospf": 0},
        inner={"mpls": 5, "pppoe": 0},
        neighbors={"bgp": 4, "ospf": 0},
        dropped_bytes=300,
        missed=0,
        errors=0,
        no_mbuf=0,
        tx_errors=0,
        link_up=True,
        speed_mbps=10_000,
    )
    return NodeStats(
        state=fake.state,
        degraded=fake.degraded,
        database_id=fake.database_id,
        applied_through=fake.applied,
        loading=fake.loading,
        uptime_s=12.7,
        heartbeat_age_s=0.001,
        pid=fake.pid,
        tsc_hz=2_600_000_000,
        rates=fake.rates,
        syn_proxy_on=fake.syn_proxy_on,
        syn_proxy_profiles=fake.syn_proxy_profiles,
        http_profiles=fake.http_profiles,
        overlays=0,
        panic_until_boot_ms=0,
        hugepages=False,
        capacities=Capacities(fake.addresses_max, 0, fake.prefixes_max, 0, 0, 262_144, 4096, 10),
        connections=ConnectionStats(
            *(7, 5, 9, 1, 1, 0, 1, 3, 1, 2), by_profile={"default": 4, "shop": 3}
        ),
        drain=fake.drain,
        countries=fake.countries,
        rules=RulesStats(0 if fake.compiling else fake.applied, 0, 65_536, 0, 0, ("ready",)),
        http=HTTP,
        scans=SCANS,
        detection=fake.detection,
        rule_groups=GROUPS,
        cpu_busy_percent=12.5,
        latency_mean_ns=4_200,
        request_latency_mean_ns=600_000,
        requests_per_second=12.34,
        memory_bytes=100_000_000,
        events_lost=0,
        ports={"outside": port},
        neighbors_beyond={"bgp": 0},
        origins={},
        latency=LatencyHistogram((1000,), (1, 0), 1, 900),
        request_latency=LatencyHistogram((1000,), (0, 0), 0, 0),
        response_time=LatencyHistogram((1000,), (0, 0), 0, 0),
        lcores=(),
        reasons=(
            ReasonCount("default", "blacklist", "enforce", 3),
            ReasonCount("default", "land", "monitor", 2),
        ),
        rejected_count=len(fake.rejected),
        rejected=tuple(fake.rejected),
    )


class Api:
    """An application, its client with an admin key, and what lies under it."""

    def __init__(self, settings: ApiSettings, plane: FakeDataplane, clock: FakeClock) -> None:
        self.settings = settings
        self.plane = plane
        self.clock = clock
        self.compiler = FakeCompiler()
        self.app: Flask = create_app(settings, plane, clock, self.compiler)
        self.node = node_of(self.app)
        self.client: FlaskClient = self.app.test_client()

    def call(self, method: str, path: str, key: str | None = ADMIN_KEY, **rest: Any) -> Any:
        headers = dict(rest.pop("headers", {}))
        if key is not None:
            headers[HEADER] = key
        path = path if path.startswith(("/api", "/docs", "/openapi")) else "/api/v1" + path
        return self.client.open(path, method=method, headers=headers, **rest)

    @property
    def agent_key(self) -> str:
        """The key of the node's agent."""
        return self.settings.agent_key.read_text().strip()

    def get(self, path: str, **rest: Any) -> Any:
        return self.call("GET", path, **rest)

    def post(self, path: str, json: Any = None, **rest: Any) -> Any:
        return self.call("POST", path, json=json, **rest)

    def delete(self, path: str, **rest: Any) -> Any:
        return self.call("DELETE", path, **rest)

    def ban(self, ip: str, **rest: Any) -> Any:
        key = self.agent_key if rest.get("origin") == "fleet" else ADMIN_KEY
        return self.post("/blacklist", {"ip": ip, **rest}, key=key)

    def bring(self, body: str, name: str = "blacklist", query: str = "", **rest: Any) -> Any:
        rest.setdefault("content_type", "text/plain")
        return self.call("POST", f"/{name}/import{query}", data=body, **rest)

    def restart(self) -> Api:
        """The process ends in order and starts again."""
        self.close()
        self.plane.away = False
        return Api(self.settings, self.plane, self.clock)

    def close(self) -> None:
        self.node.close()


@pytest.fixture(scope="session")
def schema(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An empty database of the newest schema: migrating for every test would be slow."""
    path = tmp_path_factory.mktemp("schema") / "node.db"
    upgrade.upgrade(path)
    return path


@pytest.fixture
def agent(tmp_path: Path) -> Iterator[list[Mapping[str, Any]]]:
    """An agent that is well; what it was asked."""
    with answering(tmp_path / "agent.sock") as asked:
        yield asked


@pytest.fixture
def settings(tmp_path: Path, schema: Path, agent: object) -> ApiSettings:
    database = tmp_path / "api" / "node.db"
    database.parent.mkdir()
    database.write_bytes(schema.read_bytes())
    return ApiSettings(
        database=database,
        state_log=tmp_path / "state",
        socket=tmp_path / "dataplane.sock",
        countries=(tmp_path / "countries.db",),
        events=tmp_path / "agent" / "events.db",
        keys=tmp_path / "keys",
        agent_key=tmp_path / "agent" / "agent.key",
        agent=tmp_path / "agent.sock",
        management_api_key=ADMIN_KEY,
        writes_per_minute=100_000,
        reads_per_minute=100_000,
    )


@pytest.fixture
def plane() -> FakeDataplane:
    return FakeDataplane()


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def api(settings: ApiSettings, plane: FakeDataplane, clock: FakeClock) -> Iterator[Api]:
    found = Api(settings, plane, clock)
    yield found
    found.close()


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    """One server for all tests of a process: each makes a database of its own in it."""
    with tempfile.TemporaryDirectory(prefix="secbeat-pg-") as directory:
        server = Postgres(Path(directory))
        server.start()
        yield server
        server.stop("immediate")


@pytest.fixture
def own_postgres() -> Iterator[Postgres]:
    """A server that a test may stop; what it has committed survives."""
    with tempfile.TemporaryDirectory(prefix="secbeat-pg-") as directory:
        server = Postgres(Path(directory), {"fsync": "on", "synchronous_commit": "on"})
        server.start()
        yield server
        server.stop("immediate")
