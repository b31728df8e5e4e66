"""``secbeat explain``: the verdict on a packet now, and its reasons."""

from __future__ import annotations

from typing import Annotated, Literal

import typer

from appliance.cli.client.node_api import NodeApi
from appliance.cli.commands.explain.description import describe, verdict
from appliance.cli.terminal.options import DEFAULT_URL, JsonOption, KeyFileOption, UrlOption
from appliance.cli.terminal.output import Output, warn
from appliance.cli.terminal.tables import PAIRS


def explain(
    address: Annotated[str, typer.Argument(help="Source address of the packet, outside.")],
    *,
    to: Annotated[
        str | None,
        typer.Option(
            metavar="ADDRESS",
            help="Destination of the packet; without it the default profile answers.",
        ),
    ] = None,
    port: Annotated[
        int | None, typer.Option(min=1, max=65_535, help="Destination port; default: 443.")
    ] = None,
    protocol: Annotated[
        Literal["tcp", "udp", "icmp"],
        typer.Option(help="tcp: a SYN; udp: a datagram; icmp: an echo request."),
    ] = "tcp",
    url: UrlOption = DEFAULT_URL,
    key_file: KeyFileOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show the verdict on a packet from outside, and the reason, stage by stage."""
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
    output.table(PAIRS, describe(body))
