"""The directories in which the provider ``qemu`` keeps its virtual machines: no part of a backup.

A disk that its machine writes to can't be copied consistently or replaced, and the seed of a
machine contains a token. Configuration files that can't be read name no directory here: the backup
of a host does not depend on them.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

from appliance.config.load import read_document
from appliance.defaults import PROVISIONER_FILE
from appliance.provisioner.qemu.configuration import DIRECTORY
from dataplane.base.errors import ConfigurationError

_COMMAND = "secbeat-provider-qemu"


def directories(etc: Path, state: Path) -> frozenset[Path]:
    """The directories of machines in ``state`` or below it.

    Args:
        etc: the directory of ``provisioner.toml``.
        state: the directory of the provisioner; the default directory is below it.
    """
    configured = (_directory(file) for file in _files(_document(etc / PROVISIONER_FILE.name)))
    below = {one for one in configured if one is not None and one.is_relative_to(state)}
    return frozenset({state / DIRECTORY.name, *below})


def _files(document: dict[str, Any]) -> Iterator[Path]:
    """The ``qemu.toml`` of each provider, as its command line names it."""
    providers = document.get("providers")
    for section in providers.values() if isinstance(providers, dict) else ():
        words = section.get("command") if isinstance(section, dict) else None
        if not isinstance(words, list):
            continue
        directory = Path(str(section.get("directory", "/")))
        for word, file in pairwise(words):
            if Path(str(word)).name == _COMMAND:
                yield directory / str(file)


def _directory(file: Path) -> Path | None:
    found = _document(file).get("directory")
    return Path(found) if isinstance(found, str) else None


def _document(file: Path) -> dict[str, Any]:
    try:
        return read_document(file)
    except ConfigurationError:
        return {}
