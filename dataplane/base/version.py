"""The version of SecBeat, for logs, metrics, the API and the command line."""

from __future__ import annotations

import tomllib
from importlib.metadata import PackageNotFoundError
from importlib.metadata import version as distribution_version
from pathlib import Path


def version() -> str:
    """The installed distribution's version, or that of the source tree this runs from."""
    try:
        return distribution_version("secbeat")
    except PackageNotFoundError:
        return _source_version(Path(__file__).parents[2] / "pyproject.toml")


def _source_version(file: Path) -> str:
    try:
        with file.open("rb") as stream:
            return str(tomllib.load(stream)["project"]["version"])
    except (OSError, tomllib.TOMLDecodeError, KeyError):
        return "unknown"
