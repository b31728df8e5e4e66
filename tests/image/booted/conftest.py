"""One machine for all tests that leave it as they found it, and then for those that do not.

A boot takes a minute or more where machines are emulated, so tests share it; the order of the
modules is fixed, and those that hurt the machine come last.
"""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from tests.image.support.artifacts import VIRTUAL, accelerator, image
from tests.image.support.expected import NOT_FOR_THE_NETWORK, SECBEAT_TOML
from tests.image.support.peers import seed
from tests.image.support.peers.outside import Outside
from tests.image.support.peers.outside import outside as outside_of
from tests.image.support.peers.taps import Wire
from tests.image.support.run import Run
from tests.image.support.vms.machine import Firmware
from tests.image.support.vms.vm import (
    API_PORT,
    BOOT_S,
    FLEET_PORT,
    METRICS_PORT,
    SSH_PORT,
    VM,
    Plan,
)

_HERE = Path(__file__).parent
MODULES = (
    "test_nothing_stays",
    "test_boot",
    "test_inside",
    "test_management",
    "test_data_path",
    "test_fleet",
    "test_flood",
    "test_waf",
    "test_kills",
    "test_upgrade",
    "test_power_cut",
    "test_first_boots",
    "test_metal_bios",
)
TEST_TIMEOUT_S = 1500
"""Above the bounds of the waits in one test; the first test of a machine waits for its boot."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put this folder's modules in order."""
    own = [item for item in items if item.path.parent == _HERE]
    own.sort(key=lambda item: MODULES.index(item.path.stem))
    items[:] = [item for item in items if item.path.parent != _HERE] + own
    for item in own:
        if item.get_closest_marker("timeout") is None:
            item.add_marker(pytest.mark.timeout(TEST_TIMEOUT_S))


@pytest.fixture(scope="session")
def wire(run: Run) -> Iterator[Wire]:
    """Client and origin, and the two NICs between them."""
    with Wire(run.peers) as made:
        yield made


@pytest.fixture(scope="session")
def outside(run: Run) -> Iterator[Outside]:
    """An orchestrator and a receiver of webhooks, neither in a machine."""
    with outside_of(run.directory / "outside", run.name) as made:
        yield made


@pytest.fixture(scope="session")
def configuration(outside: Outside) -> str:
    """The ``secbeat.toml`` of the machine."""
    return SECBEAT_TOML + outside.configuration


@pytest.fixture(scope="session")
def booted(
    run: Run, wire: Wire, outside: Outside, configuration: str
) -> Iterator[tuple[VM, Future[float]]]:
    """A machine under BIOS, seeded by cloud-init's files, its boot over; and its first page."""
    volume = run.directory / "node.iso"
    key = run.key.public
    files = seed.cloud_init_files("image-test", key, configuration, more=outside.files)
    seed.write_iso(volume, files)
    plan = Plan(
        image(VIRTUAL),
        "node",
        firmware=Firmware.BIOS,
        accelerator=accelerator(),
        seed=volume,
        data_nics=wire.nics,
        guest_ports=(SSH_PORT, API_PORT, METRICS_PORT, FLEET_PORT, *NOT_FOR_THE_NETWORK),
    )
    with VM(plan, run.directory, run.key, run.name) as machine, ThreadPoolExecutor(1) as pool:
        first_page = pool.submit(wire.first_page_s, BOOT_S)
        machine.wait_until_up()
        yield machine, first_page


@pytest.fixture(scope="session")
def node(booted: tuple[VM, Future[float]]) -> VM:
    """The machine."""
    return booted[0]


@pytest.fixture(scope="session")
def host(node: VM) -> Any:
    """The machine for testinfra, as root."""
    return node.host
