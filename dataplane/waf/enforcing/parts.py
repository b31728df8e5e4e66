"""The objects that the rules of a node use."""

from __future__ import annotations

from dataclasses import dataclass

from dataplane.native import abi
from dataplane.waf.enforcing.databases import Databases
from dataplane.waf.enforcing.entries import Entries
from dataplane.waf.enforcing.groups import GroupNames
from dataplane.waf.enforcing.link import HelperLink
from dataplane.waf.enforcing.slot_records import SlotRecords
from dataplane.waf.enforcing.slots import Slots


@dataclass(frozen=True)
class RuleParts:
    """The objects that `Rules` uses; their creator closes them."""

    entries: Entries
    groups: GroupNames
    records: SlotRecords
    slots: Slots
    databases: Databases
    link: HelperLink
    header: abi.StatsHeader
