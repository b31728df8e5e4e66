"""Durations as people write them: ``3600``, ``90s``, ``15m``, ``2h``, ``7d``."""

from __future__ import annotations

import re

import typer

DURATION_MAX_S = 315_360_000
"""Ten years of 365 days: the API's limit."""
_SECONDS = {"": 1, "s": 1, "m": 60, "h": 3600, "d": 86_400}
_FORM = re.compile(r"([0-9]{1,9})([smhd]?)")


def parse_duration(text: str) -> int:
    """Seconds of a duration, 1 to 315,360,000.

    Raises:
        typer.BadParameter: not a duration, or out of range.
    """
    match = _FORM.fullmatch(text.strip().lower())
    if match is None:
        raise typer.BadParameter(f"{text!r} is no duration: write 3600, 90s, 15m, 2h or 7d")
    seconds = int(match[1]) * _SECONDS[match[2]]
    if not 1 <= seconds <= DURATION_MAX_S:
        raise typer.BadParameter(f"{text!r} must lie between 1 and {DURATION_MAX_S} seconds")
    return seconds
