"""The thresholds of detection for each profile, from the policy or by default.

Rates are per second and protected address; 0: not checked. The rule `detection` of the policy has
the same fields; docs/detection.md explains the defaults.
"""

from __future__ import annotations

from dataclasses import dataclass

from dataplane.native.abi import Metric, Mode, Response


@dataclass(frozen=True)
class WantedResponse:
    """The response that the policy wants; the agent carries it out."""

    kind: Response = Response.NONE
    mode: Mode = Mode.MONITOR
    """`Mode.MONITOR`: it is only reported."""
    seconds: int = 300
    """Duration, after which it expires."""
    entries_max: int = 100
    """Bans of one incident."""
    limit_pps: int = 1000
    """The limit of each source, packets per second."""


@dataclass(frozen=True)
class Thresholds:
    """The thresholds of one profile."""

    syns: int = 1000
    handshake_ratio: int = 3
    """SYNs are a flood if there are more than so many per completed handshake."""
    acks: int = 10_000
    rsts: int = 2000
    udp: int = 20_000
    """Without datagrams from the ports of reflectors."""
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
    """The threshold of a prefix as a multiple of that of an address."""
    quiet_seconds: int = 3
    """An attack ends when it has stayed below half of its threshold for so long."""
    spoofed_share: float = 0.8
    """Sources count as forged if at least this share of them was seen once."""
    response: WantedResponse = WantedResponse()
    is_on: bool = True

    def of(self, metric: Metric) -> int:
        """The threshold of a metric; 0: not checked."""
        return int(getattr(self, metric.name.lower())) if self.is_on else 0


DEFAULT = Thresholds()
"""The thresholds of a profile whose policy has no such rule."""
OFF = Thresholds(is_on=False)
"""The thresholds of a profile whose rule is off."""


@dataclass(frozen=True)
class ProfileThresholds:
    """A profile in force."""

    name: str
    thresholds: Thresholds = DEFAULT
