"""Identifies the inputs of a step by one digest: texts, files, and folders of sources."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path

_SKIPPED_FOLDERS = frozenset({"__pycache__", ".mypy_cache", ".pytest_cache", ".ruff_cache"})
_KEY_LENGTH = 16
_HERE = Path(__file__).parent


def key(*parts: str | Path) -> str:
    """A digest of texts and of files at paths: contents, names below the path, executable bits.

    Files that tools create (bytecode, egg-info) do not count. A missing path counts as missing.
    """
    digest = hashlib.sha256()
    for part in parts:
        digest.update(_text(part) if isinstance(part, str) else _path(part))
    return digest.hexdigest()[:_KEY_LENGTH]


def modules(*names: str) -> list[Path]:
    """Modules of the build, such as ``steps/base``.

    Raises FileNotFoundError if one does not exist: `key` would not notice its changes.
    """
    found = [_HERE / f"{name}.py" for name in names]
    for path in found:
        path.stat()
    return found


def _text(text: str) -> bytes:
    return b"text" + hashlib.sha256(text.encode()).digest()


def _path(path: Path) -> bytes:
    digest = hashlib.sha256(b"path")
    for file in _files(path):
        mode = b"x" if file.stat().st_mode & 0o100 else b"-"
        digest.update(str(file.relative_to(path)).encode() + b"\0" + mode)
        digest.update(hashlib.sha256(file.read_bytes()).digest())
    return digest.digest()


def _files(path: Path) -> Iterator[Path]:
    if path.is_file():
        yield path
        return
    for file in sorted(path.rglob("*")):
        folders = file.relative_to(path).parts[:-1]
        if file.is_file() and not any(_skipped(folder) for folder in folders):
            yield file


def _skipped(folder: str) -> bool:
    return folder in _SKIPPED_FOLDERS or folder.endswith(".egg-info")
