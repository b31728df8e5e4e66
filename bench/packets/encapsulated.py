"""Cycles per packet of packets inside encapsulations, beside bare ones.

``python -m bench.packets.encapsulated``: the whole pipeline without receiving, for
SYNs of 64k sources, with the lists, countries and limits of ``python -m bench``. No connection is
tracked, because no stage tracks an inner packet. All kinds are measured in turn, round after round.
"""

from __future__ import annotations

import ctypes
import statistics
import struct
import sys
from collections.abc import Sequence

from bench.packets.chain import BURSTS, REPETITIONS, ROUNDS, WARM, Case, Chain, Depth
from bench.packets.inputs.policy import full_policy
from dataplane.native import abi
from dataplane.policy.rules.packets.encapsulation import VXLAN_PORT

SOURCES = 1 << 16
_SENDER, _ENDPOINT = bytes([192, 0, 2, 1]), bytes([198, 51, 100, 1])
_IPV4_BYTES = 20
_ETHERNET_BYTES = 14


def _outer(protocol: int, payload: bytes) -> bytes:
    """An Ethernet frame of the tunnel."""
    total = _IPV4_BYTES + len(payload)
    header = struct.pack("!BBHHHBBH", 0x45, 0, total, 1, 0x4000, 64, protocol, 0)
    header += _SENDER + _ENDPOINT
    words: int = sum(struct.unpack("!10H", header))
    words = (words & 0xFFFF) + (words >> 16)
    checksum = ~((words & 0xFFFF) + (words >> 16)) & 0xFFFF
    header = header[:10] + checksum.to_bytes(2, "big") + header[12:]
    return bytes(12) + b"\x08\x00" + header + payload


def frames(bare: bytes) -> dict[str, bytes]:
    """The frame bare, and in each encapsulation; the inner packet is at the end."""
    packet = bare[_ETHERNET_BYTES:]
    vxlan = b"\x08" + bytes(7) + bare
    datagram = struct.pack("!HHHH", 40_000, VXLAN_PORT, 8 + len(vxlan), 0) + vxlan
    session = struct.pack("!HHH", 0x1100, 1, 2 + len(packet)) + b"\x00\x21" + packet
    return {
        "bare": bare,
        "MPLS": bytes(12) + b"\x88\x47" + struct.pack("!I", 1000 << 12 | 1 << 8 | 64) + packet,
        "PPPoE": bytes(12) + b"\x88\x64" + session,
        "GRE": _outer(47, b"\x00\x00\x08\x00" + packet),
        "VXLAN": _outer(17, datagram),
    }


class Encapsulations(Chain):
    """The chain, with a policy that judges tunnels and one that does not."""

    def __init__(self) -> None:
        super().__init__(Case(4, SOURCES, hit=False))
        self._lcore.flows = self._lcore.syn_proxy = 0
        self._policies.append(full_policy(self._pipeline, 4, everything=False, tunnels=True))

    def cycles(self) -> dict[tuple[str, str], tuple[float, float]]:
        """Fifth percentile and median by kind and by whether the policy judges tunnels."""
        samples: dict[tuple[str, str, Depth], list[float]] = {}
        for _ in range(ROUNDS):
            for name, frame in frames(self._layout.frame).items():
                self._use(frame)
                for said, policy in (("pass", self._policies[0]), ("judge", self._policies[2])):
                    self._lcore.policy = self._node.policy = policy.address
                    for depth in (Depth.RECEIVE, Depth.WHOLE):
                        self._collect()
                        for _ in range(WARM):
                            self._run(depth)
                        found = samples.setdefault((name, said, depth), [])
                        found += [self._run(depth) for _ in range(REPETITIONS)]
        kinds = {(name, said) for name, said, _ in samples}
        return {kind: self._over_receiving(samples, *kind) for kind in kinds}

    @staticmethod
    def _over_receiving(
        samples: dict[tuple[str, str, Depth], list[float]], name: str, said: str
    ) -> tuple[float, float]:
        quantiles = [
            statistics.quantiles(samples[name, said, depth], n=20)
            for depth in (Depth.RECEIVE, Depth.WHOLE)
        ]
        return quantiles[1][0] - quantiles[0][0], quantiles[1][9] - quantiles[0][9]

    def _run(self, depth: Depth) -> float:
        cycles: int = self._code.bench_cycles(ctypes.byref(self._bench), BURSTS, depth)
        return cycles / (BURSTS * abi.BURST_MAX)

    def _use(self, frame: bytes) -> None:
        moved = len(frame) - len(self._layout.frame)
        self._code.bench_fill(self._frames, frame, len(frame))
        self._bench.frame_length = len(frame)
        self._bench.source_offset = self._layout.source_offset + moved
        self._bench.checksum_offset = self._layout.checksum_offset + moved


def main(_arguments: Sequence[str] | None = None) -> int:
    """Measure, and print a row per kind."""
    chain = Encapsulations()
    with chain:
        found = chain.cycles()
    print(f"{'':8}{'tunnels':>8}{'fifth percentile':>18}{'median':>10}")
    for (name, said), (least, median) in sorted(found.items()):
        print(f"{name:8}{said:>8}{least:>18.1f}{median:>10.1f}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
