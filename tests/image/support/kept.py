"""What a machine has before an upgrade and must have after it: identity, database, ban and key."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from tests.image.support.identity import identity
from tests.image.support.vms.vm import VM
from tests.image.support.waf import DONE
from tests.support.waiting import wait_for

BANNED, REASON = "198.51.100.99", "before the upgrade"
_IN_FORCE_S = 300


@dataclass(frozen=True)
class Kept:
    """``key``: an API key that was made before the upgrade."""

    files: dict[str, str]
    database: str
    key: str
    without: Collection[str]

    @classmethod
    def on(cls, node: VM, without: Collection[str] = ()) -> Kept:
        """Ban an address and make a key; `without` as in `identity`."""
        added = node.api("POST", "/blacklist", json={"ip": BANNED, "reason": REASON})
        assert added.status_code in DONE, added.text
        made = node.api("POST", "/keys", json={"name": "before-the-upgrade", "role": "operate"})
        assert made.status_code == 201, made.text
        database = node.api("GET", "/status").json()["database_id"]
        return cls(identity(node, without), database, made.json()["key"], without)

    def assert_same_node(self, node: VM) -> None:
        """Node id, keys and configuration are those of before."""
        assert identity(node, self.without) == self.files

    def assert_same_database(self, node: VM) -> None:
        """The database is that of before; its key is accepted and its ban comes in force."""
        status = node.api("GET", "/status", self.key).json()
        assert status["database_id"] == self.database
        wait_for(lambda: self._state(node) == "in_force", "the ban", _IN_FORCE_S, every_s=1)

    def _state(self, node: VM) -> str:
        listed = node.api("GET", "/blacklist", self.key, params={"limit": 1000}).json()
        (entry,) = [each for each in listed["blacklist"] if each["ip"] == BANNED]
        assert entry["reason"] == REASON
        return str(entry["state"])
