"""C does what the model says: verdict, reason, bytes, descriptor, hits and counters.

The bulk is seeded (the seed is in the test's name); Hypothesis looks in its own way, and shrinks.
``SECBEAT_MODEL_SEED`` and ``SECBEAT_MODEL_CASES`` choose another seed and more cases for each. A
case that differs is reduced as far as it goes, described, and saved as a capture below ``build``.
"""

from __future__ import annotations

import os
import random
from collections import Counter
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dataplane.abi import BURST_MAX, Mode, PacketFlag, Port, Reason
from dataplane.policy import STRUCTURAL
from tests.native.harness import Frame, Harness
from tests.native.model_case import Case, describe, random_case, save, shrink
from tests.native.model_conversations import conversation_case
from tests.native.model_frames import samples
from tests.native.model_twins import PROFILES, differences, twins

SEEDS = [int(os.environ["SECBEAT_MODEL_SEED"])] if "SECBEAT_MODEL_SEED" in os.environ else range(8)
CASES = int(os.environ.get("SECBEAT_MODEL_CASES", "140"))
BURSTS = 12
ELSEWHERE = {Reason.NONE, Reason.HANDOVER_FULL, Reason.TX_FULL, Reason.CONNECTIONS_FULL}
"""No stage of the pipeline gives these, or only one whose table is full."""


def assert_same(harness: Harness, case: Case, name: str) -> None:
    found = differences(harness, case)
    if found:
        small = shrink(case, lambda one: bool(differences(harness, one)))
        found = differences(harness, small)
        path = save(small, name)
        pytest.fail("\n".join([f"C and model differ, see {path}", *found[:20], describe(small)]))


@pytest.mark.parametrize("seed", SEEDS)
def test_c_does_what_the_model_says(harness: Harness, seed: int) -> None:
    rng = random.Random(seed)
    for i in range(CASES):
        assert_same(harness, random_case(rng, BURSTS), f"seed-{seed}-case-{i}")


@settings(
    max_examples=400,
    deadline=None,
    database=None,
    print_blob=True,
    suppress_health_check=HealthCheck,
)
@given(rng=st.randoms(use_true_random=False))
def test_hypothesis_finds_no_difference(harness: Harness, rng: random.Random) -> None:
    assert_same(harness, random_case(rng, bursts=1, burst_max=3), "hypothesis")


@pytest.mark.parametrize("seed", SEEDS)
def test_c_follows_conversations_as_the_model_does(harness: Harness, seed: int) -> None:
    rng = random.Random(seed)
    for i in range(CASES):
        assert_same(harness, conversation_case(rng, BURSTS), f"talk-{seed}-case-{i}")


def cuts(data: bytes) -> Iterator[Frame]:
    """A frame that ends at every byte: on the wire, in a capture, in the first segment."""
    for end in range(len(data)):
        yield Frame(data[:end])
        yield Frame(data[:end], flags=PacketFlag.CUT, length=len(data))
        yield Frame(data[:end], Port.INSIDE, length=len(data))


@pytest.mark.parametrize("mode", Mode)
def test_every_frame_cut_at_every_byte_is_judged_alike(harness: Harness, mode: Mode) -> None:
    every = [one for data in samples() for one in cuts(data[:100])]
    bursts = [tuple(every[at : at + BURST_MAX]) for at in range(0, len(every), BURST_MAX)]
    modes = dict.fromkeys(Reason, mode)
    assert_same(harness, Case(tuple(bursts), modes=modes), f"cut-{mode.name.lower()}")


def test_the_packets_leave_nothing_out(harness: Harness) -> None:
    """A generator that never reaches a reason would prove nothing about it."""
    rng, seen, flags = random.Random(0), Counter[tuple[Reason, Mode]](), PacketFlag(0)
    for number in range(6 * CASES):
        case = (random_case if number % 3 else conversation_case)(rng, BURSTS)
        with twins(harness, case):
            for at, burst in enumerate(case.bursts):
                harness.time.tsc += case.later_ns[at % len(case.later_ns)]
                for packet in harness.run(burst):
                    flags |= PacketFlag(packet.flags)
            for index in range(PROFILES):
                counts = harness.stats.profile[index].count
                for reason in Reason:
                    seen.update({(reason, mode): counts[reason][mode] for mode in Mode})
            seen[Reason.NONE, Mode.ENFORCE] += harness.stats.misrouted
    enforced = {reason for reason in Reason if seen[reason, Mode.ENFORCE]} | ELSEWHERE
    monitored = {reason for reason in Reason if seen[reason, Mode.MONITOR]}
    monitored |= STRUCTURAL | ELSEWHERE
    assert (set(Reason) - enforced, set(Reason) - monitored) == (set(), set())
    assert flags == ~PacketFlag(0)
    assert seen[Reason.NONE, Mode.ENFORCE]
