"""Two hosts, each with an orchestrator and a provisioner of its own, on one PostgreSQL."""

from __future__ import annotations

import tempfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from api.orchestrator.database.upgrade import migrate
from tests.support.cloud_hosts import BOUND_S, Cloud, Host, ended, known
from tests.support.servers.postgres import Postgres
from tests.support.waiting import wait_for


@pytest.fixture
def room() -> Iterator[Path]:
    """Its path is short, as that of a Unix socket must be."""
    with tempfile.TemporaryDirectory(prefix="secbeat-hosts-") as directory:
        yield Path(directory)


@pytest.fixture
def url(postgres: Postgres) -> Iterator[str]:
    made = postgres.make_database(migrate)
    yield made
    postgres.drop_database(made)


def test_a_job_whose_orchestrator_is_killed_is_ended_by_the_other_and_no_node_is_made_twice(
    url: str, room: Path
) -> None:
    cloud = Cloud(room)
    hosts = [Host(url, room / "a", room)]
    try:
        cloud.hold.write_text("-2")
        asked = {"action": "scale_up", "count": 3}
        status, job, _ = hosts[0].server.request("POST", "/scale", asked)
        assert status == 202, job
        first, second, third = job["nodes"]
        wait_for(lambda: cloud.there == [first, second], "the second is half made", BOUND_S)
        hosts.append(Host(url, room / "b", room))
        hosts[0].server.kill()
        cloud.hold.unlink()
        (held,) = [pid for verb, node, pid in cloud.asked if node == second]
        wait_for(lambda: not Path(f"/proc/{held}").exists(), "the provider's run is ended", BOUND_S)
        other = hosts[1].server
        done = ended(other, job["id"])
        assert (done["state"], done["attempt"]) == ("succeeded", 2), done
        assert done["nodes"] == job["nodes"]
        assert cloud.there == sorted(job["nodes"])
        assert known(other) == job["nodes"]
        assert Counter((verb, node) for verb, node, _ in cloud.asked) == {
            ("create", first): 1,
            ("create", second): 2,
            ("destroy", second): 1,
            ("create", third): 1,
        }
        _, job, _ = other.request("POST", "/scale", {"action": "scale_down", "count": 3})
        assert ended(other, job["id"])["state"] == "succeeded"
        assert (cloud.there, known(other)) == ([], [])
    finally:
        for host in hosts:
            host.close()
