"""Finds the NIC of a configured device, and checks whether this host can give it to DPDK."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import TYPE_CHECKING

from appliance.config.devices import Device, Kind
from appliance.host.files import Host, HostError
from appliance.host.pci import DEVICES, Nic, nics, read_nic

if TYPE_CHECKING:
    from appliance.host.pmd import Pmd

IOMMU_GROUPS = "/sys/kernel/iommu_groups"
MODULES = {"vfio-pci": "vfio_pci", "uio_pci_generic": "uio_pci_generic"}
"""Drivers that hand a device to user space, and the kernel's names of their modules."""
LIST_NICS = "lspci -D | grep -i eth"
KERNEL_INTERFACES = "docs/configuration.md#kernel-interfaces"
_ROUTES_V4, _ROUTES_V6 = "/proc/net/route", "/proc/net/ipv6_route"
_GROUP_MATES = ("vfio-pci", "pcieport", "pci-stub", None)
"""Drivers of other devices in a group with which vfio accepts the group (vfio_dev_driver_allowed of
the kernel)."""


class UnfitError(HostError):
    """A device can't be a data port: ``what`` is the fault, ``command`` repairs it."""

    def __init__(self, what: str, command: str) -> None:
        super().__init__(f"{what}; `{command}`")
        self.what = what
        self.command = command


def find_nic(
    host: Host, device: Device, known_macs: Mapping[str, str], pmds: Sequence[Pmd] = ()
) -> Nic:
    """The NIC of a device string.

    Args:
        host: the host with the PCI bus.
        device: a device string for a NIC.
        known_macs: PCI address to MAC of NICs that user space may have already; such a NIC does
            not show its own.
        pmds: drivers of DPDK, to suggest another name for a NIC that shows no MAC address.

    Raises:
        UnfitError: there is none, or more than one.
    """
    if device.kind is Kind.PCI:
        found = read_nic(host, device.value)
        if found is None:
            raise UnfitError(f"{device.value} is not there", LIST_NICS)
        return found
    if device.kind is Kind.ORDER:
        return _by_order(host, int(device.value))
    return _by_mac(host, device.value, known_macs, pmds)


def nic_of_interface(host: Host, interface: str) -> Nic | None:
    """The NIC below a kernel interface; None: it has none on the PCI bus."""
    return next((nic for nic in nics(host) if interface in nic.interfaces), None)


def pmd_for(nic: Nic, pmds: Sequence[Pmd], vdev: str) -> Pmd:
    """DPDK's driver for a NIC; UnfitError: no installed one supports it.

    If several do, one that works through the kernel's driver comes last. ``vdev``: the
    device name of a port on the NIC's kernel interface.
    """
    supporting = [pmd for pmd in pmds if pmd.supports(nic.pci_id)]
    if supporting:
        return min(supporting, key=lambda pmd: pmd.bifurcated)
    if not pmds:
        raise UnfitError(f"no DPDK driver is installed for {nic}", "apt-get install libdpdk-dev")
    unsupported = f"{nic} is not supported by an installed DPDK driver"
    if not nic.interfaces:
        what = f"{unsupported}, and this kernel shows no interface of it: take another NIC"
        raise UnfitError(what, LIST_NICS)
    raise UnfitError(
        f"{unsupported}; use its kernel interface, which the unit of the data plane must be "
        f"allowed to open ({KERNEL_INTERFACES})",
        f'device = "{vdev},iface={nic.interfaces[0]}"',
    )


def check_vfio(host: Host, nic: Nic, together: Collection[str]) -> str:
    """The IOMMU group of a NIC for vfio-pci; ``together``: all addresses that vfio-pci gets.

    Raises:
        UnfitError: no IOMMU, or another driver has a device of the group.
    """
    group = host.link_name(f"{nic.place}/iommu_group")
    if group is None:
        what = f"{nic} is behind no IOMMU, which vfio-pci needs"
        raise UnfitError(what, iommu_remedy(host))
    for address in host.names(f"{IOMMU_GROUPS}/{group}/devices"):
        driver = host.link_name(f"{DEVICES}/{address}/driver")
        if address not in together and driver not in _GROUP_MATES:
            raise UnfitError(
                f"{nic} shares IOMMU group {group} with {address}, which {driver} has",
                f"echo {address} > {DEVICES}/{address}/driver/unbind",
            )
    return group


