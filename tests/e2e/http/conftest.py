"""Inspection is on, a rule is in force, and an origin keeps what it gets."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support.http_peers.inspection import (
    MARKER,
    RECORDED,
    UNSEEN,
    add_rule,
    delete_rule,
    policy,
    put,
)
from tests.support.http_peers.recorder import Recorder, recorder
from tests.support.http_peers.servers import Servers, servers
from tests.support.instances.lab import Lab


@pytest.fixture(scope="module")
def rule(lab: Lab, key: str) -> Iterator[str]:
    """Of the marker; the policy inspects."""
    put(lab, key, policy())
    added = add_rule(lab, key, MARKER.decode(), severity="high", name="the marker")
    yield added
    delete_rule(lab, key, added)
    put(lab, key, {"name": "default"})


@pytest.fixture(scope="module")
def recording(lab: Lab) -> Iterator[Recorder]:
    """An origin on both of its ports."""
    with recorder(lab, RECORDED, UNSEEN) as made:
        yield made


@pytest.fixture
def origin(recording: Recorder) -> Recorder:
    """It has seen nothing."""
    recording.clear()
    return recording


@pytest.fixture(scope="module")
def real(lab: Lab, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Servers]:
    """nginx, Apache, Gunicorn and HAProxy."""
    with servers(lab, tmp_path_factory.mktemp("servers")) as made:
        yield made
