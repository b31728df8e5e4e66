"""First boots of other kinds, both under UEFI and without data NICs, side by side.

One machine is told everything by plain files on a vfat volume; the other, the image for bare metal,
is told nothing, and somebody sits down at its console.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

import pytest

from tests.image.support import expected, inside
from tests.image.support.artifacts import METAL, VIRTUAL, accelerator, image, raw
from tests.image.support.peers import seed
from tests.image.support.peers.taps import OUTSIDE_MAC
from tests.image.support.run import Run
from tests.image.support.vms.machine import MANAGEMENT_MAC, Firmware
from tests.image.support.vms.session import ANSWER_S, Session
from tests.image.support.vms.vm import VM, Plan
from tests.support.waiting import wait_for

STATIC = seed.Network(MANAGEMENT_MAC)


@dataclass(frozen=True)
class Pair:
    """The two machines, switched on together: a boot mostly waits for an emulated CPU."""

    seeded: VM
    bare: VM


@pytest.fixture(scope="module")
def pair(run: Run) -> Iterator[Pair]:
    volume = run.directory / "plain.img"
    seed.write_vfat(volume, seed.plain_files(run.key.public, expected.SECBEAT_TOML, STATIC))
    common: dict[str, Any] = {"firmware": Firmware.UEFI, "accelerator": accelerator(), "cpus": 1}
    plans = (
        Plan(image(VIRTUAL), "seeded", seed=volume, address=STATIC.plain, **common),
        Plan(raw(METAL, run), "bare", image_format="raw", **common),
    )
    with ExitStack() as stack:
        yield Pair(*(stack.enter_context(VM(p, run.directory, run.key, run.name)) for p in plans))


@pytest.fixture(scope="module")
def seeded(pair: Pair) -> VM:
    pair.seeded.wait_until_up()
    return pair.seeded


@pytest.fixture(scope="module")
def host(seeded: VM) -> Any:
    return seeded.host


# --- plain files on a vfat volume


def test_it_was_started_by_uefi(host: Any):
    assert host.file("/sys/firmware/efi").is_directory


def test_the_address_is_the_seeds(host: Any):
    shown = host.check_output("ip -4 -o address show scope global")
    assert [line.split()[3] for line in shown.splitlines()] == [STATIC.address]


def test_the_configuration_is_the_seeds(host: Any):
    assert host.check_output("cat /etc/secbeat/secbeat.toml") == expected.SECBEAT_TOML.strip()


def test_the_administrator_has_the_seeds_key_and_no_password(host: Any, run: Run):
    assert host.check_output("cat /home/admin/.ssh/authorized_keys") == run.key.public
    assert host.check_output("passwd --status admin").split()[1] == "L"


def test_without_data_nics_only_the_packet_path_is_missing(host: Any):
    assert inside.failed_units(host) == {"secbeat-nics.service"}
    running = inside.running_services(host)
    assert running == expected.RUNNING_SERVICES - {"secbeat-dataplane.service"}


def test_why_is_said_in_one_line_that_names_the_remedy(host: Any):
    of_the_unit_itself = "_SYSTEMD_UNIT=secbeat-nics.service _TRANSPORT=stdout"
    lines = host.check_output(f"journalctl -b -q -o cat {of_the_unit_itself}").splitlines()
    assert len(lines) == 1, lines
    assert OUTSIDE_MAC in lines[0]
    assert "`" in lines[0], "the remedy is a command in backticks"


def test_the_api_answers_that_the_node_is_degraded(seeded: VM):
    def degraded() -> bool:
        answer = seeded.api("GET", "/status")
        return answer.status_code == 200 and answer.json()["status"] == "degraded"

    wait_for(degraded, "the status is degraded", ANSWER_S, every_s=1)


def test_a_node_without_a_packet_path_can_be_configured(seeded: VM):
    answer = seeded.api("POST", "/blacklist", json={"ip": "192.0.2.1"})
    assert answer.status_code == 202, answer.text


# --- nothing but the image


@pytest.fixture(scope="module")
def session(pair: Pair) -> Iterator[Session]:
    with pair.bare.console() as console:
        yield Session(console)


def test_bare_metal_can_be_logged_into_at_its_console(session: Session):
    assert session.run("id -un") == expected.ADMINISTRATOR


def test_the_first_login_has_set_a_password(session: Session):
    status = session.run("sudo passwd --status admin")
    assert re.match(r"admin P ", status), status


def test_bare_metal_has_its_own_kernel_and_starts_by_uefi(session: Session):
    assert "cloud" not in session.run("uname -r")
    assert session.run("ls -d /sys/firmware/efi") == "/sys/firmware/efi"


def test_bare_metal_has_an_address_by_dhcp(session: Session):
    assert "10.0.2." in session.run("ip -4 -o address show scope global")


def test_bare_metal_takes_no_password_over_the_network(session: Session):
    settings = session.run("sudo sshd -T | grep -Ei '^(permitempty|password|kbdint)'")
    assert sorted(settings.splitlines()) == [
        "kbdinteractiveauthentication no",
        "passwordauthentication no",
        "permitemptypasswords no",
    ]


def test_machines_of_one_image_share_no_identity(session: Session, seeded: VM):
    files = "/etc/machine-id /etc/ssh/ssh_host_ed25519_key.pub /etc/secbeat/tls/tls.crt"
    files += " /var/lib/secbeat/node-id"
    here = session.run(f"sudo sha256sum {files} | cut -c1-64").split()
    there = seeded.root(f"sha256sum {files} | cut -c1-64").split()
    assert len(here) == len(there) == 4
    assert set(here) & set(there) == set()
