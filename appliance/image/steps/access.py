"""The build account, with which Packer logs in: added to a disk before the build, removed after it.

Its key is made for one build. ``revoke`` removes all traces of it offline; the hygiene tests check
this.
"""

from __future__ import annotations

from pathlib import Path

from appliance.image.system.chroot import Chroot
from appliance.image.system.command import Commands

ACCOUNT = "packer"
_SUDOERS = f"etc/sudoers.d/{ACCOUNT}"
_NETWORK = "etc/systemd/network/05-build.network"
_NO_CLOUD_INIT = "etc/cloud/cloud-init.disabled"
_FILES = {
    _SUDOERS: f"{ACCOUNT} ALL=(ALL) NOPASSWD: ALL\n",
    _NETWORK: "[Match]\nType=ether\n\n[Network]\nDHCP=ipv4\n",
    _NO_CLOUD_INIT: "",
}


def make_key(folder: Path, commands: Commands) -> Path:
    """Make a key pair for this build only; returns the private key."""
    key = folder / "build-key"
    commands.run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "secbeat-build", "-f", key)
    return key


def grant(chroot: Chroot, public_key: str) -> None:
    """Make the account with its way to root, the machine's host keys, and a network with DHCP."""
    chroot.run("useradd", "--create-home", "--shell", "/bin/bash", ACCOUNT)
    ssh = chroot.path / "home" / ACCOUNT / ".ssh"
    ssh.mkdir(mode=0o700)
    (ssh / "authorized_keys").write_text(public_key)
    chroot.run("chown", "-R", f"{ACCOUNT}:{ACCOUNT}", f"/home/{ACCOUNT}/.ssh")
    for name, content in _FILES.items():
        file = chroot.path / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(content)
    (chroot.path / _SUDOERS).chmod(0o440)
    chroot.run("ssh-keygen", "-A")


def revoke(chroot: Chroot) -> None:
    """Undo ``grant``."""
    # Not --remove, which fails if there was no mail spool.
    chroot.run("userdel", "--force", ACCOUNT)
    chroot.run("rm", "-rf", f"/home/{ACCOUNT}")
    # Copies from before the removal of the account.
    chroot.run("rm", "-f", "/etc/passwd-", "/etc/shadow-", "/etc/group-", "/etc/gshadow-")
    chroot.run("rm", "-f", "/etc/subuid-", "/etc/subgid-")
    for name in _FILES:
        (chroot.path / name).unlink(missing_ok=True)
    for key in (chroot.path / "etc/ssh").glob("ssh_host_*"):
        key.unlink()
