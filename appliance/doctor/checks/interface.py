"""The kernel interface below a virtual data port."""

from __future__ import annotations

from collections.abc import Iterator

from appliance.config.model import PortSection
from appliance.doctor.context import Context, Finding, Status
from appliance.host.files import Host
from appliance.host.fitness import KERNEL_INTERFACES
from appliance.host.pmd import Pmd
from dataplane.base.offloads import remedy

_IFF_UP = 1
_ON_PACKET_SOCKETS = ("net_af_packet", "net_pcap")
_UNIT = "secbeat-dataplane.service"
_FOLDERS = ("usr/lib/systemd/system", "etc/systemd/system", "run/systemd/system")


def check_interface(
    context: Context, check: str, port: PortSection, pmd: Pmd, interface: str
) -> Finding:
    """The most serious fault of the interface."""
    what = f"interface {interface}, DPDK {pmd.name}"
    well = (Status.OK, what, "", None)
    return Finding(check, *next(_wrong(context, port, pmd, interface, what), well))


def _wrong(
    context: Context, port: PortSection, pmd: Pmd, interface: str, what: str
) -> Iterator[tuple[Status, str, str, str | None]]:
    """Faults, the most serious first."""
    host, place = context.host, f"/sys/class/net/{interface}"
    if not host.exists(place):
        why = "it must be in the network namespace of the data plane"
        yield Status.FAIL, f"interface {interface} is not there", why, "ip -brief link"
        return
    missing = forbidden_by_unit(host) if pmd.name in _ON_PACKET_SOCKETS else []
    if missing:
        why = f"{_UNIT} keeps the data plane from opening it: {KERNEL_INTERFACES}"
        lacks = f"{what}; the unit lacks {', '.join(missing)}"
        yield Status.FAIL, lacks, why, f"systemctl edit {_UNIT}"
    if not (host.number(f"{place}/flags") or 0) & _IFF_UP:
        yield Status.WARN, f"{what}, down", "no packet arrives", f"ip link set dev {interface} up"
    if host.number(f"{place}/carrier") == 0:
        why = "NOT FORWARDING: nothing passes while one of the two data ports has none"
        command = f"ip -brief link show {interface}   # cable, switch, or the other end"
        yield Status.FAIL, f"{what}, no link", why, command
    on = context.coalescing(interface)
    if on:
        why = "segments that the kernel has put together are dropped as ip_length: TCP stalls"
        yield Status.WARN, f"{what}, {' and '.join(on)} on", why, remedy(interface, on)
    mtu = host.number(f"{place}/mtu") or 0
    if mtu < port.mtu:
        command = f"ip link set dev {interface} mtu {port.mtu}"
        why = "larger frames are lost on the way out"
        yield Status.WARN, f"{what}, MTU {mtu} below {port.mtu}", why, command


def forbidden_by_unit(host: Host) -> list[str]:
    """Settings with which the data plane's unit forbids packet sockets of the host.

    None if the unit is not installed: then it does not start the data plane.
    """
    settings: dict[str, list[str]] = {}
    for key, value in _settings(host):
        # An empty value resets the list (systemd.exec(5)).
        settings[key] = [*settings.get(key, []), *value.split()] if value else []
    found = settings.get
    missing = []
    if found("PrivateNetwork", ["no"])[-1:] not in (["no"], ["false"], ["off"], ["0"], []):
        missing.append("PrivateNetwork=no")
    if "AF_PACKET" not in found("RestrictAddressFamilies", ["AF_PACKET"]):
        missing.append("RestrictAddressFamilies=AF_PACKET AF_INET")
    if settings and not {"CAP_NET_RAW", "CAP_NET_ADMIN"} <= set(found("AmbientCapabilities", [])):
        missing.append("AmbientCapabilities=CAP_NET_RAW CAP_NET_ADMIN")
    return missing


def _settings(host: Host) -> Iterator[tuple[str, str]]:
    """Settings of the unit, then of its drop-ins, by the names of the files."""
    units = [path for folder in _FOLDERS for path in host.glob(f"{folder}/{_UNIT}")]
    more = [path for folder in _FOLDERS for path in host.glob(f"{folder}/{_UNIT}.d/*.conf")]
    for path in (*units[-1:], *sorted(more, key=lambda path: path.name)):
        text = host.text(f"/{path.relative_to(host.root)}") or ""
        for line in text.splitlines():
            key, equals, value = line.partition("=")
            if equals and not line.lstrip().startswith(("#", ";")):
                yield key.strip(), value.strip()
