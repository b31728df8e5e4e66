"""ssh to one machine: key pair and configuration of its own, one connection for all commands."""

from __future__ import annotations

import socket
import subprocess
from dataclasses import dataclass
from pathlib import Path

from appliance.commands import run
from tests.image.support.vms.machine import FORWARD_HOST

HOST = "node"
CONNECT_S = 20
PERSIST_S = 600


@dataclass(frozen=True)
class KeyPair:
    """A throw-away key pair."""

    private: Path

    @classmethod
    def make(cls, directory: Path) -> KeyPair:
        """Make one in this directory."""
        private = directory / "id_ed25519"
        run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "image-test", "-f", str(private))
        return cls(private)

    @property
    def public(self) -> str:
        """The line for ``authorized_keys``."""
        return self.private.with_suffix(".pub").read_text().strip()


@dataclass(frozen=True)
class Access:
    """How one machine is reached; its host key is learnt once and must then stay the same."""

    configuration: Path

    @classmethod
    def write(cls, directory: Path, user: str, port: int, key: KeyPair) -> Access:
        """Write the configuration file that ssh and testinfra are given."""
        configuration = directory / "ssh_config"
        configuration.write_text(
            f"Host {HOST}\n"
            f"  HostName {FORWARD_HOST}\n"
            f"  Port {port}\n"
            f"  User {user}\n"
            f"  IdentityFile {key.private}\n"
            "  IdentitiesOnly yes\n"
            "  BatchMode yes\n"
            "  StrictHostKeyChecking accept-new\n"
            f"  UserKnownHostsFile {directory / 'known_hosts'}\n"
            "  LogLevel ERROR\n"
            f"  ConnectTimeout {CONNECT_S}\n"
            "  ServerAliveInterval 15\n"
            "  ServerAliveCountMax 8\n"
            "  ControlMaster auto\n"
            f"  ControlPath {directory / 'ssh.sock'}\n"
            f"  ControlPersist {PERSIST_S}\n"
        )
        return cls(configuration)

    def run(self, command: str, timeout_s: float) -> subprocess.CompletedProcess[str]:
        """Run a shell command there; its failure is an answer (255: ssh's own)."""
        arguments = ["ssh", "-F", str(self.configuration), HOST, command]
        return subprocess.run(
            arguments,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=timeout_s,
            check=False,
        )

    def close(self) -> None:
        """End the connection that the commands share, if there is one."""
        subprocess.run(
            ["ssh", "-F", str(self.configuration), "-O", "exit", HOST],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=CONNECT_S,
            check=False,
        )


def free_port() -> int:
    """A TCP port of the loopback address that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind((FORWARD_HOST, 0))
        port: int = probe.getsockname()[1]
        return port
