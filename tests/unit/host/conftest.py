"""A fake host with three NICs of the kernel's, as a machine has them after it has booted."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from appliance.config import NodeConfig
from appliance.config.resolution import Resolution
from appliance.host.nics import apply
from appliance.host.survey import Survey
from tests.support.fakes.fake_host import FakeHost
from tests.support.fakes.fake_kernel import DEVICES, DRIVERS, FakeKernel, FakeTools

MANAGEMENT, OUTSIDE, INSIDE = "0000:00:02.0", "0000:00:03.0", "0000:00:04.0"
MACS = {MANAGEMENT: "52:54:00:00:01:00", OUTSIDE: "52:54:00:00:01:01", INSIDE: "52:54:00:00:01:02"}
VIRTIO = {"name": "net_virtio", "kmod": "* igb_uio | uio_pci_generic | vfio-pci"} | {
    "pci_ids": [[0x1AF4, 0x1041, 0xFFFF, 0xFFFF]]
}

Configure = Callable[..., NodeConfig]


def bring(kernel: FakeKernel, tools: FakeTools, config: object) -> Resolution:
    """Have the NICs bound as configured."""
    return apply(kernel, config, Survey(kernel, config).plan(), tools)  # type: ignore[arg-type]


def driver(kernel: FakeKernel, address: str) -> str | None:
    """Who has a NIC."""
    return kernel.link_name(f"{DEVICES}/{address}/driver")


@pytest.fixture
def fake(tmp_path: Path) -> FakeHost:
    host = FakeHost(tmp_path / "root")
    host.healthy()
    for address in ("0000:01:00.0", "0000:01:00.1"):
        host.remove_nic(address)
    host.add_pmd("librte_net_virtio", VIRTIO)
    for number, (address, mac) in enumerate(MACS.items()):
        host.add_nic(address, "virtio-pci", "1af4:1041", node=-1)
        host.add_interface_of(address, f"ens{number + 2}", mac, bus=f"virtio{number}")
        host.join_group(address, str(number + 5))
    for driver in ("vfio-pci", "virtio-pci"):
        host.write(f"{DRIVERS}/{driver}/module")
    host.write("/etc/passwd", "root:x:0:0::/root:/bin/sh\nsecbeat-dp:x:995:994::/:/bin/false\n")
    return host


@pytest.fixture
def kernel(fake: FakeHost) -> FakeKernel:
    return FakeKernel(fake.root)


@pytest.fixture
def tools() -> FakeTools:
    return FakeTools()


@pytest.fixture
def configure() -> Configure:
    """A configuration with management nic:0, outside nic:1, inside by MAC."""

    def make(
        outside: str = "nic:1", inside: str = f"mac:{MACS[INSIDE]}", **sections: Any
    ) -> NodeConfig:
        ports = {"outside": {"device": outside}, "inside": {"device": inside}}
        document = {"management": {"nic": "nic:0"}, "ports": ports, **sections}
        return NodeConfig.model_validate(document)

    return make
