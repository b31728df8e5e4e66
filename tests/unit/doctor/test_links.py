"""Whether links can be taken down where that is asked for."""

from __future__ import annotations

import pytest

from appliance.doctor import Status
from tests.support.fakes.fake_host import NIC, OTHER_NIC, FakeHost
from tests.unit.doctor.conftest import Examine

ON = {"loss_forwarding": "on"}
VIRTIO = {"name": "net_virtio", "pci_ids": [[0x1AF4, 0x1041, 65535, 65535]]}


def test_nothing_is_said_where_it_is_off(findings: Examine) -> None:
    assert "links" not in findings()


def test_a_driver_that_can_is_fine(findings: Examine) -> None:
    assert findings(links=ON)["links"].status is Status.OK


@pytest.mark.parametrize("wish", [{"links": ON}, {"drain": {"links": "down"}}])
def test_virtio_cannot_and_is_named(
    fake: FakeHost, findings: Examine, wish: dict[str, object]
) -> None:
    fake.add_pmd("librte_net_virtio", VIRTIO)
    fake.add_nic("0000:05:00.0", "vfio-pci", "1af4:1041")
    ports = {"outside": {"device": NIC}, "inside": {"device": "0000:05:00.0"}}
    found = findings(ports=ports, **wish)["links"]
    assert found.status is Status.WARN
    assert found.what == "the link can't be taken down: inside (net_virtio)"


def test_a_port_that_check_ports_refuses_is_left_to_it(findings: Examine) -> None:
    ports = {"outside": {"device": "0000:09:00.0"}, "inside": {"device": OTHER_NIC}}
    assert findings(ports=ports, links=ON)["links"].status is Status.OK