def iommu_remedy(host: Host) -> str:
    """The command that enables an IOMMU on a host without one."""
    intel = "GenuineIntel" in (host.text("/proc/cpuinfo") or "")
    parameters = "intel_iommu=on iommu=pt" if intel else "iommu=pt"
    if iommu_parameters_given(host):
        return "enable VT-d or AMD-Vi in the firmware (in a VM: a virtual IOMMU)"
    return f"add '{parameters}' to GRUB_CMDLINE_LINUX in /etc/default/grub; update-grub; reboot"


def iommu_parameters_given(host: Host) -> bool:
    """Whether the kernel's command line enables an IOMMU."""
    intel = "GenuineIntel" in (host.text("/proc/cpuinfo") or "")
    wanted = {"iommu=pt", "intel_iommu=on"} if intel else {"iommu=pt"}
    return wanted <= set((host.text("/proc/cmdline") or "").split())


def check_unused(host: Host, nic: Nic) -> None:
    """UnfitError if the kernel routes through the NIC: without it the host could become
    unreachable."""
    used = sorted(set(nic.interfaces) & _routed_interfaces(host))
    if used:
        raise UnfitError(f"{nic} carries routes of this host", f"ip addr flush dev {used[0]}")


def check_free(host: Host, nic: Nic) -> None:
    """UnfitError if a process has the NIC open: the kernel would wait endlessly for its end."""
    group = host.link_name(f"{nic.place}/iommu_group")
    if not nic.is_in_user_space or group is None:
        return
    for pid in filter(str.isdigit, host.names("/proc")):
        for number in host.names(f"/proc/{pid}/fd"):
            if host.link_text(f"/proc/{pid}/fd/{number}") == f"/dev/vfio/{group}":
                name = host.text(f"/proc/{pid}/comm") or "a process"
                what = f"{nic} is in use by {name} (pid {pid})"
                raise UnfitError(what, "systemctl stop secbeat-dataplane")


def _by_order(host: Host, index: int) -> Nic:
    found = [nic for nic in nics(host) if nic.is_ethernet]
    if index >= len(found):
        have = f"nic:0 to nic:{len(found) - 1}" if found else "none"
        raise UnfitError(f"there is no such Ethernet NIC, there is {have}", LIST_NICS)
    return found[index]


def _by_mac(host: Host, mac: str, known_macs: Mapping[str, str], pmds: Sequence[Pmd]) -> Nic:
    everyone = nics(host)
    found = [nic for nic in everyone if mac in (*nic.macs, known_macs.get(nic.address))]
    if len(found) == 1:
        return found[0]
    if found:
        addresses = " and ".join(nic.address for nic in found)
        raise UnfitError(f"{addresses} have this MAC address: name the PCI address", LIST_NICS)
    mute = [nic for nic in everyone if not nic.macs and nic.address not in known_macs]
    addresses = ", ".join(nic.address for nic in mute)
    hint = f" ({addresses} without an interface show none)" if mute else ""
    usable = [nic.address for nic in mute if any(pmd.supports(nic.pci_id) for pmd in pmds)]
    named = ", or ".join(f'device = "{address}"' for address in usable)
    raise UnfitError(f"no NIC shows this MAC address{hint}", named or "ip -brief link")


def _routed_interfaces(host: Host) -> set[str]:
    """Interfaces with a route of their own; link-local and multicast routes do not count."""
    v4 = [line.split() for line in (host.text(_ROUTES_V4) or "").splitlines()[1:]]
    v6 = [line.split() for line in (host.text(_ROUTES_V6) or "").splitlines()]
    names = {fields[0] for fields in v4 if fields}
    # Columns: destination, its length, ..., interface (ipv6_route of the kernel's seq file).
    return names | {f[-1] for f in v6 if f and not f[0].startswith(("fe80", "ff"))}
