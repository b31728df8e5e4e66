"""``secbeat baseline``: the usual rates of profiles, and thresholds derived from them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Annotated, Any

import typer

from appliance.cli.client.node_api import NodeApi
from appliance.cli.commands.baseline.proposal import propose
from appliance.cli.commands.baseline.toml import dump
from appliance.cli.commands.baseline.weeks import hour_text
from appliance.cli.exits import Exit
from appliance.cli.terminal.apps import command_group
from appliance.cli.terminal.options import DEFAULT_URL, JsonOption, KeyFileOption, UrlOption
from appliance.cli.terminal.output import Cell, Output, warn
from appliance.cli.terminal.tables import KEY, Column, Columns
from dataplane.base.errors import SecBeatError
from dataplane.policy import parse_policy

COLUMNS: Columns = {
    "profile": KEY,
    "metric": KEY,
    "p50": Column(3),
    "p99": Column(2),
    "p999": Column(6),
    "max": Column(1),
    "max_at": Column(5),
    "hours": Column(4),
}
HOUR_COLUMNS: Columns = {
    "metric": KEY,
    "hour": KEY,
    "p50": Column(3),
    "p99": Column(2),
    "max": Column(1),
    "hours": Column(4),
}
FACTOR, FACTOR_MIN, FACTOR_MAX = 3.0, 1.1, 100.0

app = command_group()


class NoProposalError(SecBeatError):
    """The baseline is not sufficient for a proposal yet."""

    exit_code = Exit.REFUSED


@app.callback()
def baseline() -> None:
    """Recorded usual traffic of each profile."""


@app.command()
def show(
    profile: Annotated[
        str | None,
        typer.Argument(
            metavar="PROFILE", help="Show this profile hour by hour; default: a summary of all."
        ),
    ] = None,
    url: UrlOption = DEFAULT_URL,
    key_file: KeyFileOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show rates per second of the busiest address, by profile and metric."""
    query = {} if profile is None else {"profile": profile}
    body = NodeApi.open(url, key_file).get("baseline", query).body
    output = Output(as_json)
    if body["profiles_beyond"]:
        warn(f"warning: {body['profiles_beyond']} profiles are not recorded: there are too many")
    if as_json:
        output.document(body)
    elif profile is None:
        output.table(COLUMNS, list(_rows(body["profiles"])))
    else:
        output.table(HOUR_COLUMNS, list(_hour_rows(body["profiles"])))


@app.command("propose")
def propose_(
    *,
    factor: Annotated[
        float,
        typer.Option(
            min=FACTOR_MIN,
            max=FACTOR_MAX,
            help="Threshold as a multiple of the highest recorded rate.",
        ),
    ] = FACTOR,
    allow_short: Annotated[
        bool, typer.Option("--allow-short", help="Accept less than a day of data.")
    ] = False,
    url: UrlOption = DEFAULT_URL,
    key_file: KeyFileOption = None,
    as_json: JsonOption = False,
) -> None:
    """Write the policy in force with proposed thresholds, as TOML; apply nothing."""
    api, output = NodeApi.open(url, key_file), Output(as_json)
    policy = api.get("policy").body["policy"]
    proposal = propose(policy, api.get("baseline").body, factor, allow_short=allow_short)
    if not proposal.profiles:
        raise NoProposalError(f"nothing is proposed: {'; '.join(proposal.refused)}")
    document = parse_policy(proposal.document).model_dump(mode="json")
    for reason in proposal.refused:
        warn(f"not changed: {reason}")
    if as_json:
        output.document(document)
    else:
        typer.echo(dump(proposal.document, proposal.comments), nl=False)


def _rows(profiles: Iterable[dict[str, Any]]) -> Iterable[Sequence[Cell]]:
    for profile in profiles:
        for one in profile["metrics"]:
            beside = {
                "profile": profile["profile"],
                "hours": profile["hours"],
                "max_at": hour_text(one["max_hour_of_week"]),
            }
            yield [beside.get(column, one.get(column)) for column in COLUMNS]


def _hour_rows(profiles: Iterable[dict[str, Any]]) -> Iterable[Sequence[Cell]]:
    for profile in profiles:
        for one in profile["metrics"]:
            for hour in one["by_hour"]:
                beside = {"metric": one["metric"], "hour": hour_text(hour["hour_of_week"])}
                yield [beside.get(column, hour.get(column)) for column in HOUR_COLUMNS]
