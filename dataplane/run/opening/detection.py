"""Opens detection: a traffic table for each lcore, and the collector."""

from __future__ import annotations

import ctypes
import secrets
from contextlib import ExitStack

from dataplane.base.settings import DataplaneSettings
from dataplane.detection.collector import KEY_BYTES, Collector
from dataplane.run.workers.workers import Workers
from dataplane.tables.traffic_table import TRAFFIC_KEY_BYTES, TrafficTable


def open_collector(
    library: ctypes.CDLL, settings: DataplaneSettings, workers: Workers, opened: ExitStack
) -> Collector:
    """Open everything onto ``opened``, and let the workers count; NativeError."""
    tables = []
    for lcore in workers.lcores:
        key = secrets.token_bytes(TRAFFIC_KEY_BYTES)
        table = TrafficTable(library, settings.destinations_max, key, settings.reflectors)
        lcore.traffic = opened.enter_context(table).address
        tables.append(table)
    addresses = [ctypes.addressof(lcore) for lcore in workers.lcores]
    key = secrets.token_bytes(KEY_BYTES)
    return opened.enter_context(Collector(library, addresses, tables, key))
