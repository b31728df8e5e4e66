"""An answer of ``/explain`` in words: the verdict, then its causes and their authors."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

Row = tuple[str, str]
_OUTCOMES = {
    "forwarded": "forwarded",
    "challenged": "challenged: the SYN proxy answers, and the client must return the cookie",
}


def verdict(body: dict[str, Any]) -> str:
    """The first line: the packet, its verdict, and the reason."""
    packet = body["packet"]
    port = "" if packet["port"] is None else f"/{packet['port']}"
    to = packet["destination"] or "any address of the default profile"
    what = f"{packet['source']} -> {to} {packet['protocol']}{port}"
    if body["verdict"] == "dropped":
        return f"{what}: dropped in {body['stage']}: {body['text']} ({body['reason']})"
    would = [
        each["reason"]
        for stage in body["stages"]
        for each in stage["findings"]
        if each["mode"] == "monitor"
    ]
    watched = f"; in monitor: {', '.join(would)}" if would else ""
    return f"{what}: {_OUTCOMES[body['verdict']]}{watched}"


def describe(body: dict[str, Any]) -> list[Row]:
    """The rest, as rows of name and value."""
    proxy = body["syn_proxy"]
    return [
        ("profile", body["profile"]),
        *_other_profiles(body),
        *_source(body),
        *(("entry", _entry(each)) for each in body["entries"]),
        *_left_out(body),
        *((f"stage {each['stage']}", _stage(each)) for each in body["stages"]),
        *(("limit", _limit(each)) for each in body["limits"]),
        *_connections(body),
        ("SYN proxy", f"{proxy['mode']}, {'on' if proxy['on'] else 'not on'}"),
        ("HTTP", "requests are inspected" if body["is_inspected"] else "not inspected"),
        *(("attack", _attack(each)) for each in body["attacks"]),
        *(("overlay", _overlay(each)) for each in body["overlays"]),
    ]


def _other_profiles(body: dict[str, Any]) -> Iterator[Row]:
    for each in body["other_profiles"]:
        reason = f" ({each['reason']})" if each["reason"] else ""
        yield "other profile", f"{each['profile']}: {each['verdict']}{reason}"


def _source(body: dict[str, Any]) -> Iterator[Row]:
    yield "country", body["country"] or "no country database"
    if body["protects_source"]:
        name = body["protects_source"]
        yield "inside", f"profile {name} protects the source: its own packets are not judged"
    if body["is_allowed"]:
        yield "allowed", "on the allowlist: exempt from bans, countries, filters and limits"
    if body["is_neighbor"]:
        yield "neighbour", "a neighbour in the policy, in one of its routing protocols"


def _entry(entry: dict[str, Any]) -> str:
    decides = "decides" if entry["decides"] else "does not decide"
    made = "; ".join(_origin(each) for each in entry["origins"]) or "not in the database"
    return f"{entry['list']} {entry['ip']}, {decides}, {entry['hits']} hits: {made}"


def _origin(origin: dict[str, Any]) -> str:
    reason = f" ({origin['reason']})" if origin["reason"] else ""
    until = f", until {origin['expires_at']}" if origin["expires_at"] else ""
    return f"{origin['origin']} by {origin['created_by']} at {origin['created_at']}{until}{reason}"


def _left_out(body: dict[str, Any]) -> Iterator[Row]:
    left = body["entries_found"] - len(body["entries"])
    if left:
        yield "entries", f"{left} shorter prefixes are not shown"


def _stage(stage: dict[str, Any]) -> str:
    found = "; ".join(
        f"{each['text']} ({each['reason']}, {each['mode']})" for each in stage["findings"]
    )
    outcome = str(stage["outcome"]).replace("_", " ")
    return f"{outcome}: {found}" if found else outcome


def _limit(limit: dict[str, Any]) -> str:
    pays = {
        "now": "the packet is charged",
        "after_handshake": "charged when the handshake is complete",
        "no": "the packet is not charged",
    }[limit["pays"]]
    known = "" if limit["is_known"] else ", no bucket of its own yet"
    what = "ICMP packets" if limit["icmp_only"] else limit["unit"]
    return (
        f"{limit['reason']} ({limit['mode']}): {limit['room']} of {limit['size']} {what} left, "
        f"{limit['rate']} a second, {_scope(limit)}{known}; {pays}"
    )


def _scope(limit: dict[str, Any]) -> str:
    if limit["scope"] == "global":
        return "whole profile"
    return f"{limit['scope']} /{limit['prefix_length']}"


def _connections(body: dict[str, Any]) -> Iterator[Row]:
    found = body["connections"]
    if found is not None:
        limit = f"limit {found['limit']}" if found["limit"] else "no limit"
        yield "connections", f"{found['proven']} of the source, {limit}"


def _attack(attack: dict[str, Any]) -> str:
    roles = [name for name in ("source", "target") if attack[f"is_{name}"]]
    return (
        f"{attack['id']} {attack['type']} on {attack['target']} since {attack['started_at']}, "
        f"{attack['action']}: the packet's {' and '.join(roles)}"
    )


def _overlay(overlay: dict[str, Any]) -> str:
    reason = f" ({overlay['reason']})" if overlay["reason"] else ""
    return f"{overlay['kind']} by {overlay['created_by']} until {overlay['expires_at']}{reason}"
