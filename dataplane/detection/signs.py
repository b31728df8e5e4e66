"""Which attacks the counts of a second are the sign of.

A packet is of one attack alone, the most specific one: fragments of a reflector's answers are no
fragment flood, and what a flood of some type explains is no packet flood.
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
"""So many times the threshold where a host answers nothing: clients of one that reboots retry."""
FAR_FACTOR = 4
"""What is so many times the threshold is a flood whatever it looks like: up to there it may be a
crowd whose handshakes are not completed yet, or a scanner; nmap(1) tries its thousand ports in a
second."""
_TICKS_IN_DOUBT = 2
"""With a third one, a flood would be told 200 to 300 ms after it has crossed the threshold."""
LULL_TICKS_MAX = 5
"""In doubt, for so long SYNs may stay away whose handshakes are not completed: a crowd that came at
once and is that far away."""
_TICKS_PER_S = 10
_SCANNERS_MAX, _SCANNED_MIN = 4, 16
_TRIES = 3
"""Of a port, at most on average: SYNs and RSTs."""
_SYN, _RST = 0x02, 0x04
_ANSWERED_SHARE = 8
"""A host answers if it answers one SYN in so many."""
_FRAGMENTS_OF_ANSWER = 3
"""Of a reflector's answer of 4,096 bytes (RFC 6891, 6.2.5)."""
_UNUSABLE_SHARE = 5
"""Of random IPv4 addresses 34 are no source to each 222 that are: multicast, reserved, loopback."""
_FORGEABLE = (
    *(TrafficKind.SYN, TrafficKind.ACK, TrafficKind.RST),
    *(TrafficKind.UDP, TrafficKind.ICMP, TrafficKind.FRAGMENT),
)
"""What needs no answer, so that its source may be anybody."""
_BITS = 8
_NOBODY: Mapping[Attack, int] = {}

Value: TypeAlias = Callable[[Counts], int]


@dataclass(frozen=True)
class Sign:
    """More than a threshold; all amplification is `Attack.UDP_AMPLIFICATION` here."""

    attack: Attack
    threshold: int
    value: int

    @property
    def metric(self) -> Metric:
        """What was compared."""
        return ATTACK_METRIC[self.attack]

    @property
    def excess(self) -> float:
        """How many times the threshold it is."""
        return self.value / self.threshold


@dataclass(frozen=True)
class View:
    """How counts are to be looked at."""

    thresholds: Thresholds
    factor: int = 1
    """Of each threshold: more for a prefix, or a profile."""
    answers: int = 0
    """SYNs a second that the node itself has answered."""

    def threshold(self, attack: Attack) -> int:
        """Of that attack; 0: it is not looked at."""
        if attack in LINK_FRAMES:
            return LINK_FRAMES[attack]
        return self.thresholds.of(ATTACK_METRIC[attack]) * self.factor


