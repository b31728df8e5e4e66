"""The run that every machine and every disk of these tests belongs to."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator

import pytest

from tests.image.support.run import Run, exit_on_sigterm, new_run


@pytest.fixture(scope="session")
def run() -> Iterator[Run]:
    """Nothing of it stays."""
    if os.geteuid() != 0:
        pytest.exit("the image tests make namespaces and mounts: run 'make image-test'", 1)
    exit_on_sigterm()
    with new_run() as made:
        yield made


@pytest.fixture
def say(capsys: pytest.CaptureFixture[str]) -> Callable[[str], None]:
    """Print a measurement, also when the test passes."""

    def uncaptured(text: str) -> None:
        with capsys.disabled():
            print(f"\n    {text}", flush=True)

    return uncaptured
