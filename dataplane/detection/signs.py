"""Finds the attacks that the counts of one second indicate.

A packet belongs to one attack only, the most specific one: fragments of a reflector's answers are
not a fragment flood, and packets that a flood of another type explains are not a packet flood.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import TypeAlias

from dataplane.detection.thresholds import Thresholds
from dataplane.detection.traffic import Counts, Evidence
from dataplane.native import abi
from dataplane.native.abi import ATTACK_METRIC, Attack, Metric, TrafficKind

REBOOT_FACTOR = 4
"""Multiple of the threshold for a host that does not answer: clients of a rebooting host retry."""
FAR_FACTOR = 4
"""Beyond this multiple of the threshold traffic is a flood in any case. Below, it may be a crowd
whose handshakes are not complete yet, or a scanner; nmap(1) tries its thousand ports in a second.
"""
_TICKS_IN_DOUBT = 2
"""With three ticks, the delay from the crossed threshold to the detection would be 200
to 300 ms."""
LULL_TICKS_MAX = 5
"""In doubt, the wait for handshakes that complete: a crowd of distant clients may have begun at the
same time."""
_TICKS_PER_S = 10
_SCANNERS_MAX, _SCANNED_MIN = 4, 16
_TRIES = 3
"""SYNs and RSTs of a scan: at most so many per port on average."""
_SYN, _RST = 0x02, 0x04
_ANSWERED_SHARE = 8
"""A host counts as answering if it answers one SYN in so many."""
_FRAGMENTS_OF_ANSWER = 3
"""Fragments of a reflector's answer of 4,096 bytes (RFC 6891, 6.2.5)."""
_UNUSABLE_SHARE = 5
"""Among random IPv4 addresses, for 222 possible sources there are 34 impossible ones: multicast,
reserved, loopback."""
_FORGEABLE = (
    *(TrafficKind.SYN, TrafficKind.ACK, TrafficKind.RST),
    *(TrafficKind.UDP, TrafficKind.ICMP, TrafficKind.FRAGMENT),
)
"""Kinds that need no answer, so that their source may be forged."""
_BITS = 8
_NOBODY: Mapping[Attack, int] = {}

Value: TypeAlias = Callable[[Counts], int]


@dataclass(frozen=True)
class Sign:
    """A count beyond a threshold; all amplification is `Attack.UDP_AMPLIFICATION` here."""

    attack: Attack
    threshold: int
    value: int

    @property
    def metric(self) -> Metric:
        """The metric that was compared."""
        return ATTACK_METRIC[self.attack]

    @property
    def excess(self) -> float:
        """The count divided by the threshold."""
        return self.value / self.threshold


@dataclass(frozen=True)
class View:
    """The thresholds for counts."""

    thresholds: Thresholds
    factor: int = 1
    """Factor of each threshold: larger for a prefix or a profile."""
    answers: int = 0
    """SYNs per second that the node itself has answered."""

    def threshold(self, attack: Attack) -> int:
        """The threshold of that attack; 0: not checked."""
        if attack in LINK_FRAMES:
            return LINK_FRAMES[attack]
        return self.thresholds.of(ATTACK_METRIC[attack]) * self.factor


def signs(counts: Counts, view: View, known: Mapping[Attack, int] = _NOBODY) -> list[Sign]:
    """The attacks that the counts of one second indicate, without those that others explain.

    ``known``: active attacks on the same target, with their recent maximum per second, which
    explain packets whatever their threshold. The order is that of `VALUES`: packet and bit floods
    come last, from what the others leave.
    """
    found: list[Sign] = []
    others = dict(known)
    for attack in _SPECIFIC:
        threshold = view.threshold(attack)
        value = VALUES[attack](counts)
        if attack is Attack.SYN_FLOOD:
            value, threshold = _syns(counts, view)
        value -= _explained(attack, others, counts)
        if 0 < threshold <= value:
            found.append(Sign(attack, threshold, value))
            others[attack] = max(value, others.get(attack, 0))
    found.extend(_general(counts, view, others))
    return found


