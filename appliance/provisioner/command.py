"""Runs a provider's command once: limited in time and output, ended when the client disconnects.

The command has a process group of its own, and gets nothing of this process's environment.
"""

from __future__ import annotations

import os
import selectors
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from api.orchestrator.scaling.protocol import (
    ANSWER_BYTES_MAX,
    LINE_BYTES_MAX,
    OF_A_NODE,
    Verb,
    decode,
)
from dataplane.base.errors import SecBeatError

ENVIRONMENT = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LANG": "C.UTF-8", "HOME": "/"}
END_S = 5.0
"""Time for the command to end after its result."""
_CHUNK_BYTES = 1 << 14
_ROOM_BYTES = ANSWER_BYTES_MAX // 2
"""Less than the client's limit: lines grow when they are encoded again."""

Say = Callable[[str], None]


class ProviderError(SecBeatError):
    """The command failed, or its output is not a valid answer."""


class GoneError(SecBeatError):
    """The client has disconnected."""


@dataclass(frozen=True)
class Carrier:
    """Words before a provider's command, which run a playbook that runs the command."""

    words: tuple[str, ...]
    directory: Path


@dataclass(frozen=True)
class Provider:
    """A command, its directory, and its time limit."""

    name: str
    command: tuple[str, ...]
    directory: Path
    timeout_s: float
    carrier: Carrier | None = None
    """Runs the requests that create and destroy nodes."""

    def run_as(self, verb: Verb) -> tuple[tuple[str, ...], Path]:
        """The words of the command line, and the directory."""
        if self.carrier is None or verb not in OF_A_NODE:
            return self.command, self.directory
        return (*self.carrier.words, *self.command), self.carrier.directory


def run(
    provider: Provider, verb: Verb, question: bytes, asker: socket.socket, say: Say
) -> dict[str, Any]:
    """The command's result; ``say`` gets each line of progress.

    Raises:
        ProviderError: it can't be run, failed, took too long, or printed something else.
        GoneError: the asker has closed the connection.
    """
    end = time.monotonic() + provider.timeout_s
    with _started(provider, verb) as process:
        _write(process, question)
        answer: tuple[str, Any] | None = None
        for line in _lines(provider, process, asker, end):
            if answer is not None:
                raise ProviderError(f"provider {provider.name!r} goes on after its answer")
            kind, said = _decoded(provider, line)
            if kind == "progress":
                say(said)
            else:
                answer = kind, said
        code = _exit_code(provider, process, min(end, time.monotonic() + END_S))
    return _judged(provider, answer, code)


def _judged(provider: Provider, answer: tuple[str, Any] | None, code: int) -> dict[str, Any]:
    if answer is not None and answer[0] == "error":
        raise ProviderError(str(answer[1]))
    if answer is None or code != 0:
        what = "without a result" if answer is None else "after its result"
        raise ProviderError(f"provider {provider.name!r} ended with exit code {code} {what}")
    result: dict[str, Any] = answer[1]
    return result


@contextmanager
def _started(provider: Provider, verb: Verb) -> Iterator[subprocess.Popen[bytes]]:
    words, directory = provider.run_as(verb)
    try:
        process = subprocess.Popen(
            words,
            cwd=directory,
            env=ENVIRONMENT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            process_group=0,
        )
    except OSError as exc:
        raise ProviderError(f"provider {provider.name!r} can't be run: {exc}") from exc
    try:
        yield process
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)  # before it is reaped: the group still exists
        process.wait()
        for stream in (process.stdin, process.stdout):
            if stream is not None:
                with suppress(OSError):
                    stream.close()


def _write(process: subprocess.Popen[bytes], question: bytes) -> None:
    """Does not block: a request is smaller than a pipe."""
    stream = _stream(process.stdin)
    with suppress(BrokenPipeError):
        stream.write(question)
        stream.flush()
    with suppress(BrokenPipeError):
        stream.close()


def _lines(
    provider: Provider, process: subprocess.Popen[bytes], asker: socket.socket, end: float
) -> Iterator[bytes]:
    output = _stream(process.stdout)
    rest, size = b"", 0
    with selectors.DefaultSelector() as selector:
        selector.register(output, selectors.EVENT_READ)
        selector.register(asker, selectors.EVENT_READ)
        while data := _next(provider, selector, asker, output, end):
            size += len(data)
            *lines, rest = (rest + data).split(b"\n")
            longest = max(map(len, (*lines, rest)))
            if size > _ROOM_BYTES or longest > LINE_BYTES_MAX // 2:
                raise ProviderError(
                    f"provider {provider.name!r} prints more than {_ROOM_BYTES} bytes, "
                    f"or {LINE_BYTES_MAX // 2} in a line"
                )
            yield from lines
    if rest:
        yield rest


def _next(
    provider: Provider,
    selector: selectors.BaseSelector,
    asker: socket.socket,
    output: IO[bytes],
    end: float,
) -> bytes:
    """New output; empty: there will be no more."""
    ready = {key.fileobj for key, _ in selector.select(max(0.0, end - time.monotonic()))}
    if not ready:
        raise ProviderError(
            f"provider {provider.name!r} did not end within {provider.timeout_s:.0f} s"
        )
    if asker in ready:
        raise GoneError("who asked has gone")
    return os.read(output.fileno(), _CHUNK_BYTES)


def _exit_code(provider: Provider, process: subprocess.Popen[bytes], end: float) -> int:
    """Wait without reaping, so that the group can still be killed."""
    descriptor = os.pidfd_open(process.pid)
    try:
        with selectors.DefaultSelector() as selector:
            selector.register(descriptor, selectors.EVENT_READ)
            if not selector.select(max(0.0, end - time.monotonic())):
                raise ProviderError(f"provider {provider.name!r} does not end after its answer")
        found = os.waitid(os.P_PIDFD, descriptor, os.WEXITED | os.WNOWAIT)
    finally:
        os.close(descriptor)
    assert found is not None  # noqa: S101 - it has ended
    return found.si_status if found.si_code == os.CLD_EXITED else -found.si_status


def _decoded(provider: Provider, line: bytes) -> tuple[str, Any]:
    try:
        return decode(line)
    except ValueError as exc:
        raise ProviderError(f"provider {provider.name!r} prints {exc}") from exc


def _stream(stream: IO[bytes] | None) -> IO[bytes]:
    if stream is None:
        raise ValueError("not a pipe")
    return stream
