"""The data of ``secbeat top``: two answers of the API, and the rates between them."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from appliance.cli.client.node_api import NodeApi
from appliance.cli.client.problems import UnavailableError

ATTACKS_MAX = 100
BITS = 8
_VERDICTS = ("received", "forwarded", "consumed", "dropped")
_BYTES = ("received", "forwarded", "dropped")


@dataclass(frozen=True)
class Poll:
    """The API's answers at one time; None: the data plane is away."""

    at_s: float
    """The time on the caller's clock."""
    status: dict[str, Any]
    stats: dict[str, Any] | None
    top: dict[str, Any] | None
    attacks: dict[str, Any]


@dataclass(frozen=True)
class Rates:
    """Rates per second, between two polls."""

    seconds: float
    packets: Mapping[str, float]
    """Packets by verdict, with ``received`` and ``would_drop``."""
    bits: Mapping[str, float]
    dropped: Mapping[str, float]
    """Packets by reason, highest first."""
    would_drop: Mapping[str, float]


def poll(api: NodeApi) -> Poll:
    """Ask once. Raises `RefusedError`; a data plane that is away is part of the answer."""
    return Poll(
        at_s=time.monotonic(),
        stats=_unless_away(api, "stats"),
        status=api.get("status").body,
        top=_unless_away(api, "top"),
        attacks=api.get("attacks", {"state": "active", "limit": ATTACKS_MAX}).body,
    )


def rates(before: Poll | None, now: Poll) -> Rates | None:
    """The rates since the earlier poll. None: there is none, or the data plane has started in
    between."""
    if before is None or before.stats is None or now.stats is None:
        return None
    seconds = now.at_s - before.at_s
    if seconds <= 0 or now.status["uptime_seconds"] < before.status["uptime_seconds"]:
        return None
    old, new = _counters(before.stats), _counters(now.stats)

    def per_second(what: str, scale: int = 1) -> dict[str, float]:
        values = {
            name: scale * (value - old[what].get(name, 0)) / seconds
            for name, value in new[what].items()
        }
        return {name: round(value, 1) for name, value in values.items()}

    found = Rates(
        seconds=round(seconds, 3),
        packets=per_second("packets"),
        bits=per_second("bytes", BITS),
        dropped=_highest_first(per_second("dropped")),
        would_drop=_highest_first(per_second("would_drop")),
    )
    return found if min(found.packets.values()) >= 0 else None


def document(rates_now: Rates | None, now: Poll) -> dict[str, Any]:
    """All data for scripts; ``rates`` is null if they are not known."""
    rates_part = None
    if rates_now is not None:
        rates_part = {
            "seconds": rates_now.seconds,
            "packets_per_second": dict(rates_now.packets),
            "bits_per_second": dict(rates_now.bits),
            "dropped_by_reason": dict(rates_now.dropped),
            "would_drop_by_reason": dict(rates_now.would_drop),
        }
    return {
        "status": now.status,
        "rates": rates_part,
        "top": now.top,
        "attacks": now.attacks["attacks"],
        "attacks_total": now.attacks["total"],
        "warnings": now.attacks["warnings"],
    }


def _unless_away(api: NodeApi, path: str) -> dict[str, Any] | None:
    try:
        body: dict[str, Any] = api.get(path).body
    except UnavailableError as error:
        if error.retry_after_s == 0:  # the API does not answer
            raise
        return None
    return body


def _counters(stats: dict[str, Any]) -> dict[str, dict[str, int]]:
    ports = stats["ports"].values()
    packets = {name: sum(port[name] for port in ports) for name in _VERDICTS}
    packets["would_drop"] = sum(stats["would_drop_by_reason"].values())
    return {
        "packets": packets,
        "bytes": {name: sum(port[f"{name}_bytes"] for port in ports) for name in _BYTES},
        "dropped": stats["dropped_by_reason"],
        "would_drop": stats["would_drop_by_reason"],
    }


def _highest_first(values: dict[str, float]) -> dict[str, float]:
    return dict(sorted(values.items(), key=lambda pair: -pair[1]))
