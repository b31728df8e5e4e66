"""``lab up --detach``: the supervisor in a session of its own; its progress is shown until it is
up."""

from __future__ import annotations

import json
import os
import signal
from contextlib import suppress
from pathlib import Path

from appliance.lab import lifecycle, status
from appliance.lab.commands import LabError
from dataplane.base.errors import SecBeatError


def up_detached(wish: lifecycle.Wish, say: lifecycle.Say) -> status.Document:
    """Start an instance and return its status when it is healthy; the supervisor goes on.

    Raises:
        LabError: what the supervisor raised.
    """
    reader, writer = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.close(reader)
        _background(wish, writer)
    os.close(writer)
    with os.fdopen(reader) as messages:
        while True:
            try:
                line = messages.readline()
            except KeyboardInterrupt:
                os.kill(pid, signal.SIGTERM)  # then go on reading: it reports when it is done
                continue
            if not line:
                os.waitpid(pid, 0)
                raise LabError(f"lab {wish.instance.name!r} was ended before it was up")
            message = json.loads(line)
            if "error" in message:
                os.waitpid(pid, 0)
                raise _SupervisorError(message["error"], message["exit_code"])
            if "status" in message:
                document: status.Document = message["status"]
                return document
            say(message["step"])


def _background(wish: lifecycle.Wish, writer: int) -> None:
    """The supervisor's process; never returns."""
    os.setsid()
    null = os.open(os.devnull, os.O_RDWR)
    for descriptor in (0, 1, 2):
        os.dup2(null, descriptor)
    channel = _Channel(writer, wish.instance.logs / "supervisor.log")
    code = 0
    try:
        lifecycle.up(
            wish,
            say=channel.step,
            healthy=lambda document: channel.finish({"status": document}),
        )
    except SecBeatError as error:
        code = error.exit_code
        channel.finish({"error": str(error), "exit_code": code})
    except BaseException as error:
        code = 70
        channel.finish({"error": repr(error), "exit_code": code})
    os._exit(code)


class _SupervisorError(LabError):
    """An error of the supervisor, sent to the parent."""

    def __init__(self, message: str, exit_code: int) -> None:
        super().__init__(message)
        self.exit_code = exit_code


class _Channel:
    """Messages to the waiting parent; after its end, lines of the log."""

    def __init__(self, descriptor: int, log: Path) -> None:
        self._stream = os.fdopen(descriptor, "wb", buffering=0)
        self._is_open = True
        self._log = log

    def step(self, text: str) -> None:
        if self._is_open:
            self._send({"step": text})
        elif self._log.parent.exists():
            with suppress(OSError), self._log.open("a") as log:  # a full disk does not end a lab
                log.write(f"{text}\n")

    def finish(self, message: dict[str, object]) -> None:
        if self._is_open:
            self._send(message)
            self._is_open = False
            self._stream.close()

    def _send(self, message: dict[str, object]) -> None:
        try:
            self._stream.write(json.dumps(message).encode() + b"\n")
        except BrokenPipeError:
            self._is_open = False
            self._stream.close()
            raise KeyboardInterrupt from None  # the waiting parent has ended: so does the lab