def strength(
    attack: Attack, counts: Counts, view: View, known: Mapping[Attack, int] = _NOBODY
) -> int:
    """The present strength of a known attack, whatever the threshold.

    ``known``: other attacks on the same target, as in `signs`.
    """
    if attack is Attack.SYN_FLOOD:
        return _syns(counts, view)[0]
    if attack in GENERAL:
        return _left(attack, counts, known)
    return VALUES[attack](counts)


def ticks_needed(sign: Sign) -> int:
    """The number of consecutive ticks before it is an incident.

    An attack that explains a packet or bit flood may cross its own threshold one tick later.
    Handshakes of a crowd complete a round trip after its SYNs; far beyond the threshold they could
    not be enough.
    """
    is_near = sign.attack is Attack.SYN_FLOOD and sign.value < FAR_FACTOR * sign.threshold
    return _TICKS_IN_DOUBT if is_near or sign.attack in GENERAL else 1


def goes_on(sign: Sign, since: Counts) -> bool:
    """Whether the last tick alone has the pace of the threshold; the SYNs of a crowd end when all
    clients have come. Always true for other attacks: they need no such wait."""
    if sign.attack is not Attack.SYN_FLOOD:
        return True
    return VALUES[sign.attack](since) * _TICKS_PER_S >= sign.threshold


def is_scan(sign: Sign, evidence: Evidence) -> bool:
    """Whether the newest SYNs are those of a few sources that try many ports, hardly any twice.

    Their RSTs indicate the same: a scanner answers a SYN-ACK with one, and these may come last.

    Beyond `FAR_FACTOR` times the threshold it makes no difference.
    """
    if sign.attack is not Attack.SYN_FLOOD or sign.value >= FAR_FACTOR * sign.threshold:
        return False
    tried = [one for one in evidence.samples if one.tcp_flags & (_SYN | _RST)]
    ports = {one.destination_port for one in tried}
    sources = {bytes(one.source) for one in tried}
    is_many = len(tried) >= _SCANNED_MIN and _TRIES * len(ports) >= len(tried)
    return is_many and len(sources) <= _SCANNERS_MAX


def family(attack: Attack) -> Attack:
    """The attack as in `signs`: the kind of reflector is not distinguished."""
    return Attack.UDP_AMPLIFICATION if attack in _NAMED else attack


def _syns(counts: Counts, view: View) -> tuple[int, int]:
    """SYNs, 0 if enough of them become connections; and the threshold for SYNs with so many
    answers."""
    threshold = view.threshold(Attack.SYN_FLOOD)
    syns = counts[TrafficKind.SYN]
    if counts[TrafficKind.CONNECTION] * view.thresholds.handshake_ratio >= syns:
        return 0, threshold
    answers = max(counts[TrafficKind.SYN_ACK], min(view.answers, syns))
    if answers * _ANSWERED_SHARE < syns:
        threshold *= REBOOT_FACTOR
    return syns, threshold


def _explained(attack: Attack, others: Mapping[Attack, int], counts: Counts) -> int:
    """The part of an attack's value that another attack explains."""
    match attack:
        case Attack.RST_FLOOD if Attack.SYN_FLOOD in others:
            # Handshakes come a round trip after the SYNs, so some come when there are no SYNs any
            # more.
            return max(0, others[Attack.SYN_FLOOD] - counts[TrafficKind.SYN])
        case Attack.UDP_FLOOD | Attack.ICMP_FLOOD if Attack.FRAGMENT_FLOOD in others:
            return counts[TrafficKind.FRAGMENT]  # the first of each counts as both
        case Attack.CONNECTION_FLOOD if Attack.HTTP_FLOOD in others:
            return counts[TrafficKind.REQUEST]
    return 0


def _general(counts: Counts, view: View, others: Mapping[Attack, int]) -> Iterator[Sign]:
    for attack in GENERAL:
        threshold = view.threshold(attack)
        value = _left(attack, counts, others)
        if 0 < threshold <= value:
            yield Sign(attack, threshold, value)


