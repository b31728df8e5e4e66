"""The possible responses to an attack, each as requests to the API."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Protocol

from api.agent.node_api import RequestError
from dataplane.shared.incidents import Incident, Ranked

ORIGIN = "incident"
SHARE_MIN = 0.01
"""Minimum share of the attack's packets of a source that is banned."""
SURE_MS = 1_000
"""Minimum age of an attack before a source is banned: by then forged sources are detected."""
_CONFLICT, _NOT_FOUND = 409, 404


class Api(Protocol):
    """See `node_api.NodeApi`."""

    def request(self, method: str, path: str, body: object = None) -> dict[str, Any]:
        """The answer; raises RequestError."""


@dataclass
class Done:
    """The executed response to one attack."""

    state: str = "pending"
    """``pending``, ``active``, ``failed``; ``spoofed``: the sources are forged, none is banned;
    ``ended``."""
    until_ms: int | None = None
    banned: set[str] = field(default_factory=set)
    allowed: set[str] = field(default_factory=set)
    """Sources that the allowlist protects: not tried again."""
    overlay: str | None = None


def carry_out(api: Api, incident: Incident, done: Done, now_ms: int) -> None:
    """Carry out what is wanted and not done yet; raises RequestError."""
    if incident.response.kind == "blacklist":
        _ban(api, incident, done, now_ms)
    else:
        _lay_over(api, incident, done, now_ms)


def undo(api: Api, incident_id: str, done: Done) -> None:
    """Undo everything; raises RequestError."""
    api.request("POST", "blacklist/remove", {"reason": incident_id, "origin": ORIGIN})
    if done.overlay is not None:
        try:
            api.request("DELETE", f"overlays/{done.overlay}")
        except RequestError as error:
            if error.status != _NOT_FOUND:  # else it has expired
                raise
    done.state, done.until_ms, done.overlay = "ended", None, None


def _ban(api: Api, incident: Incident, done: Done, now_ms: int) -> None:
    if incident.sources.is_spoofed:
        if done.banned:  # it was not known yet
            undo(api, incident.id, done)
            done.banned.clear()
        done.state = "spoofed"
        return
    wanted, seconds = incident.response, incident.response.seconds
    if _is_running_out(done, seconds, now_ms):
        done.banned.clear()
    for source in _heavy(incident):
        if len(done.banned) >= wanted.entries_max:
            break
        if source.address in done.banned or source.address in done.allowed:
            continue
        entry = {"ip": source.address, "reason": incident.id, "origin": ORIGIN}
        try:
            api.request("POST", "blacklist", {**entry, "duration_seconds": seconds})
        except RequestError as error:
            if error.status != _CONFLICT:
                raise
            done.allowed.add(source.address)
        else:
            done.banned.add(source.address)
            done.until_ms = now_ms + seconds * 1000
    done.state = "active" if done.banned else "pending"


def _heavy(incident: Incident) -> Iterator[Ranked]:
    """Sources that certainly sent a large part of the attack, after the time to detect
    forged ones."""
    if incident.updated_at - incident.detected_at < SURE_MS:
        return
    least = incident.totals.packets * SHARE_MIN
    for source in incident.sources.top:
        if source.packets - source.error * incident.sampling.packets_every >= least:
            yield source


def _lay_over(api: Api, incident: Incident, done: Done, now_ms: int) -> None:
    wanted = incident.response
    if done.overlay is not None and not _is_running_out(done, wanted.seconds, now_ms):
        return
    overlay: dict[str, object] = {"kind": wanted.kind, "profile": incident.profile}
    if wanted.kind == "limit":
        overlay |= {"unit": "packets", "value": wanted.limit_pps}
    body = {
        "overlay": overlay,
        "duration_seconds": wanted.seconds,
        "origin": ORIGIN,
        "incident": incident.id,
    }
    done.overlay = str(api.request("POST", "overlays", body)["id"])
    done.state, done.until_ms = "active", now_ms + wanted.seconds * 1000


def _is_running_out(done: Done, seconds: int, now_ms: int) -> bool:
    """Whether less than a quarter of the time is left: an attack that continues needs
    an extension."""
    return done.until_ms is not None and done.until_ms - now_ms < seconds * 250
