"""The base image: Debian 13, the run-time packages, a kernel, boot loaders; no account, no key.

Large packages are installed here, at native speed, and not in the emulated machine. The cache keeps
the image with its kernel, which is used to probe the accelerator.
"""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path

from appliance.image import inputs
from appliance.image.context import Context
from appliance.image.options import Layout
from appliance.image.progress import say, step
from appliance.image.system import debian
from appliance.image.system.bootloader import make_bootable
from appliance.image.system.chroot import entered
from appliance.image.system.disk import make_disk

AGE_MAX_DAYS = 7  # security updates
SIZE_MIB = 3072
_HERE = Path(__file__).parent
_BOOT_PACKAGES = _HERE / "boot-packages.txt"
# For the boot in which the roles install the appliance's own settings: the build logs its console.
_GRUB = """\
GRUB_TIMEOUT=0
GRUB_CMDLINE_LINUX="console=tty0 console=ttyS0,115200"
"""
_FSTAB = "LABEL=root / ext4 errors=remount-ro,x-systemd.growfs 0 1\n"
_UNITS = ("systemd-networkd.service", "systemd-resolved.service", "ssh.service")


@dataclass(frozen=True)
class Base:
    """The base in the cache; ``key`` identifies its inputs."""

    folder: Path
    key: str

    @property
    def disk(self) -> Path:
        """The raw disk."""
        return self.folder / "base.raw"

    @property
    def kernel(self) -> Path:
        """The image's kernel."""
        return self.folder / "vmlinuz"


def run_time_packages(layout: Layout) -> list[str]:
    """The packages of the lists that the roles install too."""
    lists = sorted((layout.tree / "packer" / "base").glob("*.txt"))
    return [package for file in lists for package in debian.packages_in(file)]


def base_image(context: Context) -> Base:
    """The base image, from the cache or new."""
    options, layout, commands = context.options, context.layout, context.commands
    packages = [*run_time_packages(layout), *debian.packages_in(_BOOT_PACKAGES)]
    source_lines = debian.sources(options.mirror, options.security_mirror)
    modules = inputs.modules("steps/base", "system/bootloader", "system/disk")
    key = inputs.key(*debian.mmdebstrap(Path("root"), packages, source_lines), *modules)
    found = None if options.refresh else context.cache.find("base", key, AGE_MAX_DAYS)
    if found:
        say(f"base image: kept as {found.name}")
        return Base(found, key)

    def make(made: Path) -> None:
        scratch = layout.work / "base"
        root = scratch / "root"
        scratch.mkdir()
        with step(f"base root (Debian {debian.SUITE}, {len(packages)} packages named)"):
            commands.run(*debian.mmdebstrap(root, packages, source_lines))
            _configure(root, context)
        with step("base disk (BIOS and UEFI)"):
            kernel = next((root / "boot").glob("vmlinuz-*"))
            shutil.copyfile(kernel, made / "vmlinuz")
            disk = make_disk(made / "base.raw", root, SIZE_MIB, commands)
            make_bootable(disk, scratch, commands)
        shutil.rmtree(scratch)

    return Base(context.cache.make("base", key, make), key)


def _configure(root: Path, context: Context) -> None:
    """Configure a root as a machine: mounts, GRUB's settings, package sources, network."""
    options = context.options
    files = {
        "etc/fstab": _FSTAB,
        "etc/default/grub": _GRUB,
        "etc/hostname": "secbeat\n",
        "etc/hosts": "127.0.0.1 localhost\n127.0.1.1 secbeat\n::1 localhost ip6-localhost\n",
        "etc/apt/sources.list.d/debian.sources": debian.sources_file(
            options.mirror, options.security_mirror
        ),
    }
    for name, content in files.items():
        file = root / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(content)
    (root / "etc/apt/sources.list").unlink(missing_ok=True)
    debian.safe_again(root)
    (root / "etc/machine-id").write_text("")
    for key in (root / "etc/ssh").glob("ssh_host_*"):
        key.unlink()
    with entered(root, context.commands) as chroot:
        chroot.run("systemctl", "enable", *_UNITS)
    resolver = root / "etc/resolv.conf"
    resolver.unlink(missing_ok=True)
    resolver.symlink_to("../run/systemd/resolve/stub-resolv.conf")
