"""One thing that has to be done to the host: in words, and how."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from appliance.commands import CommandError
from appliance.host.files import HostError


@dataclass(frozen=True)
class Step:
    """What, and a function that does it or raises HostError or CommandError."""

    what: str
    do: Callable[[], None]


def carry_out(steps: Iterable[Step]) -> list[str]:
    """Do all of them; one that fails does not keep the others from being done.

    Returns what was done. HostError: a line for each one that failed.
    """
    done, failed = [], []
    for step in steps:
        try:
            step.do()
            done.append(step.what)
        except (HostError, CommandError) as error:
            failed += [f"{step.what}: {line}" for line in str(error).splitlines()]
    if failed:
        raise HostError("\n".join(failed))
    return done
