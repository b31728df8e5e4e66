"""Composes the orchestrator from its parts; the only module that depends on all of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from api.access.audit import service as audit
from api.access.audit import views as audit_views
from api.access.gate import KeyGate, Limits
from api.access.keys import views as key_views
from api.access.keys.freshness import Freshness
from api.access.keys.service import EnvironmentKey, Keys
from api.access.receipts import Receipts
from api.common.contract.operations import Operation
from api.common.contract.roles import Role
from api.common.disk import written
from api.common.exchange.bodies import Spool
from api.orchestrator.database import upgrade as schema
from api.orchestrator.entries import views as entry_views
from api.orchestrator.following import views as following_views
from api.orchestrator.following.service import Following
from api.orchestrator.following.shortcut import Unchanged
from api.orchestrator.health import views as health_views
from api.orchestrator.metrics.collecting import Collect
from api.orchestrator.nodes import token_views
from api.orchestrator.nodes import views as node_views
from api.orchestrator.nodes.heartbeats.service import Heartbeats
from api.orchestrator.nodes.heartbeats.shortcut import FiguresAlone
from api.orchestrator.nodes.identity import FleetKeys
from api.orchestrator.nodes.metrics import NodeMetrics
from api.orchestrator.nodes.registry import Registry
from api.orchestrator.nodes.service import Nodes
from api.orchestrator.nodes.tokens import Tokens
from api.orchestrator.policies import metrics as policy_metrics
from api.orchestrator.policies import ruling
from api.orchestrator.policies import views as policy_views
from api.orchestrator.policies.service import Policies
from api.orchestrator.policies.turn import Deploying
from api.orchestrator.rules import views as rule_views
from api.orchestrator.scaling import compose as scaling
from api.orchestrator.scaling import metrics as scaling_metrics
from api.orchestrator.scaling import views as scaling_views
from api.orchestrator.scaling.worker import Worker
from api.orchestrator.settings import KEY_VARIABLE, OrchestratorSettings
from api.orchestrator.shortcuts import Door, NodeShortcut
from api.orchestrator.threats import views as threat_views
from api.orchestrator.threats.metrics import ThreatMetrics
from api.orchestrator.threats.service import Threats
from api.orchestrator.webhooks import metrics as webhook_metrics
from api.orchestrator.webhooks.office import Office
from api.storage.database import OpenDatabase
from api.storage.housekeeping import Housekeeper
from api.storage.opening import database_clock, open_database, sqlite_path
from api.storage.trouble import Storage
from api.webhooks import views as webhook_views
from dataplane.base.clock import Clock

RETENTION_S = 600.0
"""Interval of the retention."""


@dataclass(frozen=True)
class Orchestrator:
    """Everything behind the HTTP surface of one worker."""

    settings: OrchestratorSettings
    database: OpenDatabase
    storage: Storage
    gate: KeyGate
    operations: Sequence[Operation]
    spool: Spool
    housekeeper: Housekeeper
    metrics: Sequence[Collect]
    """The metrics of each area for port 9091."""
    shortcuts: Sequence[NodeShortcut]
    """The requests that the event loop answers itself."""
    office: Office
    """Sends webhooks once it is started."""
    scaler: Worker | None
    """Runs jobs once it is started; None: there is no provider."""

    def start(self) -> None:
        """Start the background work."""
        self.housekeeper.start()
        self.office.start()
        if self.scaler is not None:
            self.scaler.start()

    def close(self) -> None:
        """Release all resources; idempotent."""
        self.housekeeper.stop()
        self.office.close()
        if self.scaler is not None:
            self.scaler.stop()
        self.database.close()


def compose(settings: OrchestratorSettings, clock: Clock | None = None) -> Orchestrator:
    """Open the database and build the services; without a clock they use the database's.

    Raises:
        StorageError: there is no database yet, it is of an older schema, or it can't be read.
        ConfigurationError: the URL is not that of a database.
    """
    state = _state_directory(settings)
    scratch = state / "scratch"
    with written(state):
        scratch.mkdir(parents=True, exist_ok=True)
    schema.migrate(settings.database)
    database = open_database(settings.database)
    clock = clock or database_clock(settings.database, database)
    freshness = Freshness(database)
    special = EnvironmentKey(KEY_VARIABLE, settings.orchestrator_api_key)
    keys = Keys(database, clock, special, freshness)
    tokens = Tokens(database, clock)
    storage = Storage(
        [state],
        lambda: _make_first(settings, keys, tokens, database),
        places=[database.place],
    )
    storage.turn()
    threats = Threats(database, clock, settings.retention)
    office = Office(settings.webhooks, database, clock)
    entries = entry_views.Services.make(database, clock)
    rules = rule_views.Services.make(database, clock)
    following = Following(database, (ruling.part, entries.followed.part, rules.followed.part))
    registry = Registry(database, clock, ())
    nodes = node_views.Services(
        Nodes(database, clock),
        registry,
        Heartbeats(database, clock, office.tell),
        following,
        database,
    )
    jobs, scaler = scaling.compose(settings.scaling, database, clock, registry, following)
    limits = _limits(settings)
    receipts = Receipts(database, clock)
    doors = FleetKeys(keys, database, clock, freshness)
    gate = KeyGate(limits, doors, receipts, storage)
    followed = following_views.operations(following)
    of_nodes = node_views.operations(nodes)
    shortcuts = (
        Unchanged(Door(followed[0], gate, doors), following),
        FiguresAlone(Door(node_views.heartbeat_of(of_nodes), gate, doors), nodes.heartbeats),
    )
    telling = (nodes.heartbeats, office, threats)
    housekeeper = _housekeeper(storage, database, receipts, clock, telling)
    housekeeper.register("purge lists", entries.lists.purge, RETENTION_S)
    housekeeper.register("purge rules", rules.rules.purge, RETENTION_S)
    return Orchestrator(
        settings=settings,
        database=database,
        storage=storage,
        gate=gate,
        operations=[
            *health_views.operations(storage),
            *of_nodes,
            *token_views.operations(tokens),
            *followed,
            *entry_views.operations(entries),
            *rule_views.operations(rules),
            *following_views.revisions([entries.spread, rules.spread]),
            *threat_views.operations(threats),
            *policy_views.operations(Policies(database, clock)),
            *webhook_views.operations(office),
            *scaling_views.operations(jobs),
            *audit_views.operations(database),
            *key_views.operations(keys),
        ],
        spool=Spool(scratch),
        shortcuts=shortcuts,
        scaler=scaler,
        office=office,
        housekeeper=housekeeper,
        metrics=[
            NodeMetrics(clock),
            ThreatMetrics(threats),
            policy_metrics.collect,
            scaling_metrics.collect,
            webhook_metrics.collect,
        ],
    )


def _limits(settings: OrchestratorSettings) -> Limits:
    """The limits of one worker, its share of the total: a client that keeps its connection stays
    with one worker."""
    limits = (
        settings.reads_per_minute,
        settings.writes_per_minute,
        settings.failures_per_minute,
    )
    reads, writes, failures = (max(1, limit // settings.workers) for limit in limits)
    return Limits(reads, writes, failures)


def _housekeeper(
    storage: Storage,
    database: OpenDatabase,
    receipts: Receipts,
    clock: Clock,
    telling: tuple[Heartbeats, Office, Threats],
) -> Housekeeper:
    made, (heartbeats, office, threats) = Housekeeper(storage), telling
    made.register("write heartbeats", heartbeats.flush)
    made.register("find silent nodes", heartbeats.find_silent)
    made.register("purge incidents", threats.purge, RETENTION_S)
    made.register("purge webhooks", office.purge, RETENTION_S)
    made.register("purge audit", lambda: audit.purge(database, clock.utc_ms()), RETENTION_S)
    made.register("purge receipts", receipts.purge, RETENTION_S)
    deploying = Deploying(database, clock)
    made.register("deployments", deploying.turn)
    made.register("purge deployments", deploying.purge, RETENTION_S)
    return made


def _make_first(
    settings: OrchestratorSettings, keys: Keys, tokens: Tokens, database: OpenDatabase
) -> None:
    database.check_writable()
    keys.make_first({settings.keys / "admin.key": Role.ADMIN})
    tokens.make_first(settings.keys / "enrol.key")


def _state_directory(settings: OrchestratorSettings) -> Path:
    """The directory that this process alone writes: that of SQLite's file, or scratch space."""
    path = sqlite_path(settings.database)
    return settings.keys.parent if path is None else path.parent
