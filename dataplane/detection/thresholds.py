"""What is too much, as the policy says it for each profile; without a word of it, the defaults.

Rates are by second and protected address; 0: not looked at. The rule `detection` of the policy has
the same fields; docs/detection.md says why the defaults are what they are.
"""

from __future__ import annotations

from dataclasses import dataclass

from dataplane.native.abi import Metric, Mode, Response


@dataclass(frozen=True)
class WantedResponse:
    """What is to be done about an attack, by whoever carries it out."""

    kind: Response = Response.NONE
    mode: Mode = Mode.MONITOR
    """`Mode.MONITOR`: it is only said."""
    seconds: int = 300
    """After which it ends by itself."""
    entries_max: int = 100
    """On the blacklist, of one incident."""
    limit_pps: int = 1000
    """Packets per second that one source keeps."""


@dataclass(frozen=True)
class Thresholds:
    """Of one profile."""

    syns: int = 1000
    handshake_ratio: int = 3
    """SYNs are a flood if there are more than so many to each handshake that is completed."""
    acks: int = 10_000
    rsts: int = 2000
    udp: int = 20_000
    """Without what comes from the ports of reflectors."""
    amplification: int = 5000
    icmp: int = 1000
    fragments: int = 2000
    malformed: int = 500
    connections: int = 10_000
    requests: int = 10_000
    slow: int = 10
    packets: int = 0
    bits: int = 0
    carpet_factor: int = 3
    """A prefix has so many times the threshold of an address."""
    quiet_seconds: int = 3
    """For which an attack has to stay below half of its threshold to be over."""
    spoofed_share: float = 0.8
    """Sources are taken for forged if at least this share of them was seen once."""
    response: WantedResponse = WantedResponse()
    is_on: bool = True

    def of(self, metric: Metric) -> int:
        """The threshold of a metric; 0: it is not looked at."""
        return int(getattr(self, metric.name.lower())) if self.is_on else 0


DEFAULT = Thresholds()
"""Of a profile whose policy says nothing of it."""
OFF = Thresholds(is_on=False)
"""Of a profile whose rule is off."""


@dataclass(frozen=True)
class ProfileThresholds:
    """A profile in force."""

    name: str
    thresholds: Thresholds = DEFAULT
