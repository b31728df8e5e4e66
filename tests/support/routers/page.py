"""The routers' configuration from `docs/links.md`: tests use what operators copy."""

from __future__ import annotations

import re
from pathlib import Path

PAGE = Path(__file__).parents[3] / "docs" / "links.md"
_BLOCK = re.compile(r"^```([\w-]+)\n(.*?)^```$", re.M | re.S)


def block(name: str) -> str:
    """The only block of this kind."""
    found = [
        text for kind, text in _BLOCK.findall(PAGE.read_text(encoding="utf-8")) if kind == name
    ]
    assert len(found) == 1, f"{PAGE}: {len(found)} blocks of {name}"
    return found[0]


def settings(role: str) -> dict[str, str]:
    """The settings of sysctl for the router with this role, ``outer`` or ``inner``."""
    lines = (block("sysctl") + block(f"sysctl-{role}")).splitlines()
    return dict(line.split(" = ") for line in lines)


def bird(role: str, log: Path) -> str:
    """BIRD's configuration of that router, with a log file for the test."""
    common = block("bird")
    assert "log syslog all;" in common
    return block(f"bird-{role}") + common.replace("log syslog all;", f'log "{log}" all;')
