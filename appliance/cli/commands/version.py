"""``secbeat version``."""

from __future__ import annotations

from appliance.cli.terminal.options import JsonOption
from appliance.cli.terminal.output import Output
from dataplane.base.version import version as secbeat_version


def version(as_json: JsonOption = False) -> None:
    """Print the version of SecBeat."""
    output = Output(as_json)
    if as_json:
        output.document({"version": secbeat_version()})
    else:
        output.line(secbeat_version())
