"""``qemu.toml``: the image, the size of a node, its networks, and the host's resources
for nodes."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, ValidationError

from appliance.config.load import problem_error, read_document
from appliance.config.model import AbsolutePath, Section
from dataplane.base.errors import ConfigurationError

DIRECTORY = Path("/var/lib/secbeat-provisioner/qemu")
DIRECTORY_CHARS_MAX = 64
"""Paths of sockets are short (unix(7)), and those of nodes are below this folder."""
Network = Annotated[str, Field(pattern=r"^(user|isolated|bridge:[A-Za-z0-9_.-]{1,15})$")]


class Networks(Section):
    """``[networks]``: the network of each NIC of a node."""

    management: Network = "user"
    outside: Network = "isolated"
    inside: Network = "isolated"


class Host(Section):
    """``[host]``: the resources of this host that all nodes together may use."""

    nodes: int = Field(default=10, ge=1, le=100)
    cpus: int | None = Field(default=None, ge=1, le=1024)
    """None: the number of CPUs that this process may use."""
    memory_reserve_mib: int = Field(default=1024, ge=0, le=1 << 20)
    """Available memory that is reserved: nodes do not get it."""
    disk_reserve_gib: int = Field(default=2, ge=0, le=1 << 20)
    """Free space of the file system of ``directory`` that is reserved."""

    @property
    def all_cpus(self) -> int:
        """Virtual CPUs for all nodes together."""
        return self.cpus or len(os.sched_getaffinity(0))


class QemuConfig(Section):
    """A whole ``qemu.toml``."""

    image: AbsolutePath
    """The qcow2 of a release. It must not change as long as a node uses it as its base."""
    directory: AbsolutePath = DIRECTORY
    accelerator: Literal["auto", "kvm", "tcg"] = "auto"
    cpus: int = Field(default=2, ge=1, le=64)
    memory_mib: int = Field(default=2048, ge=1024, le=1 << 20)
    disk_gib: int = Field(default=16, ge=4, le=4096)
    configuration: AbsolutePath = Path("/usr/share/secbeat/secbeat.toml")
    """A ``secbeat.toml`` for all nodes; name and fleet are each node's own."""
    ca_file: AbsolutePath | None = None
    """The CA of the orchestrator's certificate; None: nodes trust the system's CAs."""
    authorized_keys: Annotated[tuple[str, ...], Field(strict=False, max_length=16)] = ()
    """The ssh keys that may log in as ``admin``."""
    networks: Networks = Networks()
    host: Host = Host()


def load(file: Path) -> QemuConfig:
    """Read and check the file. Raises `ConfigurationError`, with a line for each mistake."""
    try:
        config = QemuConfig.model_validate(read_document(file))
    except ValidationError as error:
        raise problem_error(file, error, QemuConfig) from None
    if len(str(config.directory)) > DIRECTORY_CHARS_MAX:
        raise ConfigurationError(
            f"{file}: directory = {config.directory}: at most {DIRECTORY_CHARS_MAX} characters"
        )
    for name in ("image", "configuration", "ca_file"):
        path: Path | None = getattr(config, name)
        if path is not None and not path.is_file():
            raise ConfigurationError(f"{file}: {name} = {path}: there is no such file")
    return config
