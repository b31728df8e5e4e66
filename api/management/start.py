"""The writes of a start of the API: done once, as soon as the storage can be written.

Until then only reads are served, as far as they are correct.
"""

from __future__ import annotations

from pathlib import Path
from uuid import UUID

from api.access.keys.service import Keys
from api.common.contract.errors import UnavailableError
from api.common.contract.operations import Answer, Call, Handler
from api.common.contract.roles import Role
from api.common.disk import StorageError, written
from api.common.files import write_private
from api.management.database import ends
from api.management.dataplane import Dataplane
from api.management.lists.bulk import Bulk
from api.management.policy.seed import seed
from api.management.revisions.publisher import Publisher
from api.management.settings import ApiSettings
from api.storage.sqlite import Database
from api.storage.trouble import Storage
from dataplane.base.clock import Clock
from dataplane.base.errors import DataplaneAwayError


class Start:
    """The writes of a start; done once, as soon as the storage can be written."""

    def __init__(
        self,
        settings: ApiSettings,
        database: Database,
        publisher: Publisher,
        dataplane: Dataplane,
        bulk: Bulk,
        keys: Keys,
        *,
        clock: Clock,
    ) -> None:
        self._settings = settings
        self._database = database
        self._publisher = publisher
        self._dataplane = dataplane
        self._bulk = bulk
        self._keys = keys
        self._clock = clock
        self._is_rebased = False
        self._is_done = False

    def catch_up(self) -> None:
        """Do what is not done yet, and publish what is not published yet. Raises `StorageError`."""
        self._database.check_writable()
        if not self._is_done:
            self._do()
        try:
            self._publisher.retry()
        except StorageError:
            raise
        except UnavailableError:  # not caused by the disk: logged, tried at every turn
            return

    def once_rebased(self, handler: Handler, storage: Storage) -> Handler:
        """Wrap a handler: after a reboot it checks the storage first, until `ends.rebase` is done.
        Until then ended entries can't be detected."""

        def guarded(call: Call) -> Answer:
            if not self._is_rebased and not self._is_of_this_boot():
                storage.check()
            return handler(call)

        return guarded

    def _do(self) -> None:
        with self._database.write() as connection:
            ends.rebase(connection, self._clock)
        self._is_rebased = True
        self._bulk.clean_up()
        self._publisher.start(_in_force(self._dataplane, self._publisher.database_id))
        self._make_first_keys()
        seed(self._database, self._publisher, self._settings.policy_file)
        self._is_done = True

    def _make_first_keys(self) -> None:
        admin, agent = self._settings.keys / "admin.key", self._settings.agent_key
        with written(agent.parent):
            _move(self._settings.keys / "agent.key", agent)
        self._keys.make_first({admin: Role.ADMIN, agent: Role.OPERATE})

    def _is_of_this_boot(self) -> bool:
        with self._database.read() as connection:
            self._is_rebased = ends.is_of_boot(connection, self._clock)
        return self._is_rebased


def _move(before: Path, now: Path) -> None:
    """Move the key from its place in earlier versions, where the agent could not read it.

    A rename would fail: each of the unit's ``ReadWritePaths`` is a mount of its own. A crash can
    leave the key in both places; the next start removes the old one.
    """
    if before.exists():
        if not now.exists():
            write_private(now, before.read_text(encoding="ascii"))
        before.unlink()


def _in_force(dataplane: Dataplane, database_id: UUID) -> int:
    """The newest revision of this database that is in force; 0: none, or the data plane is away."""
    try:
        stats = dataplane.stats()
    except DataplaneAwayError:
        return 0
    return stats.applied_through if stats.database_id == database_id else 0
