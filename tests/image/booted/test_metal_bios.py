"""The image for bare metal starts under a BIOS as well, by its own boot loader."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.image.support.artifacts import METAL, accelerator, raw
from tests.image.support.run import Run
from tests.image.support.vms.machine import Firmware
from tests.image.support.vms.session import Session
from tests.image.support.vms.vm import VM, Plan


@pytest.fixture(scope="module")
def session(run: Run) -> Iterator[Session]:
    plan = Plan(
        raw(METAL, run),
        "bios",
        image_format="raw",
        firmware=Firmware.BIOS,
        accelerator=accelerator(),
        cpus=1,
    )
    with VM(plan, run.directory, run.key, run.name) as machine, machine.console() as console:
        yield Session(console)


def test_it_was_started_by_the_bios(session: Session):
    assert "No such file" in session.run("LC_ALL=C ls -d /sys/firmware/efi")


def test_it_has_the_kernel_and_the_firmware_of_real_machines(session: Session):
    assert "cloud" not in session.run("uname -r")
    assert session.run("ls -d /usr/lib/firmware/bnx2x") == "/usr/lib/firmware/bnx2x"


def test_it_has_an_address_by_dhcp(session: Session):
    assert "10.0.2." in session.run("ip -4 -o address show scope global")
