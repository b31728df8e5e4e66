"""One attack in words, for operators."""

from __future__ import annotations

from typing import Any

Row = tuple[str, str | int | None]


def describe(attack: dict[str, Any]) -> list[Row]:
    """An attack of the API as rows of name and value."""
    sources, sampling, trigger = attack["sources"], attack["sampling"], attack["trigger"]
    rows: list[Row] = [(name, attack[name]) for name in ("id", "type", "target", "profile")]
    rows += [
        ("state", _state(attack)),
        ("action", attack["action"]),
        ("response", _response(attack["response"])),
        ("started", attack["started_at"]),
        ("detected", attack["detected_at"]),
        ("ended", attack["ended_at"]),
        (
            "trigger",
            f"{trigger['metric']} {trigger['value']}, threshold {trigger['threshold']}",
        ),
        ("now", _rates(attack["rates"])),
        ("peak", _rates(attack["peak"])),
    ]
    rows += [(f"total {name}", value) for name, value in attack["totals"].items()]
    rows += [
        ("dropped by", f"{each['reason']} {each['packets']}")
        for each in attack["dropped_by_reason"]
    ]
    rows += [
        ("sources", _sources(sources)),
        *(("source", _source(each)) for each in sources["top"]),
        ("ports", _shares(attack["ports"], lambda each: f"{each['protocol']}/{each['port']}")),
        ("countries", _shares(attack["countries"], lambda each: each["country"])),
        ("tcp flags", _shares(attack["tcp_flags"], lambda each: each["flags"] or "none")),
        ("packet sizes", _shares(attack["packet_sizes"], _size)),
        (
            "sampled",
            f"1 packet of {sampling['packets_every']}, 1 source of {sampling['sources_every']}",
        ),
    ]
    return rows


def _state(attack: dict[str, Any]) -> str:
    ended_by = attack["ended_by"]
    return str(attack["state"]) if ended_by is None else f"{attack['state']} ({ended_by})"


def _response(response: dict[str, Any]) -> str:
    if response["kind"] == "none":
        return "none"
    until = f" until {response['until']}" if response["until"] else ""
    entries = f", {response['entries']} entries" if response["entries"] else ""
    return f"{response['kind']} ({response['mode']}): {response['state']}{until}{entries}"


def _rates(rates: dict[str, int]) -> str:
    return (
        f"{rates['packets_per_second']} packets/s, {rates['bits_per_second']} bit/s, "
        f"{rates['requests_per_second']} requests/s"
    )


def _sources(sources: dict[str, Any]) -> str:
    spoofed = ", forged" if sources["spoofed"] else ""
    return f"{sources['distinct']}, {sources['seen_once_share']:.0%} seen once{spoofed}"


def _source(source: dict[str, Any]) -> str:
    error = f" (at most {source['error']} too many)" if source["error"] else ""
    return f"{source['address']} {source['country']} {source['packets']} packets{error}"


def _shares(parts: list[dict[str, Any]], name: Any) -> str | None:
    return ", ".join(f"{name(each)} {each['share']:.1%}" for each in parts) or None


def _size(part: dict[str, Any]) -> str:
    return "larger" if part["up_to"] is None else f"to {part['up_to']}"
