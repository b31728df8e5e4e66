"""A request that a rule has blocked, as the data plane reports it."""

from __future__ import annotations

from dataplane.client import Evidence, RuleTriggered

EVIDENCE = Evidence(
    boot_ms=900_000,
    rule=17,
    incident="00000000000000ff",
    client="192.0.2.7",
    client_port=4711,
    protected="198.51.100.1",
    protected_port=80,
    profile="web",
    action="block",
    severity="high",
    mode="enforce",
    target="query",
    line="GET /search?q=union+select HTTP/1.1",
    excerpt="q=union select",
)
HIT = RuleTriggered(
    rule=EVIDENCE.rule,
    incident=EVIDENCE.incident,
    client=EVIDENCE.client,
    profile=0,
    action=EVIDENCE.action,
    severity=EVIDENCE.severity,
    mode=EVIDENCE.mode,
    lcore=0,
    sequence=3,
    group_index=1,
    group="xss",
    hits=12,
    evidence=EVIDENCE,
)
