"""The image for bare metal, derived from the closed root at native speed: full kernel, firmware.

The cloud kernel has no drivers for physical NICs and disks, and no AMD IOMMU. All other content of
the image is the same, byte for byte.
"""

from __future__ import annotations

import shutil
from pathlib import Path

from appliance.image import inputs
from appliance.image.cache import Cache
from appliance.image.context import Context
from appliance.image.options import Options
from appliance.image.steps import close
from appliance.image.system import debian
from appliance.image.system.bootloader import make_bootable
from appliance.image.system.chroot import Chroot, entered, overlay
from appliance.image.system.disk import make_disk, root_mounted

SIZE_MIB = 3584
_HERE = Path(__file__).parent
_PACKAGES = _HERE / "metal-packages.txt"
_DISK = "metal.raw"
_CLOUD_KERNELS = "linux-image-*cloud-amd64"
_SOURCES = "etc/apt/sources.list.d/debian.sources"


def metal_key(closed: str, options: Options) -> str:
    """The inputs of the disk for bare metal."""
    modules = inputs.modules("system/bootloader", "steps/close", "system/disk", "steps/metal")
    return inputs.key(closed, options.mirror, options.security_mirror, _PACKAGES, *modules)


def find_metal(key: str, cache: Cache) -> Path | None:
    """The raw disk in the cache, if it is there."""
    found = cache.find("metal", key)
    return found / _DISK if found else None


def make_metal(key: str, closed: Path, context: Context) -> Path:
    """Make the raw disk for bare metal from the closed one, closed as well, and keep it."""
    options, layout, commands = context.options, context.layout, context.commands
    scratch = layout.work / "metal"
    archives = layout.cache / "archives"
    archives.mkdir(exist_ok=True)

    def make(made: Path) -> None:
        with (
            root_mounted(closed, scratch / "closed", commands, "ro,noload") as lower,
            overlay(lower, scratch, commands) as root,
        ):
            components = "main non-free-firmware"
            (root / _SOURCES).write_text(
                debian.sources_file(options.mirror, options.security_mirror, components)
            )
            folders = {"/var/cache/apt/archives": archives}
            with entered(root, commands, folders=folders) as chroot:
                _change_kernel(chroot)
            close.clean(root)
            disk = make_disk(made / _DISK, root, SIZE_MIB, commands)
            make_bootable(disk, scratch, commands)
        shutil.rmtree(scratch)

    return context.cache.make("metal", key, make) / _DISK


def _change_kernel(chroot: Chroot) -> None:
    resolver = chroot.path / "run/systemd/resolve/stub-resolv.conf"
    resolver.parent.mkdir(parents=True)
    shutil.copyfile("/etc/resolv.conf", resolver)
    apt = ("apt-get", "-q", "-o", "DPkg::Options::=--force-unsafe-io", "--yes")
    chroot.run(*apt, "update")
    chroot.run(*apt, "install", *debian.packages_in(_PACKAGES))
    chroot.run(*apt, "purge", "--auto-remove", _CLOUD_KERNELS)
    chroot.run(*apt, "autoclean")  # keeps the archives of this state of Debian only
