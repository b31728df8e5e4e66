"""Hours of the week as text."""

from __future__ import annotations

_DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_HOURS = 24


def hour_text(hour_of_week: int) -> str:
    """The text for an hour from 0 to 167, counted from Monday, 00:00: ``Tue 14:00``."""
    day, hour = divmod(hour_of_week, _HOURS)
    return f"{_DAYS[day]} {hour:02}:00"
