"""C and model side by side: the same state, the same packets, and what differs afterwards."""

from __future__ import annotations

import ctypes
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from ipaddress import IPv4Network, IPv6Network

from dataplane import abi
from dataplane.abi import Mode, PacketFlag, Port, Reason, Stage, Verdict
from dataplane.model import pipeline
from dataplane.model.node import Lcore, Node, Profile, Time
from dataplane.model.packet import Packet
from dataplane.model.tables import ListEntry
from dataplane.model.tables import Lists as ModelLists
from dataplane.tables import Lists, pack
from tests.native.harness import Frame, Harness
from tests.native.lists_support import family, key_bytes
from tests.native.model_case import NOW_DS, Case, Key

FIELDS = (
    *("verdict", "reason", "anomaly", "ip_version", "protocol", "profile", "owner"),
    *("l3_offset", "l4_offset", "payload_offset", "client_offset", "protected_offset"),
    *("vlan_id", "vlan_count"),
)
MEANT = ~PacketFlag.PLAIN
"""Flags that say something about the packet; PLAIN only spares C a few questions."""


class Twins:
    """A node in C and its model, set to the state of a case."""

    def __init__(self, harness: Harness, lists: Lists, case: Case) -> None:
        self.harness, self.case, self.lists = harness, case, lists
        self.entries = {
            key: ListEntry(network(key), key[2], at) for key, at in case.entries.items()
        }
        self.model = Lcore(
            Node([Profile(case.modes)], lists=ModelLists(list(self.entries.values())))
        )
        self.now = Time(NOW_DS)
        self._set_up()

    def _set_up(self) -> None:
        records = [(key_bytes(a), n, kind, at) for (a, n, kind), at in self.case.entries.items()]
        assert self.lists.put(pack(records)) == 0
        assert self.lists.commit()
        harness, node = self.harness, self.harness.node
        harness.library.sb_profile_init(ctypes.addressof(harness.policy.profile(0)))
        for reason, mode in self.case.modes.items():
            harness.set_mode(reason, mode)
        node.lists, node.lcore_count = self.lists.address, self.case.lcores
        node.owner_key[:] = self.case.owner_key
        harness.lcore.index = 0
        harness.time.boot_ds = NOW_DS
        harness.reset_stats()
        self.model.node.lcore_count = self.case.lcores
        self.model.node.owner_key = self.case.owner_key

    def run(self, burst: Sequence[Frame]) -> Iterator[str]:
        """Run a burst, and what is held of it as its owner would; yields what differs."""
        packets = [_packet(one) for one in burst]
        self.harness.run(burst)
        live = pipeline.run(self.model, packets, self.now)
        yield from self._differences(packets, live)
        held = [i for i, packet in enumerate(packets) if packet.verdict is Verdict.HELD]
        if held:
            yield from self._resume(packets, held)

    def _resume(self, packets: Sequence[Packet], held: Sequence[int]) -> Iterator[str]:
        """By whichever lcore: which one it is makes no difference behind the handover."""
        burst = self.harness.burst
        for to, index in enumerate(held):
            burst.packets[to] = burst.packets[index]
        burst.count = len(held)
        self.harness.lcore.index = self.case.lcores - 1
        self.harness.resume()
        taken = [packets[i] for i in held]
        live = pipeline.resume(self.model, taken, self.now)
        self.harness.lcore.index = 0
        yield from self._differences(taken, live)

    def _differences(self, packets: Sequence[Packet], live: Sequence[Packet]) -> Iterator[str]:
        burst = self.harness.burst
        for i, (theirs, mine) in enumerate(zip(burst.packets, packets, strict=False)):
            for name in FIELDS:
                if getattr(theirs, name) != getattr(mine, name):
                    yield _difference(f"packet {i}, {name}", theirs, mine, name)
            if theirs.flags & MEANT != mine.flags:
                yield f"packet {i}, flags: C {PacketFlag(theirs.flags)!r}, model {mine.flags!r}"
            if self.harness.bytes_of(theirs) != mine.data:
                yield f"packet {i}: C has changed its bytes"
        survivors = [packets.index(packet) for packet in live]
        if list(burst.live[: burst.live_count]) != survivors:
            yield f"live: C {burst.live[: burst.live_count]}, model {survivors}"

    def counters(self) -> Iterator[str]:
        """What differs in all that was counted since the case began."""
        theirs, mine = counted(self.harness), modelled(self.model)
        for name in sorted(theirs.keys() | mine.keys()):
            if theirs.get(name, 0) != mine.get(name, 0):
                yield f"{name}: C {theirs.get(name, 0)}, model {mine.get(name, 0)}"
        for (address, length, kind), entry in self.entries.items():
            found = self.lists.get(key_bytes(address), length, kind)
            if found is None or found.hits != entry.hits:
                yield f"hits of {entry}: C {found}"


