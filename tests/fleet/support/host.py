"""One target host: Debian 13 booted by systemd-nspawn over an overlay of the tree.

Mounts and processes live in namespaces that end with the process that has started them, however it
ends; only control groups are left then, and removed by name.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from appliance.image.system.contain import NAMESPACES
from appliance.lab.instance import Namespaces
from appliance.lab.network import NETNS
from tests.fleet.support.tree import ADMINISTRATOR

END_S = 30.0
_LOOK_S = 0.1
# What nspawn keeps below /run is its own here, or it would stay on the machine.
_START = """\
set -eu
mkdir -p /run/systemd/nspawn
mount -t tmpfs tmpfs /run/systemd/nspawn
mount -t overlay overlay -o "lowerdir=$1,upperdir=$2/upper,workdir=$2/overlay" "$2/root"
shift 2
for group in $GROUPS_OF_HOST; do echo 0 >"$group/cgroup.procs"; done
exec "$@"
"""
# Beside those that nspawn gives: for the firewall, and for a packet path on virtual ports.
_CAPABILITIES = "CAP_NET_ADMIN,CAP_IPC_LOCK"

# Three that poll, on two cores: everything else goes first. Where the kernel shares by sessions
# (sched(7), autogroup), the nice value counts within a session, which has another one of its own.
_PACE = "etc/systemd/system/secbeat-dataplane.service.d/pace.conf"
_PACE_TEXT = """\
[Service]
Nice=10
ExecStartPost=-+/bin/sh -c 'echo 5 >/proc/$MAINPID/autogroup'
"""
_HOSTS = "127.0.0.1 localhost\n::1 localhost\n"


@dataclass
class Host:
    """A host by its name in the inventory.

    Attributes:
        directory: Holds the changed files, removed with the run.
        group: Below the root of each hierarchy of control groups.
    """

    name: str
    address: str
    namespaces: Namespaces
    directory: Path
    group: str
    _process: subprocess.Popen[bytes] | None = None
    _console: IO[bytes] | None = None

    def make(self, tree: Path, public_key: str, names: Mapping[str, str]) -> None:
        """Make its files: its name, host key, who may log in, and the addresses of others."""
        for name in ("upper", "overlay", "root"):
            (self.directory / name).mkdir(parents=True)
        upper = self.directory / "upper"
        for folder in ("etc/ssh", f"home/{ADMINISTRATOR}/.ssh", str(Path(_PACE).parent)):
            _like(upper, tree, folder)
        (upper / "etc/hostname").write_text(f"{self.name}\n")
        (upper / "etc/hosts").write_text(
            _HOSTS + "".join(f"{address} {name}\n" for name, address in names.items())
        )
        (upper / _PACE).write_text(_PACE_TEXT)
        keys = upper / f"home/{ADMINISTRATOR}/.ssh/authorized_keys"
        keys.write_text(f"{public_key}\n")
        owner = (tree / f"home/{ADMINISTRATOR}").stat()
        for path in (keys.parent, keys):
            os.chown(path, owner.st_uid, owner.st_gid)
        key = upper / "etc/ssh/ssh_host_ed25519_key"
        _tool("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "", "-f", str(key))

    def start(self, tree: Path) -> None:
        """Boot it; its console goes to a file."""
        groups = [root / self.group for root in hierarchies()]
        for group in groups:
            group.mkdir(parents=True, exist_ok=True)
        nspawn = (
            *("systemd-nspawn", "--quiet", "--boot", "--register=no", "--keep-unit"),
            *(f"--machine={self.name}", f"--directory={self.directory / 'root'}"),
            f"--network-namespace-path={NETNS / self.namespaces.node}",
            *(f"--capability={_CAPABILITIES}", "--resolv-conf=off", "--timezone=off"),
            *("--link-journal=no", "--console=pipe"),
        )
        self._console = (self.directory / "console.log").open("ab")
        self._process = subprocess.Popen(
            [*NAMESPACES, "sh", "-c", _START, "host", tree, self.directory, *nspawn],
            env={
                **os.environ,
                "SYSTEMD_NSPAWN_UNIFIED_HIERARCHY": "1",
                "GROUPS_OF_HOST": " ".join(map(str, groups)),
            },
            stdin=subprocess.DEVNULL,
            stdout=self._console,
            stderr=subprocess.STDOUT,
            process_group=0,
        )

    def runs(self) -> bool:
        """Whether the container is there."""
        return self._process is not None and self._process.poll() is None

    def kill(self) -> None:
        """The plug is pulled; may be called again."""
        if self._process is not None:
            for pid in _children(self._process.pid):
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            self._process.wait(END_S)
            self._process = None
        if self._console is not None:
            self._console.close()
            self._console = None


def remove_groups(prefix: str) -> None:
    """Remove control groups of this name and below, once their processes have ended."""
    tops = [root / prefix for root in hierarchies()]
    end_s = time.monotonic() + END_S
    while any(top.exists() for top in tops) and time.monotonic() < end_s:
        for top in tops:
            for folder, _, _ in os.walk(top, topdown=False):
                with suppress(OSError):  # a process that was killed is still in it
                    Path(folder).rmdir()
        if any(top.exists() for top in tops):
            time.sleep(_LOOK_S)


def hierarchies() -> list[Path]:
    """Where systemd keeps its groups: the unified hierarchy, and the older one if there is one."""
    found = []
    for line in Path("/proc/self/mounts").read_text().splitlines():
        _, place, kind, options, *_ = line.split()
        if kind == "cgroup2" or (kind == "cgroup" and "name=systemd" in options.split(",")):
            found.append(Path(place))
    return found


def _children(pid: int) -> list[int]:
    with suppress(FileNotFoundError):
        return [int(pid) for pid in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    return []


def _like(upper: Path, tree: Path, folder: str) -> None:
    """Make a folder of the overlay with owners and modes as they are below."""
    made = upper
    for part in Path(folder).parts:
        made = made / part
        below = tree / made.relative_to(upper)
        if not made.exists():
            made.mkdir(mode=0o700)
        if below.exists():
            shutil.copystat(below, made)
            os.chown(made, below.stat().st_uid, below.stat().st_gid)


def _tool(*command: str) -> None:
    subprocess.run(command, stdin=subprocess.DEVNULL, check=True, timeout=60)
