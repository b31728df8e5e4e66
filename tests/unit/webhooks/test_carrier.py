"""What is connected to is what was checked, and nothing is when it may not be."""

from __future__ import annotations

import ssl
from collections.abc import Iterator

import pytest

from api.webhooks.carrier import Carrier
from api.webhooks.message import Message
from api.webhooks.targets import Target
from tests.support.clock import FakeClock
from tests.support.servers.receiver import Receiver, receiving

MESSAGE = Message("evt_1", "{}")


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as found:
        yield found


class Rebinding:
    """A name server that first gives a public address, then loopback."""

    def __init__(self, *answers: list[str]) -> None:
        self.answers = list(answers)
        self.asked = 0

    def __call__(self, _host: str, _port: int) -> list[str]:
        self.asked += 1
        return self.answers.pop(0)


def carrier(resolver: Rebinding, *allowed: str) -> Carrier:
    tls = ssl.create_default_context
    return Carrier(lambda: bytes(32), allowed, tls, FakeClock(), resolver)


def test_the_address_that_was_checked_is_the_one_connected_to(receiver: Receiver) -> None:
    """The name leads nowhere; only who uses the resolver's answer arrives."""
    resolver = Rebinding(["127.0.0.1"])
    target = Target.parse(f"http://hooks.invalid:{receiver.port}/", ["hooks.invalid"])
    assert carrier(resolver, "hooks.invalid")(target, MESSAGE, 5).is_delivered
    assert resolver.asked == 1
    assert receiver.got[0].headers["host"] == f"hooks.invalid:{receiver.port}"


def test_a_name_that_turns_to_loopback_is_not_connected_to(receiver: Receiver) -> None:
    target = Target.parse(f"https://hooks.invalid:{receiver.port}/")
    outcome = carrier(Rebinding(["127.0.0.1"]))(target, MESSAGE, 5)
    assert "hooks.invalid is 127.0.0.1, which is not public" in str(outcome.error)
    assert outcome.label == "unreachable"
    assert receiver.got == []


def test_the_next_address_is_tried_when_one_cannot_be_connected_to(receiver: Receiver) -> None:
    resolver = Rebinding(["127.0.0.2", "127.0.0.1"])
    target = Target.parse(f"http://hooks.invalid:{receiver.port}/", ["hooks.invalid"])
    assert carrier(resolver, "hooks.invalid")(target, MESSAGE, 5).is_delivered
    assert len(receiver.got) == 1


def test_a_receiver_without_tls_is_no_https_receiver(receiver: Receiver) -> None:
    target = Target.parse(f"https://127.0.0.1:{receiver.port}/", ["127.0.0.1"])
    outcome = carrier(Rebinding(["127.0.0.1"]), "127.0.0.1")(target, MESSAGE, 5)
    assert not outcome.is_delivered
    assert receiver.got == []


def test_proxies_of_the_environment_are_not_used(
    receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    target = Target.parse(f"http://127.0.0.1:{receiver.port}/", ["127.0.0.1"])
    assert carrier(Rebinding(["127.0.0.1"]), "127.0.0.1")(target, MESSAGE, 5).is_delivered
