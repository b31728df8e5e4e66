"""The process above a playbook: answers for it, and ends all of it when nobody waits any more.

``keeper --playbook FILE --roles FOLDER --directory FOLDER --scratch FOLDER -- PROVIDER...``, the
provider's command to run in the directory; the question is the first line of standard input, whose
end cancels.
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
"""Of a line: at most 12 bytes each in JSON, and the provisioner takes 8,192."""


class Asker:
    """Who waits for the answer, by the two pipes of standard input and output."""

    def __init__(self, question: int, output: int) -> None:
        self._question, self._output = question, output
        self._lock = threading.Lock()
        self._is_gone = False

    def is_gone(self) -> bool:
        """Whether nobody waits any more."""
        poll = select.poll()
        poll.register(self._question, select.POLLIN | select.POLLHUP)
        poll.register(self._output, 0)  # errors alone: its reader has gone
        self._is_gone = self._is_gone or bool(poll.poll(0))
        return self._is_gone

    def progress(self, text: str) -> None:
        """A line of progress."""
        self.write({"progress": text[:CHARS_MAX]})

    def write(self, message: dict[str, Any]) -> None:
        """A line; whole, whichever thread says it."""
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
    os.dup2(2, 1)  # what anybody prints is no answer
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
        # What the provider has said itself says more than what Ansible makes of it.
        raise PlaybookError(answers.error or str(failure))
    return answers.result or {}


def _line(descriptor: int) -> bytes:
    """The first line; nothing after it is taken, as its end means something else."""
    line = b""
    while not line.endswith(b"\n"):
        data = os.read(descriptor, 1)
        if not data:
            raise ValueError("no question")
        line += data
    return line


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
