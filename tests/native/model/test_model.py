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
from ipaddress import IPv4Address

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dataplane.native.abi import (
    BURST_MAX,
    NEIGHBOR_PPS_MAX,
    REASON_STAGE,
    Mode,
    Neighbor,
    Origin,
    PacketFlag,
    Port,
    Reason,
    Stage,
    TrafficKind,
)
from dataplane.policy.reasons import STRUCTURAL
from tests.native.frames import CLIENT4, good
from tests.native.harness import Frame, Harness
from tests.native.model.model_case import Case, describe, random_case, save, shrink
from tests.native.model.model_conversations import conversation_case
from tests.native.model.model_frames import samples
from tests.native.model.model_http import http_case
from tests.native.model.model_twins import PROFILES, differences, twins
from tests.native.tables.lists.lists_support import ipv4

SEEDS = [int(os.environ["SECBEAT_MODEL_SEED"])] if "SECBEAT_MODEL_SEED" in os.environ else range(8)
CASES = int(os.environ.get("SECBEAT_MODEL_CASES", "140"))
BURSTS = 12
ELSEWHERE = {
    *(Reason.NONE, Reason.HANDOVER_FULL, Reason.TX_FULL, Reason.CONNECTIONS_FULL),
    Reason.CONNECTIONS_SHARE,
    *(Reason.LINK_LIMIT, Reason.NON_IP_LIMIT),
    *(reason for reason in Reason if REASON_STAGE[reason] is Stage.HTTP),
}
"""No stage gives these to cases without HTTP, or only after more packets than a case has."""


HTTP_REASONS = {
    *(Reason.WAF_RULE, Reason.HTTP_OTHER, Reason.HTTP_LINE_END, Reason.HTTP_HOST_REPEATED),
    *(Reason.HTTP_CHUNK, Reason.HTTP_CHUNK_EXTENSION, Reason.HTTP_LENGTH_AND_CHUNKED),
    *(Reason.HTTP_AFTER_CLOSE, Reason.HTTP_PREFACE, Reason.HTTP_URGENT, Reason.HTTP_SEQUENCE),
    *(Reason.HTTP_SYN_DATA, Reason.HTTP_RETRANSMISSION, Reason.HTTP_UNINSPECTED),
    *(Reason.HTTP_CHECKSUM, Reason.HTTP_FRAGMENT),
}
"""That the conversations about HTTP meet, and those of framing that stand for all."""
RARELY_MONITORED = {
    *(Reason.HTTP_RETRANSMISSION, Reason.HTTP_SEQUENCE, Reason.HTTP_LENGTH_AND_CHUNKED)
}
"""By chance, and the first never: which copy would be read then, nobody says."""


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


@pytest.mark.parametrize("seed", SEEDS)
def test_c_inspects_http_as_the_model_does(harness: Harness, seed: int) -> None:
    rng = random.Random(seed)
    for i in range(CASES // 2):
        assert_same(harness, http_case(rng), f"http-{seed}-case-{i}")


@pytest.mark.parametrize("mode", Mode)
@pytest.mark.parametrize(("ethertype", "most"), [(0x0806, 10_000), (0x8847, 1_000)])
def test_what_is_of_the_link_is_limited_alike(
    harness: Harness, ethertype: int, most: int, mode: Mode
) -> None:
    """A burst more than a second's worth at once, then what a tenth of a second gives."""
    one = Frame(bytes(12) + ethertype.to_bytes(2, "big") + b"\0\x3e\x81\0" + bytes(42))
    bursts = ((one,) * BURST_MAX,) * (most // BURST_MAX + 2)
    modes = dict.fromkeys((Reason.LINK_LIMIT, Reason.NON_IP_LIMIT), mode)
    case = Case(bursts, modes=modes, later_ns=(*(0,) * (len(bursts) - 1), 10**7))
    assert_same(harness, case, f"link-{ethertype:04x}-{mode.name.lower()}")


@pytest.mark.parametrize("lcores", [1, 2])
def test_what_neighbours_say_is_limited_alike(harness: Harness, lcores: int) -> None:
    """More than a second's worth at once, then what a tenth of a second gives."""
    one = Frame(good("ipv4-tcp", "untagged")[:36] + b"\0\xb3" + good("ipv4-tcp", "untagged")[38:])
    bursts = ((one,) * BURST_MAX,) * (NEIGHBOR_PPS_MAX // BURST_MAX + 2)
    neighbors = ((ipv4(int(IPv4Address(CLIENT4))), 128, frozenset({Neighbor.BGP})),)
    later = (*(0,) * (len(bursts) - 1), 10**7)
    case = Case(bursts, neighbors=neighbors, later_ns=later, lcores=lcores)
    assert_same(harness, case, f"neighbour-{lcores}")


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


def test_the_conversations_about_http_leave_nothing_out(harness: Harness) -> None:
    rng, seen, origins = random.Random(0), Counter[tuple[Reason, Mode]](), Counter[Origin]()
    requests = Counter[str]()
    for _ in range(3 * CASES):
        case = http_case(rng)
        with twins(harness, case) as both:
            for at, burst in enumerate(case.bursts):
                assert list(both.run(burst, case.later_ns[at % len(case.later_ns)])) == []
            stats = harness.stats
            origins.update({one: stats.origin[one].originated for one in Origin})
            for name in ("requests", "blocked", "resets"):
                requests[name] += getattr(stats.http, name)
            for mode in Mode:
                seen.update({(one, mode): stats.profile[0].count[one][mode] for one in Reason})
    assert {one for one in Origin if origins[one]} == {Origin.RESET, Origin.REFUSAL}
    assert {name for name in requests if requests[name]} == {"requests", "blocked", "resets"}
    assert {one for one in HTTP_REASONS if not seen[one, Mode.ENFORCE]} == set()
    monitored = HTTP_REASONS - STRUCTURAL - RARELY_MONITORED
    assert {one for one in monitored if not seen[one, Mode.MONITOR]} == set()


def test_the_packets_leave_nothing_out(harness: Harness) -> None:
    """A generator that never reaches a reason would prove nothing about it."""
    rng, seen, flags = random.Random(0), Counter[tuple[Reason, Mode]](), PacketFlag(0)
    kinds = Counter[TrafficKind]()
    for number in range(6 * CASES):
        case = (random_case if number % 3 else conversation_case)(rng, BURSTS)
        with twins(harness, case) as both:
            for at, burst in enumerate(case.bursts):
                harness.time.tsc += case.later_ns[at % len(case.later_ns)]
                for packet in harness.run(burst):
                    flags |= PacketFlag(packet.flags)
            kinds += both.traffic_kinds()
            for index in range(PROFILES):
                counts = harness.stats.profile[index].count
                for reason in Reason:
                    seen.update({(reason, mode): counts[reason][mode] for mode in Mode})
            seen[Reason.NONE, Mode.ENFORCE] += harness.stats.misrouted
    enforced = {reason for reason in Reason if seen[reason, Mode.ENFORCE]} | ELSEWHERE
    monitored = {reason for reason in Reason if seen[reason, Mode.MONITOR]}
    monitored |= STRUCTURAL | ELSEWHERE
    assert (set(Reason) - enforced, set(Reason) - monitored) == (set(), set())
    # REQUEST and SLOW: none of these cases inspects HTTP; tests/native/stages/http does.
    assert flags == ~PacketFlag(0) & ~PacketFlag.REQUEST
    assert set(TrafficKind) - set(kinds) == {TrafficKind.REQUEST, TrafficKind.SLOW}
    assert seen[Reason.NONE, Mode.ENFORCE]
