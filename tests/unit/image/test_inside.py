"""Questions to a machine whose answers need no machine."""

from __future__ import annotations

import mmap
import os
import subprocess
from pathlib import Path
from typing import Any

from tests.image.support import inside


class Here:
    """This machine as a host of testinfra, with this process as the one of the unit."""

    def check_output(self, _command: str) -> str:
        return f"Id=a.service\nMainPID={os.getpid()}\n\nId=b.service\nMainPID=0\n"

    def run(self, command: str) -> Any:
        done = subprocess.run(["sh", "-c", command], check=False)
        return type("Result", (), {"succeeded": done.returncode == 0})


def test_a_process_on_a_removed_file_is_found(tmp_path: Path) -> None:
    file = tmp_path / "library.so"
    file.write_bytes(bytes(mmap.PAGESIZE))
    units = ("a.service", "b.service")
    with file.open("rb") as opened, mmap.mmap(opened.fileno(), 0, prot=mmap.PROT_READ):
        assert inside.on_removed_files(Here(), units, str(tmp_path)) == set()
        file.unlink()
        assert inside.on_removed_files(Here(), units, str(tmp_path)) == {"a.service"}
        assert inside.on_removed_files(Here(), units, "/opt/secbeat") == set()
