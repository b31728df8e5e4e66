"""``secbeat rules starter``: rules to start with, in the format of ``secbeat rules import``."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import Annotated, Any, Literal

import typer

from appliance.cli.commands.rules.rule_files import Target, opened
from appliance.cli.terminal.options import JsonOption
from appliance.cli.terminal.output import Output
from dataplane.waf.starter import GROUPS, starter_rules

Group = Annotated[
    list[str] | None,
    typer.Option("--group", help=f"Only rules of this group: {', '.join(GROUPS)}."),
]
Action = Annotated[
    Literal["log", "block"],
    typer.Option(
        "--action", help="Action of the rules; use log first, to see which requests they hit."
    ),
]
Profile = Annotated[
    list[str] | None, typer.Option("--profile", help="Search only requests to this profile.")
]


def starter(
    target: Target = "-",
    group: Group = None,
    action: Action = "log",
    profile: Profile = None,
    as_json: JsonOption = False,
) -> None:
    """Write the starter rules, a line each: pipe them into `secbeat rules import -`."""
    for name in group or ():
        if name not in GROUPS:
            raise typer.BadParameter(f"no group {name!r}: there are {', '.join(GROUPS)}")
    if as_json and target == "-":
        raise typer.BadParameter("--json needs a FILE: the rules themselves go to stdout")
    rows = list(_rows(group or GROUPS, action, profile or []))
    with opened(target) as file:
        file.writelines(json.dumps(row) + "\n" for row in rows)
    if target == "-":
        return
    output = Output(as_json)
    if as_json:
        output.document({"file": target, "rules": len(rows)})
    else:
        output.line(f"{len(rows)} rules are in {target}")


def _rows(groups: Sequence[str], action: str, profiles: list[str]) -> Iterator[dict[str, Any]]:
    for rule in starter_rules():
        if rule.group in groups:
            row = {
                "pattern": rule.pattern,
                "action": action,
                "severity": rule.severity,
                "name": rule.id,
                "group": rule.group,
            }
            yield row | ({"profiles": profiles} if profiles else {})
