"""The fast way to write entries writes what the general one does."""

from __future__ import annotations

from random import Random
from uuid import UUID

import pytest

from dataplane.base.clock import Deadline
from dataplane.base.networks import MAPPED_PREFIX, Network
from dataplane.statelog import format as fmt

BOOTS = [UUID(int=1), UUID(int=2), UUID(int=3)]
LENGTHS = (0, 1, 32, 64, 95, 96, 97, 120, 127, 128, 128)


def network(rng: Random) -> Network:
    key = rng.choice([rng.randbytes(16), MAPPED_PREFIX + rng.randbytes(4)])
    length = rng.choice(LENGTHS)
    shift = 128 - length
    return Network((int.from_bytes(key, "big") >> shift << shift).to_bytes(16, "big"), length)


def entry(rng: Random, ends: list[Deadline | None]) -> fmt.Entry:
    return fmt.Entry(rng.choice(["blacklist", "allowlist"]), network(rng), rng.choice(ends))


@pytest.mark.parametrize("seed", range(50))
def test_lines_of_entries_are_those_of_each_entry(seed: int) -> None:
    rng = Random(seed)
    ends = [Deadline(rng.choice(BOOTS), *(rng.getrandbits(40) for _ in range(3))) for _ in "123"]
    entries = [entry(rng, [*ends, None]) for _ in range(rng.randrange(12))]
    known = rng.randrange(2)
    boots, expected_boots = BOOTS[:known], BOOTS[:known]
    rows = [fmt.encode_entry(each, expected_boots) for each in entries]
    new = [{"boot": str(boot)} for boot in expected_boots[known:]]
    expected = b"".join(map(fmt.to_line, [*new, *rows]))
    assert fmt.entry_lines(entries, boots) == expected
    assert boots == expected_boots


@pytest.mark.parametrize("seed", range(50))
def test_the_text_of_a_network_is_read_as_that_network(seed: int) -> None:
    found = network(Random(seed))
    assert Network.parse(str(found)) == found
