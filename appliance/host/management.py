"""``secbeat host network``: DHCP on the management NIC, unless another file configures it.

For machines whose network belongs to SecBeat, as in the image; on other hosts it is not used.

The file is written at every boot and is the last in sort order: networkd uses the first matching
file for an interface, so one from cloud-init or the operator takes precedence.
"""

from __future__ import annotations

from appliance.commands import Run
from appliance.config import NodeConfig
from appliance.config.devices import Device, Kind, management_device
from appliance.host.files import Host
from appliance.host.fitness import UnfitError, find_nic
from appliance.host.steps import Step

FILE = "/run/systemd/network/zz-secbeat-management.network"
_RUNNING = "/run/systemd/netif/state"
"""networkd keeps it as long as it runs."""


def plan(host: Host, config: NodeConfig, run: Run) -> list[Step]:
    """Write the file if its content differs; without a NIC remove it. UnfitError."""
    text = config.management.nic
    if text is None:
        if not host.exists(FILE):
            return []
        return [Step(f"{FILE} is taken away", lambda: _change(host, run, None))]
    wanted = _network(_match(host, text))
    if (host.text(FILE) or "") == wanted.strip():
        return []
    return [Step(f"{FILE} has {text} configured by DHCP", lambda: _change(host, run, wanted))]


def _change(host: Host, run: Run, content: str | None) -> None:
    if content is None:
        host.remove(FILE)
    else:
        host.install(FILE, content)
    if host.exists(_RUNNING):
        run("networkctl", "reload")


def _match(host: Host, text: str) -> str:
    """A line of networkd's [Match] that works before a driver has found the NIC."""
    device = management_device(text)
    if device.kind is Kind.INTERFACE:
        return f"Name={device.value}"
    if device.kind is Kind.MAC:
        return f"PermanentMACAddress={device.value}"
    return f"Path=pci-{_address(host, device, text)}"


def _address(host: Host, device: Device, text: str) -> str:
    if device.kind is Kind.PCI:
        return device.value
    try:
        return find_nic(host, device, {}).address
    except UnfitError as error:
        raise UnfitError(f'management.nic = "{text}": {error.what}', error.command) from error


def _network(match: str) -> str:
    return (
        "# Written by `secbeat host network` at every boot. To say otherwise, put a file into\n"
        "# /etc/systemd/network: one that matches this interface wins if its name sorts before.\n"
        f"[Match]\n{match}\n\n[Network]\nDHCP=yes\n"
    )
