"""HTTP counters of a node, for tests."""

from __future__ import annotations

from dataplane.shared.http_stats import GroupStats, HttpStats, ScanStats

HTTP = HttpStats(
    connections=3,
    requests=100,
    blocked=7,
    limited=5,
    resets=4,
    slow={"head": 1, "body": 2, "read": 0},
    not_inspected={"earlier": 1, "websocket": 2},
    responses={"other": 0, "1xx": 1, "2xx": 80, "3xx": 0, "4xx": 6, "5xx": 1},
    pool_bytes=1 << 26,
    pool_used=4096,
    pool_full=9,
)
SCANS = ScanStats(
    scans=640, bytes=9000, failed=1, hits=5, cut=2, sampled_scans=10, sampled_cycles=26_000
)
GROUPS = (GroupStats("none", 1, 0, 2), GroupStats("xss", 4, 5, 6))
