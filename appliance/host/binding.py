"""Moves a NIC from one kernel driver to another, through sysfs.

With ``driver_override`` the kernel offers the function to the named driver only, whatever its ids
are (Documentation/ABI/testing/sysfs-bus-pci).
"""

from __future__ import annotations

from appliance.commands import CommandError, Run
from appliance.host.files import Host, HostError
from appliance.host.fitness import UnfitError
from appliance.host.pci import DEVICES, Nic

_DRIVERS = "/sys/bus/pci/drivers"
_PROBE = "/sys/bus/pci/drivers_probe"


def load_driver(host: Host, run: Run, driver: str) -> None:
    """Load a driver; UnfitError: the kernel has none of that name, or loading is not permitted."""
    if host.exists(f"{_DRIVERS}/{driver}"):
        return
    try:
        run("modprobe", driver)
    except CommandError as error:
        raise UnfitError(f"{driver} is not in the kernel: {error}", f"modprobe {driver}") from error


def bind(host: Host, nic: Nic, driver: str) -> None:
    """Bind a NIC to a loaded driver; UnfitError: the driver refuses it."""
    _offer(host, nic, driver)
    taken_by = host.link_name(f"{nic.place}/driver")
    if taken_by != driver:
        raise UnfitError(f"{nic} was not taken by {driver}", f"dmesg | grep {nic.address}")


def give_back(host: Host, nic: Nic) -> None:
    """Bind a NIC to the kernel's own driver again; UnfitError: there is none for it."""
    _offer(host, nic, "\n")
    if host.link_name(f"{nic.place}/driver") is None:
        raise UnfitError(f"{nic} was taken by no kernel driver", f"dmesg | grep {nic.address}")


def _offer(host: Host, nic: Nic, override: str) -> None:
    host.tell(f"{nic.place}/driver_override", override)
    if host.link_name(f"{nic.place}/driver") is not None:
        host.tell(f"{DEVICES}/{nic.address}/driver/unbind", nic.address)
    try:
        host.tell(_PROBE, nic.address)
    except HostError as error:
        command = f"dmesg | grep {nic.address}"
        raise UnfitError(f"{nic} was refused by its new driver ({error})", command) from error
