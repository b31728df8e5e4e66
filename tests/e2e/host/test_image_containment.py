"""An image build ends with all that it started: processes, mounts, loop devices, files."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from appliance.image.errors import ImageError
from appliance.image.system.contain import run_contained
from tests.support.waiting import wait_for

# What a build does, in short: a mount, a loop device, a process that stays.
BUILD = """
set -eu
truncate -s 1M "$1/disk"
losetup --find --show "$1/disk"
mkdir "$1/mounted"
mount -t tmpfs tmpfs "$1/mounted"
sleep 3600 &
echo started >"$1/../started"
eval "$2"
"""
OUTER = """
import sys
from pathlib import Path
from appliance.image.system.contain import run_contained
cache = Path(sys.argv[1])
sys.exit(run_contained(sys.argv[2:], cache, cache / "work"))
"""


def command(cache: Path, then: str) -> list[str]:
    return ["sh", "-c", BUILD, "build", str(cache / "work"), then]


def left_behind(cache: Path) -> list[str]:
    """Processes, mounts and loop devices that name the folder, whoever sees them."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        for name in ("cmdline", "mountinfo"):
            try:
                text = (folder / name).read_bytes()
            except OSError:  # it has just ended
                continue
            if str(cache / "work").encode() in text:
                found.append(f"{folder / name}")
    loops = subprocess.run(["losetup", "--list"], capture_output=True, text=True, check=True)
    return found + [line for line in loops.stdout.splitlines() if str(cache) in line]


@pytest.fixture
def cache(tmp_path: Path) -> Iterator[Path]:
    yield tmp_path
    # Whatever a failed test has left: a run that does nothing clears it.
    run_contained(["true"], tmp_path, tmp_path / "work")


def start(cache: Path) -> subprocess.Popen[bytes]:
    outer = [sys.executable, "-c", OUTER, str(cache), *command(cache, "wait")]
    process = subprocess.Popen(outer)
    wait_for((cache / "started").exists, "the build has started")
    assert left_behind(cache)
    return process


@pytest.mark.parametrize(("then", "code"), [("exit 0", 0), ("exit 3", 3)])
def test_a_build_that_ended_left_nothing(cache: Path, then: str, code: int) -> None:
    assert run_contained(command(cache, then), cache, cache / "work") == code
    assert left_behind(cache) == []
    assert not (cache / "work").exists()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_build_that_was_told_to_end_left_nothing(cache: Path, number: signal.Signals) -> None:
    process = start(cache)
    process.send_signal(number)
    assert process.wait() == 128 + number
    assert left_behind(cache) == []
    assert not (cache / "work").exists()


def test_of_a_build_that_was_killed_the_next_one_removes_the_files(cache: Path) -> None:
    process = start(cache)
    process.kill()
    process.wait()
    only_loop = wait_for(
        lambda: [line for line in left_behind(cache) if not line.startswith("/dev/loop")] == [],
        "the kernel has ended the build's processes",
    )
    assert only_loop

    assert run_contained(["true"], cache, cache / "work") == 0
    assert left_behind(cache) == []
    assert not (cache / "work").exists()


def test_two_builds_do_not_share_a_cache(cache: Path) -> None:
    process = start(cache)
    with pytest.raises(ImageError, match="another build works in"):
        run_contained(["true"], cache, cache / "work")
    os.kill(process.pid, signal.SIGTERM)
    process.wait()
