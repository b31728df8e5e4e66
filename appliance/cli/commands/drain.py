"""``secbeat drain``: a node that is to be left alone, and forwards what still comes."""

from __future__ import annotations

from typing import Annotated

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
        output.line(f"the node drains since {found['drain']['since']}, by {found['drain']['by']}")
