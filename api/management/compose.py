"""Puts the management API's parts together: the one place that knows them all."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

from api.common.bodies import Spool
from api.common.children import child_environment
from api.common.operations import Operation
from api.management.audit import views as audit_views
from api.management.database import Database
from api.management.database import upgrade as schema
from api.management.dataplane import Dataplane
from api.management.gate import NodeGate
from api.management.housekeeping import Housekeeper
from api.management.keys import views as key_views
from api.management.keys.service import Keys
from api.management.lists import rows
from api.management.lists import views as list_views
from api.management.lists.importing.service import Importer
from api.management.lists.service import Capacity, Lists
from api.management.node import views as node_views
from api.management.node.service import NodeView
from api.management.policy import views as policy_views
from api.management.policy.exemptions import Exemptions
from api.management.policy.seed import seed
from api.management.policy.service import Policies
from api.management.receipts import Receipts
from api.management.revisions import views as revision_views
from api.management.revisions.effects import Effects
from api.management.revisions.publisher import Publisher
from api.management.settings import ApiSettings
from dataplane.clock import Clock
from dataplane.errors import ConfigurationError, DataplaneAwayError
from dataplane.statelog import StateLogWriter


@dataclass(frozen=True)
class Node:
    """Everything behind the HTTP surface."""

    settings: ApiSettings
    database: Database
    publisher: Publisher
    dataplane: Dataplane
    importer: Importer
    housekeeper: Housekeeper
    gate: NodeGate
    operations: Sequence[Operation]
    spool: Spool

    def close(self) -> None:
        """Stop background work and let go of everything; idempotent."""
        self.housekeeper.stop()
        self.dataplane.close()
        self.publisher.close()
        self.database.close()


def compose(settings: ApiSettings, dataplane: Dataplane, clock: Clock) -> Node:
    """Open the database, bring log and database together, and build the services.

    Afterwards everything that was ever acknowledged is on its way to the data plane. Only for a
    process that holds the lock on the database (`api.management.server`).
    """
    scratch = settings.database.parent / "scratch"
    scratch.mkdir(parents=True, exist_ok=True)
    migrate(settings.database)
    database = Database(settings.database)
    with database.write() as connection:
        rows.rebase(connection, clock)
    publisher = Publisher(database, StateLogWriter(settings.state_log, clock), clock)
    lists = Lists(database, publisher, clock, lambda: _capacity(settings, dataplane))
    importer = Importer(database, publisher, lists, clock, settings.state_log, scratch)
    importer.clean_up()
    publisher.start(_in_force(dataplane, publisher.database_id))
    keys = Keys(database, clock, settings.management_api_key)
    keys.make_first(settings.keys)
    seed(database, publisher, settings.policy_file)
    effects = Effects(database, dataplane, clock, lambda: publisher.database_id)
    receipts = Receipts(database, clock)
    exemptions = Exemptions(database, clock, settings.countries)
    view = NodeView(settings, database, publisher, dataplane)
    operations = [
        *node_views.operations(view),
        *_list_operations(lists, importer, effects, dataplane),
        *policy_views.operations(Policies(database, publisher, exemptions), effects),
        *revision_views.operations(effects),
        *audit_views.operations(database),
        *key_views.operations(keys),
    ]
    return Node(
        settings=settings,
        database=database,
        publisher=publisher,
        dataplane=dataplane,
        importer=importer,
        housekeeper=Housekeeper(database, publisher, effects, importer, receipts, clock),
        gate=NodeGate(settings, keys, receipts),
        operations=operations,
        spool=Spool(scratch),
    )


def migrate(database: Path) -> None:
    """Bring the schema up to date, in a process of its own: Alembic's memory goes with it."""
    if schema.current(database) == schema.HEAD:
        return
    command = [sys.executable, "-m", "api.management.database.upgrade", str(database)]
    done = subprocess.run(command, capture_output=True, check=False, env=child_environment())
    if done.returncode != 0:
        last = done.stderr.decode(errors="replace").strip().splitlines()[-1:]
        raise ConfigurationError(f"{database} can't be migrated: {' '.join(last)}")


def _list_operations(
    lists: Lists, importer: Importer, effects: Effects, dataplane: Dataplane
) -> list[Operation]:
    found: list[Operation] = []
    for name in rows.LISTS:
        views = list_views.ListViews(name, lists, importer, effects, dataplane)
        found += list_views.operations(views, name)
    return found


def _in_force(dataplane: Dataplane, database_id: UUID) -> int:
    """The newest revision of this database that packets meet; 0: none, or nobody to ask."""
    try:
        stats = dataplane.stats()
    except DataplaneAwayError:
        return 0
    return stats.applied_through if stats.database_id == database_id else 0


def _capacity(settings: ApiSettings, dataplane: Dataplane) -> Capacity:
    """What the data plane publishes; what is configured while it is away."""
    try:
        sizes = dataplane.capacities()
    except DataplaneAwayError:
        return Capacity(settings.addresses_max, settings.prefixes_max)
    return Capacity(sizes.addresses_max, sizes.prefixes_max)
