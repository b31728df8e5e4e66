"""A node for benchmarks: a lab instance with its three processes, and imports into it."""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import contextmanager
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network

from tests.support.instances.lab import Lab
from tests.support.waiting import wait_for

ADDRESSES = 1_000_000
PREFIXES = 100_000
"""Per family."""
IMPORT_S_MAX = 120.0
_CONFIG = "[lists]\naddresses_max = 1048576\n"
"""The defaults, with room for single bans besides a million: as many buckets as for 1,000,000."""


@contextmanager
def running(name: str = "bench") -> Iterator[Lab]:
    """Run the node during the block. Needs root for network namespaces."""
    lab = Lab(name)
    lab.down()  # left by an interrupted run
    try:
        lab.up(config=_CONFIG)
        yield lab
    finally:
        lab.down()


def addresses() -> bytes:
    """Lines of an import: a million addresses, half of each family, none of them used
    by the lab."""
    ipv4, ipv6 = int(IPv4Address("100.64.0.0")), int(IPv6Address("2001:db8:1::"))
    lines = [str(IPv4Address(ipv4 + n)) for n in range(ADDRESSES // 2)]
    lines += [str(IPv6Address(ipv6 + n)) for n in range(ADDRESSES // 2)]
    return "\n".join(lines).encode()


def prefixes() -> bytes:
    """Lines of an import: 100,000 prefixes of each family."""
    rng = random.Random(1)
    found: set[str] = set()
    while len(found) < PREFIXES:
        length = rng.randint(20, 24)
        found.add(str(IPv4Network((rng.randrange(16 << 24, 96 << 24), length), strict=False)))
    while len(found) < 2 * PREFIXES:
        address = 0x2A00 << 112 | rng.getrandbits(100)
        found.add(str(IPv6Network((address, rng.choice((44, 48, 56, 64))), strict=False)))
    return "\n".join(found).encode()


def bring(lab: Lab, key: str, body: bytes) -> int:
    """Import lines and wait until they are in force; returns how many were added."""
    answer = lab.api(
        "POST",
        "/blacklist/import",
        key,
        headers={"Content-Type": "text/plain"},
        data=body,
        timeout_s=IMPORT_S_MAX,
    )
    if answer.status_code not in (201, 202):
        raise RuntimeError(f"import: {answer.status_code} {answer.text[:300]}")
    made = answer.json()
    revision = int(made["revision"])

    def in_force() -> bool:
        stats = lab.stats()
        return stats.applied_through >= revision and stats.loading != revision

    wait_for(
        in_force,
        "the import is in force",
        bound_s=IMPORT_S_MAX,
        every_s=0.1,
    )
    return int(made["added"])
