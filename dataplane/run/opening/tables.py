"""Opens the tables of the workers: the lists of the node, and the tables of each lcore."""

from __future__ import annotations

import ctypes
import secrets
from contextlib import ExitStack

from dataplane.base.settings import DataplaneSettings, SynProxyCapacities
from dataplane.native import abi
from dataplane.run.opening.buffers import Budget
from dataplane.run.workers.workers import Workers
from dataplane.tables.connection_table import FLOW_KEY_BYTES, ConnectionTable
from dataplane.tables.http_table import HttpTable
from dataplane.tables.limits_table import Limits
from dataplane.tables.lists import Lists, random_hash_key
from dataplane.tables.syn_proxy_table import SynProxyTable


def open_lists(
    library: ctypes.CDLL, settings: DataplaneSettings, workers: Workers, opened: ExitStack
) -> Lists:
    """Open allowlist and blacklist, which all lcores read."""
    lists = Lists(
        library,
        settings.addresses_max,
        settings.prefixes_max,
        settings.lcores,
        random_hash_key(),
        workers.readers_address,
    )
    workers.node.lists = opened.enter_context(lists).address
    return lists


def open_tables(
    library: ctypes.CDLL,
    settings: DataplaneSettings,
    buffers: Budget,
    lcore: abi.Lcore,
    opened: ExitStack,
) -> None:
    """Open the tables of one lcore: buckets, connections, HTTP, openings of the SYN proxy."""
    buckets = Limits(library, settings.limits, random_hash_key())
    lcore.limits = opened.enter_context(buckets).address
    connections = ConnectionTable(
        library, settings.connections, secrets.token_bytes(FLOW_KEY_BYTES), lcore.stats
    )
    lcore.flows = opened.enter_context(connections).address
    if settings.has_http:
        share, key = settings.http.share(settings.lcores), random_hash_key()
        http = HttpTable(library, share, connections, key, lcore.stats)
        lcore.http = opened.enter_context(http).address
    if settings.has_syn_proxy:
        sizes = SynProxyCapacities(buffers.held_max // 2, buffers.held_max)
        proxy = SynProxyTable(library, sizes, random_hash_key())
        lcore.syn_proxy = opened.enter_context(proxy).address
