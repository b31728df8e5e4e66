"""The two data ports of ``secbeat.toml``: could the data plane take them?"""

from __future__ import annotations

from collections.abc import Iterator

from appliance.config.model import PortSection
from appliance.doctor.checks_software import dpdk_abi
from appliance.doctor.context import Context, Finding, Status
from appliance.host.files import Host
from appliance.host.fitness import UnfitError
from appliance.host.pci import Nic
from appliance.host.pmd import Pmd, package_of, pmd_of_vdev
from appliance.host.survey import PORTS, PortPlan, Survey

_ON_AN_INTERFACE = ("net_af_packet", "net_af_xdp", "net_pcap")
"""Virtual devices whose ``iface=`` must exist before; net_tap makes its own."""
_IFF_UP = 1


def check_ports(context: Context) -> Iterator[Finding]:
    """Both ports, one after the other."""
    if context.config is None:
        yield Finding("ports", Status.OK, "not checked", "--config FILE names them")
        return
    survey = Survey(context.host, context.config)
    nodes: dict[str, int | None] = {}
    for name in PORTS:
        try:
            plan = survey.port(name)
        except UnfitError as error:
            why = "`secbeat host nics` stops here, and the data plane does not start"
            yield Finding(f"port {name}", Status.FAIL, error.what, why, error.command)
            continue
        if plan.nic is None:
            port = getattr(context.config.ports, name)
            yield from _check_vdev(context.host, f"port {name}", port, survey.pmds)
            continue
        nodes[name] = plan.nic.numa_node
        yield _check_binding(f"port {name}", plan, plan.nic)
    if None not in nodes.values() and len(set(nodes.values())) > 1:
        yield Finding(
            "ports",
            Status.WARN,
            ", ".join(f"{name} on NUMA node {node}" for name, node in nodes.items()),
            "every packet crosses the link between the nodes",
            "put both NICs into slots of one CPU socket",
        )


def _check_binding(check: str, plan: PortPlan, nic: Nic) -> Finding:
    what = f"{nic} bound to {nic.driver or 'no driver'}, DPDK {plan.pmd.name if plan.pmd else ''}"
    if not plan.step:
        return Finding(check, Status.OK, what)
    why = "DPDK must take the device from the kernel; its interface disappears then"
    if plan.driver is None:
        why = "its DPDK driver works through the kernel's own"
    return Finding(check, Status.FAIL, what, why, "secbeat host nics")


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
