"""What the fuzzer starts from: every frame of ``frames``, in the format of ``fuzz_pipeline.c``.

``python -m tests.native.fuzz.fuzz_corpus`` rewrites ``corpus/``, which is committed: a new kind of
frame is one more file, and an input that once broke something can lie beside those.
"""

from __future__ import annotations

import random
import struct
from collections.abc import Iterator
from pathlib import Path

from dataplane.native.abi import Port
from tests.native import broken_frames, frames
from tests.native.encapsulated import in_gre, in_mpls, in_pppoe, in_vxlan
from tests.native.model.model_conversations import conversation_case

CORPUS = Path(__file__).with_name("corpus")
STATES = (0x00, 0x01, 0x02, 0x0C, 0x1D)
"""Enforce, monitor, off; four lcores; four lcores in monitor mode, half of the lists over."""
FROM_INSIDE, CUT = 1, 2
WITH_PROXY = 1 << 5
TALKS = 4


def inputs() -> Iterator[tuple[str, bytes]]:
    """Names and contents: the good frames in bursts by link, the broken ones by reason."""
    for state, link in zip(STATES, sorted(frames.LINKS), strict=False):
        good = [frames.good(name, link) for name in sorted(frames.GOOD)]
        yield f"good-{link}", burst(state, good)
        yield f"good-{link}-inside", burst(STATES[-1], good, FROM_INSIDE)
        yield f"good-{link}-cut", burst(state, good, CUT | 3 << 3)
    for name, wrap in (
        ("mpls", in_mpls),
        ("pppoe", in_pppoe),
        ("vxlan", in_vxlan),
        ("gre", in_gre),
    ):
        bare = [frames.good(frame) for frame in sorted(frames.GOOD)]
        yield f"encapsulated-{name}", burst(STATES[0], [wrap(frame) for frame in bare])
    for seed in range(TALKS):
        yield f"talk-{seed}", talk(random.Random(seed))
    by_reason: dict[str, list[bytes]] = {}
    for case in broken_frames.broken():
        by_reason.setdefault(case.reason.name.lower(), []).append(case.make("untagged"))
    for i, (reason, made) in enumerate(sorted(by_reason.items())):
        yield reason, burst(STATES[i % len(STATES)], made)


def burst(state: int, packets: list[bytes], how: int = 0) -> bytes:
    """One input; see ``fuzz_pipeline.c``."""
    records = [struct.pack("<HB", len(data), how) + data for data in packets]
    return bytes([state]) + b"".join(records)


def talk(rng: random.Random) -> bytes:
    """Connections through the SYN proxy, whose cookies are right."""
    case = conversation_case(rng, bursts=1, slot=1)
    records = [
        struct.pack("<HB", len(one.data), FROM_INSIDE if one.port is Port.INSIDE else 0) + one.data
        for one in case.frames
    ]
    return bytes([WITH_PROXY]) + b"".join(records)


def main() -> None:
    """Write what is missing or differs."""
    CORPUS.mkdir(exist_ok=True)
    for name, data in inputs():
        (CORPUS / name).write_bytes(data)


if __name__ == "__main__":
    main()
