"""C and model side by side: the same state, the same packets, and what differs afterwards."""

from __future__ import annotations

import ctypes
import re
import struct
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace

from dataplane.base.settings import (
    ConnectionCapacities,
    HttpCapacities,
    LimitCapacities,
    SynProxyCapacities,
)
from dataplane.model import pipeline
from dataplane.model.packet import Packet
from dataplane.model.state import Lcore, Node, Time
from dataplane.model.tables import Countries, ListEntry
from dataplane.model.tables import Lists as ModelLists
from dataplane.native import abi
from dataplane.native.abi import (
    Encapsulation,
    FlowState,
    Link,
    Mode,
    Neighbor,
    Origin,
    PacketFlag,
    Port,
    Reason,
    Stage,
    TrafficKind,
    Verdict,
)
from dataplane.tables.connection_table import FLOW_KEY_BYTES, ConnectionTable, native_timeouts
from dataplane.tables.country_table import CountryTable
from dataplane.tables.http_table import HttpTable
from dataplane.tables.limits_table import Limits
from dataplane.tables.lists import Lists, pack
from dataplane.tables.policy_table import PolicyTable
from dataplane.tables.syn_proxy_table import SynProxyTable
from dataplane.tables.traffic_table import TRAFFIC_KEY_BYTES, TrafficTable
from tests.native.harness import Frame, Harness
from tests.native.model.model_case import COOKIE_KEYS, MAPPED, NOW_DS, NOW_NS, Case, Ranges
from tests.native.model.model_policy import fill, fill_neighbors, neighbors_of, targets_of
from tests.native.stages.countries_support import country_table
from tests.native.stages.http.rules_support import Rules as WafRules
from tests.native.tables.lists.lists_support import key_bytes, network_of

FIELDS = (
    *("verdict", "reason", "anomaly", "ip_version", "protocol", "profile", "owner"),
    *("l3_offset", "l4_offset", "payload_offset", "client_offset", "protected_offset"),
    *("vlan_id", "vlan_count", "link"),
)
CAPACITIES = LimitCapacities(4096, 4096, 4096)
"""More than a case has addresses: nobody is forgotten."""
ROOM = SynProxyCapacities(openings_max=8, held_max=16)
"""So few that a turn looks at all of them."""
CONNECTIONS = ConnectionCapacities(connections_max=4096)
NS_PER_DS = 10**8
DESTINATIONS = 1024
REFLECTORS = (53, 123, 1900)
HTTP_KEY = bytes(range(16))
RULES = (b"attack",)
PROFILES = 4
"""The most that a case has."""
CELLS = ctypes.sizeof(abi.ProfileStats) // 8
PROFILE_OFFSET: int = abi.LcoreStats.profile.offset  # type: ignore[attr-defined]
MEANT = ~PacketFlag.PLAIN
"""Flags that say something about the packet; PLAIN only spares C a few questions."""


