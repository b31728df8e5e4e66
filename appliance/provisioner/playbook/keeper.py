"""The process above a playbook: passes on its answer, and ends all of its descendants on
cancellation.

``keeper --playbook FILE --roles FOLDER --directory FOLDER --scratch FOLDER -- PROVIDER...``, with
the provider's command, which runs in the directory. The request is the first line of standard
input, whose end cancels.
"""

from __future__ import annotations

import argparse
import json
import os
import select
import sys
import threading
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

from appliance.provisioner.playbook import descendants
from appliance.provisioner.playbook.answers import Answers
from appliance.provisioner.playbook.folder import run_folder
from appliance.provisioner.playbook.run import Playbook, PlaybookError, run
from dataplane.base.errors import SecBeatError

CHARS_MAX = 600
"""Characters of a line: at most 12 bytes each in JSON; the provisioner accepts 8,192 bytes."""


class Asker:
    """The process that waits for the answer, on the pipes of standard input and output."""

    def __init__(self, question: int, output: int) -> None:
        self._question, self._output = question, output
        self._lock = threading.Lock()
        self._is_gone = False

    def is_gone(self) -> bool:
        """Whether the process has ended."""
        poll = select.poll()
        poll.register(self._question, select.POLLIN | select.POLLHUP)
        poll.register(self._output, 0)  # errors only: its reader has ended
        self._is_gone = self._is_gone or bool(poll.poll(0))
        return self._is_gone

    def progress(self, text: str) -> None:
        """A line of progress."""
        self.write({"progress": text[:CHARS_MAX]})

    def write(self, message: dict[str, Any]) -> None:
        """Send a line; always complete, also with several threads."""
        line = json.dumps(message).encode() + b"\n"
        try:
            with self._lock:
                while line:
                    line = line[os.write(self._output, line) :]
        except BrokenPipeError:
            self._is_gone = True


def main(arguments: Sequence[str]) -> int:
    """Returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m appliance.provisioner.playbook.keeper")
    for name in ("playbook", "roles", "directory", "scratch"):
        parser.add_argument(f"--{name}", type=Path, required=True)
    parser.add_argument("provider", nargs="+")
    options = parser.parse_args(arguments)
    provider = (tuple(options.provider), options.directory)
    playbook = Playbook(options.playbook, options.roles, *provider)
    asker = Asker(0, os.dup(1))
    os.dup2(2, 1)  # other output is not part of the answer
    descendants.adopt()
    try:
        result = _run(playbook, options.scratch, _line(0), asker)
    except (SecBeatError, OSError, ValueError, KeyError) as error:
        asker.write({"error": str(error)[:CHARS_MAX] or type(error).__name__})
        return 1
    asker.write({"result": result})
    return 0


def _run(playbook: Playbook, scratch: Path, line: bytes, asker: Asker) -> dict[str, Any]:
    question = json.loads(line)
    with run_folder(scratch) as folder:
        asked = folder / "question.json"
        asked.touch(mode=0o600)
        asked.write_bytes(line)
        variables = {
            "secbeat_scale_action": question["verb"],
            "secbeat_scale_node": question["node"],
            "secbeat_scale_question": str(asked),
            "secbeat_scale_answers": str(folder / "answers"),
        }
        failure: PlaybookError | None = PlaybookError("ansible-runner has failed")
        with closing(Answers(folder / "answers", asker.progress)) as answers:
            try:
                run(playbook, folder, variables, asker.progress, asker.is_gone)
                failure = None
            except PlaybookError as error:
                failure = error
            finally:
                if (failure or asker.is_gone()) and not descendants.end():
                    raise PlaybookError("processes of a run that has ended do not end")
    if answers.error or failure:
        # The provider's own message is more precise than Ansible's.
        raise PlaybookError(answers.error or str(failure))
    if answers.result is None:
        raise PlaybookError("the provider command has ended without a result")
    return answers.result


def _line(descriptor: int) -> bytes:
    """The first line; later bytes are not read, because the end of the input has
    another meaning."""
    line = b""
    while not line.endswith(b"\n"):
        data = os.read(descriptor, 1)
        if not data:
            raise ValueError("no question")
        line += data
    return line


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
