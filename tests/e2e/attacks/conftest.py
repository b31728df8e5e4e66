"""For each module a node with the module's policy, and a receiver of its webhooks."""

from __future__ import annotations

import base64
import os
from collections.abc import Iterator

import pytest

from tests.support.instances.lab import Lab
from tests.support.instances.watcher import Watcher
from tests.support.servers.documented_receiver import DocumentedReceiver, documented_receiver


@pytest.fixture(scope="module")
def receiver(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[DocumentedReceiver, str]]:
    secret = f"whsec_{base64.b64encode(os.urandom(32)).decode()}"
    with documented_receiver(tmp_path_factory.mktemp("receiver"), secret) as found:
        yield found, secret


@pytest.fixture(scope="module")
def lab(receiver: tuple[DocumentedReceiver, str]) -> Iterator[Lab]:
    listening, secret = receiver
    made = Lab("e2e-stories")
    made.down()
    made.up(
        *("--mode", "l7"),
        config=f"""
[connections]
learning_seconds = 0
[webhooks]
enabled = true
endpoints = ["{listening.url}"]
events = ["attack_detected", "attack_ended"]
allow_hosts = ["127.0.0.1"]
secret = "{secret}"
""",
    )
    yield made
    made.down()


@pytest.fixture(scope="module")
def policy(lab: Lab, request: pytest.FixtureRequest) -> None:
    """The module's ``POLICY`` is in force."""
    lab.change("PUT", "/policy", lab.key(), json=request.module.POLICY)


@pytest.fixture
def watcher(lab: Lab, receiver: tuple[DocumentedReceiver, str], policy: None) -> Watcher:
    """Of a node on which nothing goes on any more."""
    made = Watcher(lab, lab.key(), receiver[0])
    made.wait_until_quiet()
    return made
