"""Volumes labelled CIDATA: what an operator puts beside the image for its first boot.

Two kinds: cloud-init's NoCloud files, and plain files of our own. Each as iso9660 or vfat, made
without mounting anything.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from appliance.commands import run
from tests.image.support.vms.machine import GATEWAY

LABEL = "CIDATA"
VFAT_KIB = 2048


@dataclass(frozen=True)
class Network:
    """A static configuration of the management NIC, in QEMU's user network."""

    mac: str
    address: str = "10.0.2.77/24"
    gateway: str = GATEWAY

    @property
    def plain(self) -> str:
        """The address alone."""
        return self.address.split("/")[0]


@dataclass(frozen=True)
class Written:
    """A file that cloud-init writes."""

    path: str
    content: str
    mode: str = "0644"


def cloud_init_files(
    hostname: str,
    public_key: str,
    secbeat_toml: str,
    network: Network | None = None,
    more: Sequence[Written] = (),
) -> dict[str, str]:
    """User data, meta data and, unless DHCP is wanted, network configuration (version 2)."""
    written = (Written("/etc/secbeat/secbeat.toml", secbeat_toml), *more)
    user_data = {
        "hostname": hostname,
        "ssh_authorized_keys": [public_key],
        "write_files": [
            {"path": file.path, "content": file.content, "permissions": file.mode}
            for file in written
        ],
    }
    files = {
        # JSON is YAML, and needs no library.
        "user-data": f"#cloud-config\n{json.dumps(user_data, indent=1)}\n",
        "meta-data": json.dumps({"instance-id": hostname, "local-hostname": hostname}) + "\n",
    }
    if network is not None:
        ethernet = {
            "match": {"macaddress": network.mac},
            "addresses": [network.address],
            "routes": [{"to": "default", "via": network.gateway}],
        }
        document = {"version": 2, "ethernets": {"management": ethernet}}
        files["network-config"] = json.dumps(document, indent=1) + "\n"
    return files


def plain_files(
    public_key: str, secbeat_toml: str, network: Network | None = None
) -> dict[str, str]:
    """``authorized_keys``, ``secbeat.toml`` and, unless DHCP is wanted, a ``.network`` file."""
    files = {"authorized_keys": f"{public_key}\n", "secbeat.toml": secbeat_toml}
    if network is not None:
        files["10-management.network"] = (
            f"[Match]\nMACAddress={network.mac}\n\n"
            f"[Network]\nAddress={network.address}\nGateway={network.gateway}\n"
        )
    return files


def write_iso(path: Path, files: Mapping[str, str]) -> None:
    """Make an iso9660 volume of these files."""
    with tempfile.TemporaryDirectory(prefix="secbeat-seed-") as name:
        for file in _laid_out(Path(name), files):
            file.chmod(0o444)
        options = ("-as", "mkisofs", "-quiet", "-volid", LABEL, "-joliet", "-rational-rock")
        run("xorriso", *options, "-output", str(path), name)


def write_vfat(path: Path, files: Mapping[str, str]) -> None:
    """Make a vfat volume of these files, without a partition table."""
    with tempfile.TemporaryDirectory(prefix="secbeat-seed-") as name:
        laid_out = [str(file) for file in _laid_out(Path(name), files)]
        run("mkfs.vfat", "-n", LABEL, "-C", str(path), str(VFAT_KIB))
        run("mcopy", "-i", str(path), *laid_out, "::")


def _laid_out(directory: Path, files: Mapping[str, str]) -> list[Path]:
    for name, text in files.items():
        (directory / name).write_text(text)
    return sorted(directory.iterdir())
