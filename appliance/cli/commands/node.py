"""``secbeat status`` and ``secbeat stats``."""

from __future__ import annotations

from typing import Any

import typer

from appliance.cli.client.node_api import NodeApi
from appliance.cli.exits import Exit
from appliance.cli.terminal.options import DEFAULT_URL, JsonOption, KeyFileOption, UrlOption
from appliance.cli.terminal.output import Cell, Output


def status(
    url: UrlOption = DEFAULT_URL, key_file: KeyFileOption = None, as_json: JsonOption = False
) -> None:
    """Show state and health of the node; exits 0 when it is healthy, 3 when it isn't."""
    body = NodeApi.open(url, key_file).get("status").body
    output = Output(as_json)
    if as_json:
        output.document(body)
    else:
        output.table(("what", "value"), _flat(body))
        reason = _not_forwarding(body)
        if reason:
            output.line(f"NOT FORWARDING: {reason}")
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
        output.table(("what", "value"), _flat(body))


def _not_forwarding(body: dict[str, Any]) -> str | None:
    """Why no packet passes, as far as the status says so."""
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
