"""Composes the management API from its parts; the only module that depends on all of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from api.access.audit import views as audit_views
from api.access.gate import KeyGate, Limits
from api.access.keys import views as key_views
from api.access.keys.service import EnvironmentKey, Keys
from api.access.receipts import Receipts
from api.common.contract.operations import Operation
from api.common.exchange.bodies import Spool
from api.history.reading import History
from api.lists import kinds
from api.management.attacks import views as attack_views
from api.management.attacks.service import Attacks
from api.management.baseline import views as baseline_views
from api.management.database import upgrade as schema
from api.management.dataplane import Dataplane
from api.management.drain import views as drain_views
from api.management.drain.service import Draining
from api.management.duties import Duties
from api.management.events import views as event_views
from api.management.explain import views as explain_views
from api.management.explain.service import Explaining
from api.management.lists import bulk_views as bulk_list_views
from api.management.lists import views as list_views
from api.management.lists.bulk import Bulk
from api.management.lists.importing.service import Importer
from api.management.lists.reading import ListReader
from api.management.lists.removing.service import Remover
from api.management.lists.service import Capacity, Lists
from api.management.node import views as node_views
from api.management.node.service import NodeView
from api.management.overlays import views as overlay_views
from api.management.overlays.service import Overlays
from api.management.policy import views as policy_views
from api.management.policy.exemptions import Exemptions
from api.management.policy.service import Policies
from api.management.revisions import views as revision_views
from api.management.revisions.effects import Effects
from api.management.revisions.publisher import Publisher
from api.management.revisions.renewal import Renewal
from api.management.rules import bulk_views as bulk_rule_views
from api.management.rules import fleet_views as fleet_rule_views
from api.management.rules import views as rule_views
from api.management.rules.admission import Admissions, Compiler
from api.management.rules.fleet import FleetRules
from api.management.rules.jobs import ImportJobs
from api.management.rules.service import Rules
from api.management.settings import KEY_VARIABLE, ApiSettings
from api.management.start import Start
from api.management.webhooks import AgentOffice
from api.storage.housekeeping import Housekeeper
from api.storage.sqlite import Database
from api.storage.trouble import Storage
from api.webhooks import views as webhook_views
from dataplane.base.clock import Clock
from dataplane.base.errors import DataplaneAwayError
from dataplane.statelog import StateLogWriter


@dataclass(frozen=True)
class Node:
    """Everything behind the HTTP surface."""

    settings: ApiSettings
    database: Database
    publisher: Publisher
    dataplane: Dataplane
    bulk: Bulk
    housekeeper: Housekeeper
    storage: Storage
    gate: KeyGate
    operations: Sequence[Operation]
    spool: Spool
    jobs: ImportJobs

    def close(self) -> None:
        """Stop background work and release all resources; idempotent."""
        self.jobs.stop()
        self.housekeeper.stop()
        self.dataplane.close()
        self.publisher.close()
        self.database.close()


def compose(settings: ApiSettings, dataplane: Dataplane, clock: Clock, compiler: Compiler) -> Node:
    """Open the database, synchronise log and database, and build the services.

    Afterwards every acknowledged change has reached the state log. While the storage can't be
    written, this is delayed, and only reads are served. Only for a process that holds the lock on
    the database (`api.management.server`).

    Raises:
        StorageError: there is no database yet, it is of an older schema, or it can't be read.
    """
    schema.migrate(settings.database)
    database = Database(settings.database)
    publisher = Publisher(database, StateLogWriter(settings.state_log, clock), clock)
    lists = Lists(database, publisher, clock, lambda: _capacity(settings, dataplane))
    scratch = settings.database.parent / "scratch"
    bulk = Bulk(database, publisher, clock, settings.state_log, scratch)
    keys = Keys(database, clock, EnvironmentKey(KEY_VARIABLE, settings.management_api_key))
    start = Start(settings, database, publisher, dataplane, bulk, keys, clock=clock)
    storage = Storage([settings.database.parent, settings.state_log], start.catch_up)
    storage.turn()
    effects = Effects(database, dataplane, clock, lambda: publisher.database_id)
    receipts = Receipts(database, clock)
    exemptions = Exemptions(database, clock, settings.countries)
    overlays = Overlays(database, publisher, clock)
    draining = Draining(database, publisher, clock)
    policies = Policies(database, publisher, clock, exemptions)
    view = NodeView(
        settings,
        database,
        publisher,
        dataplane,
        storage,
        overlays=overlays,
        draining=draining,
        policies=policies,
    )
    rules, admissions = Rules(database, publisher, clock, settings.state_log), Admissions(compiler)
    jobs = ImportJobs(admissions, rules.add_many, storage.failed)
    parts = rule_views.Parts(rules, admissions, effects, dataplane, jobs, clock)
    history = History(settings.events)
    with_ends = [
        *_list_operations(
            list_views.Services(
                lists=lists,
                reader=ListReader(database, dataplane, clock),
                importer=Importer(bulk, lists),
                remover=Remover(bulk),
                effects=effects,
                plane=dataplane,
            ),
            bulk,
        ),
        *rule_views.operations(parts),
        *bulk_rule_views.operations(parts),
        *fleet_rule_views.operations(FleetRules(database, publisher, clock, admissions), effects),
        *overlay_views.operations(overlays, effects),
    ]
    operations = [
        *node_views.operations(view),
        *drain_views.operations(draining, dataplane),
        *(replace(each, handler=start.once_rebased(each.handler, storage)) for each in with_ends),
        *policy_views.operations(policies, effects),
        *revision_views.operations(effects),
        *event_views.operations(history, keys.is_valid),
        *explain_views.operations(Explaining(dataplane, lists, overlays)),
        *attack_views.operations(Attacks(history, dataplane), dataplane, clock),
        *baseline_views.operations(history, dataplane),
        *audit_views.operations(database),
        *key_views.operations(keys),
        *webhook_views.operations(AgentOffice(settings.agent)),
    ]
    housekeeper = Housekeeper(storage)
    renewal = Renewal(publisher, dataplane, clock)
    Duties(database, publisher, renewal, effects, bulk, receipts, clock).register(housekeeper)
    return Node(
        settings=settings,
        database=database,
        publisher=publisher,
        dataplane=dataplane,
        bulk=bulk,
        housekeeper=housekeeper,
        storage=storage,
        gate=KeyGate(_limits(settings), keys, receipts, storage),
        operations=operations,
        spool=Spool(scratch),
        jobs=jobs,
    )


def _list_operations(services: list_views.Services, bulk: Bulk) -> list[Operation]:
    found = bulk_list_views.operations(bulk)
    for name in kinds.LISTS:
        found += list_views.operations(list_views.ListViews(name, services), name)
    return found


def _limits(settings: ApiSettings) -> Limits:
    return Limits(
        reads=settings.reads_per_minute,
        writes=settings.writes_per_minute,
        failures=settings.failures_per_minute,
    )


def _capacity(settings: ApiSettings, dataplane: Dataplane) -> Capacity:
    """The capacity that the data plane publishes; while it is away, the configured capacity."""
    try:
        sizes = dataplane.capacities()
    except DataplaneAwayError:
        return Capacity(settings.addresses_max, settings.prefixes_max)
    return Capacity(sizes.addresses_max, sizes.prefixes_max)
