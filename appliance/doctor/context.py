"""The input of a check (the host, the configuration) and its output (findings)."""

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
    """Severity of a finding; ``fail`` prevents a node from running as configured."""

    OK = "ok"
    WARN = "warn"
    FAIL = "fail"


@dataclass(frozen=True)
class Finding:
    """One line of the report: the state, its consequence, and the command that repairs it."""

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
    """The published state of a running data plane; DataplaneAwayError: none, or no permission."""
    with observe(socket) as observer:
        return observer.stats()


@dataclass(frozen=True)
class Context:
    """Everything that a check may use; values that are not in files come from callables."""

    host: Host = field(default_factory=Host)
    config: NodeConfig | None = None
    config_file: Path | None = None
    """Path of the configuration file."""
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
