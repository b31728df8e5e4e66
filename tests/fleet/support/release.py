"""Another release than the one in a wheelhouse: the same, but for the end of a module."""

from __future__ import annotations

import hashlib
import os
import shutil
import zipfile
from pathlib import Path

from tests.fleet.support.tree import TREE

WHEELHOUSE = TREE / "build" / "wheelhouse"


def release_with(folder: Path, module: str, text: str, wheelhouse: Path = WHEELHOUSE) -> Path:
    """Make a wheelhouse in ``folder``, which must not be there; ``text`` ends the module."""
    shutil.copytree(wheelhouse, folder, copy_function=os.link)
    (wheel,) = folder.glob("secbeat-*.whl")
    pinned = folder / "requirements.txt"
    requirements, before = pinned.read_text(), _digest(wheel)
    assert before in requirements
    _append(wheel, module, text)
    pinned.unlink()  # it is a link
    pinned.write_text(requirements.replace(before, _digest(wheel)))
    return folder


def _append(wheel: Path, module: str, text: str) -> None:
    changed = wheel.with_suffix(".changed")
    with zipfile.ZipFile(wheel) as old, zipfile.ZipFile(changed, "w") as new:
        assert module in old.namelist()
        for entry in old.infolist():
            content = old.read(entry)
            new.writestr(entry, content + text.encode() if entry.filename == module else content)
    changed.replace(wheel)


def _digest(file: Path) -> str:
    return hashlib.sha256(file.read_bytes()).hexdigest()
