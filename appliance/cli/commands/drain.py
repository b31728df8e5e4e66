"""``secbeat drain``: drains a node, which continues to forward all packets."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from appliance.cli.client.node_api import NodeApi
from appliance.cli.terminal.options import DEFAULT_URL, JsonOption, KeyFileOption, UrlOption
from appliance.cli.terminal.output import Output


def drain(
    off: Annotated[bool, typer.Option("--off", help="End the drain.")] = False,
    url: UrlOption = DEFAULT_URL,
    key_file: KeyFileOption = None,
    as_json: JsonOption = False,
) -> None:
    """Drain the node: it reports "not ready" and continues to forward."""
    api, output = NodeApi.open(url, key_file), Output(as_json)
    found = (api.delete("drain") if off else api.post("drain", None)).body
    if as_json:
        output.document(found)
    elif off:
        output.line("the node works as usual")
    else:
        drain = found["drain"]
        output.line(f"the node drains since {drain['since']}, by {drain['by']}; {_progress(drain)}")


def _progress(drain: dict[str, Any]) -> str:
    """The progress of the drain."""
    match drain["waiting_for"]:
        case "dataplane":
            return "the data plane has not applied the drain yet"
        case "connections":
            return f"{drain['proxied_connections']} proxied connections are still open"
        case "traffic":
            return f"packets still arrive; quiet for {drain['quiet_seconds']} s"
    return f"the drain is complete, {drain['connections_lost']} proxied connections are lost"