class Twins:
    """A node in C and its model, set to the state of a case."""

    def __init__(self, harness: Harness, lists: Lists, traffic: TrafficTable, case: Case) -> None:
        self.harness, self.case, self.lists, self.traffic = harness, case, lists, traffic
        policy = (replace(case.policy[0], modes=case.modes), *case.policy[1:])
        self.entries = {
            key: ListEntry(network_of(*key[:2]), key[2], at) for key, at in case.entries.items()
        }
        self.model = Lcore(
            Node(
                [rules.modelled() for rules in policy],
                targets_of(policy),
                neighbors_of(case.neighbors),
                ModelLists(list(self.entries.values())),
                _modelled(case.countries),
            )
        )
        self.policy = policy
        self.now = Time(NOW_DS, NOW_NS)
        self._set_up()

    def _set_up(self) -> None:
        records = [(key_bytes(a), n, kind, at) for (a, n, kind), at in self.case.entries.items()]
        assert self.lists.put(pack(records)) == 0
        assert self.lists.commit()
        harness, node = self.harness, self.harness.node
        harness.use_policy(self._fill)
        node.lists, node.lcore_count = self.lists.address, self.case.lcores
        node.owner_key[:] = self.case.owner_key
        harness.lcore.index = 0
        harness.lcore.link_full_at = type(harness.lcore.link_full_at)()
        harness.lcore.neighbor_full_at = type(harness.lcore.neighbor_full_at)()
        harness.time.boot_ds = NOW_DS
        harness.reset_stats()
        node.path_mtu_full_at_ns = 0
        self.model.node.lcore_count = self.case.lcores
        self.model.node.owner_key = self.case.owner_key
        self.model.reflectors = frozenset(REFLECTORS)
        self.model.tracks = self.model.proxies = True
        self.model.inspects = bool(self.case.policy[0].http.ports)
        self.model.incident_key = struct.unpack("<QQ", HTTP_KEY)
        self.model.node.rules = tuple(re.compile(rule, re.IGNORECASE) for rule in RULES)
        self.model.openings_max, self.model.held_max = ROOM.openings_max, ROOM.held_max
        node.cookie_slot, self.model.node.cookie_slot = self.case.cookie_slot, self.case.cookie_slot
        for index, key in enumerate(COOKIE_KEYS):
            node.cookie_key[index][:] = list(key)
        self.model.node.cookie_keys = COOKIE_KEYS
        self.model.node.timeouts_ds = timeouts_ds()
        node.learning_until_ds = NOW_DS + self.case.learning_ds
        self.model.node.learning_until_ds = node.learning_until_ds

    def _fill(self, table: PolicyTable) -> None:
        fill(table, self.policy)
        fill_neighbors(table, self.case.neighbors)

    def run(self, burst: Sequence[Frame], later_ns: int = 0) -> Iterator[str]:
        """Run a burst, and what is held of it as its owner would; yields what differs.

        ``later_ns``: how long after the one before.
        """
        ns = self.now.ns + later_ns
        self.now = Time(NOW_DS + (ns - NOW_NS) // NS_PER_DS, ns)
        self.harness.time.tsc, self.harness.time.boot_ds = self.now.ns, self.now.boot_ds
        packets = [_packet(one) for one in burst]
        self.harness.run(burst)
        live = pipeline.run(self.model, packets, self.now)
        yield from self._differences(packets, live)
        gone = [i for i, one in enumerate(packets) if one.verdict is Verdict.HANDED_OVER]
        if gone:
            yield from self._resume(packets, gone)

    def _resume(self, packets: Sequence[Packet], gone: Sequence[int]) -> Iterator[str]:
        """By whichever lcore: which one it is makes no difference behind the handover."""
        burst = self.harness.burst
        for to, index in enumerate(gone):
            burst.packets[to] = burst.packets[index]
        burst.count = len(gone)
        self.harness.lcore.index = self.model.index = self.case.lcores - 1
        self.harness.resume()
        taken = [packets[i] for i in gone]
        live = pipeline.resume(self.model, taken, self.now)
        self.harness.lcore.index = self.model.index = 0
        yield from self._differences(taken, live)

    def _differences(self, packets: Sequence[Packet], live: Sequence[Packet]) -> Iterator[str]:
        burst = self.harness.burst
        for i, (theirs, mine) in enumerate(zip(burst.packets, packets, strict=False)):
            for name in FIELDS:
                if getattr(theirs, name) != getattr(mine, name):
                    yield _difference(f"packet {i}, {name}", theirs, mine, name)
            if theirs.flags & MEANT != mine.flags:
                yield f"packet {i}, flags: C {PacketFlag(theirs.flags)!r}, model {mine.flags!r}"
            # What is held may have been translated by a later packet of the burst: see _sent.
            is_held = mine.verdict is Verdict.HELD
            if not is_held and self.harness.bytes_of(theirs) != mine.data:
                theirs_hex, mine_hex = self.harness.bytes_of(theirs).hex(), mine.data.hex()
                yield f"packet {i}, bytes: C {theirs_hex}, model {mine_hex}"
        survivors = [packets.index(packet) for packet in live]
        if list(burst.live[: burst.live_count]) != survivors:
            yield f"live: C {burst.live[: burst.live_count]}, model {survivors}"
        yield from self._sent()

    def _sent(self) -> Iterator[str]:
        """What was sent beside the burst; in which order, is not said."""
        own, released = self.harness.sent()
        theirs = Counter(
            [("own", one.origin, one.port, data.hex()) for one, data in own]
            + [("released", one.verdict, one.port, data.hex()) for one, data in released]
        )
        mine = Counter(
            [("own", int(one.kind), one.port, one.data.hex()) for one in self.model.own]
            + [
                ("released", int(one.verdict), one.port, one.data.hex())
                for one in self.model.released
            ]
        )
        self.model.own.clear()
        self.model.released.clear()
        yield from (f"sent by C alone: {one}" for one in (theirs - mine).elements())
        yield from (f"sent by the model alone: {one}" for one in (mine - theirs).elements())

    def counters(self) -> Iterator[str]:
        """What differs in all that was counted since the case began."""
        theirs, mine = counted(self.harness), modelled(self.model)
        for name in sorted(theirs.keys() | mine.keys()):
            if theirs.get(name, 0) != mine.get(name, 0):
                yield f"{name}: C {theirs.get(name, 0)}, model {mine.get(name, 0)}"
        yield from self._connections()
        yield from self._traffic()
        for (address, length, kind), entry in self.entries.items():
            found = self.lists.get(key_bytes(address), length, kind)
            if found is None or found.hits != entry.hits:
                yield f"hits of {entry}: C {found}"

    def _connections(self) -> Iterator[str]:
        """C may have found of some already that they are over."""
        theirs, flows = self.harness.stats.connections, self.model.flows.values()
        model = self.model
        for name, expected in (
            *(("opened", model.flows_opened), ("accepted", model.accepted)),
            *(("failed", model.failed), ("opening", len(model.openings))),
            ("bad_checksum", model.bad_checksum),
        ):
            if getattr(theirs, name) != expected:
                yield f"{name}: C {getattr(theirs, name)}, model {expected}"
        left = [flow for flow in flows if flow.deadline_ds > self.now.boot_ds]
        for name, found in (("active", theirs.active), ("proven", theirs.proven)):
            least, most = (
                sum(name == "active" or flow.is_proven for flow in some) for some in (left, flows)
            )
            if not least <= found <= most:
                yield f"{name}: C {found}, model {least} to {most}"

    def traffic_kinds(self) -> Counter[TrafficKind]:
        """How much C has counted of each, whoever it was sent to."""
        rows = [self.traffic.overflow(profile) for profile in range(PROFILES)]
        rows += [self.traffic.row_at(place) for place in range(self.traffic.used)]
        return Counter({kind: sum(row.count[kind] for row in rows) for kind in TrafficKind})

    def _traffic(self) -> Iterator[str]:
        """What was counted of each destination of the model, and that C has no others."""
        known = {key: Counter({kind: 0}) for key, kind in self.model.traffic}
        for (key, kind), count in self.model.traffic.items():
            known[key][kind] = count
        for key, counts in known.items():
            row = self.traffic.overflow(key) if isinstance(key, int) else self.traffic.row(key)
            found = {kind: row.count[kind] if row else 0 for kind in TrafficKind}
            size = row.bytes if row else 0
            if found != {kind: counts[kind] for kind in TrafficKind}:
                yield f"traffic of {key!r}: C {found}, model {counts}"
            if size != self.model.traffic_bytes[key]:
                yield f"bytes of {key!r}: C {size}, model {self.model.traffic_bytes[key]}"
        addresses = sum(isinstance(key, bytes) for key in known)
        if self.traffic.used != addresses:
            yield f"destinations: C {self.traffic.used}, model {addresses}"


def timeouts_ds() -> dict[FlowState, int]:
    """As C gets them."""
    native = native_timeouts(CONNECTIONS.timeouts)
    return {state: native.ds[state] for state in FlowState}


@contextmanager
def twins(harness: Harness, case: Case) -> Iterator[Twins]:
    """Twins with tables of their own; the harness may serve the next case afterwards."""
    with (
        ExitStack() as opened,
        Lists(harness.library, 64, 64, abi.LCORES_MAX, bytes(range(16))) as lists,
        Limits(harness.library, CAPACITIES, bytes(range(16))) as limits,
        ConnectionTable(
            harness.library,
            CONNECTIONS,
            bytes(range(FLOW_KEY_BYTES)),
            ctypes.addressof(harness.stats),
        ) as flows,
        SynProxyTable(harness.library, ROOM, bytes(range(16))) as proxy,
        TrafficTable(
            harness.library, DESTINATIONS, bytes(range(TRAFFIC_KEY_BYTES)), REFLECTORS
        ) as traffic,
    ):
        harness.lcore.limits, harness.lcore.flows = limits.address, flows.address
        harness.lcore.syn_proxy, harness.lcore.traffic = proxy.address, traffic.address
        harness.give_outbox()
        inspection = opened.enter_context(ExitStack())
        if case.policy[0].http.ports:
            _give_http(harness, flows, inspection)
        countries = _compiled(harness, case.countries)
        harness.node.countries = countries.address if countries else 0
        yield Twins(harness, lists, traffic, case)
        inspection.close()
        harness.lcore.http = 0
        harness.node.lists = harness.node.countries = harness.lcore.limits = 0
        harness.lcore.flows = harness.lcore.syn_proxy = harness.lcore.outbox = 0
        harness.lcore.traffic = 0
        harness.keeps_frames = False
        harness.free()
        if countries:
            countries.close()


def _give_http(harness: Harness, flows: ConnectionTable, opened: ExitStack) -> None:
    """Room for HTTP, and rules."""
    stats = ctypes.addressof(harness.stats)
    http = HttpTable(harness.library, HttpCapacities(16), flows, HTTP_KEY, stats)
    harness.lcore.http = opened.enter_context(http).address
    opened.enter_context(WafRules(harness, RULES))


def differences(harness: Harness, case: Case) -> list[str]:
    """Everything in which C and model differ about the first burst that they differ about."""
    with twins(harness, case) as both:
        for number, burst in enumerate(case.bursts):
            found = [*both.run(burst, case.later_ns[number % len(case.later_ns)]), *both.counters()]
            if found:
                return found
    return []


def _families(ranges: Ranges) -> tuple[list[tuple[int, int]], list[tuple[int, int]]]:
    """Those of IPv4 with addresses of 32 bits, and all others."""
    ipv4 = [(first - MAPPED, one) for first, one in ranges if MAPPED <= first < MAPPED + (1 << 32)]
    ipv6 = [(first, one) for first, one in ranges if not MAPPED <= first < MAPPED + (1 << 32)]
    return ipv4, ipv6


def _modelled(ranges: Ranges | None) -> Countries | None:
    return None if ranges is None else Countries(*_families(ranges))


def _compiled(harness: Harness, ranges: Ranges | None) -> CountryTable | None:
    if ranges is None:
        return None
    ipv4, ipv6 = _families(ranges)
    return country_table(harness.library, ipv4, ipv6)


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
        out |= {f"{port.name} {link.name}": stats.link[port][link] for link in Link}
        inner = stats.inner[port]
        out |= {f"{port.name} inside {kind.name}": inner[kind] for kind in Encapsulation}
        said = stats.neighbor[port]
        out |= {f"{port.name} neighbour {one.name}": said[one] for one in Neighbor}
    out |= {f"beyond {one.name}": stats.neighbor_beyond[one] for one in Neighbor}
    for origin in Origin:
        out[f"{origin.name} originated"] = stats.origin[origin].originated
    for stage in Stage:
        out[f"{stage.name} packets"] = stats.stage[stage].packets
        out[f"{stage.name} dropped"] = stats.stage[stage].dropped
    counts = (ctypes.c_uint64 * (PROFILES * CELLS)).from_buffer(stats, PROFILE_OFFSET)
    for at, n in enumerate(counts[:]):
        if n:
            profile, cell = divmod(at, CELLS)
            reason, mode = divmod(cell, len(Mode))
            out[f"{profile} {Reason(reason).name} {Mode(mode).name}"] = n
    return out


def modelled(lcore: Lcore) -> dict[str, int]:
    """The counters of the model under the same names; what is 0 may be missing."""
    out = {"misrouted": lcore.misrouted}
    for port, one in lcore.port.items():
        for name in ("received", "received_bytes", "dropped_bytes", "consumed"):
            out[f"{port.name} {name}"] = getattr(one, name)
        out[f"{port.name} held_now"] = one.held_now % (1 << 64)
        out |= {f"{port.name} dropped {r.name}": n for r, n in one.dropped.items()}
    out |= {f"{port.name} {link.name}": n for (port, link), n in lcore.link.items()}
    out |= {f"{port.name} inside {kind.name}": n for (port, kind), n in lcore.inner.items()}
    out |= {f"{port.name} neighbour {said.name}": n for (port, said), n in lcore.neighbor.items()}
    out |= {f"beyond {said.name}": n for said, n in lcore.neighbor_beyond.items()}
    out |= {f"{origin.name} originated": n for origin, n in lcore.origin.items()}
    out |= {f"{stage.name} packets": n for stage, n in lcore.entered.items()}
    out |= {f"{stage.name} dropped": n for stage, n in lcore.dropped.items()}
    return out | {
        f"{profile} {r.name} {mode.name}": n for (profile, r, mode), n in lcore.count.items()
    }
