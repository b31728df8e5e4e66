"""``secbeat status`` and ``secbeat stats``."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import typer

from appliance.cli.client.node_api import NodeApi
from appliance.cli.exits import Exit
from appliance.cli.terminal.options import DEFAULT_URL, JsonOption, KeyFileOption, UrlOption
from appliance.cli.terminal.output import Cell, Output
from appliance.cli.terminal.tables import PAIRS

_NAMED_MAX = 10


def status(
    url: UrlOption = DEFAULT_URL, key_file: KeyFileOption = None, as_json: JsonOption = False
) -> None:
    """Show state and health of the node; exits 0 when it is healthy, 3 when it isn't."""
    body = NodeApi.open(url, key_file).get("status").body
    output = Output(as_json)
    if as_json:
        output.document(body)
    else:
        output.table(PAIRS, [*_first(body), *_flat(_rest(body))])
    if body.get("health") != "healthy":
        raise typer.Exit(Exit.NOT_HEALTHY)


def stats(
    url: UrlOption = DEFAULT_URL, key_file: KeyFileOption = None, as_json: JsonOption = False
) -> None:
    """Show packet counters since the node's start: received, forwarded, dropped by reason."""
    body = NodeApi.open(url, key_file).get("stats").body
    output = Output(as_json)
    if as_json:
        output.document(body)
    else:
        output.table(PAIRS, _flat(body))


def _first(body: dict[str, Any]) -> Iterator[tuple[str, Cell]]:
    """The rows to print first."""
    reason = _not_forwarding(body)
    if reason:
        yield "NOT FORWARDING", reason
    policy = body.get("policy")
    if policy:
        said = f"{policy.get('name')}: {policy.get('mode')} (revision {policy.get('revision')})"
        yield "policy", said
        lax = policy.get("not_enforced") or ()
        named = [f"{one.get('profile')} ({one.get('mode')})" for one in lax]
        if named:
            yield "NOTHING IS DROPPED", f"in {_some(named)}"
    panic = body.get("panic")
    if panic:
        yield "PANIC MODE", f"until {panic.get('until')}: all profiles are in monitor"
    yield from _traffic(body)


def _traffic(body: dict[str, Any]) -> Iterator[tuple[str, Cell]]:
    """Rates, attacks and the SYN proxy."""
    rates = body.get("rates")
    if rates:
        parts = ("received", "forwarded", "consumed", "dropped")
        said = ", ".join(f"{rates.get(f'{one}_packets_per_second')} {one}" for one in parts)
        yield "packets per second", said
        yield "bits per second", f"{rates.get('received_bits_per_second')} received"
    for attack in (body.get("attacks") or {}).get("heaviest") or ():
        pace = f"{attack.get('packets_per_second')} packets per second"
        how = f"{attack.get('type')}, {pace}, {attack.get('action')}, {attack.get('id')}"
        yield "UNDER ATTACK", f"{attack.get('target')}: {how}"
    proxy = body.get("syn_proxy") or {}
    protected = [
        one.get("address") or f"profile {one.get('profile')}" for one in proxy.get("on_for") or ()
    ]
    protected += [f"profile {name} (always)" for name in proxy.get("always") or ()]
    if protected:
        yield "SYN proxy", f"on for {_some(protected)}"


def _some(named: Sequence[str]) -> str:
    more = f" and {len(named) - _NAMED_MAX} more" if len(named) > _NAMED_MAX else ""
    return ", ".join(named[:_NAMED_MAX]) + more


def _rest(body: dict[str, Any]) -> dict[str, Any]:
    """The fields that the first rows do not contain."""
    rest = {
        key: value for key, value in body.items() if key not in {"policy", "rates", "syn_proxy"}
    }
    if "attacks" in rest:
        rest["attacks"] = {
            key: value for key, value in rest["attacks"].items() if key != "heaviest"
        }
    return rest


def _not_forwarding(body: dict[str, Any]) -> str | None:
    """The reason for which no packet passes, from the status."""
    reasons = body.get("reasons", [])
    if "dataplane_away" in reasons:
        error = body.get("dataplane_error")
        return str(error or "the data plane is away; `journalctl -b -u secbeat-dataplane`")
    if "link" in reasons:
        return "a data port has no link; `secbeat stats` says which (ports.*.link_up)"
    return None


def _flat(value: dict[str, Any], prefix: str = "") -> list[tuple[str, Cell]]:
    """Nested objects as rows with dotted names; a list of plain values on one row."""
    rows: list[tuple[str, Cell]] = []
    for key, inner in value.items():
        name = f"{prefix}{key}"
        if isinstance(inner, dict):
            rows += _flat(inner, f"{name}.")
        elif isinstance(inner, list):
            rows.append((name, ", ".join(str(one) for one in inner) or None))
        else:
            rows.append((name, inner))
    return rows
