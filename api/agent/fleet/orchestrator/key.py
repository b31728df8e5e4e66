"""The node's own key, ``fleet.key``: made by the node, and sent only to authenticate requests.

During a replacement, the next key lies beside it. Both are valid until the orchestrator has seen a
request with the next one. After a crash the node tries both to find out which one is valid.
"""

from __future__ import annotations

import hashlib
import secrets
import threading
from pathlib import Path

from api.common.files import write_private

_BYTES = 32


class NodeKey:
    """Safe for several threads."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._next = file.with_name(f"{file.name}.next")
        self._lock = threading.Lock()
        self._text: str | None = None

    def text(self) -> str:
        """The key; it is made if there is none. Raises `StorageError`, or OSError if it can't be
        read."""
        with self._lock:
            if self._text is None:
                self._text = _read(self._file) or _make(self._file)
            return self._text

    def sha256(self) -> str:
        """SHA-256 of the key in hexadecimal, as the orchestrator receives it."""
        return digest(self.text())

    @property
    def is_replacing(self) -> bool:
        """Whether a next key exists that has not replaced this one yet."""
        return self._next.exists()

    def make_next(self) -> str:
        """The next key; it is made if there is none. Raises `StorageError`."""
        with self._lock:
            return _read(self._next) or _make(self._next)

    def use_next(self) -> None:
        """Replace this key by the next one. Raises OSError."""
        with self._lock:
            self._next.replace(self._file)
            self._text = None

    def drop_next(self) -> None:
        """Discard the next key. Raises OSError."""
        with self._lock:
            self._next.unlink(missing_ok=True)


def digest(text: str) -> str:
    """SHA-256 of a key, in hexadecimal."""
    return hashlib.sha256(text.encode("ascii")).hexdigest()


def _read(file: Path) -> str | None:
    try:
        return file.read_text(encoding="ascii").strip() or None
    except FileNotFoundError:
        return None


def _make(file: Path) -> str:
    text = secrets.token_urlsafe(_BYTES)
    write_private(file, text + "\n")
    return text
