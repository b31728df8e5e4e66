"""Provider ``qemu`` with programs that are QEMU's in name and command line alone."""

from __future__ import annotations

import io
import json
import os
import signal
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from appliance.provisioner.qemu import machine, provider
from tests.support.instances.lab import TREE

NODE = "scale-0011aabb-1"
TOKEN = "t" * 43
FLEET = {"url": "https://10.0.2.2:3030", "token": TOKEN, "labels": {"secbeat-job": "x"}}
Ask = Callable[..., dict[str, Any]]

_QEMU = f"""\
#!{sys.executable}
import os, pathlib, sys, time
failure = pathlib.Path(sys.argv[0]).with_name("fail")
if failure.exists():
    sys.exit(failure.read_text())
if os.fork():
    os._exit(0)  # as -daemonize does
os.setsid()
null = os.open(os.devnull, os.O_RDWR)
for descriptor in (0, 1, 2):
    os.dup2(null, descriptor)
while True:
    time.sleep(1000)
"""
_TOOL = """\
#!/bin/sh
echo "$0 $*" >>"$(dirname "$0")/log"
for word in "$@"; do
    case "$word" in */disk.qcow2 | */seed.iso) : >>"$word" ;; esac
done
"""


class Programs:
    """A folder of programs that comes first in PATH."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        for name, text in {
            "qemu-system-x86_64": _QEMU,
            "qemu-img": _TOOL,
            "xorriso": _TOOL,
        }.items():
            file = folder / name
            file.write_text(text)
            file.chmod(0o755)

    def fail(self, words: str) -> None:
        """QEMU says this and does not start."""
        (self.folder / "fail").write_text(words)

    def mend(self) -> None:
        (self.folder / "fail").unlink()


@pytest.fixture
def tmp_path() -> Iterator[Path]:
    """Short, as the path of a socket must be."""
    with tempfile.TemporaryDirectory(prefix="sb-") as folder:
        yield Path(folder)


@pytest.fixture
def programs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Programs:
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", f"{folder}:{os.environ['PATH']}")
    return Programs(folder)


@pytest.fixture
def directory(tmp_path: Path) -> Iterator[Path]:
    """Where nodes are; their processes end with the test."""
    made = tmp_path / "n"
    yield made
    for folder in made.glob("*"):
        for pid in machine.processes(folder):
            os.kill(pid, signal.SIGKILL)


@pytest.fixture
def file(tmp_path: Path, directory: Path) -> Path:
    """A ``qemu.toml`` for two nodes on any machine."""
    (tmp_path / "image.qcow2").touch()
    made = tmp_path / "qemu.toml"
    made.write_text(
        f'image = "{tmp_path}/image.qcow2"\n'
        f'directory = "{directory}"\n'
        f'configuration = "{TREE}/appliance/rootfs/node/usr/share/secbeat/secbeat.toml"\n'
        'accelerator = "tcg"\n'
        "[host]\nnodes = 2\ncpus = 4\nmemory_reserve_mib = 0\ndisk_reserve_gib = 0\n"
    )
    return made


@pytest.fixture
def ask(
    file: Path,
    programs: Programs,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> Ask:
    """Runs the provider; gives the last line of its answer."""

    def run(verb: str, **more: Any) -> dict[str, Any]:
        question = {"protocol": 1, "verb": verb} | more
        monkeypatch.setattr("sys.stdin", io.StringIO(json.dumps(question) + "\n"))
        code = provider.main([str(file)])
        answer: dict[str, Any] = json.loads(capsys.readouterr().out.splitlines()[-1])
        assert (code == 0) == ("result" in answer)
        return answer

    return run
