"""The fleet's tables, one module for each area. Migrations create them; a test compares both.

Times are milliseconds since 1970 by the database's clock.
"""

from __future__ import annotations

from api.access import tables as access
from api.orchestrator.database.tables.entries import metadata as entries
from api.orchestrator.database.tables.incidents import metadata as incidents
from api.orchestrator.database.tables.jobs import metadata as jobs
from api.orchestrator.database.tables.nodes import metadata as nodes
from api.orchestrator.database.tables.outbox import metadata as outbox
from api.orchestrator.database.tables.policies import metadata as policies
from api.orchestrator.database.tables.rules import metadata as rules
from api.storage import tables as storage

METADATA = (
    *(storage.metadata, access.metadata),
    *(nodes, policies, entries, rules, incidents, outbox, jobs),
)
"""All tables of the database. ``meta`` has database_id (the epoch of everything that nodes follow),
keys_made, change (a number that grows with every change of the desired state of a node), and events
(the number of events for receivers of webhooks)."""
