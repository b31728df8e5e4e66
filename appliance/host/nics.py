"""``secbeat host nics``: binds the data NICs, and records their PCI addresses.

Root runs it at every boot before the data plane starts. It checks everything before it changes
anything; a second run changes nothing. The data plane's user gets access to the IOMMU group's
device through its group, and needs no further right.
"""

from __future__ import annotations

import json
from contextlib import suppress
from dataclasses import dataclass

from appliance.commands import CommandError, Run, wait_for_udev
from appliance.config import NodeConfig
from appliance.config.resolution import Resolution, Resolved, resolution_path
from appliance.host.binding import bind, give_back, load_driver
from appliance.host.files import Host, HostError, group_of
from appliance.host.fitness import UnfitError, check_free
from appliance.host.pci import Nic
from appliance.host.survey import PORTS, Plan, PortPlan, Survey


@dataclass(frozen=True)
class Released:
    """The data NICs after their release to the kernel."""

    given: tuple[str, ...]
    """Addresses of the NICs that the kernel has now."""
    refusals: tuple[str, ...]
    """A line about each of the others."""


def wait_for_drivers(host: Host, config: NodeConfig, run: Run) -> None:
    """Early in a boot: wait until udev has loaded drivers, as a NIC has no MAC address before."""
    if not host.exists(str(resolution_path(config))):
        _await_udev(run)


def apply(host: Host, config: NodeConfig, plan: Plan, run: Run) -> Resolution:
    """Execute a plan and record the result; HostError."""
    for port in plan.ports:
        if port.step and port.nic is not None:
            _move(host, run, port.nic, port.driver)
    groups = {port.iommu_group for port in plan.ports if port.iommu_group}
    if groups:
        _await_udev(run)  # udev sets owner and mode of a new node, and would overwrite these
        gid = group_of(host, config.dataplane.user)
        for group in sorted(groups):
            host.give(f"/dev/vfio/{group}", gid, 0o660)
    outside, inside = (_resolved(host, port) for port in plan.ports)
    resolution = Resolution(outside, inside, plan.management)
    text = json.dumps(resolution.document(), indent=2)
    host.install(str(resolution_path(config)), text + "\n")
    return resolution


def release(host: Host, config: NodeConfig, *, dry_run: bool = False) -> Released:
    """Return the data NICs to the kernel; HostError: a process uses one, and nothing is changed.

    A missing NIC, or one without a kernel driver, does not prevent the release of the other.
    """
    survey = Survey(host, config)
    nics, refusals = [], []
    for name in PORTS:
        try:
            nic = survey.nic(name)
        except UnfitError as error:
            refusals.append(str(error))
            continue
        if nic is not None and nic.must_be_given_back:
            nics.append(nic)
    for nic in nics:
        check_free(host, nic)
    given = []
    for nic in nics:
        try:
            if not dry_run:
                give_back(host, nic)
            given.append(nic.address)
        except HostError as error:
            refusals.append(str(error))
    return Released(tuple(given), tuple(refusals))


def _await_udev(run: Run) -> None:
    # If udev is busy with other work, the NICs are used anyway.
    with suppress(CommandError):
        wait_for_udev(run)


def _move(host: Host, run: Run, nic: Nic, driver: str | None) -> None:
    check_free(host, nic)
    if driver is None:
        give_back(host, nic)
        return
    load_driver(host, run, driver)
    bind(host, nic, driver)


def _resolved(host: Host, port: PortPlan) -> Resolved:
    nic = port.nic
    if nic is None or port.pmd is None:
        return Resolved(port.device)
    driver = host.link_name(f"{nic.place}/driver")
    return Resolved(port.device, nic.address, port.mac, driver, port.pmd.name, nic.numa_node)
