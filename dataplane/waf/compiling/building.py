"""Compiles the databases of a job, one for each class of target. Runs in a child of the helper.

A pattern that the engine refuses is left out and reported; any other error ends the build.

When memory is scarce, a class gets several databases, compiled one after the other: compiling needs
memory for each pattern, but each additional database makes every scan more expensive.
"""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from dataplane.native import abi
from dataplane.waf.compiling.admission import cost, unsound
from dataplane.waf.compiling.engine import CompileError, Engine, Expression
from dataplane.waf.compiling.expressions import FLAGS
from dataplane.waf.exchange import image, job
from dataplane.waf.exchange.image import ImageHeader
from dataplane.waf.exchange.job import Member

PARTS_MAX = 4
"""Databases of one class at most."""
PART_RULES_MIN = 2_000
"""Fewer rules are not divided."""
NEEDED_MIB = 64
RULES_PER_MIB = 30
"""Free memory that a build requires: the measured use of a child for so many rules (1.5 GB for
50,000, each with a repeat or an alternative)."""
REFUSED_MAX = 64
"""Patterns that may be left out of one database; with more, the build fails."""


def needed_mib(count: int, parts: int) -> int:
    """Memory to compile so many rules in so many parts."""
    return NEEDED_MIB + -(-count // parts) // RULES_PER_MIB


def parts_for(count: int, free_mib: int) -> int:
    """The smallest number of parts in which so many rules can be compiled; 0: too little memory."""
    choices = range(1, parts_max(count) + 1)
    return next((parts for parts in choices if free_mib >= needed_mib(count, parts)), 0)


def parts_max(count: int) -> int:
    """The largest number of parts for so many rules."""
    return max(1, min(PARTS_MAX, count // PART_RULES_MIN))


def build(engine: Engine, directory: Path, name: bytes, parts: int = 1) -> dict[str, Any]:
    """Compile a job of that directory into files beside it; returns the files and the refused
    slots.

    ``files``: class of target, file name, bytes. ``refused``: slot, message. ``cost_ns``: of the
    most expensive class, on the sample traffic. JobError, OSError, CompileError, NativeError.
    """
    members = job.read(directory, name)
    files: list[list[object]] = []
    refused = _unsound(engine, members)
    dearest_ns = 0
    for target in abi.WafClass:
        meant = [one for one in members if target in one.classes]
        if not meant:
            continue
        class_ns = 0
        for part in range(parts):
            found = directory / image.file_name(name, target, part)
            size, cost_ns = _compile(engine, found, (name, target), meant[part::parts], refused)
            if size:
                files.append([int(target), found.name, size])
                class_ns += cost_ns
        dearest_ns = max(dearest_ns, class_ns)
    return {"files": files, "refused": sorted(refused.items()), "cost_ns": dearest_ns}


def _unsound(engine: Engine, members: Sequence[Member]) -> dict[int, str]:
    """Patterns that are refused alone: compiling a set reports only one of them at a time."""
    refusals = ((one.slot, unsound(engine, one.pattern)) for one in members)
    return {slot: refusal.text for slot, refusal in refusals if refusal is not None}


def _compile(
    engine: Engine,
    path: Path,
    what: tuple[bytes, int],
    members: Sequence[Member],
    refused: dict[int, str],
) -> tuple[int, int]:
    """Size of the database, and its cost in ns; (0, 0): nothing is left to compile."""
    live = [one for one in members if one.slot not in refused]
    for _ in range(REFUSED_MAX):
        if not live:
            return 0, 0
        try:
            with engine.database([_expression(one) for one in live]) as database:
                engine.give_back()
                cost_ns = cost(engine, database)
                data = engine.image(database)
        except CompileError as exc:
            if exc.index < 0:
                raise
            refused[live.pop(exc.index).slot] = str(exc)
        else:
            name, target = what
            crc32 = zlib.crc32(data)
            header = ImageHeader(engine.version, name, target, len(data), crc32, len(live))
            image.write(path, header, data)
            return len(data), cost_ns
    raise CompileError(f"more than {REFUSED_MAX} patterns are refused", -1)


def _expression(member: Member) -> Expression:
    return Expression(member.pattern.encode(), FLAGS, member.slot)
