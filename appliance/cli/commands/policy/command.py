"""``secbeat policy``: the policy of a node or a fleet, and its earlier policies."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from appliance.cli.client.answers import Answer
from appliance.cli.client.changes import say, settle
from appliance.cli.client.fleet_api import FleetApi
from appliance.cli.client.node_api import NodeApi
from appliance.cli.commands.policy import of_fleet
from appliance.cli.commands.policy.rollout import (
    CanaryNodeOption,
    CanaryOption,
    ConfirmOption,
    HoldOption,
    OverrideOption,
    Rollout,
    SelectorOption,
)
from appliance.cli.terminal.apps import command_group
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
from appliance.cli.terminal.output import Cell, Output, warn
from appliance.cli.terminal.tables import KEY, KEY_TEXT, Column, Columns
from dataplane.policy import PolicyDocument, load_policy_file, read_policy

WAIT_S = 60.0
HISTORY: Columns = {
    "revision": KEY,
    "name": Column(2),
    "profiles": Column(5),
    "rules": Column(6),
    "action": Column(3),
    "created_at": Column(1),
    "created_by": Column(4),
}
RULES: Columns = {"type": KEY, "action": Column(1), "details": KEY_TEXT}
NEIGHBORS: Columns = {"neighbor": KEY, "protocols": Column(1), "name": Column(2)}

File = Annotated[
    Path,
    typer.Argument(
        metavar="FILE", help="Policy file: JSON if its name ends in .json, else TOML; - is stdin."
    ),
]

AcceptOption = Annotated[
    bool,
    typer.Option(
        "--accept-exempt",
        help="Confirm that the allowlist exempts networks from country rules.",
    ),
]

app = command_group()


@app.callback()
def policy() -> None:
    """The policy: profiles, modes and rules."""


@app.command()
def show(
    revision: Annotated[
        int | None, typer.Option(min=1, help="A revision of the history; default: the newest.")
    ] = None,
    fleet: FleetOption = False,
    orchestrator: FleetUrlOption = DEFAULT_ORCHESTRATOR,
    url: UrlOption = DEFAULT_URL,
    key_file: KeyFileOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show the policy, or an earlier one."""
    output = Output(as_json)
    if fleet:
        found = of_fleet.get(FleetApi.open(orchestrator, key_file), revision)
    else:
        path = "policy" if revision is None else f"policy/history/{revision}"
        found = NodeApi.open(url, key_file).get(path).body
    if as_json:
        output.document(found)
        return
    # An earlier release may have stored it, so any field may be missing.
    document = found["policy"]
    if fleet:
        output.line(f"{document.get('name')}: version {found['number']} of the fleet's policy")
    else:
        output.line(f"{document.get('name')}: {found['state']} (revision {found['revision']})")
        _show_ruling(output, found.get("fleet"))
    _show_neighbors(output, document.get("neighbors", ()))
    default = {**document, "name": "default", "targets": ["everything else"]}
    for profile in (default, *document.get("profiles", ())):
        mode, targets = profile.get("mode", "enforce"), ", ".join(profile.get("targets", ()))
        output.line("")
        output.line(f"profile {profile.get('name')} ({mode}): {targets}")
        rules = profile.get("rules", ())
        rows = [(rule.get("type"), rule.get("action"), _details(rule)) for rule in rules]
        output.table(RULES, rows)


@app.command()
def validate(file: File, as_json: JsonOption = False) -> None:
    """Check a policy file, without a node."""
    output, document = Output(as_json), _document(file)
    if as_json:
        output.document(document.model_dump(mode="json"))
    else:
        rules = len(document.rules) + sum(len(one.rules) for one in document.profiles)
        output.line(
            f"{file}: {document.name}, {len(document.profiles)} profiles beside the default, "
            f"{rules} rules: valid"
        )


