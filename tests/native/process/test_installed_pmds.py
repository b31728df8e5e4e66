"""The device tables of the DPDK drivers that are installed here."""

from __future__ import annotations

import pytest

from appliance.host.files import Host
from appliance.host.pci import PciId
from appliance.host.pmd import Pmd, installed_pmds


@pytest.fixture(scope="module")
def pmds() -> dict[str, Pmd]:
    return {pmd.name: pmd for pmd in installed_pmds(Host())}


@pytest.mark.parametrize(
    ("name", "device"),
    [
        ("net_virtio", PciId(0x1AF4, 0x1041)),
        ("net_virtio", PciId(0x1AF4, 0x1000)),
        ("net_ixgbe", PciId(0x8086, 0x10FB)),
        ("net_i40e", PciId(0x8086, 0x1572)),
    ],
)
def test_known_devices_are_supported(pmds: dict[str, Pmd], name: str, device: PciId) -> None:
    assert pmds[name].supports(device)
    assert not pmds[name].bifurcated


def test_virtual_drivers_have_no_table(pmds: dict[str, Pmd]) -> None:
    for name in ("net_af_packet", "net_ring", "net_pcap"):
        assert pmds[name].pci_ids == ()


def test_mellanox_stays_with_the_kernel(pmds: dict[str, Pmd]) -> None:
    supporting = [pmd for pmd in pmds.values() if pmd.supports(PciId(0x15B3, 0x1017))]
    assert supporting
    assert all(pmd.bifurcated for pmd in supporting)
