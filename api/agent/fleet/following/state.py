"""``fleet.json``: the progress of each part, kept over restarts."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import structlog

from api.agent.fleet.following.part import Applied
from api.common.disk import StorageError
from api.common.files import write_private

VERSION = 1

log = structlog.get_logger("agent.fleet")


@dataclass(frozen=True)
class Progress:
    """The progress of one part."""

    before: Applied | None = None
    """The last result that was put in force."""
    said: Applied | None = None
    """The result for the newest wanted number."""
    asked: tuple[str, int] | None = None
    """Epoch and number of the newest wanted state."""


class StateFile:
    """The file, used by the follower's thread only."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._written = ""
        self._is_failing = False

    def load(self) -> tuple[bool, dict[str, Progress]]:
        """Whether the node is registered, and the progress by part. An invalid file counts as
        empty."""
        try:
            text = self._file.read_text(encoding="utf-8")
            found = json.loads(text)
            is_registered, parts = _read(found)
        except FileNotFoundError:
            return False, {}
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            log.warning("everything is fetched again", file=str(self._file), why=repr(error))
            return False, {}
        self._written = text
        return is_registered, parts

    def save(self, is_registered: bool, parts: Mapping[str, Progress]) -> None:
        """Write the state if it has changed. A failed write is logged once and tried again."""
        document = {
            "version": VERSION,
            "registered": is_registered,
            "parts": {name: asdict(each) for name, each in parts.items()},
        }
        text = json.dumps(document, indent=1) + "\n"
        if text == self._written:
            return
        try:
            write_private(self._file, text)
        except StorageError as error:
            if not self._is_failing:
                log.warning("fleet state not written", why=str(error))
            self._is_failing = True
        else:
            self._written, self._is_failing = text, False


def _read(found: dict[str, Any]) -> tuple[bool, dict[str, Progress]]:
    if found["version"] != VERSION:
        raise ValueError(f"version {found['version']} is not {VERSION}")
    parts = {name: _progress(each) for name, each in found["parts"].items()}
    return bool(found["registered"]), parts


def _progress(found: dict[str, object]) -> Progress:
    before, said, asked = found["before"], found["said"], found["asked"]
    return Progress(
        None if before is None else Applied(**before),  # type: ignore[arg-type]
        None if said is None else Applied(**said),  # type: ignore[arg-type]
        None if asked is None else (str(asked[0]), int(asked[1])),  # type: ignore[index]
    )
