"""What the API answers about the lists."""

from __future__ import annotations

ENTRY = {
    "ip": "192.0.2.7",
    "reason": "scan",
    "duration_seconds": 3600,
    "created_at": "2026-01-01T00:00:00.000Z",
    "expires_at": "2026-01-01T01:00:00.000Z",
    "created_by": "admin",
    "hits": 3,
    "state": "in_force",
    "revision": 7,
}
IMPORTED = {
    "revision": 9,
    "state": "in_force",
    "lines": 3,
    "added": 2,
    "skipped": 1,
    "skipped_lines": [{"line": 3, "ip": "x", "why": "is no address"}],
}
