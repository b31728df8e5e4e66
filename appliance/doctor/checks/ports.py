"""The two data ports of ``secbeat.toml``: whether the data plane could use them."""

from __future__ import annotations

from collections.abc import Iterator

from appliance.config.model import PortSection
from appliance.doctor.checks.interface import check_interface
from appliance.doctor.checks.software import dpdk_abi
from appliance.doctor.context import Context, Finding, Status
from appliance.host.files import Host
from appliance.host.fitness import UnfitError
from appliance.host.pci import Nic
from appliance.host.pmd import Pmd, package_of, pmd_of_vdev
from appliance.host.survey import PORTS, PortPlan, Survey
from dataplane.run.ports.vdev import QUEUE_ARGUMENTS, interface_of

_ON_AN_INTERFACE = ("net_af_packet", "net_af_xdp", "net_pcap")
"""Virtual devices whose ``iface=`` must exist before; net_tap creates its own."""
_ONE_QUEUE = ("net_e1000_em",)
"""Drivers of NICs that have only one queue."""


def check_ports(context: Context) -> Iterator[Finding]:
    """Both ports, one after the other."""
    if context.config is None:
        yield Finding("ports", Status.OK, "not checked", "--config FILE names them")
        return
    survey, lcores = Survey(context.host, context.config), context.config.dataplane.lcores
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
            yield _check_vdev(context, f"port {name}", port, survey.pmds, lcores)
            continue
        nodes[name] = plan.nic.numa_node
        yield _check_binding(f"port {name}", plan, plan.nic)
        yield from _check_queues(context.host, f"queues {name}", plan, plan.nic, lcores)
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


def _check_queues(
    host: Host, check: str, plan: PortPlan, nic: Nic, lcores: int
) -> Iterator[Finding]:
    """Checks the queues as far as the kernel shows them; the data plane checks them when it
    starts."""
    why = "each worker polls a queue of its own on both ports"
    if plan.pmd is not None and plan.pmd.name in _ONE_QUEUE and lcores > 1:
        what = f"{nic} has 1 queue, dataplane.lcores = {lcores} needs one each"
        yield Finding(check, Status.FAIL, what, why, "dataplane.lcores = 1 in secbeat.toml")
        return
    for interface in nic.interfaces:
        names = host.names(f"/sys/class/net/{interface}/queues")
        count = sum(name.startswith("rx-") for name in names)
        if 0 < count < lcores:
            what = f"{nic} shows {count} of its queues, dataplane.lcores = {lcores} needs one each"
            command = f"ethtool -l {interface}   # has it fewer, lower dataplane.lcores"
            yield Finding(check, Status.WARN, what, why, command)


def _check_vdev(
    context: Context, check: str, port: PortSection, pmds: tuple[Pmd, ...], lcores: int
) -> Finding:
    name, *arguments = port.device.split(",")
    pmd = pmd_of_vdev(name, pmds)
    if pmd is None:
        library = "librte_" + name.rstrip("0123456789")
        return Finding(
            check,
            Status.FAIL,
            f"no DPDK driver for {name} is installed",
            "a virtual device is named after its driver, with a number",
            f"apt-get install {package_of(library, dpdk_abi(context.host) or '23')}",
        )
    if pmd.name in QUEUE_ARGUMENTS:
        argument = QUEUE_ARGUMENTS[pmd.name]
        text = next((a for a in arguments if a.startswith(f"{argument}=")), f"{argument}=1")
        if text != f"{argument}={lcores}":
            what = f"{name} has {text}, dataplane.lcores = {lcores}"
            why = "each worker polls a queue of its own; the kernel spreads over all that there are"
            return Finding(check, Status.FAIL, what, why, f"{argument}={lcores} in its device")
    interface = interface_of(port.device)
    if interface is None or pmd.name not in _ON_AN_INTERFACE:
        return Finding(check, Status.OK, f"{port.device}, DPDK {pmd.name}")
    return check_interface(context, check, port, pmd, interface)