def _left(attack: Attack, counts: Counts, others: Mapping[Attack, int]) -> int:
    """Packets or bits that no other attack explains; bits in proportion to packets.

    Hosts whose addresses were forged in SYNs answer each SYN-ACK with one RST or ACK, at most.
    """
    families = {family(other) for other in others if other not in GENERAL}
    packets = counts[TrafficKind.PACKETS]
    rest = max(0, packets - sum(VALUES[other](counts) for other in families))
    if Attack.SYN_FLOOD in families:
        syns = max(others[Attack.SYN_FLOOD], counts[TrafficKind.SYN])
        acks = 0 if Attack.ACK_FLOOD in families else counts[TrafficKind.ACK]
        rest = max(0, rest - min(syns, counts[TrafficKind.RST] + acks))
    value = VALUES[attack](counts)
    return value * rest // packets if packets else 0


def _count(kind: TrafficKind) -> Value:
    return lambda counts: counts[kind]


def _rsts(counts: Counts) -> int:
    """RSTs without those that answer a SYN-ACK: from hosts with forged addresses, or
    from scanners."""
    return max(0, counts[TrafficKind.RST] - counts[TrafficKind.SYN])


def _udp(counts: Counts) -> int:
    return max(0, counts[TrafficKind.UDP] - counts[TrafficKind.AMPLIFICATION])


def _fragments(counts: Counts) -> int:
    amplified = _FRAGMENTS_OF_ANSWER * counts[TrafficKind.AMPLIFICATION]
    return max(0, counts[TrafficKind.FRAGMENT] - amplified)


def _malformed(counts: Counts) -> int:
    """Malformed packets without those that a flood from random sources includes."""
    others = sum(counts[kind] for kind in _FORGEABLE)
    return max(0, counts[TrafficKind.MALFORMED] - others // _UNUSABLE_SHARE)


_amplified = _count(TrafficKind.AMPLIFICATION)
VALUES: dict[Attack, Value] = {
    Attack.SYN_FLOOD: _count(TrafficKind.SYN),
    Attack.ACK_FLOOD: _count(TrafficKind.ACK),
    Attack.RST_FLOOD: _rsts,
    Attack.UDP_AMPLIFICATION: _amplified,
    Attack.DNS_AMPLIFICATION: _amplified,
    Attack.NTP_AMPLIFICATION: _amplified,
    Attack.MEMCACHED_AMPLIFICATION: _amplified,
    Attack.SSDP_AMPLIFICATION: _amplified,
    Attack.CLDAP_AMPLIFICATION: _amplified,
    Attack.FRAGMENT_FLOOD: _fragments,
    Attack.UDP_FLOOD: _udp,
    Attack.ICMP_FLOOD: _count(TrafficKind.ICMP),
    Attack.MALFORMED_FLOOD: _malformed,
    Attack.HTTP_FLOOD: _count(TrafficKind.REQUEST),
    Attack.CONNECTION_FLOOD: _count(TrafficKind.CONNECTION),
    Attack.SLOWLORIS: _count(TrafficKind.SLOW),
    Attack.PACKET_FLOOD: _count(TrafficKind.PACKETS),
    Attack.BIT_FLOOD: lambda counts: counts.bytes * _BITS,
    Attack.LINK_FLOOD: _count(TrafficKind.PACKETS),
    Attack.NON_IP_FLOOD: _count(TrafficKind.PACKETS),
}
"""The count that each attack is compared by. The last two are about frames of a port only."""
LINK_FRAMES = {Attack.LINK_FLOOD: 2000, Attack.NON_IP_FLOOD: abi.LINK_OTHER_PPS_MAX}
"""Per second and port: the link needs a small part of it; frames that are not IP are dropped beyond
it."""
GENERAL = (Attack.PACKET_FLOOD, Attack.BIT_FLOOD)
"""Attacks that consist of packets that no other attack explains."""
AMPLIFICATION: dict[int, Attack] = {
    53: Attack.DNS_AMPLIFICATION,
    123: Attack.NTP_AMPLIFICATION,
    11211: Attack.MEMCACHED_AMPLIFICATION,
    1900: Attack.SSDP_AMPLIFICATION,
    389: Attack.CLDAP_AMPLIFICATION,
}
"""The attack for each source port of the answers."""
_NAMED = frozenset(AMPLIFICATION.values())
_SPECIFIC = tuple(attack for attack in VALUES if attack not in {*_NAMED, *GENERAL, *LINK_FRAMES})
