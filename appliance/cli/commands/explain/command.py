"""``secbeat explain``: what would happen to a packet now, and why."""

from __future__ import annotations

from typing import Annotated, Literal

import typer

from appliance.cli.client.node_api import NodeApi
from appliance.cli.commands.explain.description import describe, verdict
from appliance.cli.terminal.options import DEFAULT_URL, JsonOption, KeyFileOption, UrlOption
from appliance.cli.terminal.output import Output, warn


def explain(
    address: Annotated[str, typer.Argument(help="The packet's source, outside.")],
    *,
    to: Annotated[
        str | None,
        typer.Option(metavar="ADDRESS", help="Its destination; else the default profile's answer."),
    ] = None,
    port: Annotated[
        int | None, typer.Option(min=1, max=65_535, help="Of the destination; else 443.")
    ] = None,
    protocol: Annotated[
        Literal["tcp", "udp", "icmp"], typer.Option(help="A SYN, a datagram or an echo request.")
    ] = "tcp",
    url: UrlOption = DEFAULT_URL,
    key_file: KeyFileOption = None,
    as_json: JsonOption = False,
) -> None:
    """Say what would happen to a packet from outside now, and why, stage by stage."""
    query = {"address": address, "to": to, "port": port, "protocol": protocol}
    asked = {name: value for name, value in query.items() if value is not None}
    body = NodeApi.open(url, key_file).get("explain", asked).body
    output = Output(as_json)
    for text in body["warnings"]:
        warn(text)
    if as_json:
        output.document(body)
        return
    output.line(verdict(body))
    output.table(("what", "value"), describe(body))
