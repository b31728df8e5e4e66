"""The two data ports of ``secbeat.toml``: could the data plane take them?"""

from __future__ import annotations

from collections.abc import Iterator

from appliance.config.model import PortSection
from appliance.doctor.checks_pci import IOMMU_GROUPS
from appliance.doctor.checks_software import dpdk_abi
from appliance.doctor.context import Context, Finding, Host, Status
from appliance.doctor.pci import USER_SPACE_DRIVERS, Nic, pci_address, read_nic
from appliance.doctor.pmd import Pmd, installed_pmds, package_of, pmd_of_vdev

_ON_AN_INTERFACE = ("net_af_packet", "net_af_xdp", "net_pcap")
"""Virtual devices whose ``iface=`` must exist before; net_tap makes its own."""
_IFF_UP = 1


def check_ports(context: Context) -> Iterator[Finding]:
    """Both ports, one after the other."""
    if context.config is None:
        yield Finding("ports", Status.OK, "not checked", "--config FILE names them")
        return
    pmds = installed_pmds(context.host)
    ports = {"outside": context.config.ports.outside, "inside": context.config.ports.inside}
    for name, port in ports.items():
        address = pci_address(port.device)
        if address:
            yield _check_pci(context.host, f"port {name}", address, pmds)
        else:
            yield from _check_vdev(context.host, f"port {name}", port, pmds)
    nodes = {name: _numa_node(context.host, port) for name, port in ports.items()}
    if None not in nodes.values() and len(set(nodes.values())) > 1:
        yield Finding(
            "ports",
            Status.WARN,
            ", ".join(f"{name} on NUMA node {node}" for name, node in nodes.items()),
            "every packet crosses the link between the nodes",
            "put both NICs into slots of one CPU socket",
        )


def _check_pci(host: Host, check: str, address: str, pmds: tuple[Pmd, ...]) -> Finding:
    nic = read_nic(host, address)
    if nic is None:
        why = "no network device has this PCI address"
        return Finding(check, Status.FAIL, f"{address} is not there", why, "lspci -D | grep -i eth")
    supporting = [pmd for pmd in pmds if pmd.supports(nic.pci_id)]
    what = f"{address} ({nic.pci_id}) bound to {nic.driver or 'no driver'}"
    if not supporting:
        return Finding(
            check,
            Status.FAIL,
            f"{what}, not supported by an installed DPDK driver",
            "use its kernel interface instead",
            f'device = "net_af_packet0,iface={nic.interfaces[0] if nic.interfaces else "NAME"}"',
        )
    return _check_binding(host, check, what, nic, supporting)


def _check_binding(host: Host, check: str, what: str, nic: Nic, pmds: list[Pmd]) -> Finding:
    what = f"{what}, DPDK {pmds[0].name}"
    if all(pmd.bifurcated for pmd in pmds):
        if nic.driver and nic.driver not in USER_SPACE_DRIVERS:
            return Finding(check, Status.OK, what)
        why = f"{pmds[0].name} works through the kernel's driver ({pmds[0].kernel_modules})"
        command = f"echo {nic.address} > /sys/bus/pci/drivers_probe"
        return Finding(check, Status.FAIL, what, why, command)
    iommu = bool(host.names(IOMMU_GROUPS))
    driver = "vfio-pci" if iommu else "uio_pci_generic"
    bind = f"modprobe {driver} && dpdk-devbind.py --bind={driver} {nic.address}"
    if nic.driver not in USER_SPACE_DRIVERS:
        why = "DPDK must take the device from the kernel; its interface disappears then"
        return Finding(check, Status.FAIL, what, why, bind)
    if nic.driver == "vfio-pci" and not iommu:
        return Finding(check, Status.FAIL, what, "vfio-pci does not work without an IOMMU", bind)
    return Finding(check, Status.OK, what)


def _check_vdev(
    host: Host, check: str, port: PortSection, pmds: tuple[Pmd, ...]
) -> Iterator[Finding]:
    name, *arguments = port.device.split(",")
    pmd = pmd_of_vdev(name, pmds)
    if pmd is None:
        library = "librte_" + name.rstrip("0123456789")
        yield Finding(
            check,
            Status.FAIL,
            f"no DPDK driver for {name} is installed",
            "a virtual device is named after its driver, with a number",
            f"apt-get install {package_of(library, dpdk_abi(host) or '23')}",
        )
        return
    interface = next((a.removeprefix("iface=") for a in arguments if a.startswith("iface=")), None)
    if interface is None or pmd.name not in _ON_AN_INTERFACE:
        yield Finding(check, Status.OK, f"{port.device}, DPDK {pmd.name}")
        return
    yield _check_interface(host, check, port, pmd, interface)


def _check_interface(
    host: Host, check: str, port: PortSection, pmd: Pmd, interface: str
) -> Finding:
    place = f"/sys/class/net/{interface}"
    what = f"interface {interface}, DPDK {pmd.name}"
    if not host.exists(place):
        return Finding(
            check,
            Status.FAIL,
            f"interface {interface} is not there",
            "it must be in the network namespace of the data plane",
            "ip -brief link",
        )
    if not (host.number(f"{place}/flags") or 0) & _IFF_UP:
        command = f"ip link set dev {interface} up"
        return Finding(check, Status.WARN, f"{what}, down", "no packet arrives", command)
    mtu = host.number(f"{place}/mtu") or 0
    if mtu < port.mtu:
        why = "larger frames are lost on the way out"
        command = f"ip link set dev {interface} mtu {port.mtu}"
        return Finding(check, Status.WARN, f"{what}, MTU {mtu} below {port.mtu}", why, command)
    return Finding(check, Status.OK, what)


def _numa_node(host: Host, port: PortSection) -> int | None:
    address = pci_address(port.device)
    nic = read_nic(host, address) if address else None
    return nic.numa_node if nic else None
