"""The active attacks, derived from readings of the data plane's table."""

from __future__ import annotations

from api.agent.recording.attacks.incidents import Sight
from dataplane.shared.incidents import Incident


class LiveTable:
    """Used by the recording thread only."""

    def __init__(self) -> None:
        self.active: dict[str, Incident] | None = None
        """Active attacks by id; None: nothing was read yet."""
        self._missing: set[str] = set()
        """Attacks that were missing in the last complete reading. One reading is not enough: a slot
        that is being written may be left out."""

    def see(self, sight: Sight) -> None:
        """Take over one reading."""
        if self.active is None and not sight.is_whole:
            return
        ended = {each.id for each in sight.incidents if not each.is_active}
        seen = {each.id: each for each in sight.incidents if each.is_active}
        found = {**(self.active or {}), **seen}
        if sight.is_whole:
            missing = found.keys() - seen.keys()
            ended |= missing & self._missing
            self._missing = missing
        self.active = {key: each for key, each in found.items() if key not in ended}
