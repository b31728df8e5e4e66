"""One lab instance: its name, and the paths, namespaces and addresses derived from it.

``default`` is the instance of ``make run``. Another name has its own namespaces, directory and
loopback address, so that several instances run in parallel.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from pathlib import Path

from dataplane.base.errors import InvalidInputError

LABS = Path("/run/secbeat-lab")
DEFAULT = "default"
NAME_LENGTH_MAX = 24
MARK = "SECBEAT_LAB_INSTANCE"
"""Environment variable by which the processes of an instance are recognised."""


@dataclass(frozen=True)
class Namespaces:
    """Names of the three network namespaces."""

    client: str
    node: str
    origin: str

    def all(self) -> tuple[str, str, str]:
        """The three, in the direction of a request."""
        return self.client, self.node, self.origin


@dataclass(frozen=True)
class Instance:
    """A lab instance by its name; nothing here touches the system."""

    name: str = DEFAULT

    def __post_init__(self) -> None:
        if not re.fullmatch(rf"[a-z0-9][a-z0-9-]{{0,{NAME_LENGTH_MAX - 1}}}", self.name):
            raise InvalidInputError(
                f"instance name {self.name!r}: letters a-z, digits and dashes, "
                f"at most {NAME_LENGTH_MAX}",
                field="instance",
                value=self.name,
                limit=str(NAME_LENGTH_MAX),
            )

    @property
    def namespaces(self) -> Namespaces:
        """``sb-client`` and so on; with the name inside unless it is the default one."""
        middle = "" if self.name == DEFAULT else f"{self.name}-"
        return Namespaces(f"sb-{middle}client", f"sb-{middle}node", f"sb-{middle}origin")

    @property
    def address(self) -> str:
        """Loopback address of API and metrics: 127.0.0.1, or 127.0.x.y derived from the name."""
        if self.name == DEFAULT:
            return "127.0.0.1"
        digest = hashlib.sha256(self.name.encode()).digest()
        return f"127.0.{1 + digest[0] % 254}.{1 + digest[1] % 254}"

    def binds(self, port: int) -> list[str]:
        """``address:port``; of the default instance both families, as ``localhost`` means both."""
        both = [f"[::1]:{port}"] if self.name == DEFAULT else []
        return [f"{self.address}:{port}", *both]

    @property
    def directory(self) -> Path:
        """All files of the instance; removed by ``lab down``."""
        return LABS / self.name

    @property
    def config_file(self) -> Path:
        """The ``secbeat.toml`` of the three processes."""
        return self.directory / "secbeat.toml"

    @property
    def state_dir(self) -> Path:
        """Contains database, state log and keys, each in a directory of its own."""
        return self.directory

    @property
    def run_dir(self) -> Path:
        """The data plane's socket and run-time files."""
        return self.directory / "run"

    @property
    def socket(self) -> Path:
        """The data plane's Unix socket."""
        return self.run_dir / "dataplane.sock"

    @property
    def logs(self) -> Path:
        """One file per process."""
        return self.directory / "logs"

    @property
    def notify_dir(self) -> Path:
        """Readiness sockets, one per process."""
        return self.directory / "notify"

    @property
    def site(self) -> Path:
        """The files that nginx serves."""
        return self.directory / "site"

    @property
    def tree(self) -> Path:
        """Path at which the processes see the source tree, read-only, wherever it is."""
        return self.directory / "tree"

    @property
    def venv(self) -> Path:
        """Path at which they see the Python environment if it is outside of the tree."""
        return self.directory / "venv"

    @property
    def admin_key(self) -> Path:
        """The admin key made at first boot."""
        return self.state_dir / "keys" / "admin.key"

    @property
    def node_id_file(self) -> Path:
        """The node's UUID: another one for each lab."""
        return self.state_dir / "node-id"

    @property
    def status_file(self) -> Path:
        """The supervisor's last status, as JSON."""
        return self.directory / "status.json"
