"""``secbeat blacklist remove``: removes one entry, or all entries that meet a filter."""

from __future__ import annotations

import itertools
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from appliance.cli.client.answers import Answer
from appliance.cli.client.changes import state_of
from appliance.cli.client.choice import Asked, refuse_for_fleet
from appliance.cli.client.urls import quoted
from appliance.cli.terminal.options import (
    DEFAULT_ORCHESTRATOR,
    DEFAULT_URL,
    FleetOption,
    FleetUrlOption,
    JsonOption,
    KeyFileOption,
    TimeoutOption,
    UrlOption,
    WaitOption,
)
from appliance.cli.terminal.output import Output, warn
from dataplane.base.errors import InvalidInputError, InvalidInputsError
from dataplane.base.input.list_file import read_list, read_list_file

ListName = Literal["blacklist", "allowlist"]
NETWORKS_MAX = 10_000
"""The API's limit for the networks of one removal."""
_WAIT_S = 60.0

One = Annotated[
    str | None, typer.Argument(metavar="IP", help="Address or prefix: 192.0.2.7, 2001:db8::/32.")
]
Reason = Annotated[str | None, typer.Option(help="Remove entries with this reason.")]
CreatedBy = Annotated[
    str | None, typer.Option(metavar="KEY", help="Remove entries that this key has made.")
]
Origin = Annotated[
    str | None,
    typer.Option(help="Remove entries of this origin; with IP the default is manual."),
]
File = Annotated[
    str | None,
    typer.Option("--file", metavar="FILE", help="File with the networks to remove; - is stdin."),
]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Count the entries, remove none.")]


def make(app: typer.Typer, name: ListName) -> None:
    """The verb of one list."""

    @app.command(
        "remove", help=f"Remove an address or prefix from the {name}, or entries by filter."
    )
    def remove(
        ip: One = None,
        *,
        reason: Reason = None,
        created_by: CreatedBy = None,
        origin: Origin = None,
        file: File = None,
        dry_run: DryRun = False,
        wait: WaitOption = False,
        timeout: TimeoutOption = _WAIT_S,
        fleet: FleetOption = False,
        orchestrator: FleetUrlOption = DEFAULT_ORCHESTRATOR,
        url: UrlOption = DEFAULT_URL,
        key_file: KeyFileOption = None,
        as_json: JsonOption = False,
    ) -> None:
        wanted: dict[str, Any] = {"reason": reason, "created_by": created_by}
        if ip is not None and (dry_run or file or any(wanted.values())):
            raise typer.BadParameter("IP takes one entry: only --origin goes with it")
        networks = None if file is None else _read(file)
        wanted |= {"origin": origin, "networks": networks}
        wanted = {key: value for key, value in wanted.items() if value is not None}
        if ip is None and not wanted:
            raise typer.BadParameter("give IP, or --reason, --created-by, --origin or --file")
        refuse_for_fleet(fleet, origin=origin)
        asked, output = Asked.open(fleet, orchestrator, url, key_file), Output(as_json)
        api, wait_s = asked.api, timeout if wait else None
        if ip is not None:
            answer = api.delete(f"{name}/{quoted(ip, 'IP')}", {} if fleet else {"origin": origin})
            _say_one(asked, output, name, ip, asked.settle(answer, wait_s, "lists"))
            return
        path = f"{name}/remove"
        answer = (
            api.post(path, wanted, {"dry_run": "true"}) if dry_run else api.post_long(path, wanted)
        )
        say_many(asked, output, name, asked.settle(answer, wait_s, "lists"))
        _warn_of_unmatched(name, networks or (), answer.body)


def _say_one(asked: Asked, output: Output, name: str, ip: str, answer: Answer) -> None:
    body = answer.body if isinstance(answer.body, dict) else {}
    remaining = body.get("remaining") or []
    if output.as_json:
        output.document({"ip": ip, "remaining": remaining, **asked.state_of(answer)})
    elif remaining:
        where = f"{ip} stays on the {name} by {', '.join(remaining)}; one entry is gone"
        asked.say(output, where, answer)
    else:
        asked.say(output, f"{ip} is off the {name}", answer)


def say_many(asked: Asked, output: Output, name: str, answer: Answer) -> None:
    """The result of a bulk removal, or its effect in a dry run."""
    body = answer.body
    if output.as_json:
        output.document(body)
        return
    what = entries_text(body)
    _warn_of_kept(body)
    if not body.get("removed"):
        other = "other " if body.get("kept_of_fleet") else ""
        output.line(f"no {other}entry of the {name} meets the conditions; nothing is changed")
    elif state_of(answer) == "dry_run":
        output.line(f"{what} would go from the {name}; nothing is changed")
    else:
        asked.say(output, f"{what} are off the {name}", answer)


def _warn_of_kept(body: dict[str, Any]) -> None:
    """Entries that meet the conditions, but which only the fleet's orchestrator can remove."""
    if kept := body.get("kept_of_fleet"):
        more = " more" if body.get("removed") else ""
        warn(f"{kept}{more} are the fleet's and stay: remove them with --fleet")


def _warn_of_unmatched(name: str, networks: Sequence[str], body: dict[str, Any]) -> None:
    """Networks of the file without an entry that meets the conditions: a range is in the file
    as prefixes, and its addresses may be single entries.

    A network has one entry per origin. If the removed ones are of several origins, the answer gives
    only a lower limit of this number.
    """
    kept = int(body.get("kept_of_fleet") or 0)
    found = int(body.get("removed") or 0) + kept
    if found >= len(networks):
        return
    origins = len(body.get("removed_by_origin") or ()) + bool(kept)
    count = f"{'at least ' if origins > 1 else ''}{len(networks) - found} of {len(networks)}"
    warn(
        f"{count} networks have no such entry on the {name}: a range is read as prefixes, and an "
        "entry is removed only by its exact network"
    )


def entries_text(body: dict[str, Any]) -> str:
    """The number of entries, and their origins."""
    by = [f"{count} of {origin}" for origin, count in (body.get("removed_by_origin") or {}).items()]
    return f"{body.get('removed')} entries" + (f" ({', '.join(by)})" if by else "")


def _read(source: str) -> list[str]:
    """The networks of a file, in the syntax of imports, each one once.

    Raises:
        InvalidInputsError: there are invalid lines.
        typer.BadParameter: it can't be read, or has none or more than `NETWORKS_MAX`.
    """
    networks = read_list(sys.stdin.buffer, "-") if source == "-" else read_list_file(Path(source))
    try:
        found = [str(each) for each in itertools.islice(networks, NETWORKS_MAX + 1)]
    except InvalidInputsError:
        raise
    except InvalidInputError as error:
        raise typer.BadParameter(str(error)) from error
    if not 0 < len(found) <= NETWORKS_MAX:
        many = f"more than {NETWORKS_MAX}" if found else 0
        limit = f"must be 1 to {NETWORKS_MAX}; to remove more, use origin or reason"
        raise typer.BadParameter(f"{source}: {many} networks; {limit}")
    return list(dict.fromkeys(found))
