"""``secbeat replay``: the result of the packet path for a capture."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, BinaryIO

import typer

from appliance.cli.commands.replay.view import as_document, print_report, warn_of_limits
from appliance.cli.terminal.options import JsonOption
from appliance.cli.terminal.output import Output, clean
from appliance.cli.terminal.progress import bar
from appliance.config import NodeConfig, load_config
from appliance.config.paths import countries_files
from dataplane.base.errors import InvalidInputError
from dataplane.base.input.list_file import read_list_file
from dataplane.base.networks import Network
from dataplane.countries import database
from dataplane.countries.database import CountryDatabase
from dataplane.native import abi
from dataplane.pcap import Batch, CaptureError, CaptureWriter, create_capture, read_batches
from dataplane.policy import PolicyDocument, load_policy_file
from dataplane.replay.inputs import ListCapacities
from dataplane.replay.replay import Replay
from dataplane.replay.replay_report import ReplayReport
from dataplane.replay.rulefile import read_rules_file
from dataplane.waf.document import Rule

_STDIN = Path("-")
CaptureArgument = Annotated[
    Path, typer.Argument(metavar="IN.pcap", help="pcap or pcapng; - is stdin.")
]
InsideOption = Annotated[
    list[str],
    typer.Option("--inside", metavar="PREFIX", help="Protected prefix, IPv4 or IPv6; repeatable."),
]
ConfigOption = Annotated[
    Path | None,
    typer.Option("--config", metavar="FILE", help="Take sizes and policy from a secbeat.toml."),
]
PolicyOption = Annotated[
    Path | None,
    typer.Option("--policy", metavar="FILE", help="Policy (TOML or JSON) instead of the default."),
]
BlacklistOption = Annotated[
    Path | None,
    typer.Option("--blacklist", metavar="FILE", help="Addresses and prefixes, one a line."),
]
AllowlistOption = Annotated[
    Path | None,
    typer.Option("--allowlist", metavar="FILE", help="Addresses and prefixes, one a line."),
]
CountriesOption = Annotated[
    Path | None,
    typer.Option("--countries", metavar="FILE", help="Country database, for country rules."),
]
RulesOption = Annotated[
    Path | None,
    typer.Option(
        "--rules",
        metavar="FILE",
        help="WAF rules (NDJSON, as rules export writes): list the requests that they would hit.",
    ),
]
OutOption = Annotated[
    Path | None,
    typer.Option(
        "--out", metavar="OUT.pcap", help="Write the forwarded packets; pcapng by its suffix."
    ),
]


@dataclass(frozen=True)
class Request:
    """The arguments of the command, read and checked."""

    capture: Path
    inside: tuple[Network, ...]
    policy: PolicyDocument | None
    lists: dict[abi.ListKind, Path]
    capacities: ListCapacities
    countries: CountryDatabase | None
    """The named database."""
    countries_file: Path | None
    """The database of the node; read if none is named and the policy has country rules."""
    out: Path | None
    rules: list[Rule] | None = None


def replay(  # noqa: PLR0917 - one parameter for each option of the command
    capture: CaptureArgument,
    inside: InsideOption,
    config: ConfigOption = None,
    policy: PolicyOption = None,
    blacklist: BlacklistOption = None,
    allowlist: AllowlistOption = None,
    countries: CountriesOption = None,
    out: OutOption = None,
    rules: RulesOption = None,
    as_json: JsonOption = False,
) -> None:
    """Run the packet path over a capture, with the capture's own clock; needs no root."""
    node = load_config(config) if config else None
    files = {abi.ListKind.BLACKLIST: blacklist, abi.ListKind.ALLOWLIST: allowlist}
    request = Request(
        capture,
        tuple(Network.parse(text) for text in inside),
        _policy(policy or (node.policy.file if node else None)),
        {kind: file for kind, file in files.items() if file},
        _capacities(node),
        database.read(countries) if countries else None,
        database.first_of(countries_files(node.node.state_dir)) if node else None,
        out,
        read_rules_file(rules) if rules else None,
    )
    output = Output(as_json)
    report, broken = run(request)
    if as_json:
        output.document(as_document(report, broken))
    elif report.packets or not broken:
        print_report(output, report)
    warn_of_limits(report)
    if broken:
        raise broken


def run(request: Request) -> tuple[ReplayReport, CaptureError | None]:
    """Replay a whole file; if it breaks off, the report is about the part before."""
    broken = None
    with ExitStack() as stack:
        file = stack.enter_context(_opened(request.capture))
        native = stack.enter_context(Replay(request.inside, request.policy, rules=request.rules))
        if native.needs_countries:
            native.load_countries(_countries(request))
        if request.lists:
            networks = {kind: read_list_file(path) for kind, path in request.lists.items()}
            native.load_lists(networks, request.capacities)
        batches = stack.enter_context(_with_progress(file, request.capture))
        writer = _create(request, stack)
        try:
            for batch in batches:
                verdicts = native.run(batch)
                if writer:
                    writer.write_batch(batch, _passed(verdicts))
        except CaptureError as error:
            broken = error.named(_name(request.capture))
        return native.report(), broken


def _passed(verdicts: Sequence[int]) -> list[int]:
    wanted = int(abi.Verdict.PASS)
    return [index for index, verdict in enumerate(verdicts) if verdict == wanted]


def _policy(file: Path | None) -> PolicyDocument | None:
    return load_policy_file(file) if file else None


def _countries(request: Request) -> CountryDatabase:
    if request.countries is not None:
        return request.countries
    if request.countries_file is None:
        raise InvalidInputError(
            "the policy has country rules: name the database with --countries",
            field="countries",
            limit="--countries FILE",
        )
    return database.read(request.countries_file)


def _capacities(node: NodeConfig | None) -> ListCapacities:
    if node is None:
        return ListCapacities()
    return ListCapacities(node.lists.addresses_max, node.lists.prefixes_max)


@contextmanager
def _opened(capture: Path) -> Iterator[BinaryIO]:
    if capture == _STDIN:
        yield sys.stdin.buffer
        return
    try:
        file = capture.open("rb")
    except OSError as error:
        raise InvalidInputError(
            f"capture {capture} can't be read: {error.strerror}",
            field="capture",
            value=str(capture),
        ) from error
    with file:
        yield file


def _name(capture: Path) -> str:
    return "stdin" if capture == _STDIN else str(capture)


def _create(request: Request, stack: ExitStack) -> CaptureWriter | None:
    if request.out is None:
        return None
    is_read = request.capture != _STDIN and request.out.exists()
    if is_read and request.out.samefile(request.capture):
        raise InvalidInputError(
            f"--out {request.out} is the capture that is read", field="out", value=str(request.out)
        )
    return stack.enter_context(create_capture(request.out))


@contextmanager
def _with_progress(file: BinaryIO, capture: Path) -> Iterator[Iterator[Batch]]:
    """The batches of a file; on a terminal with a progress bar, on stderr."""
    size = None if capture == _STDIN else capture.stat().st_size or None
    with bar() as shown:

        def counted() -> Iterator[Batch]:
            for batch in read_batches(file):
                yield batch
                shown.show(clean(Path(_name(capture)).name), batch.end_offset, size)

        yield counted()