def signs(counts: Counts, view: View, known: Mapping[Attack, int] = _NOBODY) -> list[Sign]:
    """Every attack that the counts of one second are a sign of, without those explained by another.

    ``known``: attacks that go on there, which explain packets whatever their threshold, with the
    most that there was of each in a second lately. In the order of `VALUES`: packet and bit floods
    last, of what the others leave.
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
    """How much of an attack that was found there is now, whatever the threshold.

    ``known``: other attacks on the same, as of `signs`.
    """
    if attack is Attack.SYN_FLOOD:
        return _syns(counts, view)[0]
    if attack in GENERAL:
        return _left(attack, counts, known)
    return VALUES[attack](counts)


def ticks_needed(sign: Sign) -> int:
    """For how many ticks in turn it has to be there.

    What explains a packet or bit flood may cross its own threshold in the next one. Handshakes of
    a crowd are completed a round trip after its SYNs; of what is far beyond the threshold they
    could not be enough.
    """
    is_near = sign.attack is Attack.SYN_FLOOD and sign.value < FAR_FACTOR * sign.threshold
    return _TICKS_IN_DOUBT if is_near or sign.attack in GENERAL else 1


def goes_on(sign: Sign, since: Counts) -> bool:
    """Whether as much has come in the last tick as in each of a second's; a crowd does not go on
    when all of it is there. It does not matter for other attacks: they have nothing to wait for.
    """
    if sign.attack is not Attack.SYN_FLOOD:
        return True
    return VALUES[sign.attack](since) * _TICKS_PER_S >= sign.threshold


def is_scan(sign: Sign, evidence: Evidence) -> bool:
    """Whether the newest SYNs are those of a few who try many ports, and hardly any twice.

    Their RSTs say the same: who only looks answers a SYN-ACK with one, and these may come last.

    Beyond `FAR_FACTOR` times the threshold it does not matter what they are after.
    """
    if sign.attack is not Attack.SYN_FLOOD or sign.value >= FAR_FACTOR * sign.threshold:
        return False
    tried = [one for one in evidence.samples if one.tcp_flags & (_SYN | _RST)]
    ports = {one.destination_port for one in tried}
    sources = {bytes(one.source) for one in tried}
    is_many = len(tried) >= _SCANNED_MIN and _TRIES * len(ports) >= len(tried)
    return is_many and len(sources) <= _SCANNERS_MAX


def family(attack: Attack) -> Attack:
    """The attack as `signs` tells it: which reflectors have sent the packets is not counted."""
    return Attack.UDP_AMPLIFICATION if attack in _NAMED else attack


def _syns(counts: Counts, view: View) -> tuple[int, int]:
    """SYNs, 0 if enough of them become connections; and the threshold for as many answers."""
    threshold = view.threshold(Attack.SYN_FLOOD)
    syns = counts[TrafficKind.SYN]
    if counts[TrafficKind.CONNECTION] * view.thresholds.handshake_ratio >= syns:
        return 0, threshold
    answers = max(counts[TrafficKind.SYN_ACK], min(view.answers, syns))
    if answers * _ANSWERED_SHARE < syns:
        threshold *= REBOOT_FACTOR
    return syns, threshold


def _explained(attack: Attack, others: Mapping[Attack, int], counts: Counts) -> int:
    """What of an attack's value is another one's doing."""
    match attack:
        case Attack.RST_FLOOD if Attack.SYN_FLOOD in others:
            # They come a round trip after the SYNs, so some when there are none any more.
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
    """Packets or bits that none of the other attacks explains; bits by the share of packets.

    Those in whose names SYNs were sent answer with one RST or ACK for each, at most.
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
    """Without those of who gets an answer to a SYN that he has not sent, or only for a look."""
    return max(0, counts[TrafficKind.RST] - counts[TrafficKind.SYN])


def _udp(counts: Counts) -> int:
    return max(0, counts[TrafficKind.UDP] - counts[TrafficKind.AMPLIFICATION])


def _fragments(counts: Counts) -> int:
    amplified = _FRAGMENTS_OF_ANSWER * counts[TrafficKind.AMPLIFICATION]
    return max(0, counts[TrafficKind.FRAGMENT] - amplified)


def _malformed(counts: Counts) -> int:
    """Without what a flood from random sources brings with it."""
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
"""What of the counts is compared. The last two are of a port's frames, and of nothing else."""
LINK_FRAMES = {Attack.LINK_FLOOD: 2000, Attack.NON_IP_FLOOD: abi.LINK_OTHER_PPS_MAX}
"""Per second and port: what the link needs is a small part of it, and what is not IP is dropped
beyond it."""
GENERAL = (Attack.PACKET_FLOOD, Attack.BIT_FLOOD)
"""Those that are about what no other attack explains."""
AMPLIFICATION: dict[int, Attack] = {
    53: Attack.DNS_AMPLIFICATION,
    123: Attack.NTP_AMPLIFICATION,
    11211: Attack.MEMCACHED_AMPLIFICATION,
    1900: Attack.SSDP_AMPLIFICATION,
    389: Attack.CLDAP_AMPLIFICATION,
}
"""By the port that the answers come from."""
_NAMED = frozenset(AMPLIFICATION.values())
_SPECIFIC = tuple(attack for attack in VALUES if attack not in {*_NAMED, *GENERAL, *LINK_FRAMES})
