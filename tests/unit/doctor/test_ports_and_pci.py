"""NICs, IOMMU, modules, the two data ports."""

from __future__ import annotations

import shutil

import pytest

from appliance.doctor import Status
from appliance.host.files import Host
from appliance.host.pci import PciId
from appliance.host.pmd import installed_pmds, package_of, pmd_of_vdev, read_pmds
from tests.support.fakes.fake_host import AF_PACKET, IXGBE, MLX5, NIC, OTHER_NIC, FakeHost
from tests.unit.doctor.conftest import Examine

RELEASE = "/lib/modules/6.1.0-1-amd64"


def virtual(device: str, mtu: int = 1500) -> dict[str, dict[str, object]]:
    return {"outside": {"device": device, "mtu": mtu}, "inside": {"device": OTHER_NIC}}


def test_a_nic_is_shown_with_what_drives_it(fake: FakeHost, findings: Examine) -> None:
    found = findings()[f"nic {NIC}"]
    assert found.what == "8086:10fb, driver vfio-pci, NUMA node 0, DPDK net_ixgbe"
    fake.add_nic("0000:05:00.0", None, "10ec:8139", node=-1)
    fake.write("/sys/bus/pci/devices/0000:05:00.0/net/eth7/mtu", "1500")
    other = findings()["nic 0000:05:00.0"]
    assert other.status is Status.WARN
    assert other.what == "10ec:8139, driver none, interface eth7, DPDK does not support it"
    assert other.why.endswith("its kernel interface can be a virtual port")


def test_a_nic_without_driver_and_interface_is_not_offered(
    fake: FakeHost, findings: Examine
) -> None:
    fake.add_nic("0000:05:00.0", None, "10ec:8139")
    found = findings()["nic 0000:05:00.0"]
    assert found.status is Status.WARN
    assert found.why.endswith("this kernel shows no interface of it: take another NIC")
    assert found.command is None


def test_the_interface_of_a_virtio_nic_is_found(fake: FakeHost, findings: Examine) -> None:
    fake.add_nic("0000:05:00.0", "virtio-pci", "1af4:1041")
    fake.write("/sys/bus/pci/devices/0000:05:00.0/virtio3/net/ens5/mtu", "1500")
    assert "interface ens5" in findings()["nic 0000:05:00.0"].what


def test_other_pci_devices_are_no_nics(fake: FakeHost, findings: Examine) -> None:
    fake.write("/sys/bus/pci/devices/0000:00:02.0/class", "0x030000")
    assert "nic 0000:00:02.0" not in findings()


def test_a_host_without_pci_can_have_virtual_ports(fake: FakeHost, findings: Examine) -> None:
    shutil.rmtree(fake.root / "sys/bus")
    assert findings(config=False)["nics"].status is Status.OK


@pytest.mark.parametrize(
    ("bound", "wanted", "command"),
    [
        ("vfio-pci", "vfio-pci", None),
        ("uio_pci_generic", "uio_pci_generic", None),
        ("uio_pci_generic", "vfio-pci", "secbeat host nics"),
        ("ixgbe", "vfio-pci", "secbeat host nics"),
        (None, "uio_pci_generic", "secbeat host nics"),
    ],
)
def test_a_pci_port_must_be_bound_as_configured(
    fake: FakeHost, findings: Examine, bound: str | None, wanted: str, command: str | None
) -> None:
    shutil.rmtree(fake.root / f"sys/bus/pci/devices/{NIC}")
    fake.add_nic(NIC, bound)
    found = findings(dataplane={"nic_driver": wanted})["port outside"]
    assert found.status is (Status.FAIL if command else Status.OK)
    assert found.command == command


def test_vfio_pci_without_an_iommu_fails(fake: FakeHost, findings: Examine) -> None:
    fake.without_iommu()
    found = findings()["port outside"]
    assert found.status is Status.FAIL
    assert "is behind no IOMMU" in found.what
    assert findings(dataplane={"nic_driver": "uio_pci_generic"})["iommu"].status is Status.WARN


def test_a_port_named_by_order_or_mac_is_found(fake: FakeHost, findings: Examine) -> None:
    assert NIC in findings(ports=virtual("nic:0"))["port outside"].what
    fake.add_nic(NIC, "ixgbe")
    fake.add_interface_of(NIC, "eth0", "52:54:00:00:01:01")
    found = findings(ports=virtual("mac:52:54:00:00:01:01"))["port outside"]
    assert (found.status, found.command) == (Status.FAIL, "secbeat host nics")
    other = findings(ports=virtual("mac:52:54:00:00:01:02"))["port outside"]
    assert "no NIC shows this MAC address" in other.what


def test_a_bifurcated_driver_stays_with_the_kernel(fake: FakeHost, findings: Examine) -> None:
    fake.add_pmd("librte_net_mlx5", MLX5)
    fake.add_nic(NIC, "mlx5_core", "15b3:1017")
    assert findings()["port outside"].status is Status.OK
    fake.add_nic(NIC, "vfio-pci", "15b3:1017")
    found = findings()["port outside"]
    assert found.status is Status.FAIL
    assert "through the kernel's own" in found.why


def test_a_port_that_is_not_there_fails(findings: Examine) -> None:
    found = findings(ports=virtual("0000:77:00.0"))["port outside"]
    assert found.status is Status.FAIL
    assert found.what == 'ports.outside.device = "0000:77:00.0": 0000:77:00.0 is not there'


def test_a_port_without_a_dpdk_driver_fails(fake: FakeHost, findings: Examine) -> None:
    fake.add_nic(NIC, "8139too", "10ec:8139")
    fake.write(f"/sys/bus/pci/devices/{NIC}/net/eth7/mtu", "1500")
    found = findings()["port outside"]
    assert found.status is Status.FAIL
    assert found.command == 'device = "net_af_packet0,iface=eth7"'


