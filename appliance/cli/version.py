"""``secbeat version``."""

from __future__ import annotations

from appliance.cli.options import JsonOption
from appliance.cli.output import Output
from dataplane.version import version as secbeat_version


def version(as_json: JsonOption = False) -> None:
    """Print the version of SecBeat."""
    output = Output(as_json)
    if as_json:
        output.document({"version": secbeat_version()})
    else:
        output.line(secbeat_version())
