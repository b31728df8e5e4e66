"""Finds the NICs that the configuration names, and the steps that are necessary for them.

Reads only. Every doubt is an `UnfitError` that names the key, the NIC, the reason and the remedy;
`secbeat host nics` stops there, `secbeat doctor` reports it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TypeVar

from appliance.config import NodeConfig
from appliance.config.devices import Kind, data_device, management_device
from appliance.config.resolution import Resolved, read_resolution, resolution_path
from appliance.host.files import Host
from appliance.host.fitness import (
    LIST_NICS,
    UnfitError,
    check_unused,
    check_vfio,
    find_nic,
    nic_of_interface,
    pmd_for,
)
from appliance.host.pci import Nic
from appliance.host.pmd import Pmd, installed_pmds
from dataplane.base.errors import ConfigurationError

PORTS = ("outside", "inside")
VFIO = "vfio-pci"

_Found = TypeVar("_Found")


@dataclass(frozen=True)
class PortPlan:
    """The plan for one data port."""

    device: str
    """The device string of the configuration."""
    nic: Nic | None = None
    """None: a virtual port."""
    mac: str | None = None
    pmd: Pmd | None = None
    driver: str | None = None
    """The driver that gives the NIC to user space; None: the kernel's own."""
    iommu_group: str | None = None

    @property
    def step(self) -> str:
        """The necessary step as text; empty: none."""
        nic = self.nic
        if nic is None or nic.driver == self.driver is not None:
            return ""
        if self.driver is None:
            return f"give {nic} back to the kernel" if nic.must_be_given_back else ""
        return f"bind {nic} to {self.driver}, from {nic.driver or 'no driver'}"


@dataclass(frozen=True)
class Plan:
    """Both ports and the management NIC."""

    outside: PortPlan
    inside: PortPlan
    management: Resolved | None

    @property
    def ports(self) -> tuple[PortPlan, PortPlan]:
        """Both data ports."""
        return self.outside, self.inside

    @property
    def steps(self) -> list[str]:
        """The necessary steps as text; empty: none."""
        return [port.step for port in self.ports if port.step]


class Survey:
    """One survey of the host's NICs, for one configuration."""

    def __init__(self, host: Host, config: NodeConfig) -> None:
        self._host = host
        self._config = config
        self._known = _known_macs(host, config)
        self.pmds = installed_pmds(host)

    def plan(self) -> Plan:
        """The plan for both ports and the management NIC; UnfitError: the first one that can't be
        used."""
        outside, inside = (self.port(name) for name in PORTS)
        management = self.management()
        _check_different(outside, inside, management)
        return Plan(outside, inside, management)

    def nic(self, name: str) -> Nic | None:
        """The NIC at port ``name``; None: a virtual port. UnfitError: it is not there."""
        text = self._device(name)
        device = data_device(text)
        if not device.is_nic:
            return None
        return _named(
            f"ports.{name}.device",
            text,
            lambda: find_nic(self._host, device, self._known, self.pmds),
        )

    def port(self, name: str) -> PortPlan:
        """The plan for one port, with the checks of that port only; UnfitError."""
        text, nic = self._device(name), self.nic(name)
        if nic is None:
            return PortPlan(text)
        vdev = f"net_af_packet{PORTS.index(name)}"
        return _named(f"ports.{name}.device", text, lambda: self._plan(text, nic, vdev))

    def management(self) -> Resolved | None:
        """The NIC that stays with the kernel; None: the configuration names none. UnfitError."""
        text = self._config.management.nic
        if text is None:
            return None
        nic = _named("management.nic", text, lambda: self._management_nic(text))
        if nic is None:
            return Resolved(text)
        return Resolved(text, nic.address, self._mac(nic), nic.driver, None, nic.numa_node)

    def _plan(self, text: str, nic: Nic, vdev: str) -> PortPlan:
        pmd = pmd_for(nic, self.pmds, vdev)
        plan = PortPlan(text, nic, self._mac(nic), pmd)
        if pmd.bifurcated:
            return plan
        if not nic.is_in_user_space:
            check_unused(self._host, nic)
        plan = replace(plan, driver=self._config.dataplane.nic_driver)
        if plan.driver != VFIO:
            return plan
        return replace(plan, iommu_group=check_vfio(self._host, nic, self._addresses()))

    def _addresses(self) -> set[str]:
        """Addresses of both ports, if they exist."""
        found = set()
        for name in PORTS:
            try:
                nic = self.nic(name)
            except UnfitError:
                continue  # reported with that port
            if nic is not None:
                found.add(nic.address)
        return found

    def _management_nic(self, text: str) -> Nic | None:
        device = management_device(text)
        if device.kind is Kind.INTERFACE:
            return nic_of_interface(self._host, device.value)
        return find_nic(self._host, device, self._known)

    def _device(self, name: str) -> str:
        return str(getattr(self._config.ports, name).device)

    def _mac(self, nic: Nic) -> str | None:
        return nic.macs[0] if nic.macs else self._known.get(nic.address)


def _check_different(outside: PortPlan, inside: PortPlan, management: Resolved | None) -> None:
    used = [("management.nic", management.device, management.address)] if management else []
    for name, port in zip(PORTS, (outside, inside), strict=True):
        if port.nic is not None:
            used.append((f"ports.{name}.device", port.device, port.nic.address))
    owners: dict[str | None, str] = {None: ""}
    for key, device, address in used:
        if address is not None and address in owners:
            what = f'{key} = "{device}": is {address}, as {owners[address]} is: name another NIC'
            raise UnfitError(what, LIST_NICS)
        owners[address] = key


def _known_macs(host: Host, config: NodeConfig) -> dict[str, str]:
    """Addresses found earlier in this boot, while the kernel's driver still had the NICs."""
    try:
        before = read_resolution(host.path(str(resolution_path(config))))
    except ConfigurationError:
        return {}  # `secbeat host nics` will write it again soon
    found = (before.outside, before.inside, before.management) if before else ()
    return {each.address: each.mac for each in found if each and each.address and each.mac}


def _named(key: str, device: str, look: Callable[[], _Found]) -> _Found:
    try:
        return look()
    except UnfitError as error:
        raise UnfitError(f'{key} = "{device}": {error.what}', error.command) from error
