"""Bytes reserved per connection: ``python -m bench.packets.connections``."""

from __future__ import annotations

import ctypes

from dataplane.base.settings import ConnectionCapacities
from dataplane.native import abi, library
from dataplane.tables.connection_table import FLOW_KEY_BYTES, ConnectionTable

COUNTS = (ConnectionCapacities().connections_max, 1 << 20)


def main() -> None:
    """Print the size of each table."""
    native, stats = library.load(), abi.LcoreStats()
    for count in COUNTS:
        capacities = ConnectionCapacities(connections_max=count)
        key, counters = bytes(FLOW_KEY_BYTES), ctypes.addressof(stats)
        with ConnectionTable(native, capacities, key, counters) as table:
            print(f"{count:,} connections: {table.bytes / count:.1f} bytes each")


if __name__ == "__main__":
    main()
