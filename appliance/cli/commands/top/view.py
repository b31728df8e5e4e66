"""The screen of ``secbeat top``, in lines: fits into 24 lines of 80 characters; larger ones show
more.

Plain text: the content of each line does not depend on colours.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import zip_longest
from typing import Any

from appliance.cli.commands.top.poll import Poll, Rates
from appliance.cli.terminal.output import clean

WIDTH_MIN, HEIGHT_MIN = 80, 24
_UNITS = ("", "k", "M", "G", "T")
_STEP = 1000
_UNKNOWN = "-"
_FIXED_LINES = 8
"""Lines of the screen that are always shown."""
_SECTIONS = 3
_GAP = "  "


def lines(now: Poll, found: Rates | None, size: tuple[int, int]) -> list[str]:
    """The screen, at most ``size`` (columns, lines)."""
    width, height = max(size[0], WIDTH_MIN), max(size[1], HEIGHT_MIN)
    rows = (height - _FIXED_LINES) // _SECTIONS
    half = (width - len(_GAP)) // 2
    screen = [
        *_head(now, width),
        "",
        *_verdicts(found),
        "",
        *_beside(
            _reasons("dropped by", found.dropped if found else {}, rows, half),
            _reasons("would drop (monitor)", found.would_drop if found else {}, rows, half),
            half,
        ),
        *_attacks(now, rows, width),
        *_beside(
            _heavy("top sources", now.top["sources"] if now.top else [], rows, half),
            _heavy("top targets", now.top["targets"] if now.top else [], rows, half),
            half,
        ),
    ]
    return [_cut(line, width) for line in screen[:height]]


def short(value: float | None) -> str:
    """A number in at most five characters: ``999``, ``12.3k``, ``1.2M``; ``-``: not known."""
    if value is None:
        return _UNKNOWN
    for unit in _UNITS:
        if abs(value) < _STEP - 0.5 or unit == _UNITS[-1]:
            break
        value /= _STEP
    digits = 0 if not unit or value >= 99.95 else 1  # noqa: PLR2004
    return f"{value:.{digits}f}{unit}"


def _head(now: Poll, width: int) -> list[str]:
    status, stats = now.status, now.stats or {}
    connections = status["connections"]["active"]
    first = f"secbeat {status['version']}  {status['status']}, {status['health']}"
    reasons = ", ".join(status["reasons"])
    first += f" ({reasons})" if reasons else ""
    up = f"mode {status['mode']}, up {_duration(status['uptime_seconds'])}"
    requests = stats.get("requests_per_second")
    second = (
        f"cpu {_figure(stats.get('cpu_percent'))} %  "
        f"connections {short(connections)}  requests/s {short(requests)}  "
        f"attacks {short(status['attacks']['active'])}"
    )
    return [f"{_cut(first, width - len(up) - 2)}{_GAP}{up}", second]


def _verdicts(found: Rates | None) -> list[str]:
    names = ("received", "forwarded", "consumed", "dropped", "would_drop")
    packets: Mapping[str, float] = found.packets if found else {}
    bits: Mapping[str, float] = found.bits if found else {}
    return [
        "per second " + "".join(f"{name.replace('_', ' '):>13}" for name in names),
        "packets    " + "".join(f"{short(packets.get(name)):>13}" for name in names),
        "bits       " + "".join(f"{short(bits.get(name)):>13}" for name in names),
    ]


def _reasons(title: str, values: Mapping[str, float], rows: int, width: int) -> list[str]:
    above = {name: value for name, value in values.items() if value > 0}
    return _section(
        f"{title}, packets/s",
        [f"{_cut(name, width - 8):<{width - 8}}{short(value):>7}" for name, value in above.items()],
        rows,
    )


def _attacks(now: Poll, rows: int, width: int) -> list[str]:
    text_width = width - 16 - 11 - 9 - 12
    title = f"{'attacks':<16}{'target':<{text_width}}{'packets/s':>11}{'bits/s':>9}  action"
    shown = [
        f"{_cut(each['type'], 15):<16}{_cut(each['target'], text_width - 1):<{text_width}}"
        f"{short(each['rates']['packets_per_second']):>11}"
        f"{short(each['rates']['bits_per_second']):>9}  {each['action']}"
        for each in now.attacks["attacks"]
    ]
    return _section(title, shown, rows)


def _heavy(title: str, ranked: Sequence[dict[str, Any]], rows: int, width: int) -> list[str]:
    found = []
    for each in ranked:
        country = "" if each["country"] == "ZZ" else f" {each['country']}"
        name = _cut(each["address"] + country, width - 8)
        found.append(f"{name:<{width - 8}}{short(each['packets']):>7}")
    return _section(f"{title}, packets", found, rows)


def _section(title: str, found: Sequence[str], rows: int) -> list[str]:
    """A title and up to so many rows; if there are more, the last row has the number of the
    others."""
    room = rows - 1
    shown = list(found) if len(found) <= room else [*found[: room - 1], _more(found, room)]
    return [title, *shown, *[""] * (room - len(shown))]


def _more(found: Sequence[str], room: int) -> str:
    return f"... {len(found) - room + 1} more"


def _beside(left: Iterable[str], right: Iterable[str], width: int) -> list[str]:
    pairs = zip_longest(left, right, fillvalue="")
    return [f"{_cut(one, width):<{width}}{_GAP}{two}" for one, two in pairs]


def _cut(text: str, width: int) -> str:
    text = clean(text)
    return text if len(text) <= width else text[: width - 1] + "~"


def _figure(value: float | None) -> str:
    return _UNKNOWN if value is None else f"{value:.0f}"


def _duration(seconds: int) -> str:
    minutes, hours, days = seconds // 60, seconds // 3600, seconds // 86_400
    return f"{days}d" if days else f"{hours}h" if hours else f"{minutes}m"
