"""What a check gets (the host, the configuration) and what it gives (findings)."""

from __future__ import annotations

import importlib.metadata
import platform
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

from appliance.config import NodeConfig
from appliance.config.devices import data_device
from appliance.host.files import Host
from dataplane.base.offloads import coalescing
from dataplane.client.door import observe
from dataplane.native import library
from dataplane.shared.stats import NodeStats


class Status(StrEnum):
    """How bad a finding is; ``fail`` keeps a node from running as configured."""

    OK = "ok"
    WARN = "warn"
    FAIL = "fail"


@dataclass(frozen=True)
class Finding:
    """One line of the report: what is, why it matters, and the command that mends it."""

    check: str
    status: Status
    what: str
    why: str = ""
    command: str | None = None


def installed_version(package: str) -> str | None:
    """Version of an installed Python package."""
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return None


def ask_dataplane(socket: Path) -> NodeStats:
    """What a running data plane publishes; DataplaneAwayError: none that we may ask."""
    with observe(socket) as observer:
        return observer.stats()


@dataclass(frozen=True)
class Context:
    """Everything a check may look at; the callables are what isn't a file."""

    host: Host = field(default_factory=Host)
    config: NodeConfig | None = None
    config_file: Path | None = None
    """Where that was read."""
    kernel_release: Callable[[], str] = platform.release
    load_library: Callable[[], object] = library.load
    installed_version: Callable[[str], str | None] = installed_version
    ask_dataplane: Callable[[Path], NodeStats] = ask_dataplane
    coalescing: Callable[[str], tuple[str, ...]] = coalescing


def wants_pci(config: NodeConfig | None) -> bool:
    """Whether a configured port is a NIC on the PCI bus."""
    if config is None:
        return False
    ports = (config.ports.outside, config.ports.inside)
    return any(data_device(port.device).is_nic for port in ports)
