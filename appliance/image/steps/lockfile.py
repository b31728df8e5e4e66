"""Selects the part of ``requirements.lock`` that a host needs, with the locked hashes.

The lock also has the development environment; of the extras, hosts get the one for scaling. The
run-time requirements of the project are found from its metadata and that of the installed
distributions. Runs inside the builder root's environment, whose Python is the appliance's:
``python -m appliance.image.steps.lockfile LOCK``.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterable, Iterator
from importlib.metadata import requires
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

EXTRAS = frozenset({"scale"})
_PIN = re.compile(r"([A-Za-z0-9._-]+)==")


def blocks(lock: str) -> dict[str, str]:
    """The lock's entries by canonical name: the pin and its hashes, without comments."""
    entries: dict[str, str] = {}
    name = ""
    for line in lock.splitlines():
        found = _PIN.match(line)
        if found:
            name = canonicalize_name(found[1])
            entries[name] = ""
        if name and not line.lstrip().startswith("#") and line.strip():
            entries[name] += f"{line}\n"
    return entries


def closure(
    project: str, extras: frozenset[str], requires_of: Callable[[str], Iterable[str]]
) -> set[str]:
    """Canonical names of all requirements of ``project`` here with these extras, without itself."""
    needed: set[str] = set()
    waiting = list(_direct(requires_of(project), extras))
    done: set[tuple[str, frozenset[str]]] = set()
    while waiting:
        item = waiting.pop()
        if item in done:
            continue
        done.add(item)
        name, wanted = item
        needed.add(name)
        waiting.extend(_direct(requires_of(name), wanted))
    return needed


def _direct(lines: Iterable[str], extras: frozenset[str]) -> Iterator[tuple[str, frozenset[str]]]:
    for requirement in map(Requirement, lines):
        marker = requirement.marker
        wanted = not marker or any(marker.evaluate({"extra": extra}) for extra in (*extras, ""))
        if wanted:
            yield canonicalize_name(requirement.name), frozenset(requirement.extras)


def select(lock: str, names: Iterable[str]) -> str:
    """The lock's entries for ``names``; raises KeyError for one that is not locked."""
    entries = blocks(lock)
    return "".join(entries[name] for name in sorted(names))


def main(lock: Path) -> None:
    """Print the run-time part of ``lock``."""
    names = closure("secbeat", EXTRAS, lambda name: requires(name) or ())
    print(select(lock.read_text(), names), end="")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
