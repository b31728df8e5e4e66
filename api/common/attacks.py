"""The JSON document of an attack: for answers of the API, for ``events.db``, and for webhooks."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from api.common.contract.schemas import rfc3339
from dataplane.shared.incidents import Incident, Ranked, Rates

Document = dict[str, Any]

NOT_RESPONDED: Mapping[str, Any] = {"state": "none", "until": None, "entries": 0}
"""The response of an attack for which none was carried out."""


def attack_document(incident: Incident, response: Mapping[str, Any] | None = None) -> Document:
    """One attack as `GET /attacks/ID` answers it.

    ``response``: what was carried out for it (state, until, entries), which the data plane does
    not know; None: nothing.
    """
    totals = incident.totals
    return {
        "id": incident.id,
        "type": incident.type,
        "target": incident.target,
        "target_kind": incident.target_kind,
        "is_carpet": incident.is_carpet,
        "profile": incident.profile,
        "state": incident.state,
        "started_at": rfc3339(incident.started_at),
        "detected_at": rfc3339(incident.detected_at),
        "ended_at": None if incident.ended_at is None else rfc3339(incident.ended_at),
        "ended_by": None if incident.is_active else incident.ended_by,
        "updated_at": rfc3339(incident.updated_at),
        "trigger": asdict(incident.trigger),
        "rates": _rates(incident.rates),
        "peak": _rates(incident.peak),
        "totals": {**asdict(totals), "passed": totals.passed},
        "dropped_by_reason": [asdict(each) for each in incident.dropped_by_reason],
        "sources": {
            "top": [asdict(each) for each in incident.sources.top if _is_known(each)],
            "distinct": incident.sources.distinct,
            "seen_once_share": incident.sources.seen_once_share,
            "spoofed": incident.sources.is_spoofed,
        },
        "ports": [asdict(each) for each in incident.ports],
        "countries": [asdict(each) for each in incident.countries],
        "tcp_flags": [asdict(each) for each in incident.tcp_flags],
        "packet_sizes": [asdict(each) for each in incident.packet_sizes],
        "sampling": asdict(incident.sampling),
        "action": incident.action,
        "response": {
            "kind": incident.response.kind,
            "mode": incident.response.mode,
            **(NOT_RESPONDED if response is None else response),
        },
    }


def attack_data(document: Mapping[str, Any]) -> Document:
    """The data of an attack's events, from its document.

    ``source_ip`` is the top source, and null if the sources are forged. The rates are the last ones
    while the attack is active, then the highest.
    """
    sources, is_active = document["sources"], document["state"] == "active"
    top = sources["top"]
    is_named = bool(top) and not sources["spoofed"]
    return {
        "attack_type": document["type"],
        "source_ip": top[0]["address"] if is_named else None,
        "spoofed": sources["spoofed"],
        **document["rates" if is_active else "peak"],
        "action": document["action"],
        "attack_id": document["id"],
        "target": document["target"],
        "profile": document["profile"],
        "started_at": document["started_at"],
        "ended_at": document["ended_at"],
        "ended_by": document["ended_by"],
        "trigger": document["trigger"],
        "totals": document["totals"],
        "distinct_sources": sources["distinct"],
    }


def _is_known(source: Ranked) -> bool:
    """Whether the top source is reliable: with forged sources the sketch's entries change all the
    time."""
    return 2 * source.error <= source.packets


def _rates(rates: Rates) -> dict[str, int]:
    return {
        "packets_per_second": rates.packets,
        "bits_per_second": rates.bits,
        "requests_per_second": rates.requests,
    }
