"""A node that comes back: alone, and with an older database."""

from __future__ import annotations

import shutil
from collections.abc import Iterator

import pytest

from tests.support.instances.lab import Lab
from tests.support.instances.processes import Processes
from tests.support.waiting import wait_for

SOURCE = "198.18.0.1"
ORIGIN = "http://198.19.0.1/"


@pytest.fixture
def node() -> Iterator[Processes]:
    with Processes(Lab("e2e-alone")) as made:
        made.start("nginx", "dataplane", "api")
        yield made


def reaches(lab: Lab) -> bool:
    return lab.curl(ORIGIN).returncode == 0


def is_stopped(lab: Lab) -> bool:
    return lab.curl(ORIGIN, timeout_s=1).returncode != 0


def ban(lab: Lab, address: str) -> None:
    lab.change("POST", "/blacklist", json={"ip": address})


def test_a_data_plane_started_alone_knows_its_lists(node: Processes):
    ban(node.lab, SOURCE)
    node.stop("api", "dataplane")
    node.start("dataplane")
    assert is_stopped(node.lab)
    node.start("api")
    node.lab.change("DELETE", f"/blacklist/{SOURCE}")
    assert reaches(node.lab)


def test_a_restored_older_database_is_what_counts(node: Processes):
    lab = node.lab
    ban(lab, "192.0.2.1")
    node.stop("api")
    database = lab.instance.state_dir / "api" / "node.db"
    shutil.copy2(database, database.with_suffix(".backup"))
    node.start("api")
    ban(lab, SOURCE)
    assert is_stopped(lab)
    node.stop("api")
    shutil.copy2(database.with_suffix(".backup"), database)
    shutil.chown(database, "secbeat", "secbeat")
    node.start("api")
    wait_for(lambda: not is_stopped(lab), "the ban that the older database does not know is gone")
    ban(lab, SOURCE)
    assert is_stopped(lab)
    assert lab.api("GET", "/blacklist/192.0.2.1").json()["state"] == "in_force"
