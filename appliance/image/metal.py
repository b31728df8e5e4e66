"""The image for bare metal, derived from the closed root at native speed: full kernel, firmware.

The cloud kernel has no drivers for physical NICs and disks, and no AMD IOMMU. What else there is in
the image is the same, byte for byte.
"""

from __future__ import annotations

import shutil
from pathlib import Path

from appliance.image import close, debian
from appliance.image.bootloader import make_bootable
from appliance.image.chroot import Chroot, entered, overlay
from appliance.image.command import Commands
from appliance.image.disk import make_disk, root_mounted
from appliance.image.options import Layout, Options

SIZE_MIB = 3584
PACKAGES = Path(__file__).parent / "metal-packages.txt"
_CLOUD_KERNELS = "linux-image-*cloud-amd64"
_SOURCES = "etc/apt/sources.list.d/debian.sources"


def make_metal(
    closed: Path, disk: Path, options: Options, layout: Layout, commands: Commands
) -> None:
    """Write the raw disk for bare metal from the closed disk, closed as well."""
    scratch = layout.work / "metal"
    archives = layout.cache / "archives"
    archives.mkdir(exist_ok=True)
    with (
        root_mounted(closed, scratch / "closed", commands, "ro") as lower,
        overlay(lower, scratch, commands) as root,
    ):
        components = "main non-free-firmware"
        (root / _SOURCES).write_text(
            debian.sources_file(options.mirror, options.security_mirror, components)
        )
        with entered(root, commands, folders={"/var/cache/apt/archives": archives}) as chroot:
            _change_kernel(chroot)
        close.clean(root)
        make_bootable(make_disk(disk, root, SIZE_MIB, commands), scratch, commands)
    shutil.rmtree(scratch)


def _change_kernel(chroot: Chroot) -> None:
    resolver = chroot.path / "run/systemd/resolve/stub-resolv.conf"
    resolver.parent.mkdir(parents=True)
    shutil.copyfile("/etc/resolv.conf", resolver)
    apt = ("apt-get", "-q", "-o", "DPkg::Options::=--force-unsafe-io", "--yes")
    chroot.run(*apt, "update")
    chroot.run(*apt, "install", *debian.packages_in(PACKAGES))
    chroot.run(*apt, "purge", "--auto-remove", _CLOUD_KERNELS)
