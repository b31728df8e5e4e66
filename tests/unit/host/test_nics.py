"""`secbeat host nics`: finds the NICs, binds them, writes ports.json, or says why not."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from appliance.host.files import HostError
from appliance.host.nics import wait_for_drivers
from appliance.host.survey import Survey
from tests.support.fakes.fake_host import IXGBE, MLX5, PMDS, FakeHost
from tests.support.fakes.fake_kernel import DEVICES, DRIVERS, FakeKernel, FakeTools
from tests.unit.host.conftest import (
    INSIDE,
    MACS,
    MANAGEMENT,
    OUTSIDE,
    Configure,
    bring,
    driver,
)

PORTS = "/run/secbeat-nics/ports.json"


def complaint(kernel: FakeKernel, config: object) -> str:
    with pytest.raises(HostError) as caught:
        Survey(kernel, config).plan()  # type: ignore[arg-type]
    line = str(caught.value)
    assert "\n" not in line
    assert caught.value.exit_code == 1
    return line


def test_the_data_nics_are_bound_and_the_management_nic_is_left(
    kernel: FakeKernel, tools: FakeTools, configure: Configure
) -> None:
    bring(kernel, tools, configure())
    assert {address: driver(kernel, address) for address in MACS} == {
        MANAGEMENT: "virtio-pci",
        OUTSIDE: "vfio-pci",
        INSIDE: "vfio-pci",
    }


def test_what_was_found_is_written_for_the_data_plane(
    kernel: FakeKernel, tools: FakeTools, configure: Configure
) -> None:
    found = bring(kernel, tools, configure())
    written = json.loads(kernel.text(PORTS) or "")
    assert written == found.document()
    assert written["outside"] == {
        "device": "nic:1",
        "address": OUTSIDE,
        "mac": MACS[OUTSIDE],
        "driver": "vfio-pci",
        "pmd": "net_virtio",
        "numa_node": None,
    }
    assert written["inside"]["address"] == INSIDE
    assert (written["management"]["address"], written["management"]["pmd"]) == (MANAGEMENT, None)
    assert kernel.path(PORTS).stat().st_mode & 0o777 == 0o644


def test_the_data_planes_user_gets_the_iommu_groups_and_nothing_else(
    kernel: FakeKernel, tools: FakeTools, configure: Configure
) -> None:
    bring(kernel, tools, configure())
    assert kernel.given == {"/dev/vfio/6": (0, 994, 0o660), "/dev/vfio/7": (0, 994, 0o660)}
    assert tools.ran == [("udevadm", "settle", "--timeout=30")], "or udev takes it back"


def test_a_second_run_changes_nothing(
    kernel: FakeKernel, tools: FakeTools, configure: Configure
) -> None:
    config = configure()
    shutil.rmtree(kernel.path(f"{DEVICES}/{OUTSIDE}/virtio1"))
    first = bring(kernel, tools, config)
    # A NIC that user space has shows no interface, so no MAC address.
    shutil.rmtree(kernel.path(f"{DEVICES}/{INSIDE}/virtio2"))
    kernel.told.clear()
    assert Survey(kernel, config).plan().steps == []
    assert bring(kernel, tools, config) == first
    assert kernel.told == []


def test_a_plan_says_what_it_would_do_and_does_not(
    kernel: FakeKernel, configure: Configure
) -> None:
    plan = Survey(kernel, configure()).plan()
    assert plan.steps == [
        f"bind {OUTSIDE} (1af4:1041) to vfio-pci, from virtio-pci",
        f"bind {INSIDE} (1af4:1041) to vfio-pci, from virtio-pci",
    ]
    assert kernel.told == []


def test_a_nic_is_taken_from_its_driver_before_it_is_offered(
    kernel: FakeKernel, tools: FakeTools, configure: Configure
) -> None:
    bring(kernel, tools, configure(inside="net_null0"))
    assert kernel.told == [
        (f"{DEVICES}/{OUTSIDE}/driver_override", "vfio-pci"),
        (f"{DEVICES}/{OUTSIDE}/driver/unbind", OUTSIDE),
        ("/sys/bus/pci/drivers_probe", OUTSIDE),
    ]


def test_the_driver_is_loaded_if_it_is_not_there(
    kernel: FakeKernel, tools: FakeTools, configure: Configure
) -> None:
    shutil.rmtree(kernel.path(f"{DRIVERS}/vfio-pci"))
    tools.fails.add("modprobe")
    with pytest.raises(HostError, match=r"vfio-pci is not in the kernel: .*; `modprobe vfio-pci`"):
        bring(kernel, tools, configure())
    assert tools.ran == [("modprobe", "vfio-pci")]
    assert driver(kernel, OUTSIDE) == "virtio-pci", "nothing was taken away for nothing"


def test_uio_is_bound_where_it_is_asked_for_and_needs_no_iommu(
    fake: FakeHost, kernel: FakeKernel, tools: FakeTools, configure: Configure
) -> None:
    fake.without_iommu()
    fake.write(f"{DRIVERS}/uio_pci_generic/module")
    found = bring(kernel, tools, configure(dataplane={"nic_driver": "uio_pci_generic"}))
    assert found.outside.driver == found.inside.driver == "uio_pci_generic"
    assert kernel.given == {}


def test_virtual_ports_need_nothing(
    kernel: FakeKernel, tools: FakeTools, configure: Configure
) -> None:
    found = bring(kernel, tools, configure("net_null0", "net_null1", management={}))
    assert (found.outside.address, found.management) == (None, None)
    assert (kernel.told, tools.ran) == ([], [])


def test_a_bifurcated_driver_stays_with_the_kernel(
    fake: FakeHost, kernel: FakeKernel, tools: FakeTools, configure: Configure
) -> None:
    fake.add_pmd("librte_net_mlx5", MLX5)
    fake.write(f"{DRIVERS}/mlx5_core/module")
    fake.add_nic(OUTSIDE, "vfio-pci", "15b3:1017")
    plan = Survey(kernel, configure()).plan()
    assert plan.outside.step == f"give {OUTSIDE} (15b3:1017) back to the kernel"
    assert bring(kernel, tools, configure()).outside.driver == "mlx5_core"
    assert Survey(kernel, configure()).plan().outside.step == ""


@pytest.mark.parametrize(
    ("outside", "what", "command"),
    [
        ("nic:3", "there is no such Ethernet NIC, there is nic:0 to nic:2", "lspci -D"),
        ("0000:77:00.0", "0000:77:00.0 is not there", "lspci -D"),
        ("mac:00:00:00:00:00:01", "no NIC shows this MAC address", "ip -brief link"),
        ("nic:0", f"is {MANAGEMENT}, as management.nic is: name another NIC", "lspci -D"),
        ("nic:2", "", "lspci -D"),
    ],
)
def test_a_nic_that_does_not_suit_is_one_line_with_key_reason_and_command(
    kernel: FakeKernel, configure: Configure, outside: str, what: str, command: str
) -> None:
    line = complaint(kernel, configure(outside))
    key = "ports.inside.device" if outside == "nic:2" else "ports.outside.device"
    assert line.startswith(f'{key} = "')
    assert what in line
    assert f"; `{command}" in line


def test_two_nics_with_one_mac_address_are_not_told_apart(
    fake: FakeHost, kernel: FakeKernel, configure: Configure
) -> None:
    fake.add_interface_of(OUTSIDE, "ens3", MACS[INSIDE], bus="virtio1")
    line = complaint(kernel, configure())
    assert f"{OUTSIDE} and {INSIDE} have this MAC address: name the PCI address" in line


def test_a_nic_that_user_space_has_is_named_when_a_mac_is_not_found(
    fake: FakeHost, kernel: FakeKernel, configure: Configure
) -> None:
    shutil.rmtree(kernel.path(f"{DEVICES}/{INSIDE}/virtio2"))
    line = complaint(kernel, configure())
    assert f"no NIC shows this MAC address ({INSIDE} without an interface show none)" in line


def test_of_the_nics_that_show_no_mac_those_that_dpdk_drives_are_named_as_devices(
    fake: FakeHost, kernel: FakeKernel, configure: Configure
) -> None:
    # As in a cloud kernel without e1000e and rtl8139: no driver, so no interface and no MAC.
    e1000e, rtl8139, igb = "0000:00:05.0", "0000:00:06.0", "0000:00:07.0"
    infos = [("8086:10d3", e1000e), ("10ec:8139", rtl8139), ("8086:10c9", igb)]
    for ids, address in infos:
        fake.add_nic(address, None, ids)
    drives = {"kmod": "* vfio-pci", "pci_ids": [[0x8086, 0x10D3, 0xFFFF, 0xFFFF]]}
    fake.add_pmd("librte_net_e1000", {"name": "net_e1000_em"} | drives)
    line = complaint(kernel, configure("mac:52:54:00:00:09:09"))
    assert f"({e1000e}, {rtl8139}, {igb} without an interface show none)" in line
    assert line.endswith(f'; `device = "{e1000e}"`')
    fake.add_pmd("librte_net_igb", {**IXGBE, "pci_ids": [[0x8086, 0x10C9, 0xFFFF, 0xFFFF]]})
    line = complaint(kernel, configure("mac:52:54:00:00:09:09"))
    assert line.endswith(f'; `device = "{e1000e}", or device = "{igb}"`')
    assert Survey(kernel, configure(e1000e)).plan().steps, "and named so it is taken"


def test_without_an_iommu_the_remedy_depends_on_the_processor(
    fake: FakeHost, kernel: FakeKernel, configure: Configure
) -> None:
    fake.without_iommu()
    assert "is behind no IOMMU, which vfio-pci needs; `enable VT-d" in complaint(
        kernel, configure()
    )
    fake.write("/proc/cmdline", "quiet")
    assert "`add 'intel_iommu=on iommu=pt' to GRUB_CMDLINE" in complaint(kernel, configure())
    fake.write("/proc/cpuinfo", "vendor_id : AuthenticAMD\n")
    assert "`add 'iommu=pt' to GRUB_CMDLINE" in complaint(kernel, configure())


def test_a_group_shared_with_a_device_in_use_is_refused(
    fake: FakeHost, kernel: FakeKernel, tools: FakeTools, configure: Configure
) -> None:
    other = "0000:00:07.0"
    fake.write(f"{DEVICES}/{other}/class", "0x010802")
    fake.link(f"{DEVICES}/{other}/driver", "../../../bus/pci/drivers/nvme")
    fake.join_group(other, "6")
    line = complaint(kernel, configure())
    assert f"{OUTSIDE} (1af4:1041) shares IOMMU group 6 with {other}, which nvme has" in line
    for mate in ("pcieport", "vfio-pci"):
        fake.link(f"{DEVICES}/{other}/driver", f"../../../bus/pci/drivers/{mate}")
        assert Survey(kernel, configure()).plan().steps


def test_both_data_nics_may_share_a_group(
    fake: FakeHost, kernel: FakeKernel, tools: FakeTools, configure: Configure
) -> None:
    fake.join_group(INSIDE, "6")
    bring(kernel, tools, configure())
    assert set(kernel.given) == {"/dev/vfio/6"}


def test_the_management_nic_does_not_share_a_group_with_a_data_nic(
    fake: FakeHost, kernel: FakeKernel, configure: Configure
) -> None:
    fake.join_group(MANAGEMENT, "6")
    assert f"with {MANAGEMENT}, which virtio-pci has" in complaint(kernel, configure())


def test_a_nic_without_a_dpdk_driver_is_refused(
    fake: FakeHost, kernel: FakeKernel, configure: Configure
) -> None:
    fake.add_nic(OUTSIDE, "8139too", "10ec:8139")
    line = complaint(kernel, configure())
    assert "(10ec:8139) is not supported by an installed DPDK driver; use its kernel" in line
    assert 'device = "net_af_packet0,iface=ens3"' in line
    assert "docs/configuration.md#kernel-interfaces" in line


def test_each_port_on_a_kernel_interface_has_a_name_of_its_own(
    fake: FakeHost, kernel: FakeKernel, configure: Configure
) -> None:
    fake.add_nic(INSIDE, "8139too", "10ec:8139")
    line = complaint(kernel, configure("nic:1", "nic:2"))
    assert 'device = "net_af_packet1,iface=ens4"' in line


def test_a_nic_without_a_dpdk_driver_and_without_an_interface_can_not_be_a_port(
    fake: FakeHost, kernel: FakeKernel, configure: Configure
) -> None:
    fake.add_nic(OUTSIDE, None, "10ec:8139")
    shutil.rmtree(kernel.path(f"{DEVICES}/{OUTSIDE}/virtio1"))
    line = complaint(kernel, configure())
    assert "(10ec:8139) is not supported by an installed DPDK driver, and this kernel" in line
    assert "take another NIC" in line
    assert "af_packet" not in line


def test_without_any_dpdk_driver_the_package_is_named(
    kernel: FakeKernel, configure: Configure
) -> None:
    shutil.rmtree(kernel.path(PMDS))
    assert "no DPDK driver is installed for" in complaint(kernel, configure())


@pytest.mark.parametrize(
    ("file", "text", "used"),
    [
        ("/proc/net/route", "Iface\tDestination\nens3\t00000000\t01\n", True),
        ("/proc/net/route", "Iface\tDestination\nens2\t00000000\t01\n", False),
        ("/proc/net/ipv6_route", "20010db8" + "0" * 24 + " 40 0 0 0 0 0 0 1 ens3\n", True),
        ("/proc/net/ipv6_route", "fe80" + "0" * 28 + " 40 0 0 0 0 0 0 1 ens3\n", False),
        ("/proc/net/ipv6_route", "ff00" + "0" * 28 + " 08 0 0 0 0 0 0 1 ens3\n", False),
    ],
)
def test_a_nic_that_carries_routes_is_not_taken_away(
    fake: FakeHost, kernel: FakeKernel, configure: Configure, file: str, text: str, used: bool
) -> None:
    fake.write(file, text)
    if used:
        assert "carries routes of this host; `ip addr flush dev ens3`" in complaint(
            kernel, configure()
        )
    else:
        assert Survey(kernel, configure()).plan().steps


def test_a_driver_that_does_not_take_the_nic_is_told(
    kernel: FakeKernel, tools: FakeTools, configure: Configure
) -> None:
    kernel.drivers_that_refuse.add("vfio-pci")
    with pytest.raises(HostError, match=rf"{OUTSIDE} .* was not taken by vfio-pci; `dmesg"):
        bring(kernel, tools, configure())
    assert not kernel.exists(PORTS)


def test_the_user_of_the_data_plane_must_exist(
    kernel: FakeKernel, tools: FakeTools, configure: Configure
) -> None:
    with pytest.raises(HostError, match="user nobody-else does not exist; `useradd --system"):
        bring(kernel, tools, configure(dataplane={"user": "nobody-else"}))


def test_the_order_counts_ethernet_functions_only(
    fake: FakeHost, kernel: FakeKernel, configure: Configure
) -> None:
    fake.add_nic("0000:00:01.0", "iwlwifi")
    fake.write(f"{DEVICES}/0000:00:01.0/class", "0x028000")
    plan = Survey(kernel, configure("nic:1")).plan()
    assert plan.outside.nic is not None
    assert plan.outside.nic.address == OUTSIDE


def test_the_management_nic_may_be_an_interface_without_a_nic(
    kernel: FakeKernel, configure: Configure
) -> None:
    plan = Survey(kernel, configure(management={"nic": "bond0"})).plan()
    assert plan.management is not None
    assert (plan.management.device, plan.management.address) == ("bond0", None)


def test_the_nic_below_the_management_interface_is_no_data_nic(
    kernel: FakeKernel, configure: Configure
) -> None:
    line = complaint(kernel, configure(management={"nic": "ens3"}))
    assert f'"nic:1": is {OUTSIDE}, as management.nic is' in line


def test_only_the_first_run_of_a_boot_waits_for_drivers(
    kernel: FakeKernel, tools: FakeTools, configure: Configure
) -> None:
    wait_for_drivers(kernel, configure(), tools)
    assert tools.ran == [("udevadm", "settle", "--timeout=30")]
    bring(kernel, tools, configure())
    tools.ran.clear()
    wait_for_drivers(kernel, configure(), tools)
    assert tools.ran == []


def test_ports_json_lies_where_it_is_configured(
    kernel: FakeKernel, tools: FakeTools, configure: Configure
) -> None:
    bring(kernel, tools, configure(node={"nics_dir": Path("/run/elsewhere")}))
    assert kernel.exists("/run/elsewhere/ports.json")


def test_a_udev_that_is_busy_does_not_keep_the_nics_from_being_bound(
    kernel: FakeKernel, tools: FakeTools, configure: Configure
) -> None:
    tools.fails.add("udevadm")
    wait_for_drivers(kernel, configure(), tools)
    assert bring(kernel, tools, configure()).outside.driver == "vfio-pci"
