"""The routers' configuration as `docs/links.md` shows it: what operators copy is what is tested."""

from __future__ import annotations

import re
from pathlib import Path

PAGE = Path(__file__).parents[3] / "docs" / "links.md"
_BLOCK = re.compile(r"^```([\w-]+)\n(.*?)^```$", re.M | re.S)


def block(name: str) -> str:
    """The one block of that kind."""
    found = [
        text for kind, text in _BLOCK.findall(PAGE.read_text(encoding="utf-8")) if kind == name
    ]
    assert len(found) == 1, f"{PAGE}: {len(found)} blocks of {name}"
    return found[0]


def settings(role: str) -> dict[str, str]:
    """What sysctl is to set on the router of that role, ``outer`` or ``inner``."""
    lines = (block("sysctl") + block(f"sysctl-{role}")).splitlines()
    return dict(line.split(" = ") for line in lines)


def bird(role: str, log: Path) -> str:
    """BIRD's configuration of that router, with a log file of the test's own."""
    common = block("bird")
    assert "log syslog all;" in common
    return block(f"bird-{role}") + common.replace("log syslog all;", f'log "{log}" all;')
