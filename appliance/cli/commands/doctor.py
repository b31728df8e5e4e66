"""``secbeat doctor``: faults that prevent this host from being a node, and the commands that repair
them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from appliance.cli.terminal.options import JsonOption
from appliance.cli.terminal.output import Output
from appliance.cli.terminal.tables import KEY, KEY_TEXT, Columns
from appliance.config import load_config
from appliance.defaults import CONFIG_FILE
from appliance.doctor import Context, Finding, Status, examine, worst

COLUMNS: Columns = {"check": KEY, "status": KEY, "what": KEY_TEXT}

ConfigOption = Annotated[
    Path | None,
    typer.Option(
        "--config",
        metavar="FILE",
        help=f"Also check the ports and binds of this file; {CONFIG_FILE} if it exists.",
    ),
]


def doctor(config: ConfigOption = None, as_json: JsonOption = False) -> None:
    """Check hugepages, drivers, IOMMU, ports and versions. Exit code 1 if something fails."""
    file = config or (CONFIG_FILE if CONFIG_FILE.is_file() else None)
    found = load_config(file) if file else None
    findings = examine(Context(config=found, config_file=file.absolute() if file else None))
    status = worst(findings)
    output = Output(as_json)
    if as_json:
        output.document({"status": status, "findings": [asdict(finding) for finding in findings]})
    else:
        _print(output, findings)
    raise typer.Exit(1 if status is Status.FAIL else 0)


def _print(output: Output, findings: Sequence[Finding]) -> None:
    output.table(COLUMNS, [(f.check, f.status.value, f.what) for f in findings])
    for finding in findings:
        if finding.status is Status.OK:
            continue
        output.line(f"{finding.status}: {finding.check}: {finding.what}")
        if finding.why:
            output.line(f"      why: {finding.why}")
        if finding.command:
            output.line(f"      try: {finding.command}")
