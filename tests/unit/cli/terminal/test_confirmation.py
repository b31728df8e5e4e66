"""Only yes goes on; no is exit code 1, and Ctrl-C and Ctrl-D are an interruption."""

from __future__ import annotations

import os
import pty
import subprocess
import sys
from contextlib import suppress

import pytest

ASK = "from appliance.cli.terminal.confirmation import confirm; import typer\n"
ASK += (
    "app = typer.Typer()\n@app.command()\ndef ask():\n    confirm('Really?')\n    print('done')\n"
)
ASK += "app()"


@pytest.mark.parametrize(
    ("typed", "code", "said"),
    [
        (b"y\n", 0, "done"),
        (b"YES\n", 0, "done"),
        (b"n\n", 1, "nothing is changed"),
        (b"\n", 1, "nothing is changed"),
        (b"\x03", 130, "nothing is changed"),
        (b"\x04", 130, "nothing is changed"),
    ],
)
def test_answers(typed: bytes, code: int, said: str) -> None:
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        ["setsid", "--ctty", sys.executable, "-c", ASK], stdin=theirs, stdout=theirs, stderr=theirs
    )
    os.close(theirs)
    text = b""
    try:
        while b"Really? [y/N]: " not in text:
            text += os.read(ours, 4096)
        os.write(ours, typed)
        with suppress(OSError):  # EIO: the process has ended
            while part := os.read(ours, 4096):
                text += part
        assert process.wait(60) == code
    finally:
        process.kill()
        process.wait()
        os.close(ours)
    assert said in text.decode()
    assert "Abort" not in text.decode()
