"""Questions about whole packets, over the control lease."""

from __future__ import annotations

from pathlib import Path

import pytest

from dataplane import client
from dataplane.base.errors import DataplaneAwayError
from dataplane.base.networks import Network
from dataplane.client import PacketQuestion
from dataplane.statelog import StateLogWriter
from tests.native.process.leases.leases_support import DATABASE, put
from tests.support.servers.dataplane import PortlessDataplane, settings, turning

CLIENT, SERVER = Network.parse("192.0.2.1").key, Network.parse("198.51.100.1").key
SYN = PacketQuestion(CLIENT, 6, 443, SERVER)


def test_a_ban_in_force_explains_the_packet_of_its_source(
    dataplane: PortlessDataplane, writer: StateLogWriter, path: Path
) -> None:
    writer.append(1, [put("192.0.2.1"), put("192.0.2.0/24")])
    with client.control(path) as control:
        control.doorbell(1)
        assert control.wait_in_force(DATABASE, 1, 60)
        found = control.explain_packet(SYN, 60)
        names = control.profiles()
    assert found is not None
    assert found.reason == "blacklist"
    assert [str(entry.network) for entry in found.entries] == ["192.0.2.1", "192.0.2.0/24"]
    assert names[found.profile] == "default"


def test_an_answer_that_was_given_up_confuses_no_later_question(tmp_path: Path, path: Path) -> None:
    with PortlessDataplane(settings(path, tmp_path / "state")) as dataplane:
        with turning(dataplane):
            control = client.control(path)
        assert control.explain_packet(SYN, 0.01) is None  # nobody turns
        key = ("blacklist", Network.parse("192.0.2.1"))
        with control, turning(dataplane):
            other = control.explain_packet(PacketQuestion(SERVER, 17, 53, CLIENT), 60)
            assert other is not None
            assert set(control.explain([key], 60)) == {key}  # type: ignore[list-item]


def test_a_question_that_no_client_of_ours_asks_ends_the_lease(
    dataplane: PortlessDataplane, path: Path
) -> None:
    with client.control(path) as control:
        mixed = PacketQuestion(CLIENT, 6, 443, Network.parse("2001:db8::1").key)
        with pytest.raises(DataplaneAwayError):
            control.explain_packet(mixed, 60)
