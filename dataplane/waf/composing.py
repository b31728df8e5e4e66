"""Composes the parts of the WAF, for the data plane, tests and measurements."""

from __future__ import annotations

import ctypes
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

from dataplane.base.clock import Clock
from dataplane.native import abi
from dataplane.tables.waf_table import WafTable
from dataplane.waf.enforcing.databases import Databases
from dataplane.waf.enforcing.entries import Entries
from dataplane.waf.enforcing.groups import GroupNames
from dataplane.waf.enforcing.link import HelperLink
from dataplane.waf.enforcing.parts import RuleParts
from dataplane.waf.enforcing.slot_records import SlotRecords
from dataplane.waf.enforcing.slots import Slots
from dataplane.waf.exchange.cache import Cache
from dataplane.waf.rules import Rules


def open_rules(
    library: ctypes.CDLL,
    places: tuple[Path, Cache],
    node: abi.Node,
    lcores: Sequence[abi.Lcore],
    header: abi.StatsHeader,
    *,
    clock: Clock,
    opened: ExitStack,
) -> Rules:
    """The rules of a node, none yet; every lcore gets the table. NativeError, OSError.

    ``places``: the compile helper's socket, and the directory of jobs and databases. ``opened``
    closes all parts; no worker may run then.
    """
    table = opened.enter_context(WafTable(library))
    for lcore in lcores:
        lcore.waf = table.address
    socket, cache = places
    link = HelperLink(socket)
    opened.callback(link.close)
    databases = Databases(library, node, cache, link, ctypes.addressof(node.readers))
    opened.callback(databases.close)
    pages = [abi.LcoreStats.from_address(lcore.stats) for lcore in lcores]
    groups, slots = GroupNames(header, pages), Slots(header, pages)
    records = SlotRecords(library, clock, groups)
    parts = RuleParts(
        entries=Entries(table, records, slots, groups, clock),
        groups=groups,
        records=records,
        slots=slots,
        databases=databases,
        link=link,
        header=header,
    )
    return Rules(parts)
