"""``secbeat rules import`` and ``export``: rules as files of NDJSON, a rule on each line."""

from __future__ import annotations

import contextlib
import json
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, Literal, TextIO

import typer

from appliance.cli.client.answers import Answer
from appliance.cli.client.changes import settle
from appliance.cli.client.choice import Asked, refuse_for_fleet
from appliance.cli.client.node_api import NodeApi
from appliance.cli.client.problems import RefusedError
from appliance.cli.client.urls import quoted
from appliance.cli.commands.lists.imports import upload
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
from appliance.cli.terminal.progress import bar
from appliance.cli.terminal.standard_streams import OutputError
from dataplane.base.durable import replaceable

POLL_S = 0.2
_WAIT_S = 600.0
_DEFAULTS: dict[str, Any] = {
    "name": None,
    "group": None,
    "targets": ["any"],
    "profiles": [],
    "enabled": True,
    "expires_at": None,
}
"""Fields that an exported line leaves out."""
_EXPORTED = ("pattern", "action", "severity", *_DEFAULTS)

Source = Annotated[
    str, typer.Argument(metavar="FILE", help="File with one JSON object a line; - is stdin.")
]
Target = Annotated[str, typer.Argument(metavar="FILE", help="- is stdout.")]
OnRefused = Annotated[
    Literal["fail", "skip"],
    typer.Option(
        "--on-refused", help="For refused patterns: fail (add none), or skip (add the others)."
    ),
]


def import_(
    source: Source,
    *,
    on_refused: OnRefused = "fail",
    wait: WaitOption = False,
    timeout: TimeoutOption = _WAIT_S,
    fleet: FleetOption = False,
    orchestrator: FleetUrlOption = DEFAULT_ORCHESTRATOR,
    url: UrlOption = DEFAULT_URL,
    key_file: KeyFileOption = None,
    as_json: JsonOption = False,
) -> None:
    """Add up to 50,000 rules, all or none; returns when they are committed."""
    refuse_for_fleet(fleet, on_refused=on_refused == "skip")
    asked, output = Asked.open(fleet, orchestrator, url, key_file), Output(as_json)
    wait_s = timeout if wait else None
    if fleet:
        answer = upload(asked.api, "rules/import", source, "ndjson", {})
        _tell(asked, output, asked.settle(answer, wait_s, "rules"))
    else:
        _tell(asked, output, _import_into_node(asked.api, source, on_refused, wait_s))


def _import_into_node(
    api: NodeApi, source: str, on_refused: str, timeout_s: float | None
) -> Answer:
    """The job that tests the patterns, after its end."""
    begun = upload(api, "rules/import", source, "ndjson", {"on_refused": on_refused}).body
    try:
        job = _follow(api, begun)
    except KeyboardInterrupt:
        warn(
            "interrupted: the API goes on with the import and may still commit it; "
            "`secbeat rules list` shows the result"
        )
        raise
    for each in job.get("refused_lines") or ():
        warn(f"line {each.get('line')}: {each.get('pattern')}: {each.get('why')}")
    if job.get("state") != "done":
        raise RefusedError(f"no rule is added: {job.get('error')}")
    return _settled(api, job, timeout_s)


def _tell(asked: Asked, output: Output, answer: Answer) -> None:
    body = answer.body
    if output.as_json:
        output.document(body)
    elif body.get("revision") is None:
        output.line("0 rules are added: nothing is changed")
    else:
        refused = f", {body['refused']} refused" if body.get("refused") else ""
        asked.say(output, f"{body.get('added')} rules are added{refused}", answer)


def export(
    target: Target = "-",
    fleet: FleetOption = False,
    orchestrator: FleetUrlOption = DEFAULT_ORCHESTRATOR,
    url: UrlOption = DEFAULT_URL,
    key_file: KeyFileOption = None,
    as_json: JsonOption = False,
) -> None:
    """Write all rules in the format of import, one a line."""
    api, count = Asked.open(fleet, orchestrator, url, key_file).api, 0
    if as_json and target == "-":
        raise typer.BadParameter("--json needs a FILE: the rules themselves go to stdout")
    with opened(target) as file:
        for page in api.pages("rules", {}):
            for rule in page["rules"]:
                file.write(json.dumps(exported(rule)) + "\n")
                count += 1
    if target == "-":
        return
    output = Output(as_json)
    if as_json:
        output.document({"file": target, "rules": count})
    else:
        output.line(f"{count} rules are in {target}")


def exported(rule: dict[str, Any]) -> dict[str, Any]:
    """The fields of a rule as a POST would send them."""
    said = {name: rule.get(name) for name in _EXPORTED}
    return {
        name: value
        for name, value in said.items()
        if name not in _DEFAULTS or value != _DEFAULTS[name]
    }


@contextlib.contextmanager
def opened(target: str) -> Iterator[TextIO]:
    """Stdout, or a file that gets its name when its content is complete.

    A device or a FIFO stays what it is: it is written to. Symbolic links are followed.

    Raises `typer.BadParameter` if the file can't be opened, and `OutputError` if it can't be
    written.
    """
    if target == "-":
        yield sys.stdout
        return
    try:
        path = replaceable(Path(target))
        written = path.with_name(f"{path.name}.part") if path else Path(target)
        stream = written.open("w", encoding="utf-8")
    except OSError as error:
        raise typer.BadParameter(f"{target}: {error.strerror}") from error
    try:
        with stream:
            yield stream
        if path:
            written.replace(path)
    except OSError as error:
        raise OutputError(f"{target}: can't be written: {error.strerror}") from error
    finally:
        if path:
            written.unlink(missing_ok=True)


def _follow(api: NodeApi, job: dict[str, Any]) -> dict[str, Any]:
    """The job after its end; a bar shows the progress."""
    total = int(job.get("lines") or 0)
    with bar() as shown:

        def advance(done: int) -> None:
            shown.show("testing patterns", done, total, f"{done}/{total}")

        while job.get("state") in {"checking", "committing"}:
            advance(int(job.get("checked") or 0))
            time.sleep(POLL_S)
            job = api.get(f"rules/jobs/{quoted(str(job.get('id')))}").body
        advance(int(job.get("checked") or 0))
    return job


def _settled(api: NodeApi, job: dict[str, Any], timeout_s: float | None) -> Answer:
    """The job in the form of an answer to a change; waits for it if requested."""
    revision = job.get("revision")
    if revision is None:
        return Answer(200, job)
    state = api.get(f"revisions/{revision}").body.get("state")
    status = 202 if state == "pending" else 200
    return settle(api, Answer(status, {**job, "state": state}), timeout_s)
