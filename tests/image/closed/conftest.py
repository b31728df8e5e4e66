"""The root of a closed disk, mounted read-only.

While the image is built, SECBEAT_IMAGE_ROOT names the place and SECBEAT_IMAGE_KIND the image. Else
the compressed files in build/image are opened again: what is handed over is what is checked.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from appliance.image.system.disk import root_mounted
from tests.image.support.artifacts import METAL, VIRTUAL, raw
from tests.image.support.run import Run

_GIVEN_ROOT, _GIVEN_KIND = (
    os.environ.get("SECBEAT_IMAGE_ROOT"),
    os.environ.get("SECBEAT_IMAGE_KIND"),
)
collect_ignore = ["test_outputs.py"] if _GIVEN_ROOT else []
"""While the image is built there are no outputs yet."""
KINDS = [_GIVEN_KIND] if _GIVEN_KIND else [VIRTUAL, METAL]


@pytest.fixture(scope="session", params=KINDS)
def kind(request: pytest.FixtureRequest) -> str:
    """Which image."""
    chosen: str = request.param
    return chosen


@pytest.fixture(scope="session")
def root(kind: str, request: pytest.FixtureRequest) -> Iterator[Path]:
    """Where its root file system is mounted."""
    if _GIVEN_ROOT:
        yield Path(_GIVEN_ROOT)
        return
    run: Run = request.getfixturevalue("run")
    disk = raw(kind, run)
    with root_mounted(disk, run.directory / f"{kind}-root", run.commands, "ro,noload") as mounted:
        yield mounted
