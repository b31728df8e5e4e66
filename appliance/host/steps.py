"""A step of configuring the host: a description, and a function."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from appliance.commands import CommandError
from appliance.host.files import HostError


@dataclass(frozen=True)
class Step:
    """A description, and a function that performs it or raises HostError or CommandError."""

    what: str
    do: Callable[[], None]


def carry_out(steps: Iterable[Step]) -> list[str]:
    """Perform all steps; after a failed one the others are still performed.

    Returns the descriptions of the performed steps. HostError: a line for each failed one.
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