def test_ports_on_two_numa_nodes_are_warned_of(fake: FakeHost, findings: Examine) -> None:
    assert "ports" not in findings()
    fake.add_nic(OTHER_NIC, "vfio-pci", node=1)
    found = findings()["ports"]
    assert (found.status, found.what) == (
        Status.WARN,
        "outside on NUMA node 0, inside on NUMA node 1",
    )


@pytest.mark.parametrize(
    ("flags", "mtu", "status", "command"),
    [
        (0x1003, 1500, Status.OK, None),
        (0x1003, 1400, Status.WARN, "ip link set dev e0 mtu 1500"),
        (0x1002, 1500, Status.WARN, "ip link set dev e0 up"),
    ],
)
def test_a_virtual_port_wants_its_interface_up(
    fake: FakeHost,
    findings: Examine,
    flags: int,
    mtu: int,
    status: Status,
    command: str | None,
) -> None:
    fake.add_interface("e0", flags, mtu)
    found = findings(ports=virtual("net_af_packet0,iface=e0"))["port outside"]
    assert (found.status, found.command) == (status, command)


def test_a_virtual_port_without_its_interface_fails(findings: Examine) -> None:
    found = findings(ports=virtual("eth_af_packet0,iface=e0"))["port outside"]
    assert (found.status, found.what) == (Status.FAIL, "interface e0 is not there")


def test_a_virtual_device_without_interface_needs_none(fake: FakeHost, findings: Examine) -> None:
    fake.add_pmd("librte_net_ring", {"name": "net_ring", "pci_ids": []})
    assert findings(ports=virtual("net_ring0"))["port outside"].status is Status.OK


def test_a_virtual_port_without_driver_names_the_package(findings: Examine) -> None:
    found = findings(ports=virtual("net_af_xdp3,iface=e0"))["port outside"]
    assert found.status is Status.FAIL
    assert found.command == "apt-get install librte-net-af-xdp23"


def test_iommu_matters_for_pci_ports_only(fake: FakeHost, findings: Examine) -> None:
    fake.without_iommu()
    assert findings(config=False)["iommu"].status is Status.OK
    found = findings()["iommu"]
    assert found.status is Status.WARN
    assert "firmware" in (found.command or "")
    fake.write("/proc/cmdline", "quiet")
    assert "intel_iommu=on iommu=pt" in (findings()["iommu"].command or "")
    fake.write("/proc/cpuinfo", "vendor_id : AuthenticAMD\n")
    assert "'iommu=pt'" in (findings()["iommu"].command or "")


@pytest.mark.parametrize("place", ["modules.dep", "modules.builtin"])
def test_a_module_may_be_available_and_not_loaded(
    fake: FakeHost, findings: Examine, place: str
) -> None:
    shutil.rmtree(fake.root / "sys/module")
    fake.write(f"{RELEASE}/{place}", "kernel/drivers/vfio/pci/vfio-pci.ko.xz: x\n")
    found = findings()
    assert (found["vfio-pci"].status, found["vfio-pci"].command) == (
        Status.WARN,
        "modprobe vfio-pci",
    )
    assert found["uio_pci_generic"].what == "not in this kernel"
    assert findings(config=False)["vfio-pci"].status is Status.OK


def test_driver_tables_are_read_from_elf(fake: FakeHost) -> None:
    fake.add_pmd("librte_net_two", IXGBE | {"name": "net_a"}, AF_PACKET | {"name": "net_b"})
    names = [pmd.name for pmd in installed_pmds(Host(fake.root))]
    assert names == ["net_a", "net_af_packet", "net_b", "net_ixgbe"]


@pytest.mark.parametrize("size", [0, 4, 63, 64, 100, 200, 300])
def test_a_library_cut_short_has_no_drivers(fake: FakeHost, size: int) -> None:
    path = next(iter((fake.root / "usr/lib").glob("*/dpdk/*/librte_net_ixgbe.so.23.0")))
    path.write_bytes(path.read_bytes()[:size])
    assert read_pmds(path) == []


@pytest.mark.parametrize("info", [{}, {"name": "x", "pci_ids": 5}, {"pci_ids": []}])
def test_a_driver_string_of_another_shape_is_left_out(
    fake: FakeHost, info: dict[str, object]
) -> None:
    fake.add_pmd("librte_net_odd", info)
    assert "x" not in [pmd.name for pmd in installed_pmds(Host(fake.root))]


def test_subsystem_ids_narrow_a_table() -> None:
    device = PciId(0x8086, 1, 0x103C, 7)
    assert PciId(0x8086, 1).supports(device)
    assert PciId(0x8086, 1, 0x103C).supports(device)
    assert not PciId(0x8086, 1, 0x1028).supports(device)
    assert not PciId(0x8086, 2).supports(device)


def test_the_longest_driver_name_is_a_vdevs(fake: FakeHost) -> None:
    fake.add_pmd("librte_net_virtio", AF_PACKET | {"name": "net_virtio"})
    fake.add_pmd("librte_net_user", AF_PACKET | {"name": "net_virtio_user"})
    pmds = installed_pmds(Host(fake.root))
    found = pmd_of_vdev("net_virtio_user0", pmds)
    assert found is not None
    assert found.name == "net_virtio_user"
    assert pmd_of_vdev("net_none0", pmds) is None


def test_packages_are_named_as_debian_does() -> None:
    assert package_of("librte_net_af_packet", "25") == "librte-net-af-packet25"
    assert package_of("librte_net_e1000", "23") == "librte-net-e1000-23"
