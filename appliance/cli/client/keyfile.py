"""Finds the API key. Never printed; a key file of this host is never offered to another one."""

from __future__ import annotations

import errno
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from appliance.cli.exits import Exit
from dataplane.base.errors import SecBeatError

VARIABLES = ("SECBEAT_API_KEY", "MANAGEMENT_API_KEY")
DEFAULT_FILES = (
    Path("/var/lib/secbeat/keys/admin.key"),
    Path("/run/secbeat-lab/default/keys/admin.key"),
)

_DENIED = os.strerror(errno.EACCES).lower()


class Key(NamedTuple):
    """A key and its place: a variable with its dollar sign, or a file."""

    text: str
    place: str


class KeyMissingError(SecBeatError):
    """No usable key; the message names the places that were searched."""

    exit_code = Exit.NO_PERMISSION


def find_key(
    given: Path | None,
    environment: Mapping[str, str],
    files: Sequence[Path] = DEFAULT_FILES,
    variables: Sequence[str] = VARIABLES,
) -> Key:
    """The key from ``--key-file``, else from the environment, else from the first readable file.

    Args:
        given: the value of ``--key-file``; if given, no other place is searched.
        environment: the environment with the variables.
        files: the key files to try; empty when the API is not on this host.
        variables: names of variables, in the order of the search; see `VARIABLES`.

    Raises:
        KeyMissingError: none found, or the given file is unreadable or empty.
    """
    if given is not None:
        key, trouble = _read(given)
        if not key:
            raise KeyMissingError(f"--key-file {given}: {trouble}")
        return Key(key, f"--key-file {given}")
    for name in variables:
        if key := environment.get(name, "").strip():
            return Key(_checked(key, f"${name}"), f"${name}")
    looked = [f"${name} (not set)" for name in variables]
    for file in files:
        key, trouble = _read(file)
        if key:
            return Key(key, str(file))
        looked.append(f"{file} ({trouble})")
    if not files:
        looked.append("key files of this host are not sent to another host")
    message = f"no API key: --key-file (not given), {', '.join(looked)}"
    if any(_DENIED in place for place in looked):
        message += "\na key file is there that only root may read: run it with sudo"
    raise KeyMissingError(message)


def _read(file: Path) -> tuple[str, str]:
    """The key in a file, or an empty text and the error."""
    try:
        key = file.read_text(encoding="utf-8-sig").strip()
    except OSError as error:
        return "", (error.strerror or str(error)).lower()
    except UnicodeDecodeError:
        return "", "not text"
    return (_checked(key, str(file)), "") if key else ("", "empty")


def _checked(key: str, source: str) -> str:
    """A header value: one line of printable ASCII."""
    if not (key.isascii() and key.isprintable()):
        raise KeyMissingError(f"{source}: the key must be one line of printable ASCII")
    return key
