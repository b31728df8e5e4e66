"""Asks the data plane's compile helper whether a pattern can be a rule, before it is committed.

The API compiles nothing itself. While the helper is away, rules are committed without this check,
and the data plane rejects later the ones that it can't compile.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Protocol

from api.common.contract.errors import FieldError, TooManyRequestsError, UnprocessableError
from dataplane.client.compiler import Admission, Candidate, CompilerAwayError

UNDER_WAY_MAX = 4
"""Patterns tested at a time: each occupies a thread of the API for up to seconds."""
UNCHECKED = "not tried before it was committed: no compile helper answers"
LIMIT = "a pattern that the engine compiles and matches within its limits"


class Compiler(Protocol):
    """The used part of `dataplane.client.compiler.Compiler`."""

    def admit(self, candidates: Sequence[Candidate]) -> list[Admission]:
        """One result for each pattern, in order; raises `CompilerAwayError`."""
        ...


class Admissions:
    """Tests single rules; occupies a limited number of the API's threads."""

    def __init__(self, compiler: Compiler) -> None:
        self._compiler = compiler
        self._room = threading.BoundedSemaphore(UNDER_WAY_MAX)

    def check(self, candidate: Candidate) -> tuple[str, ...]:
        """Warnings about a pattern.

        Raises `UnprocessableError`: it can't be a rule; `TooManyRequestsError`: too many patterns
        are being tested.
        """
        with self._place():
            found = self.ask([candidate])
        if found is None:
            return (UNCHECKED,)
        if not found[0].is_admitted:
            raise _refused(candidate, found[0])
        return found[0].warnings

    def ask(self, candidates: Sequence[Candidate]) -> list[Admission] | None:
        """The helper's result for each pattern; None: the helper is away."""
        try:
            return self._compiler.admit(candidates)
        except CompilerAwayError:
            return None

    @contextmanager
    def _place(self) -> Iterator[None]:
        if not self._room.acquire(blocking=False):
            limit = f"{UNDER_WAY_MAX} patterns at once, of all keys"
            message = f"{UNDER_WAY_MAX} other patterns are being tried"
            what = FieldError("pattern", None, limit, message)
            raise TooManyRequestsError(message, errors=[what], retry_after_s=1)
        try:
            yield
        finally:
            self._room.release()


def explained(found: Admission) -> str:
    """The reason of a refused pattern, and its position."""
    where = "" if found.position is None else f" (at position {found.position})"
    return f"{found.refusal}{where}"


def _refused(candidate: Candidate, found: Admission) -> UnprocessableError:
    message = f"pattern: {explained(found)}"
    what = FieldError("pattern", candidate.pattern, LIMIT, message)
    return UnprocessableError(message, errors=[what])
