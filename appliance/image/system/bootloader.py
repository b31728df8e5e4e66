"""Makes a disk bootable by BIOS and UEFI: GRUB's core in its partition, shim and GRUB in the ESP.

For UEFI, the distribution's signed shim and GRUB are at the removable path, so that no firmware
variable is needed; they read GRUB's configuration from the root file system, as for BIOS.
"""

from __future__ import annotations

from pathlib import Path

from appliance.image.system.chroot import entered
from appliance.image.system.command import Commands
from appliance.image.system.disk import Disk, attached, write_esp

_SHIM = "usr/lib/shim/shimx64.efi.signed"
_GRUB = "usr/lib/grub/x86_64-efi-signed/grubx64.efi.signed"
_MODULES = "part_gpt ext2 search search_fs_uuid"


def esp_configuration(root_uuid: str) -> str:
    """The configuration that the signed GRUB reads first: it names the place of the other one."""
    return (
        f"search.fs_uuid {root_uuid} root\n"
        "set prefix=($root)/boot/grub\n"
        "configfile $prefix/grub.cfg\n"
    )


def make_bootable(disk: Disk, scratch: Path, commands: Commands) -> None:
    """Install GRUB for BIOS and UEFI, and write its configuration for the installed kernels."""
    scratch.mkdir(parents=True, exist_ok=True)
    mounted = scratch / "boot-root"
    mounted.mkdir()
    with attached(disk.file, commands) as device:
        partition = f"{device}p3"
        commands.run("mount", "-t", "ext4", f"/dev/{partition}", mounted)
        try:
            _install(disk, mounted, device, scratch, commands)
        finally:
            commands.run("umount", mounted)


def _install(disk: Disk, mounted: Path, device: str, scratch: Path, commands: Commands) -> None:
    devices = (device, *(f"{device}p{number}" for number in (1, 2, 3)))
    with entered(mounted, commands, devices=devices) as chroot:
        chroot.run("grub-install", "--target=i386-pc", f"--modules={_MODULES}", f"/dev/{device}")
        # update-grub names the root by UUID only if this link, which udev makes otherwise, exists.
        link = mounted / "dev" / "disk" / "by-uuid" / disk.root_uuid
        link.parent.mkdir(parents=True)
        link.symlink_to(f"/dev/{device}p3")
        chroot.run("update-grub")
    configuration = scratch / "esp-grub.cfg"
    configuration.write_text(esp_configuration(disk.root_uuid))
    files = {
        "EFI/BOOT/BOOTX64.EFI": mounted / _SHIM,
        "EFI/BOOT/grubx64.efi": mounted / _GRUB,
        "EFI/debian/grub.cfg": configuration,
    }
    write_esp(disk, files, scratch, commands)
