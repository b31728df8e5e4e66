"""``secbeat drain``: a node that is to be left alone, and forwards what still comes."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from appliance.cli.client.node_api import NodeApi
from appliance.cli.terminal.options import DEFAULT_URL, JsonOption, KeyFileOption, UrlOption
from appliance.cli.terminal.output import Output


def drain(
    off: Annotated[bool, typer.Option("--off", help="Let it work as usual.")] = False,
    url: UrlOption = DEFAULT_URL,
    key_file: KeyFileOption = None,
    as_json: JsonOption = False,
) -> None:
    """Let the node drain: it is not ready, and forwards what still comes."""
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
    """How far it is."""
    match drain["waiting_for"]:
        case "dataplane":
            return "the data plane does not know of it yet"
        case "connections":
            return f"{drain['proxied_connections']} proxied connections are waited for"
        case "traffic":
            return f"packets still come; quiet for {drain['quiet_seconds']} s"
    return f"it is complete, {drain['connections_lost']} proxied connections are lost"
