"""Client of the data plane's compile helper, which tests whether patterns can be rules.

The API calls this before it commits a rule; it never compiles one itself. The data plane is not
changed: it gets rules through the state log only.
"""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dataplane.base.errors import DataplaneAwayError
from dataplane.base.process.connecting import connect_waiting
from dataplane.waf.document import ANY
from dataplane.waf.exchange.wire import (
    GROUP_BYTES_MAX,
    GROUP_MAX,
    SOCKET_NAME,
    Decoder,
    WireError,
    encode,
)

__all__ = ["SOCKET_NAME", "Admission", "Candidate", "Compiler", "CompilerAwayError"]

_CONNECT_S = 1.0
_ANSWER_S = 20.0
"""Time limit of a group, without that of its candidates: one in three may run into a limit."""
_CANDIDATE_S = 1.0
_RECEIVE_BYTES = 1 << 16


class CompilerAwayError(DataplaneAwayError):
    """No compile helper answers, or not in time; the rule may be committed without a test."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """A pattern that may become a rule: parsed, with its targets normalised."""

    pattern: str
    targets: tuple[str, ...] = ANY


@dataclass(frozen=True, slots=True)
class Admission:
    """The helper's result for one candidate."""

    refusal: str | None = None
    """The reason for which it can't be a rule, for the operator; None: it can be a rule."""
    position: int | None = None
    """Position of the refused construct in the pattern: a character, from 0."""
    cost_ns: int | None = None
    """Measured on sample traffic, per request; None: it was not measured alone."""
    warnings: tuple[str, ...] = ()
    """Warnings: it is accepted, but may not mean what its author intended."""

    @property
    def is_admitted(self) -> bool:
        """Whether the pattern can be a rule."""
        return self.refusal is None


class Compiler:
    """The client of one helper. Has no state between calls; safe for several threads."""

    def __init__(self, path: Path) -> None:
        """``path``: of `SOCKET_NAME`, beside the control socket of the data plane."""
        self._path = path

    def admit(self, candidates: Sequence[Candidate]) -> list[Admission]:
        """One `Admission` for each candidate, in order; takes up to seconds for each group.

        Raises CompilerAwayError.
        """
        answers: list[Admission] = []
        if not candidates:
            return answers
        with self._connect() as connection:
            for group in _groups(candidates):
                answers += _ask(connection, group)
        return answers

    def _connect(self) -> socket.socket:
        connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        connection.settimeout(_CONNECT_S)
        try:
            connect_waiting(connection, self._path, time.monotonic() + _CONNECT_S)
        except OSError as exc:
            connection.close()
            raise CompilerAwayError(f"no compile helper answers on {self._path}: {exc}") from exc
        return connection


def _groups(candidates: Sequence[Candidate]) -> Iterator[list[Candidate]]:
    group: list[Candidate] = []
    size = 0
    for candidate in candidates:
        more = len(candidate.pattern.encode())
        if group and (len(group) == GROUP_MAX or size + more > GROUP_BYTES_MAX):
            yield group
            group, size = [], 0
        group.append(candidate)
        size += more
    yield group


def _ask(connection: socket.socket, group: Sequence[Candidate]) -> list[Admission]:
    rows = [[candidate.pattern, list(candidate.targets)] for candidate in group]
    allowed_s = _ANSWER_S + _CANDIDATE_S * len(group)
    end = time.monotonic() + allowed_s
    try:
        connection.settimeout(allowed_s)
        connection.sendall(encode({"admit": rows}))
        found = _read_admissions(_receive(connection, end))
    except TimeoutError as exc:
        text = f"the compile helper has not answered about {len(group)} patterns in {allowed_s:g} s"
        raise CompilerAwayError(text) from exc
    except (OSError, WireError) as exc:
        raise CompilerAwayError(f"the compile helper does not answer: {exc}") from exc
    if len(found) != len(group):
        raise CompilerAwayError(f"{len(found)} answers of the compile helper to {len(group)}")
    return found


def _receive(connection: socket.socket, end: float) -> dict[str, Any]:
    """Receive a message in any number of pieces; TimeoutError after ``end``."""
    decoder = Decoder()
    while (message := decoder.next()) is None:
        left_s = end - time.monotonic()
        if left_s <= 0:
            raise TimeoutError
        connection.settimeout(left_s)
        data = connection.recv(_RECEIVE_BYTES)
        if not data:
            raise WireError("it has closed the connection")
        decoder.feed(data)
    return message


def _read_admissions(message: dict[str, Any]) -> list[Admission]:
    if "refused" in message:
        raise WireError(str(message["refused"]))
    try:
        return [
            Admission(refusal, position, cost_ns, tuple(warnings))
            for refusal, position, cost_ns, warnings in message["admitted"]
        ]
    except (KeyError, TypeError, ValueError) as exc:
        raise WireError("an answer of another form") from exc
