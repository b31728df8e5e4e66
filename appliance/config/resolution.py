"""The PCI function of each configured device on this host: ``nics_dir``/ports.json.

`secbeat host nics` (root) writes it at every boot, after a scan of the bus; the data plane reads it
when it starts. It has a directory of its own: only root may write files that the packet path
trusts.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from appliance.config.devices import data_device
from appliance.config.model import NodeConfig
from dataplane.base.errors import ConfigurationError

FILE_NAME = "ports.json"
VERSION = 1
MENDED_BY = "`secbeat host nics`"


@dataclass(frozen=True)
class Resolved:
    """A configured device with its PCI function."""

    device: str
    """The device string of the configuration."""
    address: str | None = None
    """PCI address; None: a virtual port."""
    mac: str | None = None
    driver: str | None = None
    pmd: str | None = None
    numa_node: int | None = None


@dataclass(frozen=True)
class Resolution:
    """The devices of both data ports."""

    outside: Resolved
    inside: Resolved
    management: Resolved | None = None

    def document(self) -> dict[str, Any]:
        """The content of the file."""
        return {"version": VERSION, **asdict(self)}


def resolution_path(config: NodeConfig) -> Path:
    """The path of the file."""
    return config.node.nics_dir / FILE_NAME


def eal_device(config: NodeConfig, port: str) -> str:
    """DPDK's device string for port ``outside`` or ``inside``.

    Raises:
        ConfigurationError: the device is ``mac:`` or ``nic:`` and was not resolved.
    """
    device = str(getattr(config.ports, port).device)
    if not data_device(device).needs_resolution:
        return device
    file, key = resolution_path(config), f"ports.{port}.device"
    found = read_resolution(file)
    if found is None:
        raise ConfigurationError(f'{key} = "{device}": {file} is not there; {MENDED_BY} writes it')
    resolved: Resolved = getattr(found, port)
    if resolved.device != device or resolved.address is None:
        raise ConfigurationError(
            f'{key} = "{device}": {file} was written for "{resolved.device}"; run {MENDED_BY} again'
        )
    return resolved.address


def read_resolution(file: Path) -> Resolution | None:
    """The result of `secbeat host nics`; None: it has not run. ConfigurationError: it can't be
    read."""
    try:
        document = json.loads(file.read_bytes())
        if document["version"] != VERSION:
            raise ConfigurationError(f"{file}: version {document['version']} is not {VERSION}")
        management = document["management"]
        return Resolution(
            Resolved(**document["outside"]),
            Resolved(**document["inside"]),
            management and Resolved(**management),
        )
    except FileNotFoundError:
        return None
    except OSError as error:
        raise ConfigurationError(f"{file}: can't be read: {error.strerror}") from error
    except (ValueError, KeyError, TypeError) as error:
        raise ConfigurationError(
            f"{file}: is not what {MENDED_BY} writes ({error!r}); run it again"
        ) from error