@app.command()
def diff(  # noqa: PLR0917 - one parameter for each option of the command
    file: File,
    accept_exempt: AcceptOption = False,
    fleet: FleetOption = False,
    selector: SelectorOption = "",
    orchestrator: FleetUrlOption = DEFAULT_ORCHESTRATOR,
    url: UrlOption = DEFAULT_URL,
    key_file: KeyFileOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show the changes that a policy file would make; make none."""
    document, how = _read(file), Rollout(selector)
    how.require(fleet=fleet)
    if fleet:
        api = FleetApi.open(orchestrator, key_file)
        of_fleet.plan(api, document, how, _accepting(accept_exempt), Output(as_json))
        return
    query = {"dry_run": "true", **_accepting(accept_exempt)}
    answer = NodeApi.open(url, key_file).put("policy", document, query)
    _tell(Output(as_json), f"{document['name']} would change", answer)


@app.command()
def apply(  # noqa: PLR0917 - see diff
    file: File,
    accept_exempt: AcceptOption = False,
    override: OverrideOption = False,
    fleet: FleetOption = False,
    selector: SelectorOption = "",
    canary: CanaryOption = False,
    canary_node: CanaryNodeOption = None,
    hold: HoldOption = None,
    confirm_within: ConfirmOption = None,
    orchestrator: FleetUrlOption = DEFAULT_ORCHESTRATOR,
    wait: WaitOption = False,
    timeout: TimeoutOption = WAIT_S,
    url: UrlOption = DEFAULT_URL,
    key_file: KeyFileOption = None,
    as_json: JsonOption = False,
) -> None:
    """Apply a policy file, completely or not at all."""
    document, more = _read(file), _accepting(accept_exempt)
    how = Rollout(selector, canary, canary_node, hold, confirm_within)
    how.require(fleet=fleet)
    if fleet:
        target = FleetApi.open(orchestrator, key_file), Output(as_json)
        patience_s = how.patience_s(timeout) if wait else None
        of_fleet.deploy(*target, "policy", document, how.query() | more, patience_s)
        return
    api = NodeApi.open(url, key_file)
    sent = api.put("policy", document, more | _overriding(override))
    answer = settle(api, sent, timeout if wait else None)
    _tell(Output(as_json), f"{document['name']} is the policy", answer)


@app.command()
def history(
    limit: Annotated[int, typer.Option(min=1, max=1000, help="Number of rows to show.")] = 100,
    fleet: FleetOption = False,
    orchestrator: FleetUrlOption = DEFAULT_ORCHESTRATOR,
    url: UrlOption = DEFAULT_URL,
    key_file: KeyFileOption = None,
    as_json: JsonOption = False,
) -> None:
    """List earlier policies, newest first."""
    output = Output(as_json)
    if fleet:
        of_fleet.tell_history(FleetApi.open(orchestrator, key_file), limit, output)
        return
    page = NodeApi.open(url, key_file).get("policy/history", {"limit": limit}).body
    if as_json:
        output.document(page)
    else:
        output.table(HISTORY, [[row[name] for name in HISTORY] for row in page["history"]])


@app.command()
def rollback(  # noqa: PLR0917 - see apply
    revision: Annotated[
        int | None,
        typer.Argument(
            min=1, help="A revision of the history; default: the one before the newest."
        ),
    ] = None,
    accept_exempt: AcceptOption = False,
    override: OverrideOption = False,
    fleet: FleetOption = False,
    selector: SelectorOption = "",
    canary: CanaryOption = False,
    canary_node: CanaryNodeOption = None,
    hold: HoldOption = None,
    confirm_within: ConfirmOption = None,
    orchestrator: FleetUrlOption = DEFAULT_ORCHESTRATOR,
    wait: WaitOption = False,
    timeout: TimeoutOption = WAIT_S,
    url: UrlOption = DEFAULT_URL,
    key_file: KeyFileOption = None,
    as_json: JsonOption = False,
) -> None:
    """Apply an earlier policy again."""
    how = Rollout(selector, canary, canary_node, hold, confirm_within)
    how.require(fleet=fleet)
    if fleet:
        target = FleetApi.open(orchestrator, key_file), Output(as_json)
        more = _accepting(accept_exempt)
        of_fleet.rollback(*target, revision, how, more, timeout if wait else None)
        return
    api = NodeApi.open(url, key_file)
    wanted: dict[str, Any] = {} if revision is None else {"revision": revision}
    wanted |= {"accept_exempt": True} if accept_exempt else {}
    answer = api.post("policy/rollback", wanted, _overriding(override))
    answer = settle(api, answer, timeout if wait else None)
    output, body = Output(as_json), answer.body
    _tell(output, f"{_of(body)} is the policy again", answer)
    if not as_json and body["replaces"]:
        output.line(f"to undo it: secbeat policy rollback {body['replaces']}")


@app.command()
def give_back(
    wait: WaitOption = False,
    timeout: TimeoutOption = WAIT_S,
    url: UrlOption = DEFAULT_URL,
    key_file: KeyFileOption = None,
    as_json: JsonOption = False,
) -> None:
    """End an override: the fleet's policy applies to the node again."""
    api = NodeApi.open(url, key_file)
    answer = settle(api, api.delete("policy/override"), timeout if wait else None)
    _tell(Output(as_json), "given back to the fleet", answer)


def _of(body: dict[str, Any]) -> str:
    """The policy that a rollback has restored."""
    revision = body["of_revision"]
    return f"{body['name']} of revision {revision}" if revision else "the default policy"


def _document(file: Path) -> PolicyDocument:
    return read_policy(sys.stdin.buffer, "-") if str(file) == "-" else load_policy_file(file)


def _read(file: Path) -> dict[str, Any]:
    return _document(file).model_dump(mode="json")


def _accepting(accept_exempt: bool) -> dict[str, str]:
    return {"accept_exempt": "true"} if accept_exempt else {}


def _overriding(override: bool) -> dict[str, str]:
    return {"override": "true"} if override else {}


def _tell(output: Output, what: str, answer: Answer) -> None:
    if output.as_json:
        output.document(answer.body)
        return
    changes = answer.body["changes"]
    count = {0: "nothing", 1: "1 setting"}.get(len(changes), f"{len(changes)} settings")
    if answer.body["state"] == "dry_run":
        output.line(f"{what} {count}")
    else:
        say(output, f"{what}, {count} changed", answer)
    for warning in answer.body["warnings"]:
        warn(f"warning: {warning}")
    if changes:
        output.table(
            of_fleet.CHANGES, [[row[name] for name in of_fleet.CHANGES] for row in changes]
        )


def _show_ruling(output: Output, ruling: dict[str, Any] | None) -> None:
    if ruling is not None:
        how = "is overridden here" if ruling["overridden"] else "rules this node"
        output.line(f"version {ruling['number']} of the fleet's policy {how}")


def _show_neighbors(output: Output, neighbors: Sequence[dict[str, Any]]) -> None:
    if not neighbors:
        return
    rows = [
        (one.get("address"), " ".join(map(str, one.get("protocols", ()))), one.get("name"))
        for one in neighbors
    ]
    output.line("")
    output.table(NEIGHBORS, rows)


def _details(rule: dict[str, Any]) -> Cell:
    """The other fields of a rule, as they are written."""
    fields = {name: value for name, value in rule.items() if name not in {"type", "action"}}
    return ", ".join(f"{name} {_plain(value)}" for name, value in fields.items()) or "all"


def _plain(value: Any) -> str:
    return " ".join(map(str, value)) if isinstance(value, list) else str(value)
