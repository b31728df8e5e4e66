"""``secbeat countries``: the database with the countries of addresses. Uses no API."""

from __future__ import annotations

import time
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer

from appliance.cli.terminal.apps import command_group
from appliance.cli.terminal.options import JsonOption
from appliance.cli.terminal.output import Output
from appliance.cli.terminal.tables import KEY, KEY_TEXT, PAIRS, Columns
from appliance.config import load_config
from appliance.config.model import NodeSection
from appliance.config.paths import countries_files
from appliance.defaults import CONFIG_FILE
from dataplane.base.errors import InvalidInputError
from dataplane.base.networks import Network
from dataplane.countries import database
from dataplane.countries.codes import UNKNOWN
from dataplane.countries.database import CountryDatabase
from dataplane.countries.sources import Source, read_mmdb, read_tor

TOR = Path("/usr/share/tor")
"""The directory of ``geoip`` and ``geoip6`` in Debian's tor-geoipdb."""
_DAY_S = 86_400
_NO_COUNTRY = "no address of IPv{0} has a country: all are ZZ, which geo_allow refuses unless named"

FileOption = Annotated[
    Path | None,
    typer.Option("--file", metavar="FILE", help="The country database; default: the node's."),
]
MmdbOption = Annotated[
    Path | None,
    typer.Option("--mmdb", metavar="FILE", help="A database in MaxMind's format (MMDB)."),
]
TorOption = Annotated[
    tuple[Path, Path] | None,
    typer.Option("--tor", metavar="GEOIP GEOIP6", help="The files of Debian's tor-geoipdb."),
]
COLUMNS: Columns = {"network": KEY, "countries": KEY_TEXT}

app = command_group()


@app.callback()
def countries() -> None:
    """The country database."""


@app.command()
def build(
    mmdb: MmdbOption = None,
    tor: TorOption = None,
    file: FileOption = None,
    as_json: JsonOption = False,
) -> None:
    """Build the node's country database from a published one; the node loads it within a second."""
    output, path = Output(as_json), file or _files()[0]
    source = _source(mmdb, tor)
    before = _existing(path)
    database.write(path, source, int(time.time()))
    found = database.read(path)
    is_changed = before is None or replace(before, built_s=found.built_s) != found
    warnings = [_NO_COUNTRY.format(family) for family in (4, 6) if not found.knows(family)]
    body = {"file": str(path), **_about(found), "changed": is_changed, "warnings": warnings}
    if as_json:
        output.document(body)
    else:
        same = "" if is_changed else "; the same data as before"
        output.line(
            f"{path}: {found.name} of {body['date']}, {found.ipv4_count:,} IPv4 and "
            f"{found.ipv6_count:,} IPv6 ranges{same}"
        )
        for warning in warnings:
            output.line(f"warning: {warning}")


@app.command()
def show(file: FileOption = None, as_json: JsonOption = False) -> None:
    """Show name, date and size of the country database."""
    output = Output(as_json)
    path, found = _read(file)
    body = {"file": str(path), **_about(found)}
    if as_json:
        output.document(body)
    else:
        output.table(PAIRS, list(body.items()))


@app.command()
def lookup(
    networks: Annotated[list[str], typer.Argument(metavar="IP", help="IPv4 or IPv6.")],
    file: FileOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show the countries of addresses and prefixes; ZZ: not known."""
    output, (_, found) = Output(as_json), _read(file)
    asked = [Network.parse(text) for text in networks]
    rows = [(str(one), sorted(found.countries_in(one))) for one in asked]
    if as_json:
        output.document([{"network": name, "countries": codes} for name, codes in rows])
    else:
        output.table(COLUMNS, [(name, " ".join(codes)) for name, codes in rows])


def _files() -> tuple[Path, Path]:
    has_config = CONFIG_FILE.is_file()
    node = load_config(CONFIG_FILE).node if has_config else NodeSection()
    return countries_files(node.state_dir)


def _read(file: Path | None) -> tuple[Path, CountryDatabase]:
    files = [file] if file else _files()
    return database.first_of(files) or files[0], database.read_first(files)


def _source(mmdb: Path | None, tor: tuple[Path, Path] | None) -> Source:
    if mmdb and tor:
        raise typer.BadParameter("either --mmdb or --tor")
    if mmdb:
        return read_mmdb(mmdb)
    if tor:
        return read_tor(*tor)
    if (TOR / "geoip").is_file():
        return read_tor(TOR / "geoip", TOR / "geoip6")
    raise InvalidInputError(
        f"Debian's tor-geoipdb is not installed ({TOR}/geoip): name a source with --mmdb or --tor",
        field="source",
        limit="--mmdb FILE or --tor GEOIP GEOIP6",
    )


def _existing(path: Path) -> CountryDatabase | None:
    """The existing database; None if there is no usable one."""
    try:
        return database.read(path) if path.is_file() else None  # a FIFO would be waited for
    except InvalidInputError:
        return None


def _about(found: CountryDatabase) -> dict[str, Any]:
    known = found.countries_in(Network.parse("::/0"))  # a mapped prefix, so this includes IPv4
    return {
        "name": found.name,
        "date": _time(found.date_s),
        "age_days": max(0, int(time.time()) - found.date_s) // _DAY_S,
        "built": _time(found.built_s),
        "ranges_ipv4": found.ipv4_count,
        "ranges_ipv6": found.ipv6_count,
        "countries": len(known - {UNKNOWN}),
    }


def _time(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat().replace("+00:00", "Z")