@contextmanager
def twins(harness: Harness, case: Case) -> Iterator[Twins]:
    """Twins with tables of their own; the harness may serve the next case afterwards."""
    with Lists(harness.library, 64, 64, abi.LCORES_MAX, bytes(range(16))) as lists:
        yield Twins(harness, lists, case)
        harness.node.lists = 0


def differences(harness: Harness, case: Case) -> list[str]:
    """Everything in which C and model differ about the first burst that they differ about."""
    with twins(harness, case) as both:
        for burst in case.bursts:
            found = [*both.run(burst), *both.counters()]
            if found:
                return found
    return []


def network(key: Key) -> IPv4Network | IPv6Network:
    """A prefix in the mapped space as what it is."""
    address, length, _ = key
    if family(address, length) == 4:
        return IPv4Network((address & 0xFFFFFFFF, length - 96))
    return IPv6Network((address, length))


def _packet(one: Frame) -> Packet:
    length = len(one.data) if one.length is None else one.length
    return Packet(one.data, length, one.port, PacketFlag(one.flags))


def _difference(what: str, theirs: abi.Packet, mine: Packet, name: str) -> str:
    kind = {"verdict": Verdict, "reason": Reason, "anomaly": Reason}.get(name, int)
    return f"{what}: C {kind(getattr(theirs, name))!r}, model {getattr(mine, name)!r}"


def counted(harness: Harness) -> dict[str, int]:
    """The counters of C by name."""
    stats = harness.stats
    out = {"misrouted": stats.misrouted}
    for port in Port:
        one = stats.port[port]
        for name in ("received", "received_bytes", "dropped_bytes", "held_now", "consumed"):
            out[f"{port.name} {name}"] = getattr(one, name)
        out |= {
            f"{port.name} dropped {r.name}": n for r, n in zip(Reason, one.dropped, strict=True)
        }
    for stage in Stage:
        out[f"{stage.name} packets"] = stats.stage[stage].packets
        out[f"{stage.name} dropped"] = stats.stage[stage].dropped
    for reason, by_mode in zip(Reason, stats.profile[0].count, strict=True):
        out |= {f"{reason.name} {mode.name}": by_mode[mode] for mode in Mode}
    return out


def modelled(lcore: Lcore) -> dict[str, int]:
    """The counters of the model under the same names; what is 0 may be missing."""
    out = {"misrouted": lcore.misrouted}
    for port, one in lcore.port.items():
        for name in ("received", "received_bytes", "dropped_bytes"):
            out[f"{port.name} {name}"] = getattr(one, name)
        out[f"{port.name} held_now"] = one.held_now % (1 << 64)
        out |= {f"{port.name} dropped {r.name}": n for r, n in one.dropped.items()}
    out |= {f"{stage.name} packets": n for stage, n in lcore.entered.items()}
    out |= {f"{stage.name} dropped": n for stage, n in lcore.dropped.items()}
    return out | {f"{r.name} {mode.name}": n for (_, r, mode), n in lcore.count.items()}
