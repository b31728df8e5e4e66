"""A Debian 13 host as somebody would hand it over: systemd, ssh, python3, sudo, an account.

What the roles install lies in it as a Debian repository of files: hosts need no network beyond the
controller. Kept in ``build/fleet``, as long as the lists of packages stay the same.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
from pathlib import Path

from appliance.commands import run
from appliance.image import inputs
from appliance.image.options import MIRROR, SECURITY_MIRROR
from appliance.image.system import debian
from appliance.image.system.contain import NAMESPACES

TREE = Path(__file__).resolve().parents[3]
KEPT = TREE / "build" / "fleet"
ADMINISTRATOR = "admin"
MAKING_S = 1800
REPOSITORY = "srv/debian"
_PACKAGES = (
    *("systemd", "systemd-sysv", "dbus", "udev", "kmod", "iproute2"),
    *("openssh-server", "python3", "sudo", "ca-certificates"),
)
_LISTS = (
    TREE / "packer" / "base" / "packages.txt",
    TREE / "playbooks/roles/orchestrator/files/packages-postgresql.txt",
)
_SOURCES = "etc/apt/sources.list"


def host_tree() -> Path:
    """The folder, which nobody writes to: hosts are overlays of it."""
    key = inputs.key(Path(__file__), *_LISTS)
    root = KEPT / f"tree-{key}"
    if not root.exists():
        KEPT.mkdir(parents=True, exist_ok=True)
        new = KEPT / f"making-{os.getpid()}"
        try:
            _make(new)
            new.rename(root)
        finally:
            shutil.rmtree(new, ignore_errors=True)
        for old in KEPT.glob("tree-*"):
            if old != root:
                shutil.rmtree(old)
    return root


def _make(root: Path) -> None:
    wanted = [package for file in _LISTS for package in debian.packages_in(file)]
    wanted.append("python3-apt")  # Ansible brings it along where it is missing
    wanted.append("postgresql")  # the server of a fleet's database, which no role installs
    command = debian.mmdebstrap(root, _PACKAGES, debian.sources(MIRROR, SECURITY_MIRROR))
    archives = "$1/var/cache/apt/archives"
    download = f"apt-get install --download-only --no-install-recommends --yes {' '.join(wanted)}"
    hooks = (
        f'--customize-hook=chroot "$1" {download}',
        f'--customize-hook=mkdir "$1/{REPOSITORY}" && mv "{archives}"/*.deb "$1/{REPOSITORY}"',
    )
    run(*NAMESPACES, *command[:1], *hooks, *command[1:], timeout_s=MAKING_S)
    _index(root / REPOSITORY)
    (root / _SOURCES).write_text(f"deb [trusted=yes] file:/{REPOSITORY} ./\n")
    for file in (*(root / "etc/apt/sources.list.d").iterdir(), *root.glob("etc/ssh/ssh_host_*")):
        file.unlink()
    (root / "etc/machine-id").write_text("")
    run("chroot", str(root), "apt-get", "update")
    run("chroot", str(root), "useradd", "--create-home", "--shell=/bin/bash", ADMINISTRATOR)
    sudo = root / "etc/sudoers.d" / ADMINISTRATOR
    sudo.write_text(f"{ADMINISTRATOR} ALL=(ALL:ALL) NOPASSWD: ALL\n")
    sudo.chmod(0o440)


def _index(repository: Path) -> None:
    stanzas = []
    for file in sorted(repository.glob("*.deb")):
        told = subprocess.run(
            ["dpkg-deb", "--field", file], capture_output=True, text=True, check=True
        ).stdout
        digest = hashlib.sha256(file.read_bytes()).hexdigest()
        place = f"Filename: ./{file.name}\nSize: {file.stat().st_size}\nSHA256: {digest}\n"
        stanzas.append(told + place)
    (repository / "Packages").write_text("\n".join(stanzas))
