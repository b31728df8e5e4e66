"""Reads country databases of other publishers: MMDB files, and the text files of Debian's
tor-geoipdb.

A source is read completely or refused; an InvalidInputError names the file and the position.
"""

from __future__ import annotations

import socket
from collections.abc import Iterable, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import NoReturn

from dataplane.base.errors import InvalidInputError
from dataplane.countries.codes import index_of, known
from dataplane.countries.ranges import pack_ranges

NAME_LENGTH_MAX = 48
_GENERATED = "# Generated: "
_IPV4_BITS, _IPV6_BITS = 32, 128

Range = tuple[int, int, int]
"""First and last address, country."""


@dataclass(frozen=True)
class Source:
    """The content of a database, as packed ranges (`dataplane.countries.ranges`)."""

    name: str
    date: datetime
    """Date of the data, as given by its publisher."""
    ipv4: bytes
    ipv6: bytes


def read_mmdb(path: Path) -> Source:
    """Read a database in MaxMind's format: GeoLite2, DB-IP, IPinfo and others.

    The country of a record is ``country.iso_code``, else ``registered_country.iso_code``, or a text
    ``country_code`` or ``country``; an empty one is ignored. Below ::/96 an IPv6 database has IPv4;
    its aliases of that (6to4, Teredo, mapped) are skipped, because look-ups convert such addresses.
    A database of other data (AS numbers) is refused.
    """
    import maxminddb  # noqa: PLC0415 - only who builds needs it

    ranges: dict[int, list[Range]] = {4: [], 6: []}
    example: object = None
    try:
        with closing(maxminddb.open_database(path)) as reader:
            about = reader.metadata()
            for network, record in reader:
                first = int(network.network_address)
                country = index_of(known(_country_of(record)))
                ranges[network.version].append((first, first + network.num_addresses - 1, country))
                example = record if example is None else example
    except (OSError, ValueError, maxminddb.InvalidDatabaseError) as error:
        _refuse(path, f"is no MMDB file that can be read: {error}")
    if not _have_country(ranges.values()):
        _refuse(path, f"({about.database_type}) has no country: {_what_is_missing(example)}")
    return Source(
        name=about.database_type[:NAME_LENGTH_MAX],
        date=datetime.fromtimestamp(about.build_epoch, UTC),
        ipv4=pack_ranges(ranges[4], _IPV4_BITS, path),
        ipv6=pack_ranges(ranges[6], _IPV6_BITS, path),
    )


def read_tor(ipv4: Path, ipv6: Path) -> Source:
    """Read ``geoip`` and ``geoip6`` of Debian's tor-geoipdb (data of IPFire Location).

    Lines are ``FIRST,LAST,CC``, the addresses of IPv4 as numbers; the older of both dates counts.
    """
    dates: list[datetime] = []
    ranges = [
        list(_tor_ranges(path, bits, dates))
        for path, bits in ((ipv4, _IPV4_BITS), (ipv6, _IPV6_BITS))
    ]
    if not _have_country(ranges):
        _refuse(ipv4, f"has no country, nor has {ipv6}: no line ends with a code of ISO 3166-1")
    packed = (
        pack_ranges(ranges[0], _IPV4_BITS, ipv4),
        pack_ranges(ranges[1], _IPV6_BITS, ipv6),
    )
    return Source("IPFire Location (tor-geoipdb)", min(dates), *packed)


def _have_country(families: Iterable[list[Range]]) -> bool:
    return any(country for ranges in families for _, _, country in ranges)


def _country_of(record: object) -> str:
    return next((text for text in _country_texts(record) if text), "")


def _country_texts(record: object) -> Iterator[str]:
    """The possible country texts of a record, in order of precedence."""
    if not isinstance(record, Mapping):
        return
    for field in ("country", "registered_country"):
        found = record.get(field)
        if isinstance(found, Mapping) and isinstance(found.get("iso_code"), str):
            yield found["iso_code"].strip()
    for field in ("country_code", "country"):
        if isinstance(record.get(field), str):
            yield record[field].strip()


def _what_is_missing(example: object) -> str:
    """The reason for which no country was found, with one of the records."""
    wanted = "country.iso_code, registered_country.iso_code, country_code or country"
    if example is None:
        return "it has no record"
    text = _country_of(example)
    if text:
        return f"{text!r:.40} is no code of ISO 3166-1"
    fields = ", ".join(sorted(example)) if isinstance(example, Mapping) else repr(example)
    return f"no record has {wanted}; what they have is {fields:.200}"


def _tor_ranges(path: Path, bits: int, dates: list[datetime]) -> Iterator[Range]:
    parse = int if bits == _IPV4_BITS else _ipv6_number
    date = None
    try:
        with path.open(encoding="ascii") as file:
            for number, line in enumerate(file, start=1):
                if line.startswith(_GENERATED):
                    date = parsedate_to_datetime(line.removeprefix(_GENERATED))
                if line.startswith("#"):
                    continue
                try:
                    first, last, code = line.rstrip("\n").split(",")
                    yield parse(first), parse(last), index_of(known(code))
                except (ValueError, OSError):
                    _refuse(path, f"line {number}: {line.rstrip()!r:.80} is not FIRST,LAST,CC")
    except (OSError, ValueError) as error:
        _refuse(path, f"can't be read: {error}")
    if date is None:
        _refuse(path, f"has no line '{_GENERATED}DATE'")
    dates.append(date.astimezone(UTC))


def _ipv6_number(text: str) -> int:
    return int.from_bytes(socket.inet_pton(socket.AF_INET6, text), "big")


def _refuse(path: Path, problem: str) -> NoReturn:
    raise InvalidInputError(
        f"country source {path} {problem}", field="source", value=str(path), limit=problem
    )
