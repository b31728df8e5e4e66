"""The policy that the workers read: built beside, swapped, freed when nobody looks any more.

Writer: the control loop. Readers: every lcore, through ``sb_node.policy``, for one turn of its loop
at most.
"""

from __future__ import annotations

import ctypes
import os
from collections.abc import Mapping
from typing import Any

from dataplane.policy_table import KEY_BYTES, PolicyTable
from dataplane.workers import Workers


class Profiles:
    """Owns the policy in force and those that a worker may still read; outlives the workers."""

    def __init__(self, library: ctypes.CDLL, workers: Workers) -> None:
        """The default profile is in force from here on."""
        self._library = library
        self._workers = workers
        self._salt_key = os.urandom(KEY_BYTES)
        self._table: PolicyTable | None = None
        self._retired: list[tuple[PolicyTable, tuple[int, ...]]] = []
        self.apply(None)

    def apply(self, document: Mapping[str, Any] | None) -> None:
        """Put a policy document in force; None: the defaults.

        Raises InvalidInputError, and changes nothing, when the document is none.
        """
        table = PolicyTable(self._library) if document is None else self._compile(document)
        table.build(self._salt_key)
        old, self._table = self._table, table
        self._workers.node.policy = table.address
        if old:
            self._retired.append((old, self._workers.quiescent()))
        self.reclaim()

    def _compile(self, document: Mapping[str, Any]) -> PolicyTable:
        # What validates it takes 13 MB: only who has a policy pays for that.
        from dataplane.policy import fill_profile, parse_policy  # noqa: PLC0415

        policy = parse_policy(document)
        table = PolicyTable(self._library)
        fill_profile(self._library, table.profile(0), policy)
        return table

    def close(self) -> None:
        """Free everything, once no worker runs any more; may be called again."""
        self._workers.node.policy = 0
        for table, _ in self._retired:
            table.close()
        self._retired.clear()
        if self._table:
            self._table.close()
            self._table = None

    @property
    def retired_count(self) -> int:
        """Policies that a worker may still read."""
        return len(self._retired)

    def reclaim(self) -> None:
        """Free what every reader has let go of since; called now and then."""
        now = self._workers.quiescent()
        kept = []
        for table, before in self._retired:
            if all(count > seen for count, seen in zip(now, before, strict=False)):
                table.close()
            else:
                kept.append((table, before))
        self._retired = kept
