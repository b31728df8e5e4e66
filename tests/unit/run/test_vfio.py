"""NICs behind an IOMMU: addresses, permissions and locked memory before DPDK starts."""

from __future__ import annotations

import resource
from pathlib import Path

import pytest

from dataplane.base.errors import ConfigurationError
from dataplane.base.settings import DataplaneSettings, PortSettings
from dataplane.run.opening.eal_setup import plan
from dataplane.run.ports.vfio import Vfio

OUTSIDE, INSIDE = "0000:01:00.0", "0000:01:00.1"
SETTINGS = DataplaneSettings(
    outside=PortSettings(OUTSIDE),
    inside=PortSettings("01:00.1"),
    state_log=Path("/nowhere"),
    socket=Path("/nowhere/dataplane.sock"),
)


@pytest.fixture
def vfio(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Vfio:
    """Both NICs bound to vfio-pci, their groups' nodes there; an ordinary user without a limit."""
    found = Vfio(tmp_path / "pci", tmp_path / "dev")
    found.nodes.mkdir()
    for name in ("vfio", "6", "7"):
        (found.nodes / name).touch(0o600)
    for address, group in ((OUTSIDE, "6"), (INSIDE, "7")):
        bind(found, address, "vfio-pci")
        (found.pci / address / "iommu_group").symlink_to(f"../../kernel/iommu_groups/{group}")
    monkeypatch.setattr("os.geteuid", lambda: 995)
    limit(monkeypatch, resource.RLIM_INFINITY)
    return found


def bind(vfio: Vfio, address: str, driver: str | None) -> None:
    link = vfio.pci / address / "driver"
    link.parent.mkdir(parents=True, exist_ok=True)
    link.unlink(missing_ok=True)
    if driver:
        link.symlink_to(f"../../../bus/pci/drivers/{driver}")


def limit(monkeypatch: pytest.MonkeyPatch, soft: int) -> None:
    monkeypatch.setattr("resource.getrlimit", lambda _: (soft, soft))


def arguments(vfio: Vfio) -> str:
    return " ".join(plan(SETTINGS, vfio=vfio).arguments)


def test_behind_an_iommu_no_physical_address_is_needed(vfio: Vfio) -> None:
    assert "--iova-mode va" in arguments(vfio)


@pytest.mark.parametrize("driver", ["uio_pci_generic", "mlx5_core", None])
def test_unless_both_are_behind_it_dpdk_decides(vfio: Vfio, driver: str | None) -> None:
    bind(vfio, INSIDE, driver)
    assert "--iova-mode" not in arguments(vfio)


@pytest.mark.parametrize("node", ["vfio", "6", "7"])
def test_a_device_that_may_not_be_opened_is_told_with_its_remedy(vfio: Vfio, node: str) -> None:
    (vfio.nodes / node).unlink()
    with pytest.raises(ConfigurationError, match=rf"/{node} can't be opened .*secbeat host nics"):
        arguments(vfio)


def test_packet_memory_must_be_pinnable(vfio: Vfio, monkeypatch: pytest.MonkeyPatch) -> None:
    limit(monkeypatch, 64 << 20)
    assert arguments(vfio)
    limit(monkeypatch, (64 << 20) - 1)
    with pytest.raises(ConfigurationError, match="limited to 63 MiB, memory_mib is 64; LimitMEM"):
        arguments(vfio)
    monkeypatch.setattr("os.geteuid", lambda: 0)
    assert arguments(vfio), "root has CAP_IPC_LOCK"
